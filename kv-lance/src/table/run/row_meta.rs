//! Versions and tombstones of a block's rows, beside the columns that say the same to other readers.
//!
//! The engine reads these few bytes with one `pread`: a constant column of Lance, as `tombstone` mostly is, takes a
//! millisecond to decode where this takes a microsecond.
//!
//! Layout: `flags u8 | width u8 | least version u64 | rows × (version - least) in width bytes | bitmap of tombstones | bitmap of
//! rows that erase what was before`, the bitmaps only with [`HAS_TOMBSTONES`] and [`HAS_ERASING`]; integers are
//! little-endian.

use bytes::Bytes;

const HAS_TOMBSTONES: u8 = 1;
const HAS_ERASING: u8 = 2;
const HEADER: usize = 10;

/// Collects what is written.
#[derive(Debug, Default)]
pub(super) struct RowMetaBuilder {
    pub(super) versions: Vec<u64>,
    tombstones: Bitmap,
    erasing: Bitmap,
}

/// One bit a row up to the last that is set; none where none is.
#[derive(Debug, Default)]
struct Bitmap(Vec<u8>);

impl Bitmap {
    fn set(&mut self, row: usize) {
        self.0.resize(row / 8 + 1, 0);
        if let Some(byte) = self.0.get_mut(row / 8) {
            *byte |= 1 << (row % 8);
        }
    }

    /// The flag, where any bit is set.
    fn flag(&self, flag: u8) -> u8 {
        if self.0.is_empty() { 0 } else { flag }
    }

    fn encode(&self, rows: usize, out: &mut Vec<u8>) {
        if !self.0.is_empty() {
            let end = out.len() + rows.div_ceil(8);
            out.extend_from_slice(&self.0);
            out.resize(end, 0);
        }
    }
}

impl RowMetaBuilder {
    pub(super) fn push(&mut self, version: u64, tombstone: bool, erases: bool) {
        let row = self.versions.len();
        self.versions.push(version);
        if tombstone {
            self.tombstones.set(row);
        }
        if erases {
            self.erasing.set(row);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let least = self.versions.iter().copied().min().unwrap_or(0);
        let spread = self.versions.iter().map(|v| v - least).max().unwrap_or(0);
        let width = (64 - spread.leading_zeros()).div_ceil(8) as usize;
        out.push(self.tombstones.flag(HAS_TOMBSTONES) | self.erasing.flag(HAS_ERASING));
        out.push(width as u8);
        out.extend_from_slice(&least.to_le_bytes());
        for version in &self.versions {
            out.extend((version - least).to_le_bytes().into_iter().take(width));
        }
        self.tombstones.encode(self.versions.len(), out);
        self.erasing.encode(self.versions.len(), out);
    }
}

/// What was read, as it was: a cache holds many of these.
#[derive(Debug)]
pub(super) struct RowMeta {
    least: u64,
    greatest: u64,
    width: usize,
    /// Versions above the least one, and then the bitmaps.
    bytes: Bytes,
    /// Where the bitmap begins; `None` where there is no tombstone.
    tombstones: Option<usize>,
    /// The same, of rows that erase what was before.
    erasing: Option<usize>,
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
        let width = usize::from(*width);
        let mut end = rows.checked_mul(width)?;
        let [tombstones, erasing] = [HAS_TOMBSTONES, HAS_ERASING].map(|flag| {
            (flags & flag != 0).then(|| {
                let start = end;
                end = end.saturating_add(rows.div_ceil(8));
                start
            })
        });
        if width > 8 || end != bytes.len() || flags & !(HAS_TOMBSTONES | HAS_ERASING) != 0 {
            return None;
        }
        let mut meta = Self { least, greatest: least, width, bytes, tombstones, erasing };
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
        self.bit(self.tombstones, row)
    }

    pub(super) fn erases(&self, row: usize) -> bool {
        self.bit(self.erasing, row)
    }

    fn bit(&self, bitmap: Option<usize>, row: usize) -> bool {
        let byte = bitmap.and_then(|start| self.bytes.get(start + row / 8));
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
                meta.push(5 + row * step, rows > 8 && row == 8, rows != 7 && row == 1);
            }
            let mut bytes = vec![];
            meta.encode(&mut bytes);
            let back = RowMeta::decode(bytes.into(), rows as usize);
            let row = |back: &RowMeta, row: u64| {
                let at = row as usize;
                (back.version(at), back.is_tombstone(at), back.erases(at))
            };
            let read = back.as_ref().map(|back| (0..rows).map(|r| row(back, r)).collect::<Vec<_>>());
            assert_eq!(
                read,
                Some((0..rows).map(|row| (5 + row * step, rows > 8 && row == 8, rows != 7 && row == 1)).collect())
            );
            assert_eq!(back.map(|b| (b.greatest(), b.has_tombstones())), Some((5 + (rows - 1) * step, rows > 8)));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut meta = RowMetaBuilder::default();
        meta.push(1, true, false);
        meta.push(300, false, true);
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
