//! Versions and tombstones of a block's rows, beside the columns that say the same to other readers.
//!
//! The engine reads these few bytes with one `pread`: a constant column of Lance, as `tombstone` mostly is, takes a
//! millisecond to decode where this takes a microsecond.
//!
//! Layout: `flags u8 | width u8 | least version u64 | rows × (version - least) in width bytes | tombstone bitmap`, the bitmap
//! only with [`HAS_TOMBSTONES`]; integers are little-endian.

use bytes::Bytes;

const HAS_TOMBSTONES: u8 = 1;
const HEADER: usize = 10;

/// Collects what is written.
#[derive(Debug, Default)]
pub(super) struct RowMetaBuilder {
    pub(super) versions: Vec<u64>,
    /// One bit a row, or empty where there is no tombstone.
    tombstones: Vec<u8>,
}

impl RowMetaBuilder {
    pub(super) fn push(&mut self, version: u64, tombstone: bool) {
        let row = self.versions.len();
        self.versions.push(version);
        if tombstone {
            self.tombstones.resize(row / 8 + 1, 0);
            if let Some(byte) = self.tombstones.get_mut(row / 8) {
                *byte |= 1 << (row % 8);
            }
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let least = self.versions.iter().copied().min().unwrap_or(0);
        let spread = self.versions.iter().map(|v| v - least).max().unwrap_or(0);
        let width = (64 - spread.leading_zeros()).div_ceil(8) as usize;
        out.push(if self.tombstones.is_empty() { 0 } else { HAS_TOMBSTONES });
        out.push(width as u8);
        out.extend_from_slice(&least.to_le_bytes());
        for version in &self.versions {
            out.extend((version - least).to_le_bytes().into_iter().take(width));
        }
        if !self.tombstones.is_empty() {
            let end = out.len() + self.versions.len().div_ceil(8);
            out.extend_from_slice(&self.tombstones);
            out.resize(end, 0);
        }
    }
}

/// What was read, as it was: a cache holds many of these.
#[derive(Debug)]
pub(super) struct RowMeta {
    least: u64,
    greatest: u64,
    width: usize,
    /// Versions above the least one, and then the bitmap.
    bytes: Bytes,
    /// Where the bitmap begins; `None` where there is no tombstone.
    tombstones: Option<usize>,
}

impl RowMeta {
    /// Takes what [`RowMetaBuilder::encode`] wrote for `rows` rows; `None` where it is not that.
    pub(super) fn decode(mut bytes: Bytes, rows: usize) -> Option<Self> {
        if bytes.len() < HEADER {
            return None;
        }
        let header = bytes.split_to(HEADER);
        let [flags, width, least @ ..] = header.as_ref() else { return None };
        let least = u64::from_le_bytes(least.try_into().ok()?);
        let (width, has_tombstones) = (usize::from(*width), flags & HAS_TOMBSTONES != 0);
        let versions = rows.checked_mul(width)?;
        let bitmap = if has_tombstones { rows.div_ceil(8) } else { 0 };
        if width > 8 || versions.checked_add(bitmap) != Some(bytes.len()) {
            return None;
        }
        let tombstones = has_tombstones.then_some(versions);
        let mut meta = Self { least, greatest: least, width, bytes, tombstones };
        let spread = (0..rows).map(|row| meta.above_least(row)).max().unwrap_or(0);
        meta.greatest = least.checked_add(spread)?;
        Some(meta)
    }

    fn above_least(&self, row: usize) -> u64 {
        let bytes = self.bytes.get(row * self.width..(row + 1) * self.width).unwrap_or_default();
        bytes.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b))
    }

    pub(super) fn version(&self, row: usize) -> u64 {
        self.least + self.above_least(row)
    }

    /// The greatest version.
    pub(super) fn greatest(&self) -> u64 {
        self.greatest
    }

    pub(super) fn has_tombstones(&self) -> bool {
        self.tombstones.is_some()
    }

    pub(super) fn is_tombstone(&self, row: usize) -> bool {
        let byte = self.tombstones.and_then(|start| self.bytes.get(start + row / 8));
        byte.is_some_and(|byte| byte & (1 << (row % 8)) != 0)
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        HEADER + self.bytes.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for (rows, step) in [(1, 0), (7, 0), (64, 1), (9, 300), (100, 1 << 40), (3, u64::MAX / 4)] {
            let mut meta = RowMetaBuilder::default();
            for row in 0..rows {
                meta.push(5 + row * step, rows > 8 && row == 8);
            }
            let mut bytes = vec![];
            meta.encode(&mut bytes);
            let back = RowMeta::decode(bytes.into(), rows as usize);
            let row = |back: &RowMeta, row| (back.version(row as usize), back.is_tombstone(row as usize));
            let read = back.as_ref().map(|back| (0..rows).map(|r| row(back, r)).collect::<Vec<_>>());
            assert_eq!(read, Some((0..rows).map(|row| (5 + row * step, rows > 8 && row == 8)).collect()));
            assert_eq!(back.map(|b| (b.greatest(), b.has_tombstones())), Some((5 + (rows - 1) * step, rows > 8)));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut meta = RowMetaBuilder::default();
        meta.push(1, true);
        meta.push(300, false);
        let mut bytes = vec![];
        meta.encode(&mut bytes);
        let bytes = Bytes::from(bytes);
        assert!(RowMeta::decode(bytes.clone(), 2).is_some());
        for cut in 0..bytes.len() {
            assert!(RowMeta::decode(bytes.slice(..cut), 2).is_none());
        }
        assert!(RowMeta::decode(bytes, 3).is_none());
        let beyond = [&[0, 8][..], &[255; 8], &1u64.to_le_bytes()].concat();
        assert!(RowMeta::decode(beyond.into(), 1).is_none(), "a version that no version can be");
    }
}
