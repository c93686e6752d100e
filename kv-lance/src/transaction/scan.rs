//! Scans of a transaction: its pending writes over its snapshot, within a limit.

use super::LanceTransaction;
use super::arrow::Columns;
use super::pending::PendingSource;
use crate::core::View;
use crate::read::{ChunkSource, Found, Merge, Span};
use kv_api::{ArrowBatch, Direction, Key, KeyRange, LimitCounter, Result, ScanLimit, Val, Version, check_batch};

impl LanceTransaction {
    fn merge(&self, span: Span, view: &View, own_writes: bool) -> Merge<'_> {
        let pending =
            (own_writes && self.writeable).then(|| Box::new(PendingSource(&self.pending)) as Box<dyn ChunkSource>);
        Merge::new(span, pending, view)
    }

    /// Runs a scan and hands each entry that the limit admits to `take`, which says what it is charged.
    pub(super) async fn run_scan(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        bounds: (ScanLimit, u32),
        vals: bool,
        mut take: impl FnMut(Key, Val) -> usize + Send,
    ) -> Result<()> {
        let (at, view) = self.reading(version)?;
        let (limit, mut skip) = bounds;
        let mut limit = LimitCounter::new(limit);
        if !limit.admits() {
            return Ok(());
        }
        let mut merge =
            self.merge(Span { range: range.clone(), direction, version: at, vals }, &view, version.is_none());
        // Where the limit stopped the scan.
        let mut stopped_at = None;
        // Whether the limit admits another entry.
        let mut admit = |key: Key, val: Val| {
            let noted = self.serializable.then(|| key.clone());
            limit.charge(take(key, val));
            let more = limit.admits();
            stopped_at = noted.filter(|_| !more);
            more
        };
        while let Some(found) = merge.next().await? {
            let more = match found {
                Found::Row(..) if skip > 0 => {
                    skip -= 1;
                    true
                }
                Found::Row(key, val) => admit(key, val),
                Found::Rows(mut stretch) => {
                    let skipped = stretch.len().min(skip as usize);
                    stretch.skip(skipped);
                    skip -= skipped as u32;
                    stretch.rows().all(|(key, val)| admit(key, val))
                }
            };
            if !more {
                break;
            }
        }
        self.note_scan(range, direction, version, stopped_at.as_ref());
        self.check_still_open()
    }

    /// Remembers for the commit what a scan saw of the transaction's snapshot, up to where its limit stopped it.
    fn note_scan(&self, range: KeyRange, direction: Direction, version: Option<Version>, stopped_at: Option<&Key>) {
        if self.serializable && version.is_none() {
            self.reads.lock().add_scan(range, direction, stopped_at);
        }
    }

    pub(super) async fn count_keys(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        let (at, view) = self.reading(version)?;
        let span = Span { range: range.clone(), direction: Direction::Forward, version: at, vals: false };
        let count = self.merge(span, &view, version.is_none()).count().await?;
        self.note_scan(range, Direction::Forward, version, None);
        self.check_still_open()?;
        Ok(count)
    }

    /// A page as Arrow columns, whose bytes are copied once, a stretch of a block at a time. It ends before `batch` entries where
    /// its keys or its values are as many bytes as an array can hold.
    pub(super) async fn scan_arrow(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<ArrowBatch> {
        check_batch(batch)?;
        let (at, view) = self.reading(version)?;
        let mut columns = Columns::default();
        let mut left = batch as usize;
        let mut last = None;
        let span = Span { range: range.clone(), direction: Direction::Forward, version: at, vals: true };
        let mut merge = self.merge(span, &view, version.is_none());
        let mut exhausted = false;
        while left > 0 {
            let Some(found) = merge.next().await? else {
                exhausted = true;
                break;
            };
            let (taken, key) = match found {
                Found::Row(key, val) => (columns.push(&key, &val), Some(key)),
                Found::Rows(mut stretch) => {
                    stretch.truncate(left);
                    (columns.extend(&stretch), stretch.last_key())
                }
            };
            let Some(taken) = taken else { break };
            left -= taken;
            last = key;
        }
        let stopped_at = last.filter(|_| !exhausted);
        self.note_scan(range.clone(), Direction::Forward, version, stopped_at.as_ref());
        self.check_still_open()?;
        let rest = stopped_at.map(|last| KeyRange { start: KeyRange::key_after(&last), end: range.end });
        Ok(ArrowBatch { next: rest.filter(|rest| !rest.is_empty()), batch: columns.finish()? })
    }

    pub(super) async fn scan_keys(
        &self,
        range: KeyRange,
        direction: Direction,
        bounds: (ScanLimit, u32),
        version: Option<Version>,
    ) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        let take = |key: Key, _| {
            let charge = key.len();
            keys.push(key);
            charge
        };
        self.run_scan(range, direction, version, bounds, false, take).await?;
        Ok(keys)
    }

    pub(super) async fn scan_entries(
        &self,
        range: KeyRange,
        direction: Direction,
        bounds: (ScanLimit, u32),
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        let mut entries = Vec::new();
        let take = |key: Key, val: Val| {
            let charge = key.len() + val.len();
            entries.push((key, val));
            charge
        };
        self.run_scan(range, direction, version, bounds, true, take).await?;
        Ok(entries)
    }
}
