//! A store as what SurrealDB begins its transactions on.

use crate::error::Mapped as _;
use crate::metrics;
use crate::transaction::StoreTransaction;
use kv_api::{Datastore, TransactionOptions};
use std::sync::Arc;
use surrealdb_kvs::api::{BoxFut, Transactable};
use surrealdb_kvs::{Metrics, Result, TransactionBuilder, TransactionType};

/// Any store behind [`kv_api`], as a storage backend of SurrealDB.
///
/// SurrealDB asks for snapshot isolation with first-committer-wins, for locked reads
/// ([`read_checks`](kv_api::Capabilities::read_checks)), for
/// [`versioned_reads`](kv_api::Capabilities::versioned_reads) where `VERSION` is used,
/// [`safe_timestamps`](kv_api::Capabilities::safe_timestamps) where its router delivers live
/// queries, and [`erases_history`](kv_api::Capabilities::erases_history) for `EXPUNGE` to hide what
/// was. Its timestamps are versions of a [`kv_api::HybridClock`].
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use kv_lance::{LanceConfig, LanceDatastore};
/// use kv_surrealdb::StoreBuilder;
/// use surrealdb_kvs::{TransactionBuilder, TransactionType};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await.unwrap();
/// let builder = StoreBuilder::new(store);
/// let (tx, local) = builder.new_transaction(TransactionType::Write).await.unwrap();
/// assert!(local);
/// tx.set(b"city/Bergen".into(), b"60.39 N".to_vec()).await.unwrap();
/// tx.commit().await.unwrap();
/// builder.shutdown().await.unwrap();
/// # });
/// ```
pub struct StoreBuilder {
    store: Arc<dyn Datastore>,
}

impl StoreBuilder {
    /// Puts `store` behind SurrealDB's traits.
    pub fn new(store: impl Datastore + 'static) -> Self {
        Self { store: Arc::new(store) }
    }

    /// Puts a store behind SurrealDB's traits that others use as well. They must leave SurrealDB's
    /// keys alone, and its [`shutdown`](Datastore::shutdown) ends the store for all.
    pub fn shared(store: Arc<dyn Datastore>) -> Self {
        Self { store }
    }
}

impl TransactionBuilder for StoreBuilder {
    fn name(&self) -> &'static str {
        self.store.kind()
    }

    fn new_transaction(&self, kind: TransactionType) -> BoxFut<'_, Result<(Box<dyn Transactable>, bool)>> {
        let options = match kind {
            TransactionType::Read => TransactionOptions::read(),
            TransactionType::Write => TransactionOptions::write(),
        };
        Box::pin(async move {
            let tx = self.store.begin(options).await.mapped()?;
            Ok((Box::new(StoreTransaction::new(tx)) as Box<dyn Transactable>, true))
        })
    }

    fn shutdown(&self) -> BoxFut<'_, Result<()>> {
        Box::pin(async move { self.store.shutdown().await.mapped() })
    }

    fn register_metrics(&self) -> Option<Metrics> {
        metrics::metrics(&*self.store)
    }

    fn collect_u64_metric(&self, metric: &str) -> Option<u64> {
        self.store.statistics().get(metric)
    }
}
