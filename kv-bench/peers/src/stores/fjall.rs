//! fjall's `OptimisticTxDatabase`.
//!
//! Its transactions are serializable: what is read through one is compared with what others wrote. Two things follow.
//! Blind writes of one key do not conflict there, so that every key written is read as well just before the commit; and
//! what a transaction reads under snapshot isolation goes past it, through a snapshot of the same moment.
//!
//! A snapshot of fjall that is taken while a commit is being applied can hold a part of it, where a flush or a compaction ends
//! at that moment (the example `fjall_snapshots` shows it). The adapter takes none then: whoever begins waits for the commit that is
//! under way, its sync included. fjall itself lets writers wait in this way, and readers not.
//!
//! While a snapshot of a database without any writes is open, fjall can forget others (the example `fjall_collection` shows it):
//! the adapter writes something when it opens one.

use super::{check_stored, conflict, unknown};
use crate::encoding::{bounds, decoded, encoded};
use crate::{Commit, Engine, Optimistic, Rows, Snapshot, Tuning};
use ::fjall::config::CompressionPolicy;
use ::fjall::{
    CompressionType, Guard, Keyspace, KeyspaceCreateOptions, OptimisticTxDatabase, OptimisticTxKeyspace,
    OptimisticWriteTx, PersistMode, Readable,
};
use async_trait::async_trait;
use kv_api::{Capabilities, Direction, Durability, Error, Isolation, Key, KeyRange, Result, TransactionType, Val};
use parking_lot::{Mutex, RwLock};
use std::path::Path;

/// The longest key that fjall stores.
const MAX_KEY: usize = u16::MAX as usize;

/// Opens a store in `dir`.
///
/// # Errors
/// What fjall says.
pub fn open_fjall(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Optimistic<Fjall>> {
    let (db, data) = fjall_database(dir, tuning)?;
    let checks = db.keyspace("checks", KeyspaceCreateOptions::default).map_err(opening)?;
    checks.remove("-").map_err(opening)?;
    let open = RwLock::new(Some(Open { db, data, checks }));
    Ok(Optimistic::new(Fjall { open, gate: Mutex::new(()), durability: tuning.durability }))
}

/// The database in `dir` as [`open_fjall`] opens it, and the keyspace of the rows.
///
/// # Errors
/// What fjall says.
pub fn fjall_database(dir: impl AsRef<Path>, tuning: Tuning) -> Result<(OptimisticTxDatabase, OptimisticTxKeyspace)> {
    let compression = if tuning.compress { CompressionType::Lz4 } else { CompressionType::None };
    let db = OptimisticTxDatabase::builder(dir)
        .cache_size(tuning.cache_bytes)
        .journal_compression(compression)
        .worker_threads(Tuning::BACKGROUND_THREADS as usize)
        .open()
        .map_err(opening)?;
    let rows = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(tuning.memtable_bytes)
            .data_block_compression_policy(CompressionPolicy::all(compression))
    };
    let data = db.keyspace("data", rows).map_err(opening)?;
    Ok((db, data))
}

/// When a commit of fjall returns.
pub fn fjall_persistence(durability: Durability) -> PersistMode {
    match durability {
        Durability::PowerLoss => PersistMode::SyncData,
        _ => PersistMode::Buffer,
    }
}

fn opening(error: ::fjall::Error) -> Error {
    Error::backend("opening fjall", error)
}

/// See the module.
pub struct Fjall {
    /// `None` once it has been shut down.
    open: RwLock<Option<Open>>,
    /// Held while snapshots are taken, and while a commit is applied.
    gate: Mutex<()>,
    durability: Durability,
}

struct Open {
    db: OptimisticTxDatabase,
    data: OptimisticTxKeyspace,
    /// Stays empty.
    checks: OptimisticTxKeyspace,
}

/// Reads from `read`; `write` is there for the commit.
pub struct FjallSnapshot {
    keyspace: Keyspace,
    read: ::fjall::Snapshot,
    write: Option<OptimisticWriteTx>,
}

