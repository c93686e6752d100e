//! A transaction of the reference store.

use super::conflict::{Verdict, judge};
use super::history::History;
use super::page::cut;
use super::pending::Pending;
use super::reads::Reads;
use super::reference::Shared;
use async_trait::async_trait;
use kv_api::{
    Direction, Error, Key, KeyRange, Result, ScanLimit, Transactable, TransactionOptions, TransactionType, Val,
    Version, check_key, check_value,
};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A snapshot of the store and the writes on top of it.
#[derive(Debug)]
pub(crate) struct ReferenceTransaction {
    store: Arc<Shared>,
    options: TransactionOptions,
    snapshot: Version,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    finished: bool,
    pending: Pending,
    reads: Reads,
}

/// A scan's parameters.
struct Scan {
    range: KeyRange,
    direction: Direction,
    limit: ScanLimit,
    skip: u32,
    version: Option<Version>,
    size: fn(&Key, &Val) -> u64,
}

impl ReferenceTransaction {
    pub(super) fn new(store: Arc<Shared>, options: TransactionOptions) -> Self {
        let snapshot = store.history.lock().newest();
        Self { store, options, snapshot, state: Mutex::default() }
    }

    /// What a conditional write sees, without reading it.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<Val> {
        let state = self.state.lock();
        let stored = || self.store.history.lock().get(key, self.snapshot, self.snapshot);
        state.pending.now.writes.get(key).map_or_else(stored, |write| write.val.clone())
    }

    /// What the contract says of a commit made now.
    pub(crate) fn verdict(&self) -> Verdict {
        let state = self.state.lock();
        self.judge(&state, &self.store.history.lock())
    }

    fn judge(&self, state: &State, history: &History) -> Verdict {
        judge(history, self.snapshot, self.options.isolation, &state.pending.now, &state.reads)
    }

    /// The checks of every read. The answer is the version to read at.
    fn reading(&self, state: &State, history: &History, version: Option<Version>) -> Result<Version> {
        if version.is_some() && !self.store.capabilities.versioned_reads {
            return Err(Error::UnsupportedVersionedQueries);
        }
        if state.finished {
            return Err(Error::TransactionFinished);
        }
        match version {
            Some(requested) if requested < history.oldest() => {
                Err(Error::VersionNotRetained { requested, oldest: history.oldest() })
            }
            Some(requested) => Ok(requested.min(self.snapshot)),
            None => Ok(self.snapshot),
        }
    }

    /// The checks of every write and every save point.
    fn writing(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        if state.finished {
            return Err(Error::TransactionFinished);
        }
        if self.options.kind == TransactionType::Read {
            return Err(Error::TransactionReadonly);
        }
        Ok(state)
    }

    /// The value that a conditional write sees.
    fn current(&self, state: &mut State, key: &Key) -> Option<Val> {
        if let Some(write) = state.pending.now.writes.get(key) {
            state.reads.touch_key(key);
            return write.val.clone();
        }
        state.reads.need_key(key);
        self.store.history.lock().get(key, self.snapshot, self.snapshot)
    }

    /// The checks of a conditional write.
    fn conditional(&self, key: &Key, chk: Option<&Val>) -> Result<MutexGuard<'_, State>> {
        let mut state = self.writing()?;
        check_key(key)?;
        if self.current(&mut state, key).as_ref() != chk {
            return Err(Error::TransactionConditionNotMet);
        }
        Ok(state)
    }

    fn merged(&self, state: &State, history: &History, range: &KeyRange) -> BTreeMap<Key, Val> {
        let mut view = history.range(range, self.snapshot, self.snapshot);
        for (key, write) in state.pending.now.writes.iter().filter(|(key, _)| range.contains(key)) {
            match &write.val {
                Some(val) => view.insert(key.clone(), val.clone()),
                None => view.remove(key),
            };
        }
        view
    }

    fn scan_page(&self, scan: Scan) -> Result<Vec<(Key, Val)>> {
        let mut state = self.state.lock();
        let history = self.store.history.lock();
        let at = self.reading(&state, &history, scan.version)?;
        let view = match scan.version {
            Some(_) => history.range(&scan.range, at, self.snapshot),
            None => self.merged(&state, &history, &scan.range),
        };
        let page = cut(view, &scan.range, scan.direction, scan.limit, scan.skip, scan.size);
        if let (Some(range), None) = (page.depends_on, scan.version) {
            state.reads.need(range);
        }
        state.reads.touch(scan.range);
        Ok(page.items)
    }

    fn scan_keys(&self, scan: Scan) -> Result<Vec<Key>> {
        Ok(self.scan_page(scan)?.into_iter().map(|(key, _)| key).collect())
    }
}

