//! What an adapter has to say about its engine.

use async_trait::async_trait;
use kv_api::{Capabilities, Direction, Key, KeyRange, Result, TransactionType, Val, check_key};
use std::collections::{BTreeMap, BTreeSet};

/// What a transaction depends on without having written it.
#[derive(Debug, Default)]
pub struct Checks {
    /// Single keys, there or not.
    pub keys: BTreeSet<Key>,
    /// Ranges that were scanned; none is empty.
    pub ranges: Vec<KeyRange>,
}

impl Checks {
    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }
}

/// A transaction's writes, and what must not have changed since its snapshot. Every key that is written must not
/// have changed either.
#[derive(Debug, Default)]
pub struct Commit {
    /// `None` takes a key away.
    pub writes: BTreeMap<Key, Option<Val>>,
    /// Besides the keys of the writes.
    pub checks: Checks,
}

/// Rows in the order of a scan.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<(Key, Val)>> + 'a>;

/// The store at one point in time. Dropping it releases whatever the engine holds for it.
pub trait Snapshot: Send + Sync + 'static {
    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Val>>;

    /// The rows of a range that is not empty. Without `values`, the values may be left empty.
    fn rows(&self, range: &KeyRange, direction: Direction, values: bool) -> Result<Rows<'_>>;
}

/// A store underneath [`Optimistic`](crate::Optimistic). Keys and values arrive within the contract's limits.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// What a transaction reads from, and what its commit is checked against.
    type Snapshot: Snapshot;

    /// The backend's name.
    fn kind(&self) -> &'static str;

    /// What the engine can do.
    fn capabilities(&self) -> Capabilities;

    /// Refuses keys that the engine cannot store. Default = those that the contract refuses.
    fn check_key(&self, key: &[u8]) -> Result<()> {
        check_key(key)
    }

    /// The store as of now. Only the snapshot of a [`TransactionType::Write`] is handed to [`commit`](Self::commit).
    fn snapshot(&self, kind: TransactionType) -> Result<Self::Snapshot>;

    /// Applies a commit that writes or checks something, as a whole.
    ///
    /// # Errors
    /// [`TransactionConflict`](kv_api::Error::TransactionConflict) where something it wrote or depends on has changed
    /// since the snapshot.
    async fn commit(&self, snapshot: Self::Snapshot, commit: Commit) -> Result<()>;

    /// Writes what is in memory to the files at rest, where the engine tells the two apart.
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Rewrites the files into the fewest, where the engine does that.
    async fn compact(&self) -> Result<()> {
        Ok(())
    }

    /// Closes the engine and its files. Every snapshot has been dropped, but a commit may be running. Called once.
    async fn shutdown(&self) -> Result<()>;
}
