//! A transaction of the reference store.

use super::conflict::{Verdict, judge};
use super::history::History;
use super::mutant::Mutant;
use super::pending::{Pending, Write, Writes};
use super::reads::Reads;
use super::reference::Shared;
use super::scan::{Scan, entry_size, key_size};
use super::visit::Visit;
use async_trait::async_trait;
use kv_api::{
    Direction, Error, Key, KeyRange, Result, ScanLimit, Transactable, TransactionOptions, TransactionType, Val,
    Version, check_key, check_parts, check_value,
};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A snapshot of the store and the writes on top of it.
#[derive(Debug)]
pub(crate) struct ReferenceTransaction {
    pub(super) store: Arc<Shared>,
    options: TransactionOptions,
    pub(super) snapshot: Version,
    /// The timestamps up to here are of transactions that had finished.
    pub(super) safe: Version,
    /// How many transactions were begun before.
    nth: u64,
    pub(super) state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) finished: bool,
    version: Option<Version>,
    /// The first timestamp, while it counts as unfinished.
    pub(super) stamp: Option<Version>,
    pub(super) pending: Pending,
    pub(super) reads: Reads,
}

impl ReferenceTransaction {
    pub(super) fn new(store: Arc<Shared>, options: TransactionOptions) -> Self {
        let nth = store.bugs.begin();
        let backward = store.is(Mutant::BackwardSnapshot) && nth % 3 == 2;
        let lag = if backward { 2 } else { Version::from(store.is(Mutant::StaleSnapshot)) };
        let history = store.history.lock();
        let (snapshot, safe) = (history.newest().saturating_sub(lag), store.safe(&history));
        drop(history);
        Self { store, options, snapshot, safe, nth, state: Mutex::default() }
    }

    /// The version at which `key` is seen, for a mutant.
    pub(super) fn forked(&self, key: &[u8]) -> Version {
        let odd = (u64::from(key.last().copied().unwrap_or(0)) + self.nth) % 2 == 1;
        let lags = odd && self.store.is(Mutant::LongFork) && self.options.kind == TransactionType::Read;
        self.snapshot.saturating_sub(if lags { 2 } else { 0 })
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
        judge(&self.store, history, self.snapshot, self.options.isolation, &state.pending.now, &state.reads)
    }

    /// The checks of every read. The answer is the version to read at.
    pub(super) fn reading(&self, state: &State, history: &History, version: Option<Version>) -> Result<Version> {
        if version.is_some() && !self.store.capabilities.versioned_reads {
            return Err(Error::UnsupportedVersionedQueries);
        }
        if state.finished {
            return Err(Error::TransactionFinished);
        }
        match version {
            Some(requested) if requested < history.oldest() && !history.is_tagged(requested) => {
                Err(Error::VersionNotRetained { requested, oldest: history.oldest() })
            }
            Some(requested) if self.store.is(Mutant::UnclampedVersion) => Ok(requested),
            Some(requested) if self.store.is(Mutant::VersionOffByOne) && requested <= self.snapshot => {
                Ok(requested.saturating_sub(1))
            }
            Some(requested) => Ok(requested.min(self.snapshot)),
            None => Ok(self.snapshot),
        }
    }

    /// The checks of every write and every save point.
    pub(super) fn writing(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        if state.finished {
            return Err(Error::TransactionFinished);
        }
        if self.options.kind == TransactionType::Read {
            return Err(Error::TransactionReadonly);
        }
        Ok(state)
    }

