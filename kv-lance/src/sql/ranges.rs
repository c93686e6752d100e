//! Sets of keys, as ranges.

use kv_api::{Key, KeyRange};

/// Ranges in the order of their keys, none of which is empty or touches another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRanges(Vec<KeyRange>);

impl KeyRanges {
    pub(super) fn all() -> Self {
        Self(vec![KeyRange::all()])
    }

    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// The keys of any of `ranges`.
    pub(super) fn of(ranges: impl IntoIterator<Item = KeyRange>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        ranges.sort_unstable_by(|a, b| a.start.cmp(&b.start));
        let mut joined: Vec<KeyRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(last) if last.end.as_ref().is_none_or(|end| *end >= range.start) => {
                    last.end = match (last.end.take(), range.end) {
                        (Some(a), Some(b)) => Some(a.max(b)),
                        _ => None,
                    };
                }
                _ => joined.push(range),
            }
        }
        Self(joined)
    }

    pub(super) fn into_vec(self) -> Vec<KeyRange> {
        self.0
    }

    pub(super) fn is_all(&self) -> bool {
        *self == Self::all()
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::of(self.0.into_iter().chain(other.0))
    }

    pub(super) fn and(self, other: Self) -> Self {
        // De Morgan: both are short lists, and one operation less is one less to get wrong.
        self.not().or(other.not()).not()
    }

    /// All other keys.
    pub(super) fn not(self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut start = Some(Key::new());
        for range in self.0 {
            if let Some(start) = start.take() {
                gaps.push(KeyRange { start, end: Some(range.start) });
            }
            start = range.end;
        }
        if let Some(start) = start {
            gaps.push(KeyRange { start, end: None });
        }
        gaps.retain(|gap| !gap.is_empty());
        Self(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set of the keys "", "\0", "a" and so on, by which of them are in it.
    fn sets() -> Vec<KeyRanges> {
        let bounds = ["", "a", "b", "c"].map(Key::from);
        let mut sets = vec![KeyRanges::none(), KeyRanges::all()];
        for (i, start) in bounds.iter().enumerate() {
            for end in bounds.iter().skip(i).cloned().map(Some).chain([None]) {
                sets.push(KeyRanges::of([KeyRange { start: start.clone(), end: end.clone() }]));
                sets.push(KeyRanges::of([KeyRange { start: start.clone(), end }, KeyRange::from("c"..)]));
            }
        }
        sets
    }

    fn holds(set: &KeyRanges, key: &[u8]) -> bool {
        set.0.iter().any(|range| range.contains(key))
    }

    #[test]
    fn operations_are_those_of_sets() {
        let keys: [&[u8]; 8] = [b"", b"\0", b"a", b"aa", b"b", b"b\xff", b"c", b"\xff"];
        for a in sets() {
            for key in keys {
                assert_eq!(holds(&a.clone().not(), key), !holds(&a, key), "{a:?} {key:?}");
            }
            for b in sets() {
                for key in keys {
                    let (in_a, in_b) = (holds(&a, key), holds(&b, key));
                    assert_eq!(holds(&a.clone().and(b.clone()), key), in_a && in_b, "{a:?} {b:?} {key:?}");
                    assert_eq!(holds(&a.clone().or(b.clone()), key), in_a || in_b, "{a:?} {b:?} {key:?}");
                }
                // In order and apart, so that nothing is read twice.
                let joined = a.clone().or(b).into_vec();
                assert!(joined.is_sorted_by(|a, b| a.end.as_ref().is_some_and(|end| *end < b.start)), "{joined:?}");
            }
        }
    }
}
