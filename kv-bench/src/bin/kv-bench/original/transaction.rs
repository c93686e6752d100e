//! A transaction: a version of the table, and what is pending on top of it.

use super::{KIND, Newest, Shared, table};
use async_trait::async_trait;
use kv_api::{
    Direction, Error, Key, KeyRange, LimitCounter, Result, ScanLimit, Transactable, TransactionType, Val, Version,
    check_key, check_value,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// Writes by key; `None` takes a value away.
pub(super) type Pending = BTreeMap<Key, Option<Val>>;

pub(super) struct OriginalTransaction {
    shared: Arc<Shared>,
    snapshot: Newest,
    _open: Arc<()>,
    kind: TransactionType,
    finished: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pending: Pending,
    /// What was pending when each open save point was made.
    save_points: Vec<Pending>,
}

impl OriginalTransaction {
    pub(super) fn new(shared: Arc<Shared>, snapshot: Newest, open: Arc<()>, kind: TransactionType) -> Self {
        Self { shared, snapshot, _open: open, kind, finished: AtomicBool::new(false), state: Mutex::default() }
    }

    async fn reading(&self, version: Option<Version>) -> Result<MutexGuard<'_, State>> {
        if version.is_some() {
            return Err(Error::UnsupportedVersionedQueries);
        }
        let state = self.state.lock().await;
        if self.closed() { Err(Error::TransactionFinished) } else { Ok(state) }
    }

    async fn writing(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.reading(None).await?;
        if self.writeable() { Ok(state) } else { Err(Error::TransactionReadonly) }
    }

    async fn find(&self, state: &State, key: &[u8]) -> Result<Option<Val>> {
        match state.pending.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => table::get(&self.snapshot.dataset, key).await,
        }
    }

    async fn write_if(
        &self,
        key: Key,
        val: Option<Val>,
        check: impl Fn(Option<Val>) -> Result<()> + Send,
    ) -> Result<()> {
        let mut state = self.writing().await?;
        check_key(&key)?;
        val.as_deref().map_or(Ok(()), check_value)?;
        check(self.find(&state, &key).await?)?;
        state.pending.insert(key, val);
        Ok(())
    }

    async fn rows(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
        values: bool,
    ) -> Result<Vec<(Key, Val)>> {
        let state = self.reading(version).await?;
        let mut counter = LimitCounter::new(limit);
        if range.is_empty() || !counter.admits() {
            return Ok(Vec::new());
        }
        let pending: Vec<(&Key, &Option<Val>)> =
            state.pending.range(range.start.clone()..).take_while(|(key, _)| range.contains(key)).collect();
        // So many that those which pending writes hide do not matter.
        let most = match limit {
            ScanLimit::Count(count) | ScanLimit::BytesOrCount(_, count) => {
                Some(u64::from(count) + u64::from(skip) + pending.len() as u64)
            }
            ScanLimit::Bytes(_) => None,
        };
        let stored = table::rows(&self.snapshot.dataset, &range, direction, most, values).await?;
        let mut merged: BTreeMap<Key, Val> = stored.into_iter().collect();
        for (key, val) in pending {
            match val {
                Some(val) => merged.insert(key.clone(), val.clone()),
                None => merged.remove(key),
            };
        }
        let ordered: Box<dyn Iterator<Item = (Key, Val)>> = match direction {
            Direction::Forward => Box::new(merged.into_iter()),
            Direction::Backward => Box::new(merged.into_iter().rev()),
        };
        let mut rows = Vec::new();
        for (key, val) in ordered.skip(skip as usize) {
            if !counter.admits() {
                break;
            }
            counter.charge(key.len() + if values { val.len() } else { 0 });
            rows.push((key, val));
        }
        Ok(rows)
    }
}

fn condition(met: bool) -> Result<()> {
    if met { Ok(()) } else { Err(Error::TransactionConditionNotMet) }
}

fn keys_of(rows: Vec<(Key, Val)>) -> Vec<Key> {
    rows.into_iter().map(|(key, _)| key).collect()
}

#[async_trait]
impl Transactable for OriginalTransaction {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn closed(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    fn writeable(&self) -> bool {
        self.kind == TransactionType::Write
    }

    async fn cancel(&self) -> Result<()> {
        let _state = self.reading(None).await?;
        self.finished.store(true, Ordering::Release);
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let mut state = self.reading(None).await?;
        self.finished.store(true, Ordering::Release);
        if !self.writeable() {
            return Err(Error::TransactionReadonly);
        }
        let pending = std::mem::take(&mut state.pending);
        let (shared, seen) = (self.shared.clone(), self.snapshot.commits);
        if pending.is_empty() {
            return shared.newest().map(|_| ());
        }
        // A task of its own goes on where this future is dropped.
        let committed = tokio::spawn(async move { shared.commit(seen, pending).await }).await;
        committed.unwrap_or_else(|e| Err(Error::CommitOutcomeUnknown { reason: e.to_string() }))
    }

    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool> {
        Ok(self.get(key, version).await?.is_some())
    }

    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>> {
        let state = self.reading(version).await?;
        check_key(key)?;
        self.find(&state, key).await
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        let mut state = self.writing().await?;
        check_key(&key)?;
        check_value(&val)?;
        state.pending.insert(key, Some(val));
        Ok(())
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        let vacant = |now: Option<Val>| now.map_or(Ok(()), |_| Err(Error::TransactionKeyAlreadyExists));
        self.write_if(key, Some(val), vacant).await
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        self.write_if(key, Some(val), |now| condition(now == chk)).await
    }

    async fn del(&self, key: Key) -> Result<()> {
        let mut state = self.writing().await?;
        check_key(&key)?;
        state.pending.insert(key, None);
        Ok(())
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.write_if(key, None, |now| condition(now == chk)).await
    }

    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        self.rows(range, Direction::Forward, limit, skip, version, false).await.map(keys_of)
    }

    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        self.rows(range, Direction::Backward, limit, skip, version, false).await.map(keys_of)
    }

    async fn scan(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        self.rows(range, Direction::Forward, limit, skip, version, true).await
    }

    async fn scanr(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        self.rows(range, Direction::Backward, limit, skip, version, true).await
    }

    async fn new_save_point(&self) -> Result<()> {
        let mut state = self.writing().await?;
        let pending = state.pending.clone();
        state.save_points.push(pending);
        Ok(())
    }

    async fn release_last_save_point(&self) -> Result<()> {
        let mut state = self.writing().await?;
        state.save_points.pop().map(drop).ok_or(Error::NoSavePointPresent)
    }

    async fn rollback_to_save_point(&self) -> Result<()> {
        let mut state = self.writing().await?;
        state.pending = state.save_points.pop().ok_or(Error::NoSavePointPresent)?;
        Ok(())
    }
}
