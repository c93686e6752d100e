//! Scans of a transaction: its pending writes over its snapshot, within a limit.

use super::LanceTransaction;
use super::pending::PendingSource;
use crate::read::{ChunkSource, Merge, Span};
use kv_api::{Direction, Key, KeyRange, LimitCounter, Result, ScanLimit, Val, Version};

impl LanceTransaction {
    fn merge(&self, span: Span, own_writes: bool) -> Merge<'_> {
        let pending =
            (own_writes && self.writeable).then(|| Box::new(PendingSource(&self.pending)) as Box<dyn ChunkSource>);
        Merge::new(span, pending, &self.snapshot.view)
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
        let at = self.read_version(version)?;
        let (limit, mut skip) = bounds;
        let mut limit = LimitCounter::new(limit);
        if !limit.admits() {
            return Ok(());
        }
        let mut merge = self.merge(Span { range: range.clone(), direction, version: at, vals }, version.is_none());
        // Where the limit stopped the scan.
        let mut stopped_at = None;
        while let Some((key, val)) = merge.next().await? {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let noted = self.serializable.then(|| key.clone());
            limit.charge(take(key, val));
            if !limit.admits() {
                stopped_at = noted;
                break;
            }
        }
        if self.serializable && version.is_none() {
            self.reads.lock().add_scan(range, direction, stopped_at.as_ref());
        }
        Ok(())
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
