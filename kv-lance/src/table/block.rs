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

    /// Whether a row is before `(key, version)` in the order of a run: keys ascend, and the versions of one descend.
    fn is_before(&self, row: usize, key: &[u8], version: u64) -> bool {
        self.key(row).cmp(key).then_with(|| version.cmp(&self.version(row))).is_lt()
    }

    /// The first row at or after `(key, version)`; `len` where there is none.
    pub(crate) fn lower_bound(&self, key: &[u8], version: u64) -> usize {
        partition_point(0..self.len(), |row| self.is_before(row, key, version))
    }

    /// The same among the rows from `from` on. The closer it is, the faster it is found.
    pub(crate) fn seek(&self, from: usize, key: &[u8], version: u64) -> usize {
        let (mut low, mut step) = (from, 1);
        let high = loop {
            let probe = low + step - 1;
            if probe >= self.len() {
                break self.len();
            }
            if !self.is_before(probe, key, version) {
                break probe;
            }
            low = probe + 1;
            step *= 2;
        };
        partition_point(low..high, |row| self.is_before(row, key, version))
    }

    /// The first row of the key that `row` is one of. The closer it is, the faster it is found.
    pub(crate) fn first_of_key(&self, row: usize) -> usize {
        let key = self.key(row);
        let (mut high, mut step) = (row, 1);
        let low = loop {
            match high.checked_sub(step) {
                None => break 0,
                Some(probe) if self.key(probe) != key => break probe + 1,
                Some(probe) => high = probe,
            }
            step *= 2;
        };
        partition_point(low..high, |row| self.key(row) != key)
    }

    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes() + self.meta.versions.len() * 8 + self.meta.tombstones.len()
    }
}

/// The first of `rows` that `before` does not hold for, as it holds for none behind it; the end where it holds for all.
pub(super) fn partition_point(rows: std::ops::Range<usize>, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let mid = low + (high - low) / 2;
        if before(mid) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    low
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of keys with these numbers of versions, which are even and descend.
    fn block(versions: &[u64]) -> KeyBlock {
        let (mut keys, mut meta) = (Vec::new(), RowMeta::default());
        for (key, count) in versions.iter().enumerate() {
            for version in (1..=*count).rev() {
                keys.push(vec![key as u8]);
                meta.push(version * 2, false);
            }
        }
        KeyBlock::new(Column::new(&BinaryArray::from_iter_values(keys)), meta)
    }

    #[test]
    fn a_row_is_found_from_wherever_the_search_begins() {
        let block = block(&[1, 40, 2, 1, 1, 7]);
        for key in 0..7_u8 {
            for version in 0..84 {
                let found = block.lower_bound(&[key], version);
                let behind = |row: &usize| !block.is_before(*row, &[key], version);
                assert_eq!(found, (0..block.len()).find(behind).unwrap_or(block.len()));
                for from in 0..=block.len() {
                    assert_eq!(block.seek(from, &[key], version), found.max(from), "{key} {version} from {from}");
                }
            }
        }
    }

    #[test]
    fn the_first_row_of_a_key_is_found_from_each() {
        let block = block(&[1, 40, 2, 1, 1, 7]);
        for row in 0..block.len() {
            assert_eq!(block.first_of_key(row), block.lower_bound(block.key(row), u64::MAX));
        }
    }
}
