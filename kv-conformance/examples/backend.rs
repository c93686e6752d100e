//! A whole backend and its certification in one file: `cargo run -p kv-conformance --example backend`.
//!
//! The store is a sorted map in memory. A transaction holds it as it was and its own writes; of two that write a key, one
//! fails. The same `main`, as a test without a harness, certifies a backend of one's own.

use async_trait::async_trait;
use kv_api::Error::{self, *};
use kv_api::{
    Capabilities, Datastore, Isolation, Key, KeyRange, LimitCounter, Result, Transactable, TransactionOptions,
};
use kv_api::{ScanLimit as Limit, TransactionType, Val, Version, check_key, check_value};
use kv_conformance::Backend;
use parking_lot::{Mutex, MutexGuard};
use std::{collections::BTreeMap, sync::Arc};

fn main() -> std::process::ExitCode {
    kv_conformance::run([Backend::memory("backend", || async { Ok(Store::default()) })])
}

type At = Option<Version>;
type Rows = Vec<(Key, Val)>;

#[derive(Default)]
pub(crate) struct Committed {
    rows: Arc<BTreeMap<Key, Val>>,
    last: (u64, BTreeMap<Key, u64>), // The number of the last commit, and of the last one that wrote each key.
    closed: bool,
}

#[derive(Default, Clone)]
pub(crate) struct Store {
    pub(crate) committed: Arc<Mutex<Committed>>,
    pub(crate) forgets_deletes: bool, // For the example `broken`.
}

struct Tx {
    store: Store,
    writeable: bool,
    begun: (u64, Arc<BTreeMap<Key, Val>>),
    state: Mutex<State>,
}

#[rustfmt::skip] // As below.
#[derive(Default)]
struct State { finished: bool, writes: BTreeMap<Key, Option<Val>>, saved: Vec<BTreeMap<Key, Option<Val>>> }

#[rustfmt::skip] // A line for a method.
#[async_trait]
impl Datastore for Store {
    fn kind(&self) -> &'static str { "backend" }
    fn capabilities(&self) -> Capabilities { Capabilities::new(Isolation::Snapshot) }
    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        ensure(options.isolation == Isolation::Snapshot, Unsupported { operation: "serializable" })?;
        let committed = self.committed.lock();
        ensure(!committed.closed, StoreClosed)?;
        let (writeable, begun) = (options.kind == TransactionType::Write, (committed.last.0, committed.rows.clone()));
        Ok(Box::new(Tx { store: self.clone(), writeable, begun, state: Mutex::default() }))
    }
    async fn current_version(&self) -> Result<Version> { Err(UnsupportedVersionedQueries) }
    async fn shutdown(&self) -> Result<()> { self.committed.lock().closed = true; Ok(()) }
}

#[rustfmt::skip] // As above.
fn ensure(holds: bool, otherwise: Error) -> Result<()> { if holds { Ok(()) } else { Err(otherwise) } }

#[rustfmt::skip] // As above.
impl Tx {
    fn reading(&self, at: At) -> Result<MutexGuard<'_, State>> {
        ensure(at.is_none(), UnsupportedVersionedQueries)?;
        let state = self.state.lock();
        ensure(!state.finished, TransactionFinished).map(|()| state)
    }
    fn writing(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.reading(None)?;
        ensure(self.writeable, TransactionReadonly).map(|()| state)
    }
    fn seen(&self, state: &State, key: &[u8]) -> Option<Val> {
        state.writes.get(key).cloned().unwrap_or_else(|| self.begun.1.get(key).cloned())
    }
    fn equals(chk: Option<Val>) -> impl FnOnce(Option<Val>) -> Result<()> {
        move |seen| ensure(seen == chk, TransactionConditionNotMet)
    }
    fn write(&self, key: Key, val: Option<Val>, condition: impl FnOnce(Option<Val>) -> Result<()>) -> Result<()> {
        let mut state = self.writing()?;
        check_key(&key).and_then(|()| check_value(val.as_deref().unwrap_or_default()))?;
        condition(self.seen(&state, &key))?;
        state.writes.insert(key, val);
        Ok(())
    }
    async fn page(&self, range: KeyRange, limit: Limit, mut skip: u32, at: At, backward: bool, values: bool) -> Result<Rows> {
        let (stored, writes) = self.reading(at).map(|state| (self.begun.1.clone(), state.writes.clone()))?;
        let mut keys: Vec<&Key> = stored.keys().chain(writes.keys()).filter(|key| range.contains(key)).collect();
        keys.sort_by(|a, b| if backward { b.cmp(a) } else { a.cmp(b) });
        keys.dedup(); // Stored and written again.
        let (mut left, mut rows) = (LimitCounter::new(limit), Rows::new());
        for (n, key) in keys.into_iter().enumerate() {
            if n % 1000 == 999 { tokio::task::yield_now().await } // Long reads give way.
            let Some(val) = writes.get(key).or(Some(&stored.get(key).cloned())).cloned().flatten() else { continue };
            if skip > 0 { skip -= 1; continue }
            if !left.admits() { break }
            left.charge(key.len() + if values { val.len() } else { 0 });
            rows.push((key.clone(), val));
        }
        Ok(rows)
    }
    async fn keys_of(&self, range: KeyRange, limit: Limit, skip: u32, at: At, backward: bool) -> Result<Vec<Key>> {
        Ok(self.page(range, limit, skip, at, backward, false).await?.into_iter().map(|(key, _)| key).collect())
    }
}

