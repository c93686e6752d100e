//! The newest commits, as the journal has them: shared by all feeds, within a budget.

use crate::journal::Record;
use kv_api::Version;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of commits that are kept for feeds which have not handed them out.
const BUDGET: usize = 16 << 20;

/// So many groups are handed out at once: a writer that adds one waits for less than the time of a commit.
const MOST_GROUPS: usize = 256;

/// What a group takes besides its records, and a record besides its bytes.
const GROUP_OVERHEAD: usize = 96;

/// Commits that were written together.
pub(crate) struct Group {
    /// In the order of their versions.
    pub(crate) records: Vec<Record>,
    last: Version,
    bytes: usize,
}

/// What comes after a version.
pub(crate) enum Look {
    /// The first groups with commits after it. `erasing` are those of the groups, and of all that come later, in which
    /// something was erased.
    Groups { groups: Vec<Arc<Group>>, erasing: Vec<Arc<Group>> },
    /// What comes next is not in memory any more.
    Behind,
    /// Nothing yet: all commits are those up to this version.
    Nothing(Version),
    /// Nothing, and there never will be.
    End,
}

/// All commits after a version.
#[derive(Default)]
pub(super) struct Tail {
    after: Version,
    groups: VecDeque<Arc<Group>>,
    /// Those of them in which something was erased.
    erasing: VecDeque<Arc<Group>>,
    last_erasing: Version,
    bytes: usize,
    ended: bool,
}

impl Tail {
    /// Begins after a version.
    pub(super) fn begin(&mut self, after: Version) {
        self.clear();
        self.after = after;
    }

    pub(super) fn clear(&mut self) {
        self.groups = VecDeque::new();
        self.erasing = VecDeque::new();
        self.bytes = 0;
    }

    pub(super) fn push(&mut self, records: &[Record], may_erase: bool) {
        let Some(last) = records.last().map(|record| record.version) else { return };
        let bytes = records.iter().map(|record| record.as_bytes().len() + GROUP_OVERHEAD).sum::<usize>();
        let group = Arc::new(Group { records: records.to_vec(), last, bytes: bytes + GROUP_OVERHEAD });
        self.bytes += group.bytes;
        if may_erase {
            self.last_erasing = last;
            self.erasing.push_back(group.clone());
        }
        self.groups.push_back(group);
        while self.bytes > BUDGET
            && let Some(oldest) = self.groups.pop_front()
        {
            self.bytes -= oldest.bytes;
            self.after = oldest.last;
            if self.erasing.front().is_some_and(|erasing| erasing.last == oldest.last) {
                self.erasing.pop_front();
            }
        }
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn look(&self, position: Version, bytes: usize) -> Look {
        if position < self.after {
            return Look::Behind;
        }
        let next = self.groups.partition_point(|group| group.last <= position);
        let (mut groups, mut taken) = (Vec::new(), 0);
        for group in self.groups.range(next..).take(MOST_GROUPS) {
            if taken >= bytes {
                break;
            }
            taken += group.bytes;
            groups.push(group.clone());
        }
        if groups.is_empty() {
            let newest = self.groups.back().map_or(self.after, |group| group.last);
            return if self.ended { Look::End } else { Look::Nothing(newest) };
        }
        Look::Groups { groups, erasing: self.erasing_later(position) }
    }

    pub(super) fn erasing_after(&self, version: Version) -> Option<Vec<Arc<Group>>> {
        if self.last_erasing <= version {
            return Some(Vec::new());
        }
        (version >= self.after).then(|| self.erasing_later(version))
    }

    fn erasing_later(&self, version: Version) -> Vec<Arc<Group>> {
        let first = self.erasing.partition_point(|group| group.last <= version);
        self.erasing.range(first..).cloned().collect()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RecordBuilder;
    use crate::write::{Write, Writes};

    fn record(version: Version, bytes: usize) -> Record {
        let writes = Writes::from([("key".into(), Write::set(vec![0; bytes].into()))]);
        RecordBuilder::new(writes.iter(), RecordBuilder::size_of(writes.iter())).finish(version, 1, 0)
    }

    /// The versions that follow on one, and how many of the groups that erase.
    fn after(tail: &Tail, position: Version) -> Option<(Vec<Version>, usize)> {
        match tail.look(position, usize::MAX) {
            Look::Groups { groups, erasing } => {
                let versions = groups.iter().flat_map(|group| &group.records).map(|record| record.version);
                Some((versions.collect(), erasing.len()))
            }
            _ => None,
        }
    }

    #[test]
    fn what_follows_on_a_version_is_there_or_it_is_said_that_it_is_not() {
        let mut tail = Tail::default();
        tail.begin(10);
        assert!(matches!(tail.look(9, 1), Look::Behind));
        assert!(matches!(tail.look(10, 1), Look::Nothing(10)));
        tail.push(&[record(12, 1), record(14, 1)], false);
        tail.push(&[record(15, 1)], true);
        assert_eq!(after(&tail, 10), Some((vec![12, 14, 15], 1)));
        // The rest of a group comes with the whole of it.
        assert_eq!(after(&tail, 12), Some((vec![12, 14, 15], 1)));
        assert_eq!(after(&tail, 14), Some((vec![15], 1)));
        assert!(matches!(tail.look(15, 1), Look::Nothing(15)));
        assert!(matches!(tail.look(Version::MAX, 1), Look::Nothing(15)));
        tail.end();
        assert_eq!(after(&tail, 14), Some((vec![15], 1)));
        assert!(matches!(tail.look(15, 1), Look::End));
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many_and_it_is_known_what_they_erased_or_not() {
        let mut tail = Tail::default();
        tail.begin(0);
        tail.push(&[record(1, 1)], true);
        assert_eq!(tail.erasing_after(0).map(|groups| groups.len()), Some(1));
        assert_eq!(tail.erasing_after(1).map(|groups| groups.len()), Some(0));
        for version in 2..60 {
            tail.push(&[record(version, 1 << 20)], version == 30);
            assert!(tail.bytes() <= BUDGET);
        }
        let first = tail.after;
        assert!((40..50).contains(&first), "{first}");
        assert!(matches!(tail.look(first - 1, 1), Look::Behind));
        assert_eq!(after(&tail, first), Some(((first + 1..60).collect(), 0)));
        assert!(tail.erasing_after(29).is_none(), "what was erased is not there any more");
        assert_eq!(tail.erasing_after(30).map(|groups| groups.len()), Some(0));
        // One that is larger than all there is room for is not kept at all.
        tail.push(&[record(60, BUDGET)], true);
        assert_eq!((tail.after, tail.bytes(), tail.erasing.len()), (60, 0, 0));
        assert!(matches!(tail.look(60, 1), Look::Nothing(60)));
    }
}
