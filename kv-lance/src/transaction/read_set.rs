//! What a transaction has read, where its commit is to check that.

use kv_api::{Direction, Key, KeyRange};
use std::collections::HashSet;

/// Keys, found or missed, and ranges.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    pub(crate) keys: HashSet<Key>,
    pub(crate) ranges: Vec<KeyRange>,
}

impl ReadSet {
    pub(super) fn add_key(&mut self, key: &[u8]) {
        if !self.keys.contains(key) {
            self.keys.insert(Key::copy_from_slice(key));
        }
    }

    /// Adds what a scan of `range` has looked at: all of it, or as far as `last` where its limit stopped it there.
    pub(super) fn add_scan(&mut self, mut range: KeyRange, direction: Direction, last: Option<&Key>) {
        match (direction, last) {
            (_, None) => {}
            (Direction::Forward, Some(last)) => range.end = Some(KeyRange::key_after(last)),
            (Direction::Backward, Some(last)) => range.start = last.clone(),
        }
        if !range.is_empty() {
            self.ranges.push(range);
        }
    }
}
