//! LMDB, through heed: one writer at a time, any number of readers, copy on write, and a file that is mapped into memory.
//!
//! As with redb, a write transaction that is open keeps every other one waiting. The adapter holds LMDB's writer for the length
//! of a commit only, and checks conflicts in a [`Ledger`].
//!
//! Keys have at most 511 bytes, as LMDB is usually built: heed's feature `longer-keys` allows for 1,982, which is no more what the
//! contract wants, and writes files that other builds cannot. LMDB has no cache of its own, no memtable and no compression.

use super::{check_stored, unknown};
use crate::encoding::{bounds, decoded, encoded};
use crate::{Commit, Engine, Ledger, Optimistic, Rows, Snapshot, Ticket, Tuning};
use ::heed::types::Bytes;
use ::heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};
use async_trait::async_trait;
use kv_api::{Capabilities, Direction, Durability, Error, Isolation, Key, KeyRange, Result, TransactionType, Val};
use parking_lot::{Mutex, MutexGuard, RwLock};
use self_cell::self_cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The longest key that LMDB stores.
const MAX_KEY: usize = 511;

/// The address space of a store, which is the most that it can hold. The file is as large as what is in it.
const MAP_BYTES: usize = 64 << 30;

/// Read transactions that can be open at once.
const MAX_READERS: u32 = 4096;

/// How long a shutdown waits for those who are about to let go of the store.
const CLOSING: Duration = Duration::from_secs(5);

/// Rows by key.
pub type LmdbRows = Database<'static, Bytes, Bytes>;

type View = RoTxn<'static, WithoutTls>;
type Stored<'a> = Box<dyn Iterator<Item = ::heed::Result<(&'a [u8], &'a [u8])>> + 'a>;

self_cell!(
    /// A scan, and the right to use the transaction meanwhile.
    struct Scan<'a> {
        owner: MutexGuard<'a, View>,
        #[not_covariant]
        dependent: Stored,
    }
);

/// Opens a store in `dir`, which no other process may have open. Below [`Durability::PowerLoss`] commits are not synced (`MDB_NOSYNC`):
/// they are in the file, and survive the process; the loss of power can then damage the whole store.
///
/// # Errors
/// [`StoreLocked`](Error::StoreLocked) where this process has it open already; or what LMDB says.
pub fn open_lmdb(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Optimistic<Lmdb>> {
    let (env, rows) = lmdb_environment(dir, tuning)?;
    let open = RwLock::new(Some(Open { env, rows }));
    Ok(Optimistic::new(Lmdb { open, ledger: Arc::default(), durability: tuning.durability }))
}

/// The environment in `dir` as [`open_lmdb`] opens it, and its rows.
///
/// # Errors
/// As [`open_lmdb`].
pub fn lmdb_environment(dir: impl AsRef<Path>, tuning: Tuning) -> Result<(Env<WithoutTls>, LmdbRows)> {
    let failed = |e| match e {
        ::heed::Error::EnvAlreadyOpened => {
            Error::StoreLocked { path: dir.as_ref().into(), holder: "this process".into() }
        }
        e => Error::backend("opening LMDB", e),
    };
    let env = environment(dir.as_ref(), tuning.durability).map_err(failed)?;
    let rows = rows(&env).map_err(failed)?;
    Ok((env, rows))
}

/// Without thread-local readers: a transaction begins on one thread and may end on another.
#[allow(unsafe_code)]
fn environment(dir: &Path, durability: Durability) -> ::heed::Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_BYTES).max_readers(MAX_READERS);
    if durability < Durability::PowerLoss {
        // SAFETY: what the flag gives up is the order of writes to the medium, which only the loss of power makes visible, and
        // then the store is not opened as one that survives it.
        unsafe { options.flags(EnvFlags::NO_SYNC) };
    }
    // SAFETY: the file is changed by nothing but LMDB while it is mapped: the directory belongs to the store.
    unsafe { options.open(dir) }
}

fn rows(env: &Env<WithoutTls>) -> ::heed::Result<LmdbRows> {
    let tx = env.write_txn()?;
    let created = env.create_databases_and_commit(tx, |opener, tx| -> ::heed::Result<_> {
        opener.create_database::<Bytes, Bytes>(tx, None).map(CommitOrAbort::Commit)
    })?;
    match created {
        CommitOrAbort::Commit(rows) | CommitOrAbort::Abort(rows) => Ok(rows),
    }
}

