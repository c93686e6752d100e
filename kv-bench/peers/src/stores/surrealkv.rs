//! SurrealKV.
//!
//! Its transactions are under snapshot isolation, the first committer of a key wins, and `get_for_update` lets a key that was
//! read join that check. Ranges cannot join it, so there is nothing serializable. It can keep versions by wall-clock time;
//! they are not commit versions: the adapter can have them kept, so that their cost is seen, and reads at none.

use super::{conflict, unknown};
use crate::encoding::{decoded, encoded};
use crate::{Commit, Engine, Optimistic, Rows, Snapshot, Tuning};
use ::surrealkv::{
    CompactRangeOptions, CompressionType, LSMIterator, Mode, Options, ReadOptions, Transaction, Tree, TreeBuilder,
};
use async_trait::async_trait;
use kv_api::{Capabilities, Direction, Durability, Error, Isolation, Key, KeyRange, Result, TransactionType, Val};
use std::path::Path;
use std::time::Duration;

/// How long a tree that was dropped may take to let go of its files.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens a store in `dir`, in a tokio runtime. A tree that was dropped closes in the background, so that this waits for a while
/// where another one is open in the directory.
///
/// # Errors
/// What SurrealKV says.
pub async fn open_surrealkv(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Optimistic<Surreal>> {
    let tree = surrealkv_tree(dir, tuning).await?;
    Ok(Optimistic::new(Surreal { tree, durability: tuning.durability }))
}

/// The same, with every version kept for `retention`.
///
/// # Errors
/// What SurrealKV says.
pub async fn open_surrealkv_versioned(
    dir: impl AsRef<Path>,
    tuning: Tuning,
    retention: Duration,
) -> Result<Optimistic<Surreal>> {
    let nanos = u64::try_from(retention.as_nanos()).unwrap_or(u64::MAX);
    let tree = built(|| options(dir.as_ref(), tuning).with_versioning(true, nanos)).await?;
    Ok(Optimistic::new(Surreal { tree, durability: tuning.durability }))
}

/// The tree in `dir` as [`open_surrealkv`] opens it.
///
/// # Errors
/// What SurrealKV says.
pub async fn surrealkv_tree(dir: impl AsRef<Path>, tuning: Tuning) -> Result<Tree> {
    built(|| options(dir.as_ref(), tuning)).await
}

/// Waits for a tree in the same directory that is closing.
async fn built(options: impl Fn() -> Options) -> Result<Tree> {
    let started = std::time::Instant::now();
    loop {
        match TreeBuilder::with_options(options()).build() {
            Ok(tree) => return Ok(tree),
            Err(e) if started.elapsed() < CLOSING && e.to_string().contains("already locked") => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Err(e) => return Err(Error::backend("opening SurrealKV", e)),
        }
    }
}

fn options(dir: &Path, tuning: Tuning) -> Options {
    let options = Options::new()
        .with_path(dir.to_owned())
        .with_block_cache_capacity(tuning.cache_bytes)
        .with_max_memtable_size(Tuning::size(tuning.memtable_bytes))
        .with_wal_preallocation(tuning.preallocate_log);
    match tuning.compress {
        true => options.with_compression_per_level(vec![CompressionType::SnappyCompression]),
        false => options.without_compression(),
    }
}

/// When a commit of SurrealKV returns.
pub fn surrealkv_durability(durability: Durability) -> ::surrealkv::Durability {
    match durability {
        Durability::PowerLoss => ::surrealkv::Durability::Immediate,
        _ => ::surrealkv::Durability::Eventual,
    }
}

/// See the module.
pub struct Surreal {
    tree: Tree,
    durability: Durability,
}

/// A transaction that nothing is written to before the commit.
pub struct SurrealSnapshot(Transaction);

fn reading(error: ::surrealkv::Error) -> Error {
    Error::backend("reading from SurrealKV", error)
}

impl Snapshot for SurrealSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Val>> {
        let val = self.0.get(encoded(key).as_ref()).map_err(reading)?;
        Ok(val.map(Val::from))
    }

    fn rows(&self, range: &KeyRange, direction: Direction, values: bool) -> Result<Rows<'_>> {
        let mut options = ReadOptions::new();
        options.set_iterate_lower_bound(Some(encoded(&range.start).into_owned()));
        options.set_iterate_upper_bound(range.end.as_ref().map(|end| encoded(end).into_owned()));
        let mut cursor = self.0.range_with_options(&options).map_err(reading)?;
        match direction {
            Direction::Forward => cursor.seek_first(),
            Direction::Backward => cursor.seek_last(),
        }
        .map_err(reading)?;
        let mut first = true;
        Ok(Box::new(std::iter::from_fn(move || {
            match std::mem::take(&mut first) {
                true => Ok(true),
                false if direction == Direction::Forward => cursor.next(),
                false => cursor.prev(),
            }
            .and_then(|_| match cursor.valid() {
                true => row(&cursor, values).map(Some),
                false => Ok(None),
            })
            .map_err(reading)
            .transpose()
        })))
    }
}

