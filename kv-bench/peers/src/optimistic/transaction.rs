//! A transaction: a snapshot, pending writes and what they depend on.

use super::merge::{Page, Scan, page};
use super::pending::{Pending, Write};
use super::{Shared, Slot};
use crate::{Checks, Commit, Engine, Snapshot};
use async_trait::async_trait;
use kv_api::{
    Direction, Error, Isolation, Key, KeyRange, Result, ScanLimit, Transactable, TransactionOptions, TransactionType,
    Val, Version, check_value,
};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) struct OptimisticTransaction<E: Engine> {
    shared: Arc<Shared<E>>,
    id: u64,
    slot: Arc<Slot<E::Snapshot>>,
    options: TransactionOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    finished: bool,
    pending: Pending,
    /// What a serializable transaction has read.
    read: Checks,
    /// The keys of `getu`.
    asked: BTreeSet<Key>,
}

impl<E: Engine> OptimisticTransaction<E> {
    pub(super) fn new(
        shared: Arc<Shared<E>>,
        id: u64,
        slot: Arc<Slot<E::Snapshot>>,
        options: TransactionOptions,
    ) -> Self {
        Self { shared, id, slot, options, state: Mutex::default() }
    }

    /// The checks of every read.
    fn reading(&self, version: Option<Version>) -> Result<MutexGuard<'_, State>> {
        if version.is_some() {
            return Err(Error::UnsupportedVersionedQueries);
        }
        let state = self.state.lock();
        match state.finished {
            true => Err(Error::TransactionFinished),
            false => Ok(state),
        }
    }

    /// The checks of every write and every save point.
    fn writing(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.reading(None)?;
        match self.writeable() {
            true => Ok(state),
            false => Err(Error::TransactionReadonly),
        }
    }

    fn serializable(&self) -> bool {
        self.writeable() && self.options.isolation >= Isolation::Serializable
    }

    fn with_snapshot<T>(&self, read: impl FnOnce(&E::Snapshot) -> Result<T>) -> Result<T> {
        self.slot.read().as_ref().map_or(Err(Error::StoreClosed), read)
    }

    /// The value that the transaction sees.
    fn current(&self, state: &mut State, key: &[u8]) -> Result<Option<Val>> {
        if let Some(write) = state.pending.get(key) {
            return Ok(write.clone());
        }
        if self.serializable() {
            state.read.keys.insert(Key::copy_from_slice(key));
        }
        self.with_snapshot(|snapshot| snapshot.get(key))
    }

    fn write(&self, key: Key, write: Write) -> Result<()> {
        let mut state = self.writing()?;
        self.checked(&key, &write)?;
        state.pending.write(key, write);
        Ok(())
    }

    fn checked(&self, key: &[u8], write: &Write) -> Result<()> {
        self.shared.engine.check_key(key)?;
        write.as_ref().map_or(Ok(()), |val| check_value(val))
    }

    /// A write where the current value satisfies `condition`.
    fn conditional(&self, key: Key, write: Write, condition: impl FnOnce(Option<&Val>) -> Result<()>) -> Result<()> {
        let mut state = self.writing()?;
        self.checked(&key, &write)?;
        condition(self.current(&mut state, &key)?.as_ref())?;
        state.pending.write(key, write);
        Ok(())
    }

    fn scan_page(&self, scan: Scan, version: Option<Version>) -> Result<Vec<(Key, Val)>> {
        let own = {
            let state = self.reading(version)?;
            if scan.range.is_empty() || nothing(scan.limit) {
                return Ok(Vec::new());
            }
            state.pending.in_range(&scan.range, scan.direction)
        };
        let Page { rows, read } = self.with_snapshot(|snapshot| {
            let stored = snapshot.rows(&scan.range, scan.direction, scan.values)?;
            page(stored, own, scan)
        })?;
        if self.serializable() {
            self.state.lock().read.ranges.push(read);
        }
        Ok(rows)
    }

    fn scan_keys(&self, scan: Scan, version: Option<Version>) -> Result<Vec<Key>> {
        Ok(self.scan_page(scan, version)?.into_iter().map(|(key, _)| key).collect())
    }

    /// Finishes the transaction, whatever comes of it.
    fn finish(&self) -> Result<State> {
        let state = std::mem::replace(&mut *self.state.lock(), State { finished: true, ..State::default() });
        match state.finished {
            true => Err(Error::TransactionFinished),
            false => Ok(state),
        }
    }
}

