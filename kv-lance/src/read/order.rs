//! Which of two cursors comes first.

use super::cursor::Cursor;
use super::heap::Entry;
use kv_api::{Direction, KeyRange};
use std::cmp::Ordering;

/// The order of a merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    direction: Direction,
    /// Rows of one key come by their versions: some sources are of history, or every row is shown. Else by their sources: a
    /// read of what is current sees the first of them alone.
    by_version: bool,
    /// All keys begin with the same so many bytes.
    prefix: usize,
}

impl Order {
    /// For a merge of sources in a range of keys.
    pub(super) fn new(range: &KeyRange, cursors: &[Cursor<'_>], direction: Direction, by_version: bool) -> Self {
        Self { direction, by_version, prefix: shared_prefix(range, cursors) }
    }

    /// What tells the cursor's key from others, as far as eight bytes do.
    pub(super) fn head(&self, cursor: &Cursor<'_>) -> u64 {
        let rest = cursor.key().and_then(|key| key.get(self.prefix..)).unwrap_or_default();
        let head = match rest.first_chunk() {
            Some(head) => u64::from_be_bytes(*head),
            None => {
                let mut head = [0; 8];
                head.iter_mut().zip(rest).for_each(|(byte, key)| *byte = *key);
                u64::from_be_bytes(head)
            }
        };
        match self.direction {
            Direction::Forward => head,
            Direction::Backward => !head,
        }
    }

    /// Whether cursor `a` comes before `b`.
    pub(super) fn is_before(&self, cursors: &[Cursor<'_>], a: Entry, b: Entry) -> bool {
        match a.head.cmp(&b.head) {
            Ordering::Equal => self.is_before_by_key(cursors, a.cursor, b.cursor),
            other => other.is_lt(),
        }
    }

    fn is_before_by_key(&self, cursors: &[Cursor<'_>], a: usize, b: usize) -> bool {
        let (a_key, b_key) = (cursors.get(a).and_then(Cursor::key), cursors.get(b).and_then(Cursor::key));
        let keys = match self.direction {
            Direction::Forward => a_key.cmp(&b_key),
            Direction::Backward => b_key.cmp(&a_key),
        };
        let version = |cursor: usize| cursors.get(cursor).map_or(0, Cursor::version);
        let versions = || if self.by_version { version(b).cmp(&version(a)) } else { Ordering::Equal };
        keys.then_with(versions).then(a.cmp(&b)).is_lt()
    }
}

/// How many bytes all keys begin with alike, as far as the range and the bounds of the runs tell.
fn shared_prefix(range: &KeyRange, cursors: &[Cursor<'_>]) -> usize {
    // Of what is in memory only the range is known.
    let are_known = cursors.iter().all(|cursor| cursor.key_bounds().is_some());
    let bounds = || cursors.iter().filter(|_| are_known).filter_map(Cursor::key_bounds);
    let first = bounds().map(|(first, _)| first).min().unwrap_or_default();
    let last = bounds().map(|(_, last)| last).max();
    let (least, greatest) = (first.max(&range.start), last.into_iter().chain(range.end.as_deref()).min());
    greatest.map_or(0, |greatest| least.iter().zip(greatest).take_while(|(a, b)| a == b).count())
}
