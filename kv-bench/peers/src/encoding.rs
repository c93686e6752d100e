//! Keys for engines that cannot store the empty one.

use kv_api::{Key, KeyRange};
use std::borrow::Cow;
use std::ops::Bound;

/// `key` with a zero byte in front where it is empty or begins with one. Order stays, nothing is empty, and ordinary
/// keys are themselves.
pub(crate) fn encoded(key: &[u8]) -> Cow<'_, [u8]> {
    match key.first() {
        None | Some(0) => Cow::Owned([&[0], key].concat()),
        Some(_) => Cow::Borrowed(key),
    }
}

/// The key that `encoded` made this from.
pub(crate) fn decoded(stored: Key) -> Key {
    match stored.first() {
        Some(0) => stored.slice(1..),
        _ => stored,
    }
}

/// A range of encoded keys.
pub(crate) fn bounds(range: &KeyRange) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let start = Bound::Included(encoded(&range.start).into_owned());
    let end = range.end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(encoded(end).into_owned()));
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays_and_keys_come_back() {
        let keys: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\0\x01", b"\0\xff", b"\x01", b"\x01\0", b"a", b"\xff"];
        let stored: Vec<Vec<u8>> = keys.iter().map(|key| encoded(key).into_owned()).collect();
        assert!(stored.is_sorted_by(|a, b| a < b), "{stored:?}");
        for (key, stored) in keys.iter().zip(stored) {
            assert!(!stored.is_empty());
            assert_eq!(decoded(stored.into()).as_ref(), *key);
        }
    }
}
