//! The memtable: committed rows in memory, ordered by key ascending, then version descending.
//!
//! Written by one thread at a time (the committer's leader), read by any number without locks. Keys and values are slices of the
//! journal records that brought them.

use bytes::Bytes;
use crossbeam_skiplist::SkipMap;
use kv_api::{Key, KeyRange, Val, Version};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What an entry takes besides its bytes: a node of the skip list and two slices.
const ENTRY_OVERHEAD: usize = 160;

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

/// Rows that the table does not hold yet.
pub(crate) struct MemTable {
    rows: SkipMap<RowKey, Option<Bytes>>,
    bytes: AtomicUsize,
    max_version: AtomicU64,
}

impl MemTable {
    pub(crate) fn new() -> Self {
        Self { rows: SkipMap::new(), bytes: AtomicUsize::new(0), max_version: AtomicU64::new(0) }
    }

    /// Adds a row; no value is a tombstone. Adding it again, as replay may, changes nothing.
    pub(crate) fn insert(&self, key: Bytes, version: Version, val: Option<Bytes>) {
        let bytes = key.len() + val.as_ref().map_or(0, Bytes::len) + ENTRY_OVERHEAD;
        self.rows.insert(RowKey { key, version }, val);
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

    pub(crate) fn max_version(&self) -> Version {
        self.max_version.load(Relaxed)
    }

    /// The newest value of `key` up to `version`: `None` where there is no row, `Some(None)` for a tombstone.
    pub(crate) fn get(&self, key: &[u8], version: Version) -> Option<Option<Val>> {
        let from = (key, version);
        let entry = self.rows.lower_bound(Bound::Included(&from as &dyn Place))?;
        (entry.key().key == key).then(|| entry.value().clone())
    }

    /// Up to `max` keys of `range` in ascending order, each with its newest value up to `version`.
    pub(crate) fn forward(&self, range: &KeyRange, version: Version, max: usize) -> Vec<(Key, Option<Val>)> {
        let mut found: Vec<(Key, Option<Val>)> = Vec::new();
        let mut cursor = self.rows.lower_bound(Bound::Included(&(range.start.as_ref(), Version::MAX) as &dyn Place));
        while let Some(entry) = cursor {
            let row = entry.key();
            if found.len() >= max && found.last().is_some_and(|(key, _)| *key != row.key) {
                break;
            }
            if range.end.as_ref().is_some_and(|end| row.key >= *end) {
                break;
            }
            if row.version <= version && found.last().is_none_or(|(key, _)| *key != row.key) {
                found.push((row.key.clone(), entry.value().clone()));
            }
            cursor = entry.next();
        }
        found
    }

    /// The same in descending order, from the end of `range`.
    pub(crate) fn backward(&self, range: &KeyRange, version: Version, max: usize) -> Vec<(Key, Option<Val>)> {
        let mut found: Vec<(Key, Option<Val>)> = Vec::new();
        let mut cursor = match &range.end {
            // (end, MAX) is before every row of the key `end`.
            Some(end) => self.rows.upper_bound(Bound::Excluded(&(end.as_ref(), Version::MAX) as &dyn Place)),
            None => self.rows.back(),
        };
        while let Some(entry) = cursor {
            let row = entry.key();
            if row.key < range.start {
                break;
            }
            // The rows of a key come oldest first: a newer one that is visible takes the place of the one before.
            let full = found.len() >= max;
            match found.last_mut() {
                Some((key, val)) if *key == row.key && row.version <= version => *val = entry.value().clone(),
                Some((key, _)) if *key == row.key => {}
                _ if full => break,
                _ if row.version <= version => found.push((row.key.clone(), entry.value().clone())),
                _ => {}
            }
            cursor = entry.prev();
        }
        found
    }

    /// Every row, in the order of a run.
    pub(crate) fn for_each_row(&self) -> impl Iterator<Item = (Key, Version, Option<Val>)> + '_ {
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
            table.insert(key.into(), version, val.map(Into::into));
        }
        table
    }

    fn text(found: Vec<(Key, Option<Val>)>) -> String {
        found.iter().map(|(k, v)| format!("{k:?}={v:?} ")).collect::<String>().replace(['b', '"'], "")
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
