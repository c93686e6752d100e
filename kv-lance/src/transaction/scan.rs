//! Scans of a transaction: its pending writes over its snapshot, within a limit.

use super::LanceTransaction;
use super::arrow::{Columns, Wanted, building};
use super::pending::PendingSource;
use crate::read::{ChunkSource, Erasures, Merge, Row, Rows, Span, Visible};
use arrow_array::RecordBatch;
use kv_api::{
    ArrowBatch, Direction, Key, KeyRange, LimitCounter, Result, ScanLimit, Val, Version, check_batch, scan_schema,
};
use std::ops::ControlFlow;

/// What a scan of columns asks for.
pub(crate) struct Page {
    pub(crate) range: KeyRange,
    pub(crate) direction: Direction,
    pub(crate) wanted: Wanted,
    /// At most.
    pub(crate) rows: usize,
    /// It ends with the rows that reach so many.
    pub(crate) bytes: usize,
}

impl LanceTransaction {
    /// A merge of what the transaction sees of `range`: its own writes too, unless it asks for a version. `wanted` is how many rows
    /// will be handed out, as far as is known; else 0.
    pub(super) fn merge(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        vals: bool,
        wanted: usize,
    ) -> Result<Merge<'_>> {
        let (at, view) = self.reading(version)?;
        let span = Span { range, direction, visible: Visible::At(at), vals, tombstones: false, wanted };
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
        let wanted = match limit {
            ScanLimit::Count(count) => count.saturating_add(skip) as usize,
            ScanLimit::Bytes(_) | ScanLimit::BytesOrCount(..) => 0,
        };
        let mut limit = LimitCounter::new(limit);
        if !limit.admits() {
            return self.reading(version).map(drop);
        }
        self.walk(range, direction, version, (vals, wanted), |rows| {
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
        (vals, wanted): (bool, usize),
        mut take: impl for<'r> FnMut(&mut Rows<'r>) -> ControlFlow<Row<'r>> + Send,
    ) -> Result<()> {
        let mut merge = self.merge(range.clone(), direction, version, vals, wanted)?;
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
        let count = self.merge(range.clone(), Direction::Forward, version, false, 0)?.count().await?;
        self.note_scan(range, Direction::Forward, version, None);
        self.check_still_open()?;
        Ok(count)
    }

    /// A page as Arrow columns. It ends before `batch` entries where its keys or its values are as many bytes as an array
    /// can hold.
    pub(super) async fn scan_arrow(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<ArrowBatch> {
        check_batch(batch)?;
        let wanted = Wanted { keys: true, vals: true, versions: false };
        let page = Page { range, direction: Direction::Forward, wanted, rows: batch as usize, bytes: usize::MAX };
        let (columns, next) = self.scan_columns(page, version).await?;
        let (keys, vals, _) = columns.finish()?;
        let batch = RecordBatch::try_new(scan_schema(), vec![keys, vals]).map_err(building)?;
        Ok(ArrowBatch { next, batch })
    }

    /// A page as columns, whose bytes are copied once, many rows of a block at a time, and what is left of its range; `None`
    /// where it has been read to its end.
    pub(crate) async fn scan_columns(
        &self,
        page: Page,
        version: Option<Version>,
    ) -> Result<(Columns, Option<KeyRange>)> {
        let Page { range, direction, wanted, rows: most, bytes } = page;
        let mut merge = self.merge(range.clone(), direction, version, wanted.vals, most)?;
        let mut columns = Columns::new(wanted);
        let mut last = None;
        let mut exhausted = false;
        while columns.rows < most && columns.bytes() < bytes {
            if !merge.advance().await? {
                exhausted = true;
                break;
            }
            let Some(mut rows) = merge.rows() else { break };
            rows.truncate(most - columns.rows);
            let (offered, added) = (rows.len(), columns.extend(&rows));
            rows.truncate(added);
            last = rows.last().map(|row| row.key_slice()).or(last);
            if added < offered {
                break;
            }
        }
        let stopped_at = last.filter(|_| !exhausted);
        self.note_scan(range.clone(), direction, version, stopped_at.as_ref());
        self.check_still_open()?;
        let rest = stopped_at.map(|last| match direction {
            Direction::Forward => KeyRange { start: KeyRange::key_after(&last), end: range.end },
            Direction::Backward => KeyRange { start: range.start, end: Some(last) },
        });
        Ok((columns, rest.filter(|rest| !rest.is_empty())))
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