    /// Makes a write pending.
    pub(super) fn write(&self, state: &mut State, key: Key, val: Option<Val>) {
        if self.store.is(Mutant::DirtyRead) {
            let mut history = self.store.history.lock();
            let (newest, write) = (history.newest(), Write { val: val.clone(), ..Write::default() });
            history.install(newest, &Writes::from([(key.clone(), write)]));
        }
        let missing = || self.store.history.lock().get(&key, self.snapshot, self.snapshot).is_none();
        if val.is_none() && self.store.is(Mutant::ForgottenDelete) && missing() {
            state.pending.now.writes.remove(&key);
            return;
        }
        let val = match val {
            Some(val) if val.len() == 4096 && self.store.is(Mutant::CutValue) => Some(val.slice(..4095)),
            val => val,
        };
        let val = val.filter(|val| !val.is_empty() || !self.store.is(Mutant::EmptyIsMissing));
        match self.store.is(Mutant::SetUndoesClr) {
            true => state.pending.overwrite(key, val),
            false => state.pending.write(key, val),
        }
    }

    /// The value that a conditional write sees.
    pub(super) fn current(&self, state: &mut State, key: &Key) -> Option<Val> {
        let own = state.pending.now.writes.get(key).filter(|_| !self.store.is(Mutant::BlindCondition));
        if let Some(write) = own {
            state.reads.touch_key(key);
            return write.val.clone();
        }
        state.reads.need_key(key);
        self.store.history.lock().get(key, self.snapshot, self.snapshot)
    }

