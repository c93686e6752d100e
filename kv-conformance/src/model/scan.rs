//! Scans of a transaction: the whole merged view, then a page of it.

use super::mutant::Mutant;
use super::page::cut;
use super::pending::Writes;
use super::transaction::ReferenceTransaction;
use kv_api::{Direction, Key, KeyRange, Result, ScanLimit, Val, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A scan's parameters.
pub(super) struct Scan {
    pub(super) range: KeyRange,
    pub(super) direction: Direction,
    pub(super) limit: ScanLimit,
    pub(super) skip: u32,
    pub(super) version: Option<Version>,
    pub(super) size: fn(&Key, &Val) -> u64,
}

/// How long a scan that hogs its thread does so, for each row.
const HOGGED: Duration = Duration::from_micros(20);

/// How many keys are looked at in one go.
const STEP: usize = 1000;

impl ReferenceTransaction {
    /// What `range` held at `at`, as a transaction begun at `snapshot` sees it. Others run between two steps: no commit
    /// changes what was.
    pub(super) async fn held(&self, range: &KeyRange, at: Version, snapshot: Version) -> BTreeMap<Key, Val> {
        let mut held = BTreeMap::new();
        let mut rest = Some(range.clone());
        while let Some(range) = rest {
            rest = self.store.history.lock().range_step(&range, at, snapshot, STEP, &mut held);
            if rest.is_some() && !self.store.is(Mutant::HoggingScan) {
                tokio::task::yield_now().await;
            }
        }
        if self.store.is(Mutant::HoggingScan) {
            std::thread::sleep(HOGGED * held.len() as u32);
        }
        held
    }

    async fn merged(&self, own: Writes, range: &KeyRange) -> BTreeMap<Key, Val> {
        let newest = || self.store.history.lock().newest();
        let is_dragged = self.store.read_alone && self.store.is(Mutant::RefreshedSnapshot);
        let at = if is_dragged || self.store.is(Mutant::StaleScan) { newest() } else { self.snapshot };
        let mut view = self.held(range, at, at).await;
        if self.store.is(Mutant::LongFork) {
            let before = self.held(range, at.saturating_sub(2), at).await;
            let keys: BTreeSet<Key> = view.into_keys().chain(before.into_keys()).collect();
            let history = self.store.history.lock();
            let seen = |key: &Key| Some((key.clone(), history.get(key, self.forked(key), at)?));
            view = keys.iter().filter_map(seen).collect();
        }
        if self.store.is(Mutant::InclusiveEnd) && !range.is_empty() {
            let stored = |end: &Key| self.store.history.lock().get(end, at, at);
            view.extend(range.end.as_ref().and_then(|end| Some((end.clone(), stored(end)?))));
        }
        if self.store.is(Mutant::UnmergedScan) {
            return view;
        }
        for (key, write) in own {
            match write.val {
                Some(val) => view.insert(key, val),
                None => view.remove(&key),
            };
        }
        view
    }

    /// All that `range` holds, for this transaction.
    pub(super) async fn view(&self, range: &KeyRange, version: Option<Version>) -> Result<BTreeMap<Key, Val>> {
        let (at, own) = {
            let state = self.state.lock();
            let at = self.reading(&state, &self.store.history.lock(), version)?;
            (at, state.pending.now.writes_in(range))
        };
        Ok(match version {
            Some(_) if !self.store.is(Mutant::VersionedOwnWrites) => self.held(range, at, self.snapshot).await,
            _ => self.merged(own, range).await,
        })
    }

    pub(super) async fn scan_page(&self, mut scan: Scan) -> Result<Vec<(Key, Val)>> {
        let mut view = self.view(&scan.range, scan.version).await?;
        if scan.version.is_none() && self.store.is(Mutant::SkipBeforeMerge) {
            let stored = self.held(&scan.range, self.snapshot, self.snapshot).await;
            let skipped: BTreeSet<Key> = stored.into_keys().take(scan.skip as usize).collect();
            view.retain(|key, _| !skipped.contains(key));
            scan.skip = 0;
        }
        let page = cut(&self.store, view, &scan.range, scan.direction, scan.limit, scan.skip, scan.size);
        let reads = &mut self.state.lock().reads;
        if let (Some(range), None) = (page.depends_on, scan.version) {
            reads.need(range);
        }
        reads.touch(scan.range);
        Ok(page.items)
    }

    pub(super) async fn scan_keys(&self, scan: Scan) -> Result<Vec<Key>> {
        Ok(self.scan_page(scan).await?.into_iter().map(|(key, _)| key).collect())
    }
}

pub(super) fn key_size(key: &Key, _: &Val) -> u64 {
    key.len() as u64
}

pub(super) fn entry_size(key: &Key, val: &Val) -> u64 {
    (key.len() + val.len()) as u64
}
