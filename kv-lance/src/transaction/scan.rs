//! Scans of a transaction: its pending writes over its snapshot, within a limit.

use super::LanceTransaction;
use super::arrow::Columns;
use super::pending::PendingSource;
use crate::read::{ChunkSource, Erasures, Merge, Row, Rows, Span, Visible};
use kv_api::{ArrowBatch, Direction, Key, KeyRange, LimitCounter, Result, ScanLimit, Val, Version, check_batch};
use std::ops::ControlFlow;

impl LanceTransaction {
    /// A merge of what the transaction sees of `range`: its own writes too, unless it asks for a version.
    pub(super) fn merge(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        vals: bool,
    ) -> Result<Merge<'_>> {
        let (at, view) = self.reading(version)?;
        let span = Span { range, direction, visible: Visible::At(at), vals, tombstones: false };
        let own = version.is_none() && self.writeable;
        let pending = own.then(|| Box::new(PendingSource(&self.pending)) as Box<dyn ChunkSource>);
        let merge = Merge::new(span, pending, &view);
        let erased = self.may_have_erased(&view, at);
        Ok(merge.without(erased.then(|| Erasures { view, snapshot: self.snapshot.version })))
    }

    /// Runs a scan and hands each row that the limit admits to `take`, which says what it is charged.
    async fn run_scan(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        bounds: (ScanLimit, u32),
        vals: bool,
        mut take: impl FnMut(Row<'_>) -> usize + Send,
    ) -> Result<()> {
        let (limit, mut skip) = bounds;
        let mut limit = LimitCounter::new(limit);
        if !limit.admits() {
            return self.reading(version).map(drop);
        }
        self.walk(range, direction, version, vals, |rows| {
            let skipped = rows.len().min(skip as usize);
            rows.skip(skipped);
            skip -= skipped as u32;
            for row in rows.iter() {
                limit.charge(take(row));
                if !limit.admits() {
                    return ControlFlow::Break(row);
                }
            }
            ControlFlow::Continue(())
        })
        .await
    }

    /// Hands the rows of a range to `take` until it stops at one.
    pub(super) async fn walk(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        vals: bool,
        mut take: impl for<'r> FnMut(&mut Rows<'r>) -> ControlFlow<Row<'r>> + Send,
    ) -> Result<()> {
        let mut merge = self.merge(range.clone(), direction, version, vals)?;
        let mut stopped_at = None;
        while stopped_at.is_none() && merge.advance().await? {
            let Some(mut rows) = merge.rows() else { break };
            if let ControlFlow::Break(row) = take(&mut rows) {
                stopped_at = Some(row.key_slice());
            }
        }
        self.note_scan(range, direction, version, stopped_at.as_ref());
        self.check_still_open()
    }

    /// Remembers for the commit what a scan saw of the transaction's snapshot, up to where its limit stopped it.
    pub(super) fn note_scan(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        stopped_at: Option<&Key>,
    ) {
        if self.serializable && version.is_none() {
            self.reads.lock().add_scan(range, direction, stopped_at);
        }
    }

    pub(super) async fn count_keys(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        let count = self.merge(range.clone(), Direction::Forward, version, false)?.count().await?;
        self.note_scan(range, Direction::Forward, version, None);
        self.check_still_open()?;
        Ok(count)
    }

    /// A page as Arrow columns, whose bytes are copied once, many rows of a block at a time. It ends before `batch` entries
    /// where its keys or its values are as many bytes as an array can hold.
    pub(super) async fn scan_arrow(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<ArrowBatch> {
        check_batch(batch)?;
        let mut merge = self.merge(range.clone(), Direction::Forward, version, true)?;
        let mut columns = Columns::default();
        let mut left = batch as usize;
        let mut last = None;
        let mut exhausted = false;
        while left > 0 {
            if !merge.advance().await? {
                exhausted = true;
                break;
            }
            let Some(mut rows) = merge.rows() else { break };
            rows.truncate(left);
            if !columns.extend(&rows) {
                break;
            }
            left -= rows.len();
            last = rows.last().map(|row| row.key_slice());
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
        let take = |row: Row<'_>| {
            let key = row.key_slice();
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
        let take = |row: Row<'_>| {
            let (key, val) = (row.key_slice(), row.val_slice());
            let charge = key.len() + val.len();
            entries.push((key, val));
            charge
        };
        self.run_scan(range, direction, version, bounds, true, take).await?;
        Ok(entries)
    }
}