fn nothing(limit: ScanLimit) -> bool {
    matches!(
        limit,
        ScanLimit::Count(0) | ScanLimit::Bytes(0) | ScanLimit::BytesOrCount(0, _) | ScanLimit::BytesOrCount(_, 0)
    )
}

fn equals(chk: Option<Val>) -> impl FnOnce(Option<&Val>) -> Result<()> {
    move |current| match current == chk.as_ref() {
        true => Ok(()),
        false => Err(Error::TransactionConditionNotMet),
    }
}

impl<E: Engine> Drop for OptimisticTransaction<E> {
    fn drop(&mut self) {
        self.shared.forget(self.id);
    }
}

#[async_trait]
impl<E: Engine> Transactable for OptimisticTransaction<E> {
    fn kind(&self) -> &'static str {
        self.shared.engine.kind()
    }

    fn closed(&self) -> bool {
        self.state.lock().finished
    }

    fn writeable(&self) -> bool {
        self.options.kind == TransactionType::Write
    }

    async fn cancel(&self) -> Result<()> {
        self.finish()?;
        self.slot.write().take();
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let State { pending, read, asked, .. } = self.finish()?;
        let snapshot = self.slot.write().take();
        if !self.writeable() {
            return Err(Error::TransactionReadonly);
        }
        let snapshot = snapshot.ok_or(Error::StoreClosed)?;
        let writes = pending.into_writes();
        // A transaction that only read is in order at its snapshot.
        let mut checks = if writes.is_empty() { Checks::default() } else { read };
        checks.keys.extend(asked);
        let commit = Commit { writes, checks };
        if commit.writes.is_empty() && commit.checks.is_empty() {
            return Ok(());
        }
        self.shared.engine.commit(snapshot, commit).await
    }

    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool> {
        Ok(self.get(key, version).await?.is_some())
    }

    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>> {
        self.current(&mut *self.reading(version)?, key)
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        self.write(key, Some(val))
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        self.conditional(key, Some(val), |current| match current {
            Some(_) => Err(Error::TransactionKeyAlreadyExists),
            None => Ok(()),
        })
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        self.conditional(key, Some(val), equals(chk))
    }

    async fn del(&self, key: Key) -> Result<()> {
        self.write(key, None)
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.conditional(key, None, equals(chk))
    }

    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        self.scan_keys(Scan { range, direction: Direction::Forward, limit, skip, values: false }, version)
    }

    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        self.scan_keys(Scan { range, direction: Direction::Backward, limit, skip, values: false }, version)
    }

    async fn scan(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        self.scan_page(Scan { range, direction: Direction::Forward, limit, skip, values: true }, version)
    }

    async fn scanr(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        self.scan_page(Scan { range, direction: Direction::Backward, limit, skip, values: true }, version)
    }

    async fn new_save_point(&self) -> Result<()> {
        self.writing()?.pending.save();
        Ok(())
    }

    async fn release_last_save_point(&self) -> Result<()> {
        self.writing()?.pending.release().ok_or(Error::NoSavePointPresent)
    }

    async fn rollback_to_save_point(&self) -> Result<()> {
        self.writing()?.pending.rollback().ok_or(Error::NoSavePointPresent)
    }

    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        let mut state = self.writing()?;
        if !self.shared.engine.capabilities().read_checks {
            return Err(Error::Unsupported { operation: "getu" });
        }
        state.asked.insert(Key::copy_from_slice(key));
        self.current(&mut state, key)
    }
}