#[rustfmt::skip] // As above.
#[async_trait]
impl Transactable for Tx {
    fn kind(&self) -> &'static str { "backend" }
    fn closed(&self) -> bool { self.state.lock().finished }
    fn writeable(&self) -> bool { self.writeable }
    async fn cancel(&self) -> Result<()> { self.reading(None).map(|mut state| state.finished = true) }
    async fn commit(&self) -> Result<()> {
        let mut state = self.reading(None)?;
        state.finished = true;
        ensure(self.writeable, TransactionReadonly)?;
        let mut committed = self.store.committed.lock();
        ensure(!committed.closed, StoreClosed)?;
        let later = |key: &Key| committed.last.1.get(key).is_some_and(|commit| *commit > self.begun.0);
        let conflict = |(key, val): (&Key, &Option<Val>)| later(key) && (val.is_some() || !self.store.forgets_deletes);
        ensure(!state.writes.iter().any(conflict), TransactionConflict { reason: "written by another".into(), key: None })?;
        let Committed { rows, last, .. } = &mut *committed;
        last.0 += 1;
        for (key, val) in std::mem::take(&mut state.writes) {
            last.1.insert(key.clone(), last.0);
            if let Some(val) = val { Arc::make_mut(rows).insert(key, val) } else { Arc::make_mut(rows).remove(&key) };
        }
        Ok(())
    }
    async fn exists(&self, key: &[u8], at: At) -> Result<bool> { Ok(self.get(key, at).await?.is_some()) }
    async fn get(&self, key: &[u8], at: At) -> Result<Option<Val>> { Ok(self.seen(&*self.reading(at)?, key)) }
    async fn set(&self, key: Key, val: Val) -> Result<()> { self.write(key, Some(val), |_| Ok(())) }
    async fn put(&self, key: Key, val: Val) -> Result<()> {
        self.write(key, Some(val), |seen| ensure(seen.is_none(), TransactionKeyAlreadyExists))
    }
    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        self.write(key, Some(val), Self::equals(chk))
    }
    async fn del(&self, key: Key) -> Result<()> { self.write(key, None, |_| Ok(())) }
    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> { self.write(key, None, Self::equals(chk)) }
    async fn keys(&self, r: KeyRange, n: Limit, s: u32, at: At) -> Result<Vec<Key>> { self.keys_of(r, n, s, at, false).await }
    async fn keysr(&self, r: KeyRange, n: Limit, s: u32, at: At) -> Result<Vec<Key>> { self.keys_of(r, n, s, at, true).await }
    async fn scan(&self, r: KeyRange, n: Limit, s: u32, at: At) -> Result<Rows> { self.page(r, n, s, at, false, true).await }
    async fn scanr(&self, r: KeyRange, n: Limit, s: u32, at: At) -> Result<Rows> { self.page(r, n, s, at, true, true).await }
    async fn new_save_point(&self) -> Result<()> {
        self.writing().map(|mut state| { let writes = state.writes.clone(); state.saved.push(writes) })
    }
    async fn release_last_save_point(&self) -> Result<()> {
        self.writing()?.saved.pop().map(drop).ok_or(NoSavePointPresent)
    }
    async fn rollback_to_save_point(&self) -> Result<()> {
        let State { writes, saved, .. } = &mut *self.writing()?;
        saved.pop().map(|before| *writes = before).ok_or(NoSavePointPresent)
    }
}