fn reading(error: ::fjall::Error) -> Error {
    Error::backend("reading from fjall", error)
}

impl Snapshot for FjallSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Val>> {
        let val = self.read.get(&self.keyspace, encoded(key)).map_err(reading)?;
        Ok(val.map(Val::from))
    }

    fn rows(&self, range: &KeyRange, direction: Direction, values: bool) -> Result<Rows<'_>> {
        let rows = self.read.range::<Vec<u8>, _>(&self.keyspace, bounds(range));
        let row = move |guard: Guard| -> Result<(Key, Val)> {
            match values {
                true => guard.into_inner().map(|(key, val)| (decoded(key.into()), val.into())),
                false => guard.key().map(|key| (decoded(key.into()), Val::new())),
            }
            .map_err(reading)
        };
        Ok(match direction {
            Direction::Forward => Box::new(rows.map(row)),
            Direction::Backward => Box::new(rows.rev().map(row)),
        })
    }
}

impl Fjall {
    fn with<T>(&self, act: impl FnOnce(&Open) -> Result<T>) -> Result<T> {
        self.open.read().as_ref().map_or(Err(Error::StoreClosed), act)
    }
}

#[async_trait]
impl Engine for Fjall {
    type Snapshot = FjallSnapshot;

    fn kind(&self) -> &'static str {
        "fjall"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Isolation::Serializable).read_checks(true).durability(self.durability)
    }

    fn check_key(&self, key: &[u8]) -> Result<()> {
        check_stored(key, MAX_KEY)
    }

    fn snapshot(&self, kind: TransactionType) -> Result<FjallSnapshot> {
        self.with(|open| {
            let keyspace = open.data.inner().clone();
            let _gate = self.gate.lock();
            if kind == TransactionType::Read {
                return Ok(FjallSnapshot { keyspace, read: open.db.read_tx(), write: None });
            }
            let mode = fjall_persistence(self.durability);
            let write = open.db.write_tx().map_err(|e| Error::backend("beginning a transaction of fjall", e))?;
            Ok(FjallSnapshot { keyspace, read: open.db.read_tx(), write: Some(write.durability(Some(mode))) })
        })
    }

    async fn commit(&self, snapshot: FjallSnapshot, commit: Commit) -> Result<()> {
        let FjallSnapshot { keyspace, read, write } = snapshot;
        drop(read);
        let mut tx = write.ok_or(Error::TransactionReadonly)?;
        self.with(|open| {
            for key in commit.writes.keys().chain(&commit.checks.keys) {
                tx.contains_key(&keyspace, encoded(key)).map_err(reading)?;
            }
            for range in &commit.checks.ranges {
                // Registered when it is made; nothing is read.
                drop(tx.range::<Vec<u8>, _>(&keyspace, bounds(range)));
            }
            if commit.writes.is_empty() {
                // A transaction without writes is not checked.
                tx.remove(&open.checks, "-");
            }
            for (key, write) in commit.writes {
                let key = encoded(&key).into_owned();
                match write {
                    Some(val) => tx.insert(&keyspace, key, val),
                    None => tx.remove(&keyspace, key),
                }
            }
            let _gate = self.gate.lock();
            match tx.commit() {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(conflict("fjall")),
                Err(e) => Err(unknown(e)),
            }
        })
    }

    async fn flush(&self) -> Result<()> {
        let flushed = |open: &Open| open.data.inner().rotate_memtable_and_wait();
        self.with(|open| flushed(open).map_err(|e| Error::backend("flushing fjall", e)))
    }

    async fn compact(&self) -> Result<()> {
        self.flush().await?;
        let compacted = |open: &Open| open.data.inner().major_compact();
        self.with(|open| compacted(open).map_err(|e| Error::backend("compacting fjall", e)))
    }

    async fn shutdown(&self) -> Result<()> {
        let Some(open) = self.open.write().take() else { return Ok(()) };
        open.db.persist(PersistMode::SyncAll).map_err(|e| Error::backend("closing fjall", e))
    }
}
