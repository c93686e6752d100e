//! redb: one writer at a time, any number of readers, copy on write.
//!
//! A write transaction of redb that is open keeps every other one waiting, so that two that overlap, as the contract wants
//! them, would never end. The adapter holds redb's writer for the length of a commit only, and checks conflicts in
//! a [`Ledger`].

use super::unknown;
use crate::{Commit, Engine, Ledger, Optimistic, Rows, Snapshot, Ticket, Tuning};
use ::redb::{
    CompactionError, Database, OwnedAccessGuard, ReadOnlyTable, ReadableDatabase, StorageError, TableDefinition,
};
use async_trait::async_trait;
use kv_api::{Capabilities, Direction, Durability, Error, Isolation, Key, KeyRange, Result, TransactionType, Val};
use parking_lot::RwLock;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// The table of the rows.
pub const REDB_TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("data");

/// Opens a store in `dir`. Whatever is above [`Durability::Volatile`] is synced at every commit: redb has nothing in between.
///
/// # Errors
/// What redb says.
pub fn open_redb(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Optimistic<Redb>> {
    let db = redb_database(dir, tuning)?;
    Ok(Optimistic::new(Redb { db: RwLock::new(Some(db)), ledger: Arc::default(), durability: tuning.durability }))
}

/// The database in `dir` as [`open_redb`] opens it, with its table.
///
/// # Errors
/// What redb says.
pub fn redb_database(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Database> {
    let path = dir.as_ref().join("data.redb");
    open(&path, tuning).map_err(|e| Error::backend("opening redb", e))
}

fn open(path: &Path, tuning: Tuning) -> Result<Database, ::redb::Error> {
    let db = Database::builder().set_cache_size(Tuning::size(tuning.cache_bytes)).create(path)?;
    // So that a reader finds the table.
    let tx = db.begin_write()?;
    tx.open_table(REDB_TABLE)?;
    tx.commit()?;
    Ok(db)
}

/// When a commit of redb returns.
pub fn redb_durability(durability: Durability) -> ::redb::Durability {
    match durability {
        Durability::Volatile => ::redb::Durability::None,
        _ => ::redb::Durability::Immediate,
    }
}

/// See the module.
pub struct Redb {
    /// `None` once it has been shut down.
    db: RwLock<Option<Database>>,
    ledger: Arc<Ledger>,
    durability: Durability,
}

/// A read transaction, and since when a commit is checked.
pub struct RedbSnapshot {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    ticket: Option<Ticket>,
}

fn reading(error: StorageError) -> Error {
    Error::backend("reading from redb", error)
}

fn copied(guard: &OwnedAccessGuard<&'static [u8]>) -> Val {
    Val::copy_from_slice(guard.value())
}

impl Snapshot for RedbSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Val>> {
        let val = self.table.get_owned(key).map_err(reading)?;
        Ok(val.as_ref().map(copied))
    }

    fn rows(&self, range: &KeyRange, direction: Direction, values: bool) -> Result<Rows<'_>> {
        let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = (Bound::Included(range.start.as_ref()), end);
        let rows = self.table.range_owned::<&[u8]>(bounds).map_err(reading)?;
        let row = move |row: Result<(_, _), StorageError>| -> Result<(Key, Val)> {
            let (key, val) = row.map_err(reading)?;
            Ok((copied(&key), if values { copied(&val) } else { Val::new() }))
        };
        Ok(match direction {
            Direction::Forward => Box::new(rows.map(row)),
            Direction::Backward => Box::new(rows.rev().map(row)),
        })
    }
}

impl Redb {
    fn apply(&self, db: &Database, commit: &Commit) -> Result<(), ::redb::Error> {
        let mut tx = db.begin_write()?;
        tx.set_durability(redb_durability(self.durability))?;
        let mut table = tx.open_table(REDB_TABLE)?;
        for (key, write) in &commit.writes {
            match write {
                Some(val) => table.insert(key.as_ref(), val.as_ref())?,
                None => table.remove(key.as_ref())?,
            };
        }
        drop(table);
        Ok(tx.commit()?)
    }
}

#[async_trait]
impl Engine for Redb {
    type Snapshot = RedbSnapshot;

    fn kind(&self) -> &'static str {
        "redb"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Isolation::Serializable).read_checks(true).durability(self.durability)
    }

    fn snapshot(&self, kind: TransactionType) -> Result<RedbSnapshot> {
        let db = self.db.read();
        let db = db.as_ref().ok_or(Error::StoreClosed)?;
        let table = || -> Result<_, ::redb::Error> { Ok(db.begin_read()?.open_table(REDB_TABLE)?) };
        let table = || table().map_err(|e| Error::backend("beginning a transaction of redb", e));
        let (ticket, table) = self.ledger.begin(kind, table)?;
        Ok(RedbSnapshot { table, ticket })
    }

    async fn commit(&self, mut snapshot: RedbSnapshot, commit: Commit) -> Result<()> {
        let ticket = snapshot.ticket.take().ok_or(Error::TransactionReadonly)?;
        let db = self.db.read();
        let db = db.as_ref().ok_or(Error::StoreClosed)?;
        self.ledger.commit((&ticket, snapshot), commit, |commit| self.apply(db, commit).map_err(unknown))
    }

    async fn compact(&self) -> Result<()> {
        match self.db.write().as_mut().ok_or(Error::StoreClosed)?.compact() {
            // Not while anything reads from it.
            Ok(_) | Err(CompactionError::TransactionInProgress) => Ok(()),
            Err(e) => Err(Error::backend("compacting redb", e)),
        }
    }

    async fn shutdown(&self) -> Result<()> {
        let Some(db) = self.db.write().take() else { return Ok(()) };
        db.close().map_err(|e| Error::backend("closing redb", e))
    }
}
