//! Half-open ranges of keys.

use crate::Key;
use std::ops::{Range, RangeFrom, RangeTo};

/// The keys from `start` up to, and without, `end`; without an end, all keys from `start`. A range whose end
/// is not after its start is empty, which is no error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct KeyRange {
    /// The first key.
    pub start: Key,
    /// The key after the last, or `None` for no end.
    pub end: Option<Key>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys that begin with `prefix`. The end is the next prefix: `prefix` with its last byte that is not 0xff
    /// incremented and the rest cut off, and no end where there is no such byte.
    ///
    /// ```
    /// use kv_api::KeyRange;
    /// assert!(KeyRange::prefix("ab").contains(b"ab\xff\xff\xff"));
    /// assert!(!KeyRange::prefix("ab").contains(b"ac"));
    /// assert_eq!(KeyRange::prefix(vec![0xff, 0xff]).end, None);
    /// ```
    pub fn prefix(prefix: impl Into<Key>) -> Self {
        let start = prefix.into();
        let end = next_prefix(&start);
        Self { start, end }
    }

    /// `key` alone.
    pub fn single(key: impl Into<Key>) -> Self {
        let start = key.into();
        let end = Some(Self::key_after(&start));
        Self { start, end }
    }

    /// The least key greater than `key`: `key ++ 0x00`.
    ///
    /// ```
    /// assert_eq!(kv_api::KeyRange::key_after(b"ab").as_ref(), b"ab\0");
    /// ```
    pub fn key_after(key: &[u8]) -> Key {
        let mut next = Vec::with_capacity(key.len() + 1);
        next.extend_from_slice(key);
        next.push(0);
        next.into()
    }

    /// Whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// The parts of the range that begin at its start and at each of `bounds`, ascending; none is
    /// empty, and an empty range has none. A bound that is not after the one before, or not in the
    /// range, is left out.
    ///
    /// ```
    /// use kv_api::KeyRange;
    /// let parts = KeyRange::from("b".."x").split_at(["a".into(), "f".into(), "f".into(), "y".into()]);
    /// assert_eq!(parts, [KeyRange::from("b".."f"), KeyRange::from("f".."x")]);
    /// ```
    pub fn split_at(self, bounds: impl IntoIterator<Item = Key>) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self;
        for bound in bounds {
            if bound > rest.start && rest.contains(&bound) {
                let start = std::mem::replace(&mut rest.start, bound.clone());
                parts.push(Self { start, end: Some(bound) });
            }
        }
        if !rest.is_empty() {
            parts.push(rest);
        }
        parts
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_ref() && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }
}

/// The least key that is greater than every key with this prefix.
fn next_prefix(prefix: &[u8]) -> Option<Key> {
    let last = prefix.iter().rposition(|b| *b != 0xff)?;
    let mut next = prefix.get(..=last)?.to_vec();
    if let Some(byte) = next.last_mut() {
        *byte += 1;
    }
    Some(next.into())
}

impl<K: Into<Key>> From<Range<K>> for KeyRange {
    fn from(range: Range<K>) -> Self {
        Self { start: range.start.into(), end: Some(range.end.into()) }
    }
}

impl<K: Into<Key>> From<RangeFrom<K>> for KeyRange {
    fn from(range: RangeFrom<K>) -> Self {
        Self { start: range.start.into(), end: None }
    }
}

impl<K: Into<Key>> From<RangeTo<K>> for KeyRange {
    fn from(range: RangeTo<K>) -> Self {
        Self { start: Key::new(), end: Some(range.end.into()) }
    }
}

impl From<std::ops::RangeFull> for KeyRange {
    fn from(_: std::ops::RangeFull) -> Self {
        Self::all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_holds_every_key_with_the_prefix_and_no_other() {
        for prefix in [&b""[..], b"a", b"a\xff", b"\xff", b"\xff\xff", b"\x00", b"a\xfe\xff\xff"] {
            let range = KeyRange::prefix(prefix.to_vec());
            for tail in [&b""[..], b"\x00", b"\xff", b"\xff\xff\xff\xff\xff"] {
                let key = [prefix, tail].concat();
                assert!(range.contains(&key), "{prefix:?} {key:?}");
            }
            for other in [&b"b"[..], b"", b"a\xfe", b"\xfe\xff", b"\x01"] {
                assert_eq!(range.contains(other), other.starts_with(prefix), "{prefix:?} {other:?}");
            }
        }
    }

    #[test]
    fn the_key_after_skips_nothing() {
        let after = KeyRange::key_after(b"a\xff");
        assert_eq!(after.as_ref(), b"a\xff\x00");
        assert!(KeyRange::single("a").contains(b"a"));
        assert!(!KeyRange::single("a").contains(b"a\x00"));
    }

    #[test]
    fn inverted_ranges_are_empty() {
        assert!(KeyRange::from("b".."a").is_empty());
        assert!(KeyRange::from("a".."a").is_empty());
        assert!(!KeyRange::from("a"..).is_empty());
        assert!(KeyRange::from(..Key::new()).is_empty());
    }
}
