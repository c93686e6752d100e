//! Directions, limits and batches of scans.

use crate::{Key, KeyRange, Val};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::{Arc, LazyLock};

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// From the range's start to its end.
    #[default]
    Forward,
    /// From the range's end to its start.
    Backward,
}

/// How much a scan takes. Every bound is tested before each entry, so an entry that crosses a byte bound
/// is in, and a bound of 0 takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScanLimit {
    /// At most this many entries.
    Count(u32),
    /// Entries while the bytes so far are less than this. `keys` charges key bytes, `scan` key and value bytes.
    Bytes(u32),
    /// Bytes and entries, in this order: whichever is reached first.
    BytesOrCount(u32, u32),
}

impl From<u32> for ScanLimit {
    fn from(count: u32) -> Self {
        Self::Count(count)
    }
}

/// Applies a [`ScanLimit`] to a scan; shared by backends so that their accounting cannot differ.
///
/// ```
/// use kv_api::{LimitCounter, ScanLimit};
/// let mut limit = LimitCounter::new(ScanLimit::Bytes(10));
/// assert!(limit.admits());
/// limit.charge(12);
/// assert!(!limit.admits());
/// ```
#[derive(Debug, Clone)]
pub struct LimitCounter {
    entries_left: Option<u32>,
    bytes_left: Option<u64>,
}

impl LimitCounter {
    /// A fresh count.
    pub fn new(limit: ScanLimit) -> Self {
        let (bytes_left, entries_left) = match limit {
            ScanLimit::Count(c) => (None, Some(c)),
            ScanLimit::Bytes(b) => (Some(b.into()), None),
            ScanLimit::BytesOrCount(b, c) => (Some(b.into()), Some(c)),
        };
        Self { entries_left, bytes_left }
    }

    /// Whether one more entry may be taken.
    pub fn admits(&self) -> bool {
        self.entries_left != Some(0) && self.bytes_left != Some(0)
    }

    /// Counts an entry that was taken, with its bytes.
    pub fn charge(&mut self, bytes: usize) {
        if let Some(left) = &mut self.entries_left {
            *left = left.saturating_sub(1);
        }
        if let Some(left) = &mut self.bytes_left {
            *left = left.saturating_sub(bytes as u64);
        }
    }
}

/// One page of a range, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// What is left of the range; `None` when this page reached its end.
    pub next: Option<KeyRange>,
    /// The page.
    pub items: Vec<T>,
}

/// One page of a range as Arrow columns, and where the next one begins.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrowBatch {
    /// What is left of the range; `None` when this page reached its end.
    pub next: Option<KeyRange>,
    /// The page: rows of [`scan_schema`], keys ascending.
    pub batch: RecordBatch,
}

impl ArrowBatch {
    /// Makes a page from rows.
    pub(crate) fn from_rows(page: Batch<(Key, Val)>) -> crate::Result<Self> {
        let keys = arrow_array::BinaryArray::from_iter_values(page.items.iter().map(|(k, _)| k));
        let vals = arrow_array::BinaryArray::from_iter_values(page.items.iter().map(|(_, v)| v));
        let batch = RecordBatch::try_new(scan_schema(), vec![Arc::new(keys), Arc::new(vals)])
            .map_err(|e| crate::Error::backend("building a record batch", e))?;
        Ok(Self { next: page.next, batch })
    }
}

/// The columns of a scan as Arrow: `key: Binary, val: Binary`, neither nullable.
pub fn scan_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("key", DataType::Binary, false),
            Field::new("val", DataType::Binary, false),
        ]))
    });
    SCHEMA.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limit: ScanLimit, sizes: &[usize]) -> usize {
        let mut counter = LimitCounter::new(limit);
        sizes.iter().take_while(|s| counter.admits().then(|| counter.charge(**s)).is_some()).count()
    }

    #[test]
    fn the_entry_that_crosses_a_byte_bound_is_in() {
        assert_eq!(taken(ScanLimit::Bytes(10), &[4, 4, 4, 4]), 3);
        assert_eq!(taken(ScanLimit::Bytes(8), &[4, 4, 4, 4]), 2);
        assert_eq!(taken(ScanLimit::Bytes(0), &[0, 0]), 0);
        assert_eq!(taken(ScanLimit::Bytes(1), &[0, 0, 0]), 3);
    }

    #[test]
    fn both_bounds_are_tested() {
        assert_eq!(taken(ScanLimit::Count(2), &[1; 5]), 2);
        assert_eq!(taken(ScanLimit::Count(0), &[1; 5]), 0);
        assert_eq!(taken(ScanLimit::Count(u32::MAX), &[1; 5]), 5);
        assert_eq!(taken(ScanLimit::BytesOrCount(100, 2), &[1; 5]), 2);
        assert_eq!(taken(ScanLimit::BytesOrCount(3, 100), &[1; 5]), 3);
        assert_eq!(taken(ScanLimit::BytesOrCount(0, 100), &[1; 5]), 0);
        assert_eq!(taken(ScanLimit::BytesOrCount(100, 0), &[1; 5]), 0);
    }
}
