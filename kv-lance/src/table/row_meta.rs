//! Versions and tombstones of a block's rows, beside the columns that say the same to other readers.
//!
//! The engine reads these few bytes with one `pread`: a constant column of Lance, as `tombstone` mostly is, takes a
//! millisecond to decode where this takes a microsecond.
//!
//! Layout: `flags u8 | width u8 | least version u64 | rows × (version - least) in width bytes | tombstone bitmap`, the bitmap
//! only with [`HAS_TOMBSTONES`]; integers are little-endian.

const HAS_TOMBSTONES: u8 = 1;
const HEADER: usize = 10;

/// The decoded form.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RowMeta {
    pub(super) versions: Vec<u64>,
    /// One bit a row, or empty where there is no tombstone.
    pub(super) tombstones: Vec<u8>,
}

impl RowMeta {
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

    pub(super) fn is_tombstone(&self, row: usize) -> bool {
        self.tombstones.get(row / 8).is_some_and(|byte| byte & (1 << (row % 8)) != 0)
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

    /// Reads what [`encode`](Self::encode) wrote for `rows` rows; `None` where it is not that.
    pub(super) fn decode(bytes: &[u8], rows: usize) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let [flags, width, least @ ..] = header else { return None };
        let least = u64::from_le_bytes(least.try_into().ok()?);
        let width = usize::from(*width);
        if width > 8 {
            return None;
        }
        let (versions, tombstones) = rest.split_at_checked(rows.checked_mul(width)?)?;
        let versions = match width {
            0 => vec![least; rows],
            _ => versions
                .chunks_exact(width)
                .map(|bytes| bytes.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
                .map(|above: u64| least.checked_add(above))
                .collect::<Option<_>>()?,
        };
        let expected = if flags & HAS_TOMBSTONES != 0 { rows.div_ceil(8) } else { 0 };
        (tombstones.len() == expected).then(|| Self { versions, tombstones: tombstones.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for (rows, step) in [(1, 0), (7, 0), (64, 1), (9, 300), (100, 1 << 40), (3, u64::MAX / 4)] {
            let mut meta = RowMeta::default();
            for row in 0..rows {
                meta.push(5 + row * step, rows > 8 && row == 8);
            }
            let mut bytes = vec![];
            meta.encode(&mut bytes);
            let back = RowMeta::decode(&bytes, rows as usize);
            assert!(back.as_ref().is_some_and(|b| b.versions == meta.versions));
            assert!(back.is_some_and(|b| (0..rows as usize).all(|r| b.is_tombstone(r) == meta.is_tombstone(r))));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let mut meta = RowMeta::default();
        meta.push(1, true);
        meta.push(300, false);
        let mut bytes = vec![];
        meta.encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(RowMeta::decode(bytes.get(..cut).unwrap_or_default(), 2), None);
        }
        assert_eq!(RowMeta::decode(&bytes, 3), None);
    }
}
