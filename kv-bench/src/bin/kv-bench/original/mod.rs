//! The merge-insert baseline, `original` in tables: a Lance table of keys and values, one merge-insert for each transaction,
//! a filtered scan for each read. What a store on Lance is without an engine of its own.
//!
//! - A snapshot is a version of the dataset. A delete stores a null, so that a transaction is one commit whatever it does.
//! - Nothing is synced: Lance does not, so that no commit survives a loss of power.
//! - A BTREE index on the key; rows written since its last update are scanned. `flush` updates it.
//! - Its caches are Lance's own, of Lance's default size.

mod table;
mod transaction;

use async_trait::async_trait;
use kv_api::{
    Capabilities, Datastore, Durability, Error, Isolation, Key, Result, Transactable, TransactionOptions, Version,
};
use lance::Dataset;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use transaction::OriginalTransaction;

/// The backend's name.
const KIND: &str = "original";

/// See the module.
pub(crate) struct Original {
    shared: Arc<Shared>,
}

/// What the store and its transactions have in common.
struct Shared {
    /// The newest version; `None` once the store has been shut down.
    newest: RwLock<Option<Newest>>,
    /// Held while committing.
    commits: tokio::sync::Mutex<Commits>,
    /// Held by every open transaction.
    open: Arc<()>,
}

#[derive(Clone)]
struct Newest {
    dataset: Arc<Dataset>,
    /// How many commits came before.
    commits: u64,
}

/// Which commit wrote a key last, as far back as an open transaction needs it.
#[derive(Default)]
struct Commits {
    last: HashMap<Key, u64>,
}

impl Original {
    /// Opens the store in `dir`, and makes one where there is none.
    ///
    /// # Errors
    /// What Lance says.
    pub(crate) async fn open(dir: &Path) -> Result<Self> {
        let dataset = Arc::new(table::open(dir).await?);
        Ok(Self {
            shared: Arc::new(Shared {
                newest: RwLock::new(Some(Newest { dataset, commits: 0 })),
                commits: tokio::sync::Mutex::default(),
                open: Arc::new(()),
            }),
        })
    }
}

impl Shared {
    fn newest(&self) -> Result<Newest> {
        self.newest.read().clone().ok_or(Error::StoreClosed)
    }

    /// Writes what a transaction that began after `seen` commits has pending.
    async fn commit(&self, seen: u64, pending: transaction::Pending) -> Result<()> {
        let mut commits = self.commits.lock().await;
        let newest = self.newest()?;
        if pending.keys().any(|key| commits.last.get(key).is_some_and(|at| *at > seen)) {
            return Err(Error::conflict("a key was written meanwhile"));
        }
        let unknown = |e: Error| Error::CommitOutcomeUnknown { reason: e.to_string() };
        let dataset = table::upsert(newest.dataset, &pending).await.map_err(unknown)?;
        let number = newest.commits + 1;
        // Another transaction than the one that commits holds it too.
        if Arc::strong_count(&self.open) > 2 {
            commits.last.extend(pending.into_keys().map(|key| (key, number)));
        } else {
            commits.last.clear();
        }
        self.replace(dataset, number);
        Ok(())
    }

    fn replace(&self, dataset: Arc<Dataset>, commits: u64) {
        if let Some(newest) = self.newest.write().as_mut() {
            *newest = Newest { dataset, commits };
        }
    }

    async fn tidy(&self, compact: bool) -> Result<()> {
        let _commits = self.commits.lock().await;
        let newest = self.newest()?;
        let dataset = table::tidy(newest.dataset, compact).await?;
        self.replace(dataset, newest.commits);
        Ok(())
    }
}

#[async_trait]
impl Datastore for Original {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Isolation::Snapshot).durability(Durability::ProcessCrash)
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        if options.isolation > Isolation::Snapshot {
            return Err(Error::Unsupported { operation: "serializable transactions" });
        }
        // First, so that a commit that reads the count before knows of this transaction.
        let open = self.shared.open.clone();
        let newest = self.shared.newest()?;
        Ok(Box::new(OriginalTransaction::new(self.shared.clone(), newest, open, options.kind)))
    }

    async fn current_version(&self) -> Result<Version> {
        Err(Error::UnsupportedVersionedQueries)
    }

    async fn shutdown(&self) -> Result<()> {
        let _commits = self.shared.commits.lock().await;
        self.shared.newest.write().take();
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        self.shared.tidy(false).await
    }

    async fn compact(&self) -> Result<()> {
        self.shared.tidy(true).await
    }
}
