//! Versions and tombstones of a block's rows, beside the columns that say the same to other
//! readers; of history also when a row was superseded.
//!
//! The engine reads these few bytes with one `pread`: a constant column of Lance, as `tombstone`
//! mostly is, takes a millisecond to decode where this takes a microsecond.
//!
//! Layout:
//!
//! ```text
//! flags u8 | versions | when superseded | bitmap of tombstones | bitmap of rows that erase what was before
//! ```
//!
//! with the last three only with their flags. Versions are
//!
//! ```text
//! width u8 | least u64 | rows × (version - least) in width bytes
//! ```
//!
//! and integers little-endian.

use crate::codec::number;
use bytes::Bytes;
use kv_api::Version;

const HAS_TOMBSTONES: u8 = 1;
const HAS_ERASING: u8 = 2;
const HAS_SUPERSEDED: u8 = 4;
/// Of versions: their width, and the least.
const HEADER: usize = 9;

/// Collects what is written.
#[derive(Debug, Default)]
pub(super) struct RowMetaBuilder {
    pub(super) versions: Vec<Version>,
    /// One for each row, or none.
    superseded: Vec<Version>,
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
    pub(super) fn push(&mut self, version: Version, tombstone: bool, erases: bool, superseded: Option<Version>) {
        let row = self.versions.len();
        self.versions.push(version);
        self.superseded.extend(superseded);
        if tombstone {
            self.tombstones.set(row);
        }
        if erases {
            self.erasing.set(row);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let superseded = if self.superseded.is_empty() { 0 } else { HAS_SUPERSEDED };
        out.push(self.tombstones.flag(HAS_TOMBSTONES) | self.erasing.flag(HAS_ERASING) | superseded);
        encode_versions(&self.versions, out);
        if !self.superseded.is_empty() {
            encode_versions(&self.superseded, out);
        }
        self.tombstones.encode(self.versions.len(), out);
        self.erasing.encode(self.versions.len(), out);
    }
}

fn encode_versions(versions: &[Version], out: &mut Vec<u8>) {
    let least = versions.iter().copied().min().unwrap_or(0);
    let spread = versions.iter().map(|v| v - least).max().unwrap_or(0);
    let width = (64 - spread.leading_zeros()).div_ceil(8) as usize;
    out.push(width as u8);
    out.extend_from_slice(&least.to_le_bytes());
    out.reserve(versions.len() * width);
    for version in versions {
        out.extend_from_slice((version - least).to_le_bytes().get(..width).unwrap_or_default());
    }
}

/// What was read, as it was: a cache holds many of these.
#[derive(Debug)]
pub(super) struct RowMeta {
    versions: Versions,
    superseded: Option<Versions>,
    bytes: Bytes,
    /// Where the bitmap begins; `None` where there is no tombstone.
    tombstones: Option<usize>,
    /// The same, of rows that erase what was before.
    erasing: Option<usize>,
}

/// A version for each row.
#[derive(Debug, Clone, Copy)]
struct Versions {
    least: Version,
    greatest: Version,
    width: usize,
    /// Where what is above the least begins.
    start: usize,
}

impl Versions {
    /// Takes what begins at `start`, and moves that behind it.
    fn decode(bytes: &[u8], start: &mut usize, rows: usize) -> Option<Self> {
        let header = bytes.get(*start..start.checked_add(HEADER)?)?;
        let [width, least @ ..] = header else { return None };
        let (width, least) = (usize::from(*width), Version::from_le_bytes(least.try_into().ok()?));
        let mut versions = Self { least, greatest: least, width, start: *start + HEADER };
        *start = versions.start.checked_add(rows.checked_mul(width)?)?;
        if width > 8 || *start > bytes.len() {
            return None;
        }
        let spread = (0..rows).map(|row| versions.above_least(bytes, row)).max().unwrap_or(0);
        versions.greatest = least.checked_add(spread)?;
        Some(versions)
    }