fn row(cursor: &impl LSMIterator, values: bool) -> Result<(Key, Val), ::surrealkv::Error> {
    let key = decoded(Key::copy_from_slice(cursor.key().user_key()));
    let val = if values { cursor.value()?.into() } else { Val::new() };
    Ok((key, val))
}

#[async_trait]
impl Engine for Surreal {
    type Snapshot = SurrealSnapshot;

    fn kind(&self) -> &'static str {
        "surrealkv"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Isolation::Snapshot).read_checks(true).durability(self.durability)
    }

    fn snapshot(&self, kind: TransactionType) -> Result<SurrealSnapshot> {
        let mode = match kind {
            TransactionType::Read => Mode::ReadOnly,
            TransactionType::Write => Mode::ReadWrite,
        };
        let durability = surrealkv_durability(self.durability);
        let begun = self.tree.begin_with_mode(mode).map(|tx| SurrealSnapshot(tx.with_durability(durability)));
        begun.map_err(|e| Error::backend("beginning a transaction of SurrealKV", e))
    }

    async fn commit(&self, snapshot: SurrealSnapshot, commit: Commit) -> Result<()> {
        let SurrealSnapshot(mut tx) = snapshot;
        for key in &commit.checks.keys {
            tx.get_for_update(encoded(key).as_ref()).map_err(reading)?;
        }
        for (key, write) in commit.writes {
            let key = encoded(&key);
            match write {
                Some(val) => tx.set(key.as_ref(), val.as_ref()),
                None => tx.delete(key.as_ref()),
            }
            .map_err(|e| Error::backend("writing to SurrealKV", e))?;
        }
        match tx.commit().await {
            Ok(()) => Ok(()),
            Err(::surrealkv::Error::TransactionWriteConflict | ::surrealkv::Error::TransactionRetry) => {
                Err(conflict("SurrealKV"))
            }
            Err(e) => Err(unknown(e)),
        }
    }

    async fn flush(&self) -> Result<()> {
        // The one way to flush: compacting down to the level where tables are born does nothing else.
        let options = CompactRangeOptions { target_level: Some(0), ..CompactRangeOptions::default() };
        self.tree.compact_range(None, None, &options).map_err(|e| Error::backend("flushing SurrealKV", e))
    }

    async fn compact(&self) -> Result<()> {
        let options = CompactRangeOptions::default();
        self.tree.compact_range(None, None, &options).map_err(|e| Error::backend("compacting SurrealKV", e))
    }

    async fn shutdown(&self) -> Result<()> {
        // In a task of its own: a close that is dropped half-way would never let go of the files.
        let tree = self.tree.clone();
        let closing = tokio::spawn(async move { tree.close().await });
        let closed = closing.await.map_err(|e| Error::backend("closing SurrealKV", e))?;
        closed.map_err(|e| Error::backend("closing SurrealKV", e))
    }
}
