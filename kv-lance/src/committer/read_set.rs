//! What a transaction has read, where its commit is to check that.

use kv_api::{Direction, Key, KeyRange};
use std::collections::HashSet;

/// Keys, found or missed, and ranges.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    keys: HashSet<Key>,
    ranges: Vec<KeyRange>,
}

impl ReadSet {
    pub(crate) fn add_key(&mut self, key: &[u8]) {
        if !self.keys.contains(key) {
            self.keys.insert(Key::copy_from_slice(key));
        }
    }

    /// Adds what a scan of `range` has looked at: all of it, or as far as `last` where its limit
    /// stopped it there.
    pub(crate) fn add_scan(&mut self, mut range: KeyRange, direction: Direction, last: Option<&Key>) {
        match (direction, last) {
            (_, None) => {}
            (Direction::Forward, Some(last)) => range.end = Some(KeyRange::key_after(last)),
            (Direction::Backward, Some(last)) => range.start = last.clone(),
        }
        if !range.is_empty() {
            self.ranges.push(range);
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    pub(super) fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    pub(super) fn has_ranges(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Sorts the ranges and joins those that meet, which [`covers`](Self::covers) relies on.
    pub(super) fn sort(&mut self) {
        self.ranges.sort_by(|a, b| a.start.cmp(&b.start));
        self.ranges.dedup_by(|range, before| {
            let meets = before.end.as_ref().is_none_or(|end| range.start <= *end);
            if meets && before.end.is_some() && (range.end.is_none() || range.end > before.end) {
                before.end = range.end.take();
            }
            meets
        });
    }

    /// Whether a key is in a range.
    pub(super) fn covers(&self, key: &[u8]) -> bool {
        let after = self.ranges.partition_point(|range| range.start.as_ref() <= key);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|range| range.contains(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_covered_exactly_if_a_range_has_it() {
        let ranges =
            [("m", Some("p")), ("b", Some("d")), ("c", Some("f")), ("f", Some("g")), ("n", Some("o")), ("x", None)];
        let mut reads = ReadSet::default();
        for (start, end) in ranges {
            let range = KeyRange { start: start.into(), end: end.map(Into::into) };
            reads.add_scan(range, Direction::Forward, None);
        }
        let each = reads.ranges.clone();
        reads.sort();
        assert_eq!(reads.ranges.len(), 3);
        for key in b'a'..=b'z' {
            assert_eq!(reads.covers(&[key]), each.iter().any(|range| range.contains(&[key])), "{key}");
        }
    }
}
