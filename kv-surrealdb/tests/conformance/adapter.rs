//! A backend of SurrealDB as a datastore of kv-api.

use crate::error::back;
use crate::transaction::{Help, Transaction};
use async_trait::async_trait;
use kv_api::{
    Capabilities, Datastore, Error, Isolation, Result, Transactable, TransactionOptions, TransactionType, Version,
};
use kv_surrealdb::LanceProvider;
use surrealdb_kvs::TransactionBuilder;
use surrealdb_kvs_any::Backends;

pub(crate) struct Adapter {
    builder: Box<dyn TransactionBuilder>,
    capabilities: Capabilities,
    help: Help,
}

impl Adapter {
    /// Opens what SurrealDB opens for `path`.
    pub(crate) async fn open(path: &str, capabilities: Capabilities, help: Help) -> Result<Self> {
        let mut backends = Backends::community();
        backends.register(LanceProvider);
        let builder = backends
            .new_transaction_builder(path, Default::default(), Default::default())
            .await
            .map_err(|e| back("opening", e))?;
        Ok(Self { builder, capabilities, help })
    }
}

#[async_trait]
impl Datastore for Adapter {
    fn kind(&self) -> &'static str {
        self.builder.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        if options.isolation != Isolation::Snapshot {
            return Err(Error::Unsupported { operation: "serializable" });
        }
        let kind = match options.kind {
            TransactionType::Read => surrealdb_kvs::TransactionType::Read,
            TransactionType::Write => surrealdb_kvs::TransactionType::Write,
        };
        let (tx, _) = self.builder.new_transaction(kind).await.map_err(|e| back("beginning", e))?;
        Ok(Box::new(Transaction::new(tx, self.help)))
    }

    /// SurrealDB has no such question. Where no writer has a time stamp the safe one is the newest
    /// commit's.
    async fn current_version(&self) -> Result<Version> {
        if !self.capabilities.versioned_reads {
            return Err(Error::UnsupportedVersionedQueries);
        }
        let tx = self.begin(TransactionOptions::read()).await?;
        let now = tx.safe_timestamp().await?;
        tx.cancel().await?;
        Ok(now)
    }

    async fn shutdown(&self) -> Result<()> {
        self.builder.shutdown().await.map_err(|e| back("shutting down", e))
    }

    async fn compact(&self) -> Result<()> {
        let tx = self.begin(TransactionOptions::write()).await?;
        tx.compact(None).await?;
        tx.cancel().await
    }
}