    /// The checks of a conditional write.
    pub(super) fn conditional(&self, key: &Key, chk: Option<&Val>) -> Result<MutexGuard<'_, State>> {
        let mut state = self.writing()?;
        check_key(key)?;
        if self.current(&mut state, key).as_ref() != chk {
            return Err(Error::TransactionConditionNotMet);
        }
        Ok(state)
    }

    /// The keys whose change since the snapshot is a conflict at any isolation.
    pub(super) fn owned_keys(&self) -> Vec<Key> {
        let scope = &self.state.lock().pending.now;
        scope.writes.keys().chain(&scope.checked).cloned().collect()
    }

    fn conflict(&self, state: &State, history: &History) -> Error {
        let scope = &state.pending.now;
        let reason = "a key changed since the snapshot";
        match scope.writes.keys().chain(&scope.checked).find(|key| history.wrote(key, self.snapshot)) {
            Some(key) if self.store.is(Mutant::KeyInText) => {
                Error::conflict(format!("{reason}: {}", key.escape_ascii()))
            }
            Some(key) => Error::conflict_over(key.clone(), reason),
            None => Error::conflict(reason),
        }
    }

    /// Commits, if nothing speaks against it, with `install` to make the writes visible.
    pub(super) fn commit_at_once(&self, install: impl FnOnce(&Writes, &mut History) -> Result<()>) -> Result<()> {
        let mut state = match self.writing() {
            Ok(state) => state,
            Err(e) => {
                // Any attempt finishes the transaction.
                self.state.lock().finished = true;
                return Err(e);
            }
        };
        state.finished = true;
        let mut history = self.store.history.lock();
        if self.store.shut_down.get().is_some() {
            return Err(Error::StoreClosed);
        }
        if self.judge(&state, &history) == Verdict::Conflicts {
            state.finished = !self.store.is(Mutant::OpenAfterConflict);
            self.store.note_refused(&state.pending.now.writes);
            return Err(self.conflict(&state, &history));
        }
        if self.store.is(Mutant::GetuIsAWrite) {
            for key in state.pending.now.checked.clone() {
                let val = history.get(&key, self.snapshot, self.snapshot);
                state.pending.now.writes.entry(key).or_insert(Write { val, ..Write::default() });
            }
        }
        if self.store.is(Mutant::CutCommit) && state.pending.now.writes.len() > 128 {
            state.pending.now.writes.pop_last();
        }
        install(&state.pending.now.writes, &mut history)?;
        history.note_unsure(&state.pending.now);
        if self.store.capabilities.versioned_reads && !state.pending.now.writes.is_empty() {
            state.version = Some(history.newest());
        }
        if self.store.is(Mutant::PairwiseSkew) {
            self.store.bugs.note_reads(history.newest(), &state.reads);
        }
        Ok(())
    }
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
        if self.store.is(Mutant::CancelCommits) {
            self.store.install(&state.pending.now.writes, &mut self.store.history.lock())?;
        }
        drop(state);
        self.end_stamp();
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let committed = match self.store.stepwise_commit() {
            Some(bug) => self.commit_in_steps(bug).await,
            None => self.commit_at_once(|writes, history| self.store.install(writes, history)),
        };
        self.end_stamp();
        committed
    }

    fn commit_version(&self) -> Option<Version> {
        self.state.lock().version.filter(|_| self.store.capabilities.versioned_reads)
    }

    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool> {
        Ok(self.get(key, version).await?.is_some())
    }

    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>> {
        if self.store.is(Mutant::FinishedByDrop) {
            self.finishing_read().await?;
        }
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
        let at = if self.store.is(Mutant::UnrepeatableRead) { history.newest() } else { at.min(self.forked(key)) };
        Ok(history.get(key, at, self.snapshot))
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        if self.store.is(Mutant::WrongOrder) {
            check_key(&key)?;
        }
        let mut state = self.writing()?;
        check_key(&key)?;
        check_value(&val)?;
        self.write(&mut state, key, Some(val));
        Ok(())
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        if self.store.is(Mutant::LateWrite) {
            return self.put_late(key, val).await;
        }
        let mut state = self.writing()?;
        check_key(&key)?;
        check_value(&val)?;
        if self.current(&mut state, &key).is_some() {
            if self.store.is(Mutant::RefusedWrite) {
                self.write(&mut state, key, Some(val));
            }
            return Err(Error::TransactionKeyAlreadyExists);
        }
        self.write(&mut state, key, Some(val));
        Ok(())
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        drop(self.writing()?);
        check_value(&val)?;
        if self.store.is(Mutant::LateWrite) {
            return self.putc_late(key, val, chk).await;
        }
        let mut state = self.conditional(&key, chk.as_ref())?;
        self.write(&mut state, key, Some(val));
        Ok(())
    }

    async fn del(&self, key: Key) -> Result<()> {
        let mut state = self.writing()?;
        check_key(&key)?;
        self.write(&mut state, key, None);
        Ok(())
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        let mut state = self.conditional(&key, chk.as_ref())?;
        self.write(&mut state, key, None);
        Ok(())
    }

    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        let size = if self.store.is(Mutant::KeysChargeValues) { entry_size } else { key_size };
        self.scan_keys(Scan { range, direction: Direction::Forward, limit, skip, version, size }).await
    }

    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        let direction = Direction::Backward;
        self.scan_keys(Scan { range, direction, limit, skip, version, size: key_size }).await
    }

    async fn scan(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        let direction = Direction::Forward;
        self.scan_page(Scan { range, direction, limit, skip, version, size: entry_size }).await
    }

    async fn scanr(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        let direction = Direction::Backward;
        self.scan_page(Scan { range, direction, limit, skip, version, size: entry_size }).await
    }

    async fn count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        if self.store.is(Mutant::StoredCount) {
            let (state, history) = (self.state.lock(), self.store.history.lock());
            let at = self.reading(&state, &history, version)?;
            return Ok(history.range(&range, at, self.snapshot).len() as u64);
        }
        Ok(self.keys(range, ScanLimit::Count(u32::MAX), 0, version).await?.len() as u64)
    }

    async fn visit(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        vals: bool,
        visitor: &mut (dyn for<'r> FnMut(&'r [u8], &'r [u8]) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        self.visit_rows(Visit { range, direction, version, vals }, visitor).await
    }

    async fn setm(&self, entries: Vec<(Key, Val)>) -> Result<()> {
        let mut state = self.writing()?;
        if !self.store.is(Mutant::TornSetm) {
            entries.iter().try_for_each(|(key, val)| check_key(key).and_then(|()| check_value(val)))?;
        }
        let mut seen = BTreeSet::new();
        for (key, val) in entries {
            check_key(&key)?;
            check_value(&val)?;
            if seen.insert(key.clone()) || !self.store.is(Mutant::FirstOfSetm) {
                self.write(&mut state, key, Some(val));
            }
        }
        Ok(())
    }

    async fn delm(&self, keys: Vec<Key>) -> Result<()> {
        let mut state = self.writing()?;
        keys.iter().try_for_each(|key| check_key(key))?;
        for key in keys {
            let missing = || self.store.history.lock().get(&key, self.snapshot, self.snapshot).is_none();
            if !self.store.is(Mutant::ShyDelm) || !missing() {
                self.write(&mut state, key, None);
            }
        }
        Ok(())
    }

    async fn approximate_count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        let range = if self.store.is(Mutant::WildEstimate) && !range.is_empty() { KeyRange::all() } else { range };
        self.count(range, version).await
    }

    async fn split(&self, range: KeyRange, n: u32) -> Result<Vec<KeyRange>> {
        check_parts(n)?;
        self.split_exactly(range, n as usize).await
    }

    async fn new_save_point(&self) -> Result<()> {
        self.writing()?.pending.open();
        Ok(())
    }

    async fn release_last_save_point(&self) -> Result<()> {
        let mut state = self.writing()?;
        state.pending.release().ok_or(Error::NoSavePointPresent)?;
        if self.store.is(Mutant::GreedyRelease) {
            state.pending.release_all();
        }
        Ok(())
    }

    async fn rollback_to_save_point(&self) -> Result<()> {
        if self.store.is(Mutant::TornRollback) {
            return self.torn_rollback().await;
        }
        let mut state = self.writing()?;
        let checked = state.pending.now.checked.clone();
        let rolled_back = match () {
            () if self.store.is(Mutant::LeakySavePoint) => state.pending.roll_back_leaking(),
            () if self.store.is(Mutant::StickyErasure) => state.pending.roll_back_values(),
            () if self.store.is(Mutant::LeakyDepth) && state.pending.depth() == 17 => state.pending.release(),
            () => state.pending.rollback(),
        };
        rolled_back.ok_or(Error::NoSavePointPresent)?;
        if self.store.is(Mutant::ForgottenReads) {
            state.reads = Reads::default();
        }
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
        if !self.store.capabilities.erases_history || self.store.is(Mutant::ClrcIsDelc) {
            return self.delc(key, chk).await;
        }
        self.conditional(&key, chk.as_ref())?.pending.erase(key);
        Ok(())
    }

    async fn clrr(&self, range: KeyRange) -> Result<()> {
        if !self.store.capabilities.erases_history || self.store.is(Mutant::ClrrIsDelr) {
            return self.delr(range).await;
        }
        drop(self.writing()?);
        for key in self.keys(range.clone(), ScanLimit::Count(u32::MAX), 0, None).await? {
            self.clr(key).await?;
        }
        if !self.store.is(Mutant::ClrrOfTheVisible) {
            let mut state = self.writing()?;
            let (erased, deleted) = self.store.history.lock().without_value(&range, self.snapshot);
            let own = state.pending.now.writes_in(&range);
            for key in own.into_keys().chain(erased) {
                state.pending.erase_history(key);
            }
            // A store may know no better than to write these too.
            state.pending.now.unsure.extend(deleted);
        }
        Ok(())
    }

    async fn compact(&self, _: Option<KeyRange>) -> Result<()> {
        match self.closed() {
            true => Err(Error::TransactionFinished),
            false if self.store.read_alone => Err(self.store.readonly()),
            false => Ok(()),
        }
    }

    async fn timestamp(&self) -> Result<Version> {
        self.stamp()
    }

    async fn safe_timestamp(&self) -> Result<Version> {
        self.safe_timestamp()
    }

    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        if !self.store.is(Mutant::GetuOfReaders) {
            drop(self.writing()?);
        }
        if !self.store.capabilities.read_checks {
            return Err(Error::Unsupported { operation: "getu" });
        }
        let val = self.get(key, None).await?;
        self.state.lock().pending.now.checked.insert(Key::copy_from_slice(key));
        Ok(val)
    }
}
