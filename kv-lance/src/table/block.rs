//! Decoded blocks: what the cache holds and reads hand out slices of.

use super::row_meta::RowMeta;
use arrow_array::BinaryArray;
use arrow_buffer::{Buffer, ScalarBuffer};
use bytes::Bytes;

/// A column of byte strings; a row is a slice of one shared buffer.
#[derive(Debug)]
pub(crate) struct Column {
    data: Bytes,
    offsets: ScalarBuffer<i32>,
}

/// Arrow's buffer as the owner of [`Bytes`].
struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl Column {
    pub(super) fn new(array: &BinaryArray) -> Self {
        Self { data: Bytes::from_owner(Owner(array.values().clone())), offsets: array.offsets().inner().clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        Some(*self.offsets.get(row)? as usize..*self.offsets.get(row + 1)? as usize)
    }

    /// The bytes of a row; empty beyond the end, which [`checksum`](Self::checksum) has ruled out.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        self.range(row).and_then(|range| self.data.get(range)).unwrap_or_default()
    }

    /// The same, sharing the block's memory.
    pub(crate) fn slice(&self, row: usize) -> Bytes {
        self.range(row).filter(|range| range.end <= self.data.len()).map_or_else(Bytes::new, |r| self.data.slice(r))
    }

    /// The bytes of several rows, which lie one after the other, and where each of them ends in those.
    pub(crate) fn rows(&self, rows: std::ops::Range<usize>) -> Option<(&[u8], impl Iterator<Item = i32>)> {
        let ends = self.offsets.get(rows.start + 1..rows.end + 1)?;
        let first = *self.offsets.get(rows.start)?;
        let bytes = self.data.get(first as usize..ends.last().map_or(first, |last| *last) as usize)?;
        Some((bytes, ends.iter().map(move |end| end - first)))
    }

    pub(super) fn checksum(&self) -> u32 {
        let mut checksum = Checksum::default();
        (0..self.len()).for_each(|row| checksum.add(self.row(row)));
        checksum.0
    }

    fn bytes(&self) -> usize {
        self.data.len() + self.offsets.inner().len() + 96
    }
}

/// The checksum of a column's rows in one block: CRC-32C over length and bytes of each.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Checksum(pub(super) u32);

impl Checksum {
    pub(super) fn add(&mut self, row: &[u8]) {
        self.0 = crc32c::crc32c_append(self.0, &(row.len() as u32).to_le_bytes());
        self.0 = crc32c::crc32c_append(self.0, row);
    }
}

/// Keys, versions and tombstones of a block.
#[derive(Debug)]
pub(crate) struct KeyBlock {
    keys: Column,
    meta: RowMeta,
    /// The greatest version where each row is the only one of its key and none is a tombstone.
    plain_from: Option<u64>,
}

impl KeyBlock {
    pub(super) fn new(keys: Column, meta: RowMeta) -> Self {
        let distinct = (1..keys.len()).all(|row| keys.row(row - 1) != keys.row(row));
        let greatest = meta.versions.iter().copied().max();
        let plain_from = greatest.filter(|_| distinct && meta.tombstones.is_empty());
        Self { keys, meta, plain_from }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a read at `version` sees each row, and each is the only one of its key.
    pub(crate) fn is_plain(&self, version: u64) -> bool {
        self.plain_from.is_some_and(|from| from <= version)
    }

    pub(crate) fn column(&self) -> &Column {
        &self.keys
    }

    pub(crate) fn key(&self, row: usize) -> &[u8] {
        self.keys.row(row)
    }

    pub(crate) fn key_slice(&self, row: usize) -> Bytes {
        self.keys.slice(row)
    }

    pub(crate) fn version(&self, row: usize) -> u64 {
        self.meta.versions.get(row).copied().unwrap_or(0)
    }

    pub(crate) fn is_tombstone(&self, row: usize) -> bool {
        self.meta.is_tombstone(row)
    }

    /// The first row at or after `(key, version)` in the order of a run; `len` where there is none.
    pub(crate) fn lower_bound(&self, key: &[u8], version: u64) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let mid = low + (high - low) / 2;
            let before = self.key(mid).cmp(key).then_with(|| version.cmp(&self.version(mid)));
            if before.is_lt() {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        low
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes() + self.meta.versions.len() * 8 + self.meta.tombstones.len()
    }
}

/// The values of a block.
#[derive(Debug)]
pub(crate) struct ValBlock {
    vals: Column,
}

impl ValBlock {
    pub(super) fn new(vals: Column) -> Self {
        Self { vals }
    }

    pub(crate) fn column(&self) -> &Column {
        &self.vals
    }

    pub(crate) fn slice(&self, row: usize) -> Bytes {
        self.vals.slice(row)
    }

    pub(super) fn bytes(&self) -> usize {
        self.vals.bytes()
    }
}
