//! Byte strings that ascend, to be searched: what all of them begin with is kept once.

use crate::codec::{Reader, put_block};
use std::cmp::Ordering;

/// Keys that separate blocks, or parts of an index.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fences {
    prefix: Box<[u8]>,
    /// What follows the prefix, one after the other, and where each ends. Equal neighbours share their bytes.
    rests: Box<[u8]>,
    rest_ranges: Box<[(u32, u32)]>,
}

/// The shortest key that is above `last` and at or below `first`, which is above `last`.
pub(super) fn separator<'a>(last: &[u8], first: &'a [u8]) -> &'a [u8] {
    first.get(..=common(last, first)).unwrap_or(first)
}

/// How many bytes two keys begin with alike.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Fences {
    /// Of ascending keys; `None` where they are more bytes than four bytes can count.
    pub(super) fn new(keys: &[Vec<u8>]) -> Option<Self> {
        let (first, last) = (keys.first().map_or(&[][..], Vec::as_slice), keys.last().map_or(&[][..], Vec::as_slice));
        let prefix = first.get(..common(first, last)).unwrap_or_default();
        Self::from_rests(prefix, keys.iter().map(|key| key.get(prefix.len()..).unwrap_or_default()))
    }

    fn from_rests<'a>(prefix: &[u8], rests: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
        let mut previous: &[u8] = &[];
        for rest in rests {
            let range = match ranges.last() {
                Some(range) if previous == rest => *range,
                _ => {
                    let start = u32::try_from(bytes.len()).ok()?;
                    bytes.extend_from_slice(rest);
                    (start, u32::try_from(bytes.len()).ok()?)
                }
            };
            ranges.push(range);
            previous = rest;
        }
        Some(Self { prefix: prefix.into(), rests: bytes.into(), rest_ranges: ranges.into() })
    }

    /// Layout: `prefix | fences u32 | fences × (flag u8, and where that is 1 what follows the prefix)`; 0 is for one that is
    /// as the one before.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_block(out, &self.prefix);
        out.extend((self.len() as u32).to_le_bytes());
        let mut previous = None;
        for range in &self.rest_ranges {
            out.push(u8::from(previous != Some(range)));
            if previous != Some(range) {
                put_block(out, self.bytes_at(*range));
            }
            previous = Some(range);
        }
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Option<Self> {
        let prefix = r.block()?;
        let count = r.u32()? as usize;
        let mut rests = Vec::with_capacity(count.min(r.left()));
        for _ in 0..count {
            rests.push(if r.u8()? == 0 { rests.last().copied()? } else { r.block()? });
        }
        Self::from_rests(prefix, rests.into_iter())
    }

    pub(super) fn len(&self) -> usize {
        self.rest_ranges.len()
    }

    /// A fence; empty beyond the end.
    pub(super) fn fence(&self, fence: usize) -> Vec<u8> {
        self.rest_ranges.get(fence).map_or_else(Vec::new, |range| [&self.prefix, self.bytes_at(*range)].concat())
    }

    /// Prepares the search for a key.
    pub(super) fn search<'k>(&self, key: &'k [u8]) -> Search<'_, 'k> {
        let rest = key.strip_prefix(&*self.prefix).ok_or_else(|| (*self.prefix).cmp(key));
        Search { fences: self, rest }
    }

    fn bytes_at(&self, (start, end): (u32, u32)) -> &[u8] {
        self.rests.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.prefix.len() + self.rests.len() + size_of_val(&*self.rest_ranges)
    }
}

/// A key, compared with fences.
pub(super) struct Search<'f, 'k> {
    fences: &'f Fences,
    /// What follows the prefix; where the key does not begin with that, how all fences compare with it.
    rest: Result<&'k [u8], Ordering>,
}

impl Search<'_, '_> {
    /// How a fence compares with the key.
    pub(super) fn fence(&self, fence: usize) -> Ordering {
        let range = self.fences.rest_ranges.get(fence).copied().unwrap_or_default();
        self.rest.map_or_else(|order| order, |rest| self.fences.bytes_at(range).cmp(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_is_short_and_between() {
        for (last, first, expected) in [
            ("", "a", "a"),
            ("", "abc", "a"),
            ("abc", "abcd", "abcd"),
            ("abc", "abcdef", "abcd"),
            ("abc", "abd", "abd"),
            ("abcxyz", "abdxyz", "abd"),
            ("a", "b", "b"),
        ] {
            let found = separator(last.as_bytes(), first.as_bytes());
            assert_eq!(found, expected.as_bytes(), "{last} {first}");
            assert!(found > last.as_bytes() && found <= first.as_bytes());
        }
    }

    #[test]
    fn fences_compare_as_their_keys_do() {
        let long = "x".repeat(70_000);
        let sets: [&[&str]; 5] = [&[], &[""], &["ab"], &["", "a", "ab", "ab", "ab", "b"], &["k1", "k1", "k15", "k2"]];
        for set in sets {
            for prefix in ["", "key/", &long] {
                let keys: Vec<Vec<u8>> = set.iter().map(|key| [prefix, key].concat().into_bytes()).collect();
                let mut encoded = Vec::new();
                let fences = Fences::new(&keys);
                if let Some(fences) = &fences {
                    fences.encode(&mut encoded);
                    assert!(fences.bytes() < prefix.len() + 100, "{} bytes", fences.bytes());
                }
                assert_eq!(Fences::decode(&mut Reader::new(&encoded)), fences);
                let wanted = ["", "a", "ab", "abc", "k", "k1", "k3", "kez", "key", "key/", "key/a", "z"];
                let wanted = wanted.iter().flat_map(|key| [[*key].concat(), [prefix, key].concat()]);
                for key in wanted {
                    let found = fences.as_ref().map(|fences| {
                        let search = fences.search(key.as_bytes());
                        (0..fences.len()).map(|fence| search.fence(fence)).collect::<Vec<_>>()
                    });
                    assert_eq!(found, Some(keys.iter().map(|fence| fence.as_slice().cmp(key.as_bytes())).collect()));
                }
            }
        }
    }
}
