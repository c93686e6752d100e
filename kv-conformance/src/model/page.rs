//! Cuts a page out of a merged view. Not by `kv_api::LimitCounter`, so that an error there is found.

use super::mutant::Mutant;
use super::reference::Shared;
use kv_api::{Direction, Key, KeyRange, ScanLimit, Val};
use std::collections::BTreeMap;

/// What a scan answers.
pub(crate) struct Page {
    pub(crate) items: Vec<(Key, Val)>,
    /// The part of the range that the answer depends on; `None` for none of it.
    pub(crate) depends_on: Option<KeyRange>,
}

/// Skips, then takes what `limit` admits; `size` is what an entry is charged.
pub(crate) fn cut(
    store: &Shared,
    view: BTreeMap<Key, Val>,
    range: &KeyRange,
    direction: Direction,
    limit: ScanLimit,
    skip: u32,
    size: fn(&Key, &Val) -> u64,
) -> Page {
    let (bytes, count) = match limit {
        ScanLimit::Count(0) if store.is(Mutant::ZeroIsOne) => (u64::MAX, 1),
        ScanLimit::Count(count) => (u64::MAX, count),
        ScanLimit::Bytes(bytes) if store.is(Mutant::ByteLimitOffByOne) => (u64::from(bytes) + 1, u32::MAX),
        ScanLimit::Bytes(bytes) => (bytes.into(), u32::MAX),
        ScanLimit::BytesOrCount(bytes, count) => (bytes.into(), count),
    };
    let mut entries: Vec<(Key, Val)> = view.into_iter().collect();
    let late = direction == Direction::Backward && store.is(Mutant::BackwardFromStart);
    if direction == Direction::Backward && !late {
        entries.reverse();
    }
    let mut items = Vec::new();
    let mut sum = match store.is(Mutant::ChargedSkips) {
        true => entries.iter().take(skip as usize).map(|(key, val)| size(key, val)).sum(),
        false => 0,
    };
    let is_full = |sum: u64, items: &Vec<_>| sum >= bytes || items.len() >= count as usize;
    for (key, val) in entries.into_iter().skip(skip as usize) {
        if is_full(sum, &items) {
            break;
        }
        sum += size(&key, &val);
        items.push((key, val));
    }
    // Whether anything lies behind a full page makes no difference to it.
    let is_full = is_full(sum, &items);
    if late {
        items.reverse();
    }
    if bytes == 0 || count == 0 {
        return Page { items, depends_on: None };
    }
    let depends_on = match items.last() {
        Some((last, _)) if is_full => up_to(range, direction, last),
        _ => range.clone(),
    };
    Page { items, depends_on: Some(depends_on) }
}

/// The part of `range` that a scan which stopped at `last` has seen.
pub(super) fn up_to(range: &KeyRange, direction: Direction, last: &Key) -> KeyRange {
    match direction {
        Direction::Forward => KeyRange { start: range.start.clone(), end: Some(KeyRange::key_after(last)) },
        Direction::Backward => KeyRange { start: last.clone(), end: range.end.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reference;

    /// A store was said to miss a conflict where a page was full with the last key of its range, and another key came behind it.
    #[test]
    fn a_full_page_depends_on_nothing_behind_it() {
        let depends_on = |limit| {
            let view = BTreeMap::from([(Key::from("a"), Val::from("1"))]);
            let size = |key: &Key, val: &Val| (key.len() + val.len()) as u64;
            cut(Reference::new().shared(), view, &KeyRange::all(), Direction::Forward, limit, 0, size).depends_on
        };
        let up_to_a = Some(KeyRange::from("".."a\0"));
        for full in [ScanLimit::Count(1), ScanLimit::Bytes(2), ScanLimit::BytesOrCount(9, 1)] {
            assert_eq!(depends_on(full), up_to_a, "{full:?}");
        }
        for room in [ScanLimit::Count(2), ScanLimit::Bytes(3)] {
            assert_eq!(depends_on(room), Some(KeyRange::all()), "{room:?}");
        }
    }
}
