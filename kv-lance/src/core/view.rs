//! The view: which memtables and runs make up the store. Immutable, swapped whole, so that a read works on one from
//! beginning to end and never takes a lock.
//!
//! A transaction holds a version and takes the current view for each of its reads. That is right because every later
//! view has the rows that an open version needs: flushes and compactions keep those that a registered
//! [snapshot](super::Snapshots) reads. It holds no view, so that flushed memtables go when the last read of them ends.

use super::past::{PastSearch, Place};
use crate::memtable::MemTable;
use crate::table::{Levels, RowPlace, Run, Tags, hash};
use arc_swap::{ArcSwap, Guard};
use kv_api::{Error, Result, Val, Version};
use parking_lot::Mutex;
use std::sync::Arc;

/// A memtable that takes no more writes and waits for its flush.
pub(crate) struct Frozen {
    pub(crate) memtable: Arc<MemTable>,
    /// The last journal segment that holds its commits.
    pub(crate) journal_through: u64,
}

/// The sources of a read, newest first: of one key, the rows of a source are newer than those of any behind it, so the
/// first that has a row for a key and a version has the right one. Where [history](crate::table::History) may have one as
/// well, the greater version is right.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) active: Arc<MemTable>,
    pub(crate) frozen: Vec<Arc<Frozen>>,
    pub(crate) levels: Levels,
    /// History before this version has been dropped, but for what tags find.
    pub(crate) history_floor: Version,
    pub(crate) tags: Tags,
}

impl View {
    /// What a store without a table shows of a memtable.
    #[cfg(test)]
    pub(crate) fn of(memtable: MemTable) -> Self {
        let (active, levels, tags) = (Arc::new(memtable), Levels::default(), Tags::default());
        Self { active, frozen: Vec::new(), levels, history_floor: 0, tags }
    }

    /// Refuses a version whose history is gone.
    pub(crate) fn check_retained(&self, version: Version) -> Result<()> {
        if version < self.history_floor && !self.tags.pins().contain(version) {
            return Err(Error::VersionNotRetained { requested: version, oldest: self.history_floor });
        }
        Ok(())
    }

    /// The memtables, newest first.
    pub(crate) fn memtables(&self) -> impl Iterator<Item = &Arc<MemTable>> {
        std::iter::once(&self.active).chain(self.frozen.iter().map(|frozen| &frozen.memtable))
    }

    /// The value of `key` at `version`.
    pub(crate) async fn get(&self, key: &[u8], version: Version) -> Result<Option<Val>> {
        if let Some(found) = self.memtables().find_map(|memtable| memtable.get(key, version)) {
            return Ok(found);
        }
        let hash = if self.levels.is_empty() { 0 } else { hash(key) };
        if self.levels.history().concerns(version) {
            return match self.find_in_the_past(key, version, hash).await? {
                Some((run, place)) => run.val_of(&place).await,
                None => Ok(None),
            };
        }
        for run in self.levels.holding(key, version) {
            if let Some(found) = run.get(key, version, hash).await? {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The row of `key` that a read at `version` finds, among those that history may have.
    async fn find_in_the_past(&self, key: &[u8], version: Version, hash: u64) -> Result<Option<(&Arc<Run>, RowPlace)>> {
        let mut search = self.past(key, version);
        while let Some((run, at)) = search.next() {
            if let Some(row) = run.find(key, at, hash).await? {
                search.take(row);
            }
        }
        Ok(search.end())
    }

    /// The same, from memory alone; `None` where a block has to be read.
    fn find_in_the_past_cached(
        &self,
        key: &[u8],
        version: Version,
        hash: u64,
    ) -> Option<Option<(&Arc<Run>, RowPlace)>> {
        let mut search = self.past(key, version);
        while let Some((run, at)) = search.next() {
            if let Some(row) = run.find_cached(key, at, hash)? {
                search.take(row);
            }
        }
        Some(search.end())
    }

    fn past<'a>(&'a self, key: &[u8], version: Version) -> PastSearch<'a, impl Iterator<Item = (Place, &'a Arc<Run>)>> {
        let current = self.levels.holding(key, Version::MAX).map(|run| (Place::Levels, run));
        let history = self.levels.history().holding(key, version).map(|run| (Place::History, run));
        PastSearch::new(version, current.chain(history))
    }

    /// As [`get`](Self::get), from memory alone; `None` where a block has to be read.
    pub(crate) fn get_cached(&self, key: &[u8], version: Version) -> Option<Option<Val>> {
        if let Some(found) = self.memtables().find_map(|memtable| memtable.get(key, version)) {
            return Some(found);
        }
        let hash = if self.levels.is_empty() { 0 } else { hash(key) };
        if self.levels.history().concerns(version) {
            return match self.find_in_the_past_cached(key, version, hash)? {
                Some((run, place)) => run.val_of_cached(&place),
                None => Some(None),
            };
        }
        for run in self.levels.holding(key, version) {
            if let Some(found) = run.get_cached(key, version, hash)? {
                return Some(found);
            }
        }
        Some(None)
    }

    /// Whether history before some version after `since` may have been erased for some keys.
    pub(crate) fn may_have_erased(&self, since: Version) -> bool {
        self.memtables().any(|memtable| memtable.max_erasing() > since)
            || self.levels.runs().any(|run| run.statistics().max_erasing > since)
    }

    /// Whether a transaction at `snapshot` finds the history of `key` up to `version` erased.
    pub(crate) async fn has_erased(&self, key: &[u8], version: Version, snapshot: Version) -> Result<bool> {
        if self.memtables().any(|m| m.max_erasing() > version && m.erases(key, version, snapshot)) {
            return Ok(true);
        }
        let hash = hash(key);
        for run in self.levels.holding(key, Version::MAX) {
            if run.erases(key, version, snapshot, hash).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether `key` has a value at `version`; reads no value.
    pub(crate) async fn exists(&self, key: &[u8], version: Version) -> Result<bool> {
        if let Some(found) = self.memtables().find_map(|memtable| memtable.get(key, version)) {
            return Ok(found.is_some());
        }
        let hash = if self.levels.is_empty() { 0 } else { hash(key) };
        if self.levels.history().concerns(version) {
            let found = self.find_in_the_past(key, version, hash).await?;
            return Ok(found.is_some_and(|(_, place)| !place.keys.is_tombstone(place.row)));
        }
        for run in self.levels.holding(key, version) {
            if let Some(found) = run.exists(key, version, hash).await? {
                return Ok(found);
            }
        }
        Ok(false)
    }
}

/// The current view.
pub(crate) struct ViewCell {
    current: ArcSwap<View>,
    edit: Mutex<()>,
}

impl ViewCell {
    pub(crate) fn new(view: View) -> Self {
        Self { current: ArcSwap::from_pointee(view), edit: Mutex::new(()) }
    }

    pub(crate) fn load(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// The current view for a moment: cheaper than [`load`](Self::load), and not to be kept.
    pub(crate) fn guard(&self) -> Guard<Arc<View>> {
        self.current.load()
    }

    /// Replaces the view by an edited copy. Edits happen one after the other.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut View)) {
        let _one_at_a_time = self.edit.lock();
        let mut view = View::clone(&self.current.load());
        edit(&mut view);
        self.current.store(Arc::new(view));
    }
}
