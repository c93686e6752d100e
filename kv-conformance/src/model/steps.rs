//! Operations with an await in their middle, for the mutants that show only there. A sound reference does
//! everything in one step.

use super::bugs::Leader;
use super::history::History;
use super::mutant::Mutant;
use super::pending::Writes;
use super::reference::Shared;
use super::transaction::ReferenceTransaction;
use kv_api::{Error, Key, Result, Val};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a zombie takes to come back.
const GRAVE: Duration = Duration::from_millis(30);

/// How many transactions can be begun at once where places leak.
const PLACES: usize = 8;

/// Lets others run.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A commit's first keys and its last.
pub(super) fn halves(writes: &Writes) -> (Writes, Writes) {
    let mut first = writes.clone();
    let middle = first.keys().nth(first.len().div_ceil(2)).cloned();
    let second = middle.map_or_else(Writes::new, |middle| first.split_off(&middle));
    (first, second)
}

/// Ends a leader when its commit does, however that is.
struct Leading<'a> {
    store: &'a Shared,
    leader: Arc<Leader>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.leader.end();
        *self.store.bugs.leader.lock() = None;
    }
}

/// Writes that come back when they are dropped.
struct Zombie {
    store: Arc<Shared>,
    writes: Writes,
}

impl Drop for Zombie {
    fn drop(&mut self) {
        let (store, writes) = (self.store.clone(), std::mem::take(&mut self.writes));
        if writes.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(GRAVE).await;
                store.install(&writes, &mut store.history.lock())
            });
        }
    }
}

impl Shared {
    /// The bug that makes a commit take several steps.
    pub(super) fn stepwise_commit(&self) -> Option<Mutant> {
        let stepwise = [
            Mutant::TornVisibility,
            Mutant::AbandonedLock,
            Mutant::LostFollowers,
            Mutant::ZombieCommit,
            Mutant::OpenAfterDrop,
            Mutant::LingeringHeir,
            Mutant::EarlyConflict,
            Mutant::StallingFeed,
            Mutant::EarlyRelease,
        ];
        stepwise.into_iter().find(|bug| self.is(*bug))
    }

    /// Waits for a place to begin a transaction in.
    pub(super) async fn leaky_begin(&self) {
        while self.bugs.beginning.load(Ordering::SeqCst) >= PLACES {
            pause().await;
        }
        self.bugs.beginning.fetch_add(1, Ordering::SeqCst);
        pause().await;
        self.bugs.beginning.fetch_sub(1, Ordering::SeqCst);
    }

    /// A flush that has everything in its hands for a while.
    pub(super) async fn losing_flush(&self) {
        let taken = std::mem::take(&mut *self.history.lock());
        pause().await;
        *self.history.lock() = taken;
    }

    /// Waits for a shutdown that is under way, and is then one itself.
    pub(super) async fn sticking_shutdown(&self) {
        while self.bugs.stopping.swap(true, Ordering::SeqCst) {
            pause().await;
        }
        pause().await;
        self.bugs.stopping.store(false, Ordering::SeqCst);
    }
}

impl ReferenceTransaction {
    /// The commit of a store with `bug`.
    pub(super) async fn commit_in_steps(&self, bug: Mutant) -> Result<()> {
        let install = |writes: &Writes, history: &mut History| self.store.install(writes, history);
        match bug {
            Mutant::TornVisibility => {
                let mut late = Writes::new();
                self.commit_at_once(|writes, history| {
                    let (first, second) = halves(writes);
                    late = second;
                    install(&first, history)
                })?;
                pause().await;
                install(&late, &mut self.store.history.lock())
            }
            Mutant::AbandonedLock => {
                while self.store.bugs.locked.swap(true, Ordering::SeqCst) {
                    pause().await;
                }
                pause().await;
                let committed = self.commit_at_once(install);
                self.store.bugs.locked.store(false, Ordering::SeqCst);
                committed
            }
            Mutant::LostFollowers => self.commit_in_a_group().await,
            Mutant::LingeringHeir => {
                let turn = self.store.bugs.turn.clone().lock_owned().await;
                let committed = self.commit_at_once(install);
                // As long as it takes to write.
                tokio::spawn(async move {
                    pause().await;
                    drop(turn);
                });
                committed
            }
            Mutant::EarlyConflict => self.commit_queued().await,
            Mutant::EarlyRelease => {
                self.end_stamp();
                pause().await;
                self.commit_at_once(install)
            }
            Mutant::StallingFeed => {
                self.store.stall().await;
                self.commit_at_once(install)
            }
            Mutant::ZombieCommit => {
                let writes = self.state.lock().pending.now.writes.clone();
                let mut zombie = Zombie { store: self.store.clone(), writes };
                pause().await;
                zombie.writes.clear();
                self.commit_at_once(install)
            }
            _ => {
                self.commit_at_once(install)?;
                self.state.lock().finished = false;
                pause().await;
                self.state.lock().finished = true;
                Ok(())
            }
        }
    }

    /// Queues its writes, and conflicts with those that are queued.
    async fn commit_queued(&self) -> Result<()> {
        let keys: Vec<Key> = self.owned_keys();
        {
            let mut queued = self.store.bugs.queued.lock();
            if let Some(key) = keys.iter().find(|key| queued.contains(key)) {
                self.state.lock().finished = true;
                return Err(Error::conflict_over(key.clone(), "a key is being committed by another"));
            }
            queued.extend(keys.clone());
        }
        pause().await;
        let committed = self.commit_at_once(|writes, history| self.store.install(writes, history));
        self.store.bugs.queued.lock().retain(|key| !keys.contains(key));
        committed
    }

    /// Leads, or waits for who does.
    async fn commit_in_a_group(&self) -> Result<()> {
        let own = Arc::new(Leader::default());
        let other = {
            let mut leader = self.store.bugs.leader.lock();
            let other = leader.clone();
            leader.get_or_insert_with(|| own.clone());
            other
        };
        let Some(other) = other else {
            let _leading = Leading { store: &self.store, leader: own.clone() };
            pause().await;
            let committed = self.commit_at_once(|writes, history| self.store.install(writes, history));
            own.write();
            return committed;
        };
        loop {
            match other.dropped() {
                None => pause().await,
                Some(true) => return self.commit_at_once(|_, _| Ok(())),
                Some(false) => return self.commit_at_once(|writes, history| self.store.install(writes, history)),
            }
        }
    }

    /// A `put` that looks whether the transaction is open, and waits.
    pub(super) async fn put_late(&self, key: Key, val: Val) -> Result<()> {
        if self.current(&mut *self.writing()?, &key).is_some() {
            return Err(Error::TransactionKeyAlreadyExists);
        }
        tokio::task::yield_now().await;
        self.write(&mut self.state.lock(), key, Some(val));
        Ok(())
    }

    /// A `putc` that looks whether the transaction is open, and waits.
    pub(super) async fn putc_late(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        drop(self.conditional(&key, chk.as_ref())?);
        tokio::task::yield_now().await;
        self.write(&mut self.state.lock(), key, Some(val));
        Ok(())
    }

    /// Reads as if the transaction had finished, and takes that back.
    pub(super) async fn finishing_read(&self) -> Result<()> {
        if std::mem::replace(&mut self.state.lock().finished, true) {
            return Err(Error::TransactionFinished);
        }
        pause().await;
        self.state.lock().finished = false;
        Ok(())
    }

    /// Rolls back in two steps.
    pub(super) async fn torn_rollback(&self) -> Result<()> {
        let before = self.writing()?.pending.close().ok_or(Error::NoSavePointPresent)?;
        pause().await;
        self.state.lock().pending.now = before;
        Ok(())
    }
}
