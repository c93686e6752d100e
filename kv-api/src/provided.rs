//! What the provided methods of a transaction do where a backend has nothing faster.

use crate::giving_way::give_way;
use crate::{
    Direction, Error, Key, KeyRange, LimitCounter, Result, ScanLimit, Transactable, Val, Version, check_key,
    check_value,
};
use std::ops::ControlFlow;

/// How many entries the provided methods ask for at once.
pub(crate) const PAGE: u32 = 1000;

/// How many bytes a visit asks for at once: long values must not fill the memory.
const PAGE_BYTES: u32 = 1 << 20;

/// How many keys are sampled for each part of a range.
const SAMPLES: usize = 32;

/// Refuses a write of a finished or read-only transaction.
pub(crate) fn check_writeable<T: Transactable + ?Sized>(tx: &T) -> Result<()> {
    if tx.closed() {
        Err(Error::TransactionFinished)
    } else if !tx.writeable() {
        Err(Error::TransactionReadonly)
    } else {
        Ok(())
    }
}

/// Makes the checks of every entry, before any of them is written.
pub(crate) fn check_entries<T: Transactable + ?Sized>(tx: &T, entries: &[(Key, Val)]) -> Result<()> {
    check_writeable(tx)?;
    entries.iter().try_for_each(|(key, val)| check_key(key).and_then(|()| check_value(val)))
}

/// As [`check_entries`], of keys.
pub(crate) fn check_keys<T: Transactable + ?Sized>(tx: &T, keys: &[Key]) -> Result<()> {
    check_writeable(tx)?;
    keys.iter().try_for_each(|key| check_key(key))
}

/// What is shown the rows of a visit.
type Visitor<'a> = dyn for<'r> FnMut(&'r [u8], &'r [u8]) -> ControlFlow<()> + Send + 'a;

/// [`Transactable::visit`], a page at a time.
pub(crate) async fn visit<T: Transactable + ?Sized>(
    tx: &T,
    range: KeyRange,
    direction: Direction,
    version: Option<Version>,
    vals: bool,
    visitor: &mut Visitor<'_>,
) -> Result<()> {
    let mut rest = range;
    loop {
        let limit = ScanLimit::BytesOrCount(PAGE_BYTES, PAGE);
        let page = page(tx, rest.clone(), direction, version, vals, limit).await?;
        let mut counter = LimitCounter::new(limit);
        for (key, val) in &page {
            counter.charge(key.len() + val.len());
            if visitor(key, val).is_break() {
                return Ok(());
            }
        }
        // A page with room left is the last.
        let Some((last, _)) = page.into_iter().next_back().filter(|_| !counter.admits()) else { return Ok(()) };
        match direction {
            Direction::Forward => rest.start = KeyRange::key_after(&last),
            Direction::Backward => rest.end = Some(last),
        }
        if rest.is_empty() {
            return Ok(());
        }
        give_way().await;
    }
}

async fn page<T: Transactable + ?Sized>(
    tx: &T,
    range: KeyRange,
    direction: Direction,
    version: Option<Version>,
    vals: bool,
    limit: ScanLimit,
) -> Result<Vec<(Key, Val)>> {
    let keys = match (direction, vals) {
        (Direction::Forward, true) => return tx.scan(range, limit, 0, version).await,
        (Direction::Backward, true) => return tx.scanr(range, limit, 0, version).await,
        (Direction::Forward, false) => tx.keys(range, limit, 0, version).await?,
        (Direction::Backward, false) => tx.keysr(range, limit, 0, version).await?,
    };
    Ok(keys.into_iter().map(|key| (key, Val::new())).collect())
}

/// [`Transactable::split`], by keys sampled at equal distances on one way through the range.
pub(crate) async fn split<T: Transactable + ?Sized>(tx: &T, range: KeyRange, n: u32) -> Result<Vec<KeyRange>> {
    let most = SAMPLES.saturating_mul(n as usize);
    let mut samples = Samples { keys: Vec::new(), distance: 1, seen: 0, most };
    tx.visit(range.clone(), Direction::Forward, None, false, &mut |key, _| {
        samples.add(key);
        ControlFlow::Continue(())
    })
    .await?;
    Ok(range.split_at(samples.bounds(n as usize)))
}

/// Every so many keys one, the distance growing with what has been seen.
struct Samples {
    keys: Vec<Key>,
    distance: u64,
    seen: u64,
    most: usize,
}

impl Samples {
    fn add(&mut self, key: &[u8]) {
        if self.seen.is_multiple_of(self.distance) {
            if self.keys.len() >= self.most {
                let mut kept = false;
                self.keys.retain(|_| {
                    kept = !kept;
                    kept
                });
                self.distance = self.distance.saturating_mul(2);
            }
            if self.seen.is_multiple_of(self.distance) {
                self.keys.push(Key::copy_from_slice(key));
            }
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// The first keys of the parts after the first.
    fn bounds(&self, parts: usize) -> impl Iterator<Item = Key> {
        let len = self.keys.len();
        let parts = parts.min(len);
        (1..parts).filter_map(move |part| self.keys.get(len * part / parts).cloned())
    }
}
