//! A scan over a snapshot with own writes on top.

use super::pending::Write;
use crate::Rows;
use kv_api::{Direction, Key, KeyRange, LimitCounter, Result, ScanLimit, Val};
use std::cmp::Ordering;
use std::iter::Peekable;

/// What is asked for.
pub(super) struct Scan {
    pub(super) range: KeyRange,
    pub(super) direction: Direction,
    pub(super) limit: ScanLimit,
    pub(super) skip: u32,
    pub(super) values: bool,
}

/// What is answered, and the part of the range that the answer depends on.
pub(super) struct Page {
    pub(super) rows: Vec<(Key, Val)>,
    pub(super) read: KeyRange,
}

/// Stored rows and own writes, both in the order of the scan.
struct Merged<'a> {
    stored: Peekable<Rows<'a>>,
    own: Peekable<std::vec::IntoIter<(Key, Write)>>,
    direction: Direction,
}

impl Merged<'_> {
    /// The next entry that has a value, own writes first.
    fn next(&mut self) -> Result<Option<(Key, Val)>> {
        loop {
            let order = match (self.stored.peek(), self.own.peek()) {
                (None, None) => return Ok(None),
                (Some(Err(_)), _) | (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(Ok((stored, _))), Some((own, _))) => match self.direction {
                    Direction::Forward => stored.cmp(own),
                    Direction::Backward => own.cmp(stored),
                },
            };
            if order.is_le() {
                let stored = self.stored.next().transpose()?;
                if order.is_lt() {
                    return Ok(stored);
                }
            }
            if let Some((key, Some(val))) = self.own.next() {
                return Ok(Some((key, val)));
            }
        }
    }
}

/// Takes a page. Nothing is read past the entry that reaches the limit.
pub(super) fn page(stored: Rows<'_>, own: Vec<(Key, Write)>, scan: Scan) -> Result<Page> {
    let mut merged = Merged { stored: stored.peekable(), own: own.into_iter().peekable(), direction: scan.direction };
    let mut limit = LimitCounter::new(scan.limit);
    let (mut rows, mut skip, mut read) = (Vec::<(Key, Val)>::new(), scan.skip, scan.range);
    while limit.admits() {
        let Some((key, val)) = merged.next()? else { return Ok(Page { rows, read }) };
        if skip > 0 {
            skip -= 1;
            continue;
        }
        limit.charge(key.len() + if scan.values { val.len() } else { 0 });
        rows.push((key, val));
    }
    if let Some((last, _)) = rows.last() {
        match scan.direction {
            Direction::Forward => read.end = Some(KeyRange::key_after(last)),
            Direction::Backward => read.start = last.clone(),
        }
    }
    Ok(Page { rows, read })
}