/// See the module.
pub struct Lmdb {
    /// `None` once it has been shut down.
    open: RwLock<Option<Open>>,
    ledger: Arc<Ledger>,
    durability: Durability,
}

struct Open {
    env: Env<WithoutTls>,
    rows: LmdbRows,
}

/// A read transaction, and since when a commit is checked. Reads of one transaction take turns: LMDB wants it so.
pub struct LmdbSnapshot {
    rows: LmdbRows,
    view: Mutex<View>,
    ticket: Option<Ticket>,
}

fn reading(error: ::heed::Error) -> Error {
    Error::backend("reading from LMDB", error)
}

impl Snapshot for LmdbSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Val>> {
        let view = self.view.lock();
        let val = self.rows.get(&view, encoded(key).as_ref()).map_err(reading)?;
        Ok(val.map(Val::copy_from_slice))
    }

    fn rows(&self, range: &KeyRange, direction: Direction, values: bool) -> Result<Rows<'_>> {
        let (start, end) = bounds(range);
        let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        let mut scan = Scan::try_new(self.view.lock(), |view| -> ::heed::Result<Stored<'_>> {
            Ok(match direction {
                Direction::Forward => Box::new(self.rows.range(view, &bounds)?),
                Direction::Backward => Box::new(self.rows.rev_range(view, &bounds)?),
            })
        })
        .map_err(reading)?;
        let row = move |(key, val): (&[u8], &[u8])| -> (Key, Val) {
            (decoded(Key::copy_from_slice(key)), if values { Val::copy_from_slice(val) } else { Val::new() })
        };
        Ok(Box::new(std::iter::from_fn(move || {
            scan.with_dependent_mut(|_, stored| stored.next().map(|found| found.map(row).map_err(reading)))
        })))
    }
}

impl Lmdb {
    fn with<T>(&self, act: impl FnOnce(&Open) -> Result<T>) -> Result<T> {
        self.open.read().as_ref().map_or(Err(Error::StoreClosed), act)
    }
}

fn apply(open: &Open, commit: &Commit) -> Result<()> {
    // Until the commit, a failure leaves nothing behind.
    let failed = |e| Error::backend("writing to LMDB", e);
    let mut tx = open.env.write_txn().map_err(failed)?;
    for (key, write) in &commit.writes {
        let key = encoded(key);
        match write {
            Some(val) => open.rows.put(&mut tx, key.as_ref(), val).map_err(failed)?,
            None => {
                open.rows.delete(&mut tx, key.as_ref()).map_err(failed)?;
            }
        }
    }
    tx.commit().map_err(unknown)
}

#[async_trait]
impl Engine for Lmdb {
    type Snapshot = LmdbSnapshot;

    fn kind(&self) -> &'static str {
        "lmdb"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Isolation::Serializable).read_checks(true).durability(self.durability)
    }

    fn check_key(&self, key: &[u8]) -> Result<()> {
        check_stored(key, MAX_KEY)
    }

    fn snapshot(&self, kind: TransactionType) -> Result<LmdbSnapshot> {
        self.with(|open| {
            let failed = |e| Error::backend("beginning a transaction of LMDB", e);
            let view = || open.env.clone().static_read_txn().map_err(failed);
            let (ticket, view) = self.ledger.begin(kind, view)?;
            Ok(LmdbSnapshot { rows: open.rows, view: Mutex::new(view), ticket })
        })
    }

    async fn commit(&self, mut snapshot: LmdbSnapshot, commit: Commit) -> Result<()> {
        let ticket = snapshot.ticket.take().ok_or(Error::TransactionReadonly)?;
        self.with(|open| self.ledger.commit((&ticket, snapshot), commit, |commit| apply(open, commit)))
    }

    async fn flush(&self) -> Result<()> {
        self.with(|open| open.env.force_sync().map_err(|e| Error::backend("syncing LMDB", e)))
    }

    async fn shutdown(&self) -> Result<()> {
        let Some(Open { env, .. }) = self.open.write().take() else { return Ok(()) };
        env.force_sync().map_err(|e| Error::backend("closing LMDB", e))?;
        match env.prepare_for_closing().wait_timeout(CLOSING) {
            true => Ok(()),
            false => Err(Error::Timeout { operation: "closing LMDB", seconds: CLOSING.as_secs() }),
        }
    }
}
