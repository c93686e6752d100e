//! RocksDB's `OptimisticTransactionDB`.
//!
//! Snapshot isolation, the first committer of a key wins, and `get_for_update` lets a key that was read join that check. Ranges
//! cannot join it, so there is nothing serializable.

use super::{conflict, unknown};
use crate::{Commit, Engine, Optimistic, Rows, Snapshot, Tuning};
use ::rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, ErrorKind, IteratorMode, OptimisticTransactionDB,
    OptimisticTransactionOptions, Options, ReadOptions, SnapshotWithThreadMode, WriteOptions,
};
use async_trait::async_trait;
use kv_api::{Capabilities, Direction, Durability, Error, Isolation, Key, KeyRange, Result, TransactionType, Val};
use parking_lot::{Mutex, RwLock};
use self_cell::self_cell;
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

type Db = OptimisticTransactionDB;
type Taken<'a> = SnapshotWithThreadMode<'a, Db>;
type Begun<'a> = RefCell<Option<::rocksdb::Transaction<'a, Db>>>;

self_cell!(
    struct View {
        owner: Arc<Db>,
        #[covariant]
        dependent: Taken,
    }
);

self_cell!(
    struct Write {
        owner: Arc<Db>,
        #[not_covariant]
        dependent: Begun,
    }
);

/// Opens a store in `dir`.
///
/// # Errors
/// What RocksDB says.
pub fn open_rocksdb(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Optimistic<Rocks>> {
    let db = rocksdb_database(dir, tuning)?;
    Ok(Optimistic::new(Rocks { db: RwLock::new(Some(Arc::new(db))), durability: tuning.durability }))
}

/// The database in `dir` as [`open_rocksdb`] opens it.
///
/// # Errors
/// What RocksDB says.
pub fn rocksdb_database(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Db> {
    Db::open(&options(tuning), dir).map_err(|e| Error::backend("opening RocksDB", e))
}

/// What the page "Setup Options and Basic Tuning" of RocksDB's wiki advises, within the budgets of `tuning`.
fn options(tuning: Tuning) -> Options {
    let mut tables = BlockBasedOptions::default();
    tables.set_block_size(16 << 10);
    tables.set_block_cache(&Cache::new_lru_cache(Tuning::size(tuning.cache_bytes)));
    // So that the cache's budget is all that reads take.
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    tables.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&tables);
    options.set_compression_type(match tuning.compress {
        true => DBCompressionType::Lz4,
        false => DBCompressionType::None,
    });
    options.set_write_buffer_size(Tuning::size(tuning.memtable_bytes));
    options.set_max_write_buffer_number(Tuning::FROZEN_MEMTABLES as i32 + 1);
    options.increase_parallelism(Tuning::BACKGROUND_THREADS as i32);
    options.set_bytes_per_sync(1 << 20);
    if tuning.preallocate_log {
        // A log in place of an old one keeps its size.
        options.set_recycle_log_file_num(Tuning::FROZEN_MEMTABLES as usize + 1);
    }
    options
}

/// How RocksDB writes a commit.
pub fn rocksdb_writes(durability: Durability) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(durability == Durability::PowerLoss);
    options
}

/// See the module.
pub struct Rocks {
    /// `None` once it has been shut down.
    db: RwLock<Option<Arc<Db>>>,
    durability: Durability,
}

/// Reads from `view`; `write` is there for the commit. It is the older one: a commit between the two is a conflict that need
/// not be, and never one that is missed.
pub struct RocksSnapshot {
    view: View,
    write: Option<Mutex<Write>>,
}

fn reading(error: ::rocksdb::Error) -> Error {
    Error::backend("reading from RocksDB", error)
}

impl Snapshot for RocksSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Val>> {
        Ok(self.view.borrow_dependent().get(key).map_err(reading)?.map(Val::from))
    }

    fn rows(&self, range: &KeyRange, direction: Direction, values: bool) -> Result<Rows<'_>> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(range.start.to_vec());
        if let Some(end) = &range.end {
            options.set_iterate_upper_bound(end.to_vec());
        }
        let mode = match direction {
            Direction::Forward => IteratorMode::Start,
            Direction::Backward => IteratorMode::End,
        };
        let rows = self.view.borrow_dependent().iterator_opt(mode, options);
        Ok(Box::new(rows.map(move |row| {
            let (key, val) = row.map_err(reading)?;
            Ok((Key::from(key), if values { Val::from(val) } else { Val::new() }))
        })))
    }
}

impl Rocks {
    fn db(&self) -> Result<Arc<Db>> {
        self.db.read().clone().ok_or(Error::StoreClosed)
    }

    fn begin(&self, db: Arc<Db>) -> Write {
        let write = rocksdb_writes(self.durability);
        let mut options = OptimisticTransactionOptions::default();
        options.set_snapshot(true);
        Write::new(db, |db| RefCell::new(Some(db.transaction_opt(&write, &options))))
    }
}

fn apply(tx: ::rocksdb::Transaction<'_, Db>, commit: &Commit) -> Result<()> {
    let failed = |e| Error::backend("writing to RocksDB", e);
    for key in &commit.checks.keys {
        tx.get_for_update(key, true).map_err(reading)?;
    }
    for (key, write) in &commit.writes {
        match write {
            Some(val) => tx.put(key, val),
            None => tx.delete(key),
        }
        .map_err(failed)?;
    }
    tx.commit().map_err(|e| match e.kind() {
        // `TryAgain`: what was written since the snapshot is no longer in memory to compare with.
        ErrorKind::Busy | ErrorKind::TryAgain => conflict("RocksDB"),
        _ => unknown(e),
    })
}

#[async_trait]
impl Engine for Rocks {
    type Snapshot = RocksSnapshot;

    fn kind(&self) -> &'static str {
        "rocksdb"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Isolation::Snapshot).read_checks(true).durability(self.durability)
    }

    fn snapshot(&self, kind: TransactionType) -> Result<RocksSnapshot> {
        let db = self.db()?;
        let write = (kind == TransactionType::Write).then(|| Mutex::new(self.begin(db.clone())));
        Ok(RocksSnapshot { view: View::new(db, |db| db.snapshot()), write })
    }

    async fn commit(&self, snapshot: RocksSnapshot, commit: Commit) -> Result<()> {
        let RocksSnapshot { view, write } = snapshot;
        drop(view);
        let write = write.ok_or(Error::TransactionReadonly)?.into_inner();
        write.with_dependent(|_, tx| tx.take().map_or(Err(Error::TransactionFinished), |tx| apply(tx, &commit)))
    }

    async fn flush(&self) -> Result<()> {
        self.db()?.flush().map_err(|e| Error::backend("flushing RocksDB", e))
    }

    async fn compact(&self) -> Result<()> {
        self.db()?.compact_range::<&[u8], &[u8]>(None, None);
        Ok(())
    }

    async fn shutdown(&self) -> Result<()> {
        let Some(db) = self.db.write().take() else { return Ok(()) };
        db.cancel_all_background_work(true);
        Ok(())
    }
}
