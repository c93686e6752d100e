//! The memtable: committed rows in memory, ordered by key ascending, then version descending.
//!
//! Written by one thread at a time (the committer's leader), read by any number without locks. Keys and values are slices of the
//! journal records that brought them.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

use crate::write::Write;
use bytes::Bytes;
use crossbeam_skiplist::SkipMap;
use kv_api::{Key, KeyRange, Val, Version};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What an entry takes besides its bytes: a node of the skip list and two slices.
const ENTRY_OVERHEAD: usize = 160;

/// A step from row to row costs a fraction of a search, so that so many are tried first.
const FEW_ROWS: usize = 4;

/// A row where it is in the skip list.
type Node<'a> = crossbeam_skiplist::map::Entry<'a, RowKey, Write>;

struct RowKey {
    key: Bytes,
    version: Version,
}

/// A row's place, owned or borrowed, so that a lookup allocates nothing.
trait Place {
    fn place(&self) -> (&[u8], Version);
}

impl Place for RowKey {
    fn place(&self) -> (&[u8], Version) {
        (&self.key, self.version)
    }
}

impl Place for (&[u8], Version) {
    fn place(&self) -> (&[u8], Version) {
        *self
    }
}

impl<'a> Borrow<dyn Place + 'a> for RowKey {
    fn borrow(&self) -> &(dyn Place + 'a) {
        self
    }
}

impl PartialEq for dyn Place + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for dyn Place + '_ {}

impl PartialOrd for dyn Place + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Place + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((key, version), (other_key, other_version)) = (self.place(), other.place());
        key.cmp(other_key).then_with(|| other_version.cmp(&version))
    }
}

impl PartialEq for RowKey {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for RowKey {}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RowKey {
    fn cmp(&self, other: &Self) -> Ordering {
        (self as &dyn Place).cmp(other as &dyn Place)
    }
}

/// A row in memory; no value is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemRow {
    pub(crate) key: Key,
    pub(crate) version: Version,
    pub(crate) val: Option<Val>,
}

impl From<&Node<'_>> for MemRow {
    fn from(node: &Node<'_>) -> Self {
        Self { key: node.key().key.clone(), version: node.key().version, val: node.value().val.clone() }
    }
}

/// Rows that the table does not hold yet.
pub(crate) struct MemTable {
    rows: SkipMap<RowKey, Write>,
    bytes: AtomicUsize,
    max_version: AtomicU64,
    /// The greatest version of a row that erases, or 0.
    max_erasing: AtomicU64,
}

impl MemTable {
    pub(crate) fn new() -> Self {
        Self {
            rows: SkipMap::new(),
            bytes: AtomicUsize::new(0),
            max_version: AtomicU64::new(0),
            max_erasing: AtomicU64::new(0),
        }
    }

    /// Adds a row. Adding it again, as replay may, changes nothing.
    pub(crate) fn insert(&self, key: Bytes, version: Version, write: Write) {
        let bytes = key.len() + write.val_bytes() + ENTRY_OVERHEAD;
        if write.erases {
            self.max_erasing.fetch_max(version, Relaxed);
        }
        self.rows.insert(RowKey { key, version }, write);
        self.bytes.fetch_add(bytes, Relaxed);
        self.max_version.fetch_max(version, Relaxed);
    }

    /// Bytes of memory held, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The least and the greatest key; `None` where there is none.
    pub(crate) fn key_bounds(&self) -> Option<(Key, Key)> {
        Some((self.rows.front()?.key().key.clone(), self.rows.back()?.key().key.clone()))
    }

    pub(crate) fn max_version(&self) -> Version {
        self.max_version.load(Relaxed)
    }

    /// The greatest version of a row that erases what was before; 0 where there is none.
    pub(crate) fn max_erasing(&self) -> Version {
        self.max_erasing.load(Relaxed)
    }

    /// Whether a row of `key` after `since` and up to `until` erases what was before.
    pub(crate) fn erases(&self, key: &[u8], since: Version, until: Version) -> bool {
        let mut cursor = self.seek(key, until);
        while let Some(row) = cursor.filter(|row| row.key().key == key && row.key().version > since) {
            if row.value().erases {
                return true;
            }
            cursor = row.next();
        }
        false
    }

    /// The newest value of `key` up to `version`: `None` where there is no row, `Some(None)` for a tombstone.
    pub(crate) fn get(&self, key: &[u8], version: Version) -> Option<Option<Val>> {
        let entry = self.seek(key, version)?;
        (entry.key().key == key).then(|| entry.value().val.clone())
    }

