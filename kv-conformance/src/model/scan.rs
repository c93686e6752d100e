//! Scans of a transaction: the whole merged view, then a page of it.

use super::history::History;
use super::mutant::Mutant;
use super::page::cut;
use super::transaction::{ReferenceTransaction, State};
use kv_api::{Direction, Key, KeyRange, Result, ScanLimit, Val, Version};
use std::collections::{BTreeMap, BTreeSet};

/// A scan's parameters.
pub(super) struct Scan {
    pub(super) range: KeyRange,
    pub(super) direction: Direction,
    pub(super) limit: ScanLimit,
    pub(super) skip: u32,
    pub(super) version: Option<Version>,
    pub(super) size: fn(&Key, &Val) -> u64,
}

impl ReferenceTransaction {
    fn merged(&self, state: &State, history: &History, range: &KeyRange) -> BTreeMap<Key, Val> {
        let at = if self.store.is(Mutant::StaleScan) { history.newest() } else { self.snapshot };
        let mut view = history.range(range, at, at);
        if self.store.is(Mutant::LongFork) {
            let seen = |key: &Key| Some((key.clone(), history.get(key, self.forked(key), at)?));
            let before = history.range(range, at.saturating_sub(2), at);
            let keys: BTreeSet<Key> = view.into_keys().chain(before.into_keys()).collect();
            view = keys.iter().filter_map(seen).collect();
        }
        if self.store.is(Mutant::InclusiveEnd) && !range.is_empty() {
            let end = range.end.as_ref().and_then(|end| Some((end.clone(), history.get(end, at, at)?)));
            view.extend(end);
        }
        if self.store.is(Mutant::UnmergedScan) {
            return view;
        }
        for (key, write) in state.pending.now.writes.iter().filter(|(key, _)| range.contains(key)) {
            match &write.val {
                Some(val) => view.insert(key.clone(), val.clone()),
                None => view.remove(key),
            };
        }
        view
    }

    pub(super) fn scan_page(&self, scan: Scan) -> Result<Vec<(Key, Val)>> {
        let mut state = self.state.lock();
        let history = self.store.history.lock();
        let at = self.reading(&state, &history, scan.version)?;
        let mut view = match scan.version {
            Some(_) if !self.store.is(Mutant::VersionedOwnWrites) => history.range(&scan.range, at, self.snapshot),
            _ => self.merged(&state, &history, &scan.range),
        };
        let mut scan = scan;
        if scan.version.is_none() && self.store.is(Mutant::SkipBeforeMerge) {
            let stored = history.range(&scan.range, self.snapshot, self.snapshot);
            let skipped: Vec<&Key> = stored.keys().take(scan.skip as usize).collect();
            view.retain(|key, _| !skipped.contains(&key));
            scan.skip = 0;
        }
        let page = cut(&self.store, view, &scan.range, scan.direction, scan.limit, scan.skip, scan.size);
        if let (Some(range), None) = (page.depends_on, scan.version) {
            state.reads.need(range);
        }
        state.reads.touch(scan.range);
        Ok(page.items)
    }

    pub(super) fn scan_keys(&self, scan: Scan) -> Result<Vec<Key>> {
        Ok(self.scan_page(scan)?.into_iter().map(|(key, _)| key).collect())
    }
}

pub(super) fn key_size(key: &Key, _: &Val) -> u64 {
    key.len() as u64
}

pub(super) fn entry_size(key: &Key, val: &Val) -> u64 {
    (key.len() + val.len()) as u64
}