    fn above_least(&self, bytes: &[u8], row: usize) -> u64 {
        let start = self.start + row * self.width;
        let bytes = bytes.get(start..start + self.width).unwrap_or_default();
        number(bytes)
    }

    fn get(&self, bytes: &[u8], row: usize) -> Version {
        self.least + self.above_least(bytes, row)
    }
}

impl RowMeta {
    /// Takes what [`RowMetaBuilder::encode`] wrote for `rows` rows; `None` where it is not that.
    pub(super) fn decode(bytes: Bytes, rows: usize) -> Option<Self> {
        let flags = *bytes.first()?;
        let mut end = 1;
        let versions = Versions::decode(&bytes, &mut end, rows)?;
        let superseded = match flags & HAS_SUPERSEDED {
            0 => None,
            _ => Some(Versions::decode(&bytes, &mut end, rows)?),
        };
        let [tombstones, erasing] = [HAS_TOMBSTONES, HAS_ERASING].map(|flag| {
            (flags & flag != 0).then(|| {
                let start = end;
                end = end.saturating_add(rows.div_ceil(8));
                start
            })
        });
        let whole = end == bytes.len() && flags & !(HAS_TOMBSTONES | HAS_ERASING | HAS_SUPERSEDED) == 0;
        whole.then_some(Self { versions, superseded, bytes, tombstones, erasing })
    }

    pub(super) fn version(&self, row: usize) -> Version {
        self.versions.get(&self.bytes, row)
    }

    /// When a row of history was superseded; `None` of one that is current, as far as its run knows.
    pub(super) fn superseded(&self, row: usize) -> Option<Version> {
        self.superseded.as_ref().map(|superseded| superseded.get(&self.bytes, row))
    }

    pub(super) fn is_history(&self) -> bool {
        self.superseded.is_some()
    }

    /// No version is less.
    pub(super) fn least(&self) -> Version {
        self.versions.least
    }

    /// The greatest version.
    pub(super) fn greatest(&self) -> Version {
        self.versions.greatest
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
        self.bytes.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for (rows, step) in [(1, 0), (7, 0), (64, 1), (9, 300), (100, 1 << 40), (3, u64::MAX / 4)] {
            for history in [false, true] {
                let expected = |row: u64| {
                    let superseded = history.then(|| 6 + row * (step / 2) + row % 3);
                    (5 + row * step, rows > 8 && row == 8, rows != 7 && row == 1, superseded)
                };
                let mut meta = RowMetaBuilder::default();
                for row in 0..rows {
                    let (version, tombstone, erases, superseded) = expected(row);
                    meta.push(version, tombstone, erases, superseded);
                }
                let mut bytes = vec![];
                meta.encode(&mut bytes);
                let back = RowMeta::decode(bytes.into(), rows as usize);
                let row = |back: &RowMeta, row: u64| {
                    let at = row as usize;
                    (back.version(at), back.is_tombstone(at), back.erases(at), back.superseded(at))
                };
                let read = back.as_ref().map(|back| (0..rows).map(|r| row(back, r)).collect::<Vec<_>>());
                assert_eq!(read, Some((0..rows).map(expected).collect()));
                assert_eq!(back.map(|b| (b.greatest(), b.has_tombstones())), Some((5 + (rows - 1) * step, rows > 8)));
            }
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        for superseded in [None, Some(400)] {
            let mut meta = RowMetaBuilder::default();
            meta.push(1, true, false, superseded);
            meta.push(300, false, true, superseded);
            let mut bytes = vec![];
            meta.encode(&mut bytes);
            let bytes = Bytes::from(bytes);
            assert!(RowMeta::decode(bytes.clone(), 2).is_some());
            for cut in 0..bytes.len() {
                assert!(RowMeta::decode(bytes.slice(..cut), 2).is_none());
            }
            assert!(RowMeta::decode(bytes, 3).is_none());
        }
        let beyond = [&[0, 8][..], &[255; 8], &1u64.to_le_bytes()].concat();
        assert!(RowMeta::decode(beyond.into(), 1).is_none(), "a version that no version can be");
    }
}
