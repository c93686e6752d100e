//! Decoded blocks, as the cache holds them.

use super::column::Column;
use super::row_meta::RowMeta;
use bytes::Bytes;
use std::sync::OnceLock;

/// Keys, versions and tombstones of a block.
#[derive(Debug)]
pub(crate) struct KeyBlock {
    keys: Column,
    meta: RowMeta,
    /// The greatest version where each row is the only one of its key, and none is a tombstone or history. Known once somebody
    /// has asked.
    plain_from: OnceLock<Option<u64>>,
    continues: bool,
    goes_on: bool,
}

impl KeyBlock {
    pub(super) fn new(keys: Column, meta: RowMeta, continues: bool, goes_on: bool) -> Self {
        Self { keys, meta, plain_from: OnceLock::new(), continues, goes_on }
    }

    /// Whether it begins with the key that the block before ends with.
    pub(crate) fn continues(&self) -> bool {
        self.continues
    }

    /// Whether the block behind it begins with the key that this one ends with.
    pub(crate) fn goes_on(&self) -> bool {
        self.goes_on
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a read at `version` sees each row, and each is the only one of its key.
    pub(crate) fn is_plain(&self, version: u64) -> bool {
        let plain_from = || {
            let is_plain = !self.meta.has_tombstones() && !self.meta.is_history();
            let are_distinct = || (1..self.keys.len()).all(|row| self.keys.row(row - 1) != self.keys.row(row));
            (is_plain && are_distinct()).then(|| self.meta.greatest())
        };
        self.plain_from.get_or_init(plain_from).is_some_and(|from| from <= version)
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
        self.meta.version(row)
    }

    pub(crate) fn is_tombstone(&self, row: usize) -> bool {
        self.meta.is_tombstone(row)
    }

    /// When a row of history was superseded; `None` in other runs.
    pub(crate) fn superseded(&self, row: usize) -> Option<u64> {
        self.meta.superseded(row)
    }

    /// Whether a row is what a read at `version` finds, where it is the newest up to that: a row of history is until it was
    /// superseded.
    pub(crate) fn is_in_force(&self, row: usize, version: u64) -> bool {
        self.meta.superseded(row).is_none_or(|superseded| version < superseded)
    }

    /// Whether a row erases what was before.
    pub(crate) fn erases(&self, row: usize) -> bool {
        self.meta.erases(row)
    }

    /// Whether a row is before `(key, version)` in the order of a run: keys ascend, and the
    /// versions of one descend.
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
        self.keys.bytes() + self.meta.bytes()
    }
}

/// The first of `rows` that `before` does not hold for, as it holds for none behind it; the end
/// where it holds for all.
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

    pub(crate) fn val(&self, row: usize) -> &[u8] {
        self.vals.row(row)
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
    use super::super::row_meta::RowMetaBuilder;
    use super::*;

    /// A block of keys with these numbers of versions, which are even and descend.
    fn block(versions: &[u64]) -> Option<KeyBlock> {
        let (mut keys, mut meta, mut encoded) = (Vec::new(), RowMetaBuilder::default(), Vec::new());
        for (key, count) in versions.iter().enumerate() {
            for version in (1..=*count).rev() {
                keys.push(vec![key as u8]);
                meta.push(version * 2, false, false, None);
            }
        }
        meta.encode(&mut encoded);
        let meta = RowMeta::decode(encoded.into(), keys.len());
        let offsets: Vec<i32> = (0..=keys.len() as i32).collect();
        Some(KeyBlock::new(Column::new(&keys.concat(), &offsets)?, meta?, false, false))
    }

    #[test]
    fn a_row_is_found_from_wherever_the_search_begins() -> Result<(), &'static str> {
        let block = block(&[1, 40, 2, 1, 1, 7]).ok_or("no block")?;
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
        Ok(())
    }

    #[test]
    fn the_first_row_of_a_key_is_found_from_each() -> Result<(), &'static str> {
        let block = block(&[1, 40, 2, 1, 1, 7]).ok_or("no block")?;
        for row in 0..block.len() {
            assert_eq!(block.first_of_key(row), block.lower_bound(block.key(row), u64::MAX));
        }
        Ok(())
    }
}
