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