fn key_size(key: &Key, _: &Val) -> u64 {
    key.len() as u64
}

fn entry_size(key: &Key, val: &Val) -> u64 {
    (key.len() + val.len()) as u64
}

#[async_trait]
impl Transactable for ReferenceTransaction {
    fn kind(&self) -> &'static str {
        "reference"
    }

    fn closed(&self) -> bool {
        self.state.lock().finished
    }

    fn writeable(&self) -> bool {
        self.options.kind == TransactionType::Write
    }

    async fn cancel(&self) -> Result<()> {
        let mut state = self.state.lock();
        if state.finished {
            return Err(Error::TransactionFinished);
        }
        state.finished = true;
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let mut state = self.writing()?;
        state.finished = true;
        let mut history = self.store.history.lock();
        if self.store.shut_down.load(Ordering::SeqCst) {
            return Err(Error::StoreClosed);
        }
        if self.judge(&state, &history) == Verdict::Conflicts {
            return Err(Error::TransactionConflict { reason: "a key changed since the snapshot".into() });
        }
        if !state.pending.now.writes.is_empty() {
            let version = self.store.source.next()?;
            history.install(version, &state.pending.now.writes);
        }
        Ok(())
    }

    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool> {
        Ok(self.get(key, version).await?.is_some())
    }

    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>> {
        let mut state = self.state.lock();
        let history = self.store.history.lock();
        let at = self.reading(&state, &history, version)?;
        state.reads.touch_key(key);
        if version.is_some() {
            return Ok(history.get(key, at, self.snapshot));
        }
        if let Some(write) = state.pending.now.writes.get(key) {
            return Ok(write.val.clone());
        }
        state.reads.need_key(key);
        Ok(history.get(key, at, self.snapshot))
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        let mut state = self.writing()?;
        check_key(&key)?;
        check_value(&val)?;
        state.pending.write(key, Some(val));
        Ok(())
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        let mut state = self.writing()?;
        check_key(&key)?;
        check_value(&val)?;
        if self.current(&mut state, &key).is_some() {
            return Err(Error::TransactionKeyAlreadyExists);
        }
        state.pending.write(key, Some(val));
        Ok(())
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        drop(self.writing()?);
        check_value(&val)?;
        self.conditional(&key, chk.as_ref())?.pending.write(key, Some(val));
        Ok(())
    }

    async fn del(&self, key: Key) -> Result<()> {
        let mut state = self.writing()?;
        check_key(&key)?;
        state.pending.write(key, None);
        Ok(())
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.conditional(&key, chk.as_ref())?.pending.write(key, None);
        Ok(())
    }

    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        let direction = Direction::Forward;
        self.scan_keys(Scan { range, direction, limit, skip, version, size: key_size })
    }

    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        let direction = Direction::Backward;
        self.scan_keys(Scan { range, direction, limit, skip, version, size: key_size })
    }

    async fn scan(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        let direction = Direction::Forward;
        self.scan_page(Scan { range, direction, limit, skip, version, size: entry_size })
    }

    async fn scanr(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        let direction = Direction::Backward;
        self.scan_page(Scan { range, direction, limit, skip, version, size: entry_size })
    }

    async fn new_save_point(&self) -> Result<()> {
        self.writing()?.pending.open();
        Ok(())
    }

    async fn release_last_save_point(&self) -> Result<()> {
        self.writing()?.pending.release().ok_or(Error::NoSavePointPresent)
    }

    async fn rollback_to_save_point(&self) -> Result<()> {
        let mut state = self.writing()?;
        let checked = state.pending.now.checked.clone();
        state.pending.rollback().ok_or(Error::NoSavePointPresent)?;
        state.reads.once_checked.extend(checked);
        Ok(())
    }

    async fn clr(&self, key: Key) -> Result<()> {
        if !self.store.capabilities.erases_history {
            return self.del(key).await;
        }
        let mut state = self.writing()?;
        check_key(&key)?;
        state.pending.erase(key);
        Ok(())
    }

    async fn clrc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        if !self.store.capabilities.erases_history {
            return self.delc(key, chk).await;
        }
        self.conditional(&key, chk.as_ref())?.pending.erase(key);
        Ok(())
    }

    async fn timestamp(&self) -> Result<Version> {
        if self.closed() {
            return Err(Error::TransactionFinished);
        }
        // Under the lock, so that it falls between two commits.
        let _history = self.store.history.lock();
        self.store.source.next()
    }

    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        if !self.closed() && !self.store.capabilities.read_checks {
            return Err(Error::Unsupported { operation: "getu" });
        }
        let val = self.get(key, None).await?;
        self.state.lock().pending.now.checked.insert(Key::copy_from_slice(key));
        Ok(val)
    }
}
