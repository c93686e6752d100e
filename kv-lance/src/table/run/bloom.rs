//! A blocked bloom filter over the keys of a run: a probe touches one cache line.
//!
//! A line has 512 bits, and a key sets seven of the line that its hash selects (Putze, Sanders, Singler: "Cache-, hash- and
//! space-efficient bloom filters", 2007). Ten bits a key give about 1% false positives.

use xxhash_rust::xxh3::xxh3_64;

const BITS_PER_KEY: usize = 10;
const LINE_BYTES: usize = 64;
const PROBES: u32 = 7;

/// A filter ready for probing.
#[derive(Debug)]
pub(super) struct Bloom {
    bits: Vec<u8>,
}

/// The hash that a filter is built of and probed with.
pub(crate) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

impl Bloom {
    /// A filter that holds the keys with these hashes.
    pub(super) fn of(hashes: &[u64]) -> Self {
        let mut bloom = Self::with_room(hashes.len());
        hashes.iter().for_each(|hash| bloom.insert(*hash));
        bloom
    }

    /// An empty filter with room for `keys` keys.
    fn with_room(keys: usize) -> Self {
        let lines = keys.saturating_mul(BITS_PER_KEY).div_ceil(LINE_BYTES * 8).max(1);
        Self { bits: vec![0; lines * LINE_BYTES] }
    }

    /// Puts in the hash of a key.
    fn insert(&mut self, hash: u64) {
        let line = line_of(hash, self.bits.len() / LINE_BYTES) * LINE_BYTES;
        for (byte, mask) in probes(hash) {
            if let Some(b) = self.bits.get_mut(line + byte) {
                *b |= mask;
            }
        }
    }

    /// Takes stored bytes; `None` where they are no whole number of lines.
    pub(super) fn from_bytes(bits: Vec<u8>) -> Option<Self> {
        (!bits.is_empty() && bits.len().is_multiple_of(LINE_BYTES)).then_some(Self { bits })
    }

    /// The bytes to store.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// False only where no key with this hash was put in.
    pub(super) fn may_contain(&self, hash: u64) -> bool {
        let line = line_of(hash, self.bits.len() / LINE_BYTES) * LINE_BYTES;
        match self.bits.get(line..line + LINE_BYTES) {
            Some(line) => probes(hash).all(|(byte, mask)| line.get(byte).is_some_and(|b| b & mask != 0)),
            None => true,
        }
    }
}

/// Maps the high half of the hash to a line without a division.
fn line_of(hash: u64, lines: usize) -> usize {
    (((hash >> 32) * lines as u64) >> 32) as usize
}

/// Byte and mask within the line, by double hashing of the low half.
fn probes(hash: u64) -> impl Iterator<Item = (usize, u8)> {
    let (start, step) = (hash as u32, (hash as u32).rotate_left(15) | 1);
    (0..PROBES).map(move |i| {
        let bit = start.wrapping_add(step.wrapping_mul(i)) >> 23;
        ((bit >> 3) as usize, 1 << (bit & 7))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_every_key_and_few_others() {
        let hashes: Vec<u64> = (0..100_000u32).map(|i| hash(&i.to_be_bytes())).collect();
        let bloom = Bloom::of(&hashes);
        assert!(hashes.iter().all(|h| bloom.may_contain(*h)));
        let others = (100_000..200_000u32).filter(|i| bloom.may_contain(hash(&i.to_be_bytes()))).count();
        assert!(others < 2_500, "{others} false positives in 100000");
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        assert!(!Bloom::of(&[]).may_contain(hash(b"x")));
        assert!(Bloom::from_bytes(vec![0; 63]).is_none());
        assert!(Bloom::from_bytes(vec![]).is_none());
    }
}