    /// The version of the newest row of `key`.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Version> {
        let entry = self.seek(key, Version::MAX)?;
        (entry.key().key == key).then(|| entry.key().version)
    }

    /// A key of `range` that has a row after `since`, with the version of its newest one.
    pub(crate) fn changed(&self, range: &KeyRange, since: Version) -> Option<(Key, Version)> {
        let mut cursor = self.seek(&range.start, Version::MAX);
        while let Some(entry) = cursor {
            let row = entry.key();
            if range.end.as_ref().is_some_and(|end| row.key >= *end) {
                return None;
            }
            if row.version > since {
                return Some((row.key.clone(), row.version));
            }
            cursor = self.next_key(&entry);
        }
        None
    }

    /// The key of each row of `range`, in ascending order.
    pub(crate) fn keys(&self, range: &KeyRange) -> impl Iterator<Item = Key> + '_ {
        let end = range.end.clone();
        let mut cursor = self.seek(&range.start, Version::MAX);
        std::iter::from_fn(move || {
            let node = cursor.take()?;
            let key = node.key().key.clone();
            cursor = node.next();
            end.as_ref().is_none_or(|end| key < *end).then_some(key)
        })
    }

    /// Up to `max` keys of `range` in ascending order, each with its newest value up to `version`.
    pub(crate) fn forward(&self, range: &KeyRange, version: Version, max: usize) -> Vec<MemRow> {
        let mut found = Vec::new();
        let mut cursor = self.seek(&range.start, Version::MAX);
        while let Some(entry) = cursor {
            let row = entry.key();
            if found.len() >= max || range.end.as_ref().is_some_and(|end| row.key >= *end) {
                break;
            }
            if row.version > version {
                cursor = self.seek(&row.key, version);
                continue;
            }
            found.push(MemRow::from(&entry));
            cursor = self.next_key(&entry);
        }
        found
    }

    /// The same in descending order, from the end of `range`.
    pub(crate) fn backward(&self, range: &KeyRange, version: Version, max: usize) -> Vec<MemRow> {
        let mut found = Vec::new();
        let mut cursor = match &range.end {
            Some(end) => self.before(end),
            None => self.rows.back(),
        };
        while let Some(entry) = cursor {
            let row = entry.key();
            if found.len() >= max || row.key < range.start {
                break;
            }
            // The rows of a key come oldest first.
            let before = entry.prev();
            if before.as_ref().is_none_or(|before| before.key().key != row.key) {
                if row.version <= version {
                    found.push(MemRow::from(&entry));
                }
                cursor = before;
                continue;
            }
            let newest = self.seek(&row.key, version).filter(|newest| newest.key().key == row.key);
            found.extend(newest.as_ref().map(MemRow::from));
            cursor = self.before(&row.key);
        }
        found
    }

    /// The first row at or after `(key, version)`.
    fn seek(&self, key: &[u8], version: Version) -> Option<Node<'_>> {
        self.rows.lower_bound(Bound::Included(&(key, version) as &dyn Place))
    }

    /// The last row before all of `key`.
    fn before(&self, key: &[u8]) -> Option<Node<'_>> {
        self.rows.upper_bound(Bound::Excluded(&(key, Version::MAX) as &dyn Place))
    }

    /// The first row of the next key. A key that is written often has a great many rows, which are not walked.
    fn next_key<'a>(&'a self, entry: &Node<'a>) -> Option<Node<'a>> {
        let key = &entry.key().key;
        let mut next = entry.next()?;
        for _ in 0..FEW_ROWS {
            if next.key().key != *key {
                return Some(next);
            }
            next = next.next()?;
        }
        self.rows.lower_bound(Bound::Excluded(&(key.as_ref(), Version::MIN) as &dyn Place))
    }

    /// Shows `see` up to `most` rows from a place on and up to `end`, in the order of a run. The place of the next; `None` where
    /// there is none.
    pub(crate) fn see_rows(
        &self,
        (key, version): (&[u8], Version),
        end: Option<&Key>,
        most: usize,
        mut see: impl FnMut(&Key, Version, &Write),
    ) -> Option<(Key, Version)> {
        let mut cursor = self.seek(key, version);
        for _ in 0..most {
            let node = cursor.filter(|node| end.is_none_or(|end| node.key().key < *end))?;
            see(&node.key().key, node.key().version, node.value());
            cursor = node.next();
        }
        cursor.map(|node| (node.key().key.clone(), node.key().version))
    }

    /// The rows of the first keys of `range` in the order of a run, each key with all of its rows: `least` or more, where there
    /// are so many.
    #[cfg(feature = "sql")]
    pub(crate) fn whole_keys(&self, range: &KeyRange, least: usize) -> Vec<MemRow> {
        let mut found: Vec<MemRow> = Vec::new();
        let mut cursor = self.seek(&range.start, Version::MAX);
        while let Some(node) = cursor {
            let key = &node.key().key;
            let is_enough = found.len() >= least && found.last().is_some_and(|last| last.key != *key);
            if is_enough || range.end.as_ref().is_some_and(|end| key >= end) {
                break;
            }
            found.push(MemRow::from(&node));
            cursor = node.next();
        }
        found
    }

    /// Every row, in the order of a run.
    pub(crate) fn for_each_row(&self) -> impl Iterator<Item = (Key, Version, Write)> + '_ {
        self.rows.iter().map(|entry| (entry.key().key.clone(), entry.key().version, entry.value().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> MemTable {
        let table = MemTable::new();
        for (key, version, val) in
            [("a", 1, Some("a1")), ("b", 2, Some("b2")), ("a", 3, None), ("b", 4, Some("b4")), ("c", 5, Some("c5"))]
        {
            table.insert(key.into(), version, Write { val: val.map(Into::into), erases: false });
        }
        table
    }

    #[test]
    fn keys_with_many_rows_are_passed_over_in_both_directions() {
        let table = MemTable::new();
        for version in 1..=90 {
            let key = ["a", "b", "c"].into_iter().nth(version as usize % 3).unwrap_or_default();
            table.insert(key.into(), version, Write::set(version.to_string().into()));
        }
        for version in 0..=91 {
            // The newest version up to this one that each key has.
            let newest = |rest: u64| (1..=version.min(90)).rev().find(|v| v % 3 == rest);
            let row = |(key, rest): (&'static str, u64)| {
                let version = newest(rest)?;
                Some(MemRow { key: key.into(), version, val: Some(version.to_string().into()) })
            };
            let expected: Vec<MemRow> = [("a", 0), ("b", 1), ("c", 2)].into_iter().filter_map(row).collect();
            assert_eq!(table.forward(&KeyRange::all(), version, 10), expected, "{version}");
            let mut backward = table.backward(&KeyRange::all(), version, 10);
            backward.reverse();
            assert_eq!(backward, expected, "{version}");
        }
    }

    fn text(found: Vec<MemRow>) -> String {
        found.iter().map(|row| format!("{:?}={:?} ", row.key, row.val)).collect::<String>().replace(['b', '"'], "")
    }

    #[test]
    fn a_change_since_a_version_is_found_by_key_and_by_range() {
        let table = table();
        assert_eq!((table.newest(b"a"), table.newest(b"bb")), (Some(3), None));
        let changed = |range: std::ops::Range<&'static str>, since| table.changed(&KeyRange::from(range), since);
        assert_eq!(changed("a".."c", 2), Some(("a".into(), 3)));
        assert_eq!(changed("a".."c", 3), Some(("b".into(), 4)));
        assert_eq!(changed("a".."c", 4), None);
        assert_eq!(changed("bb".."z", 4), Some(("c".into(), 5)));
    }

    #[test]
    fn a_read_sees_the_newest_row_up_to_its_version() {
        let table = table();
        assert_eq!(table.get(b"a", 0), None);
        assert_eq!(table.get(b"a", 2), Some(Some("a1".into())));
        assert_eq!(table.get(b"a", 9), Some(None));
        assert_eq!(table.get(b"b", 3), Some(Some("b2".into())));
        assert_eq!(table.get(b"bb", 9), None);
        assert_eq!(table.max_version(), 5);
    }

    #[test]
    fn scans_see_one_row_a_key_in_both_directions() {
        let table = table();
        for version in 0..7 {
            let forward = table.forward(&KeyRange::all(), version, 10);
            let mut backward = table.backward(&KeyRange::all(), version, 10);
            backward.reverse();
            assert_eq!(forward, backward, "{version}");
        }
        assert_eq!(text(table.forward(&KeyRange::all(), 3, 10)), "a=None =Some(2) ");
        assert_eq!(table.backward(&KeyRange::all(), 9, 2).len(), 2);
        assert_eq!(table.forward(&KeyRange::from("a".."b"), 9, 10).len(), 1);
        assert_eq!(table.backward(&KeyRange::from("a".."b"), 9, 10).len(), 1);
        assert_eq!(table.backward(&KeyRange::from("b".."c"), 9, 10).len(), 1);
    }
}
