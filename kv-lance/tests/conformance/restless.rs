//! A store whose background work is held, let go and asked for between any two transactions.

use async_trait::async_trait;
use kv_api::{
    Capabilities, ChangeFeed, ChangeFilter, Datastore, KeyRange, Result, Statistics, Tag, Transactable,
    TransactionOptions, Version,
};
use kv_lance::LanceDatastore;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::xxh3_64;

/// Passes everything on.
pub(crate) struct Restless {
    store: LanceDatastore,
    /// Transactions that have begun: their hashes say what happens between them.
    begun: AtomicU64,
    /// Compactions that are waited for: what they wait for is not held.
    compacting: AtomicU64,
}

impl Restless {
    pub(crate) fn new(store: LanceDatastore) -> Self {
        Self { store, begun: AtomicU64::new(0), compacting: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Datastore for Restless {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        let next = xxh3_64(&self.begun.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        match next >> 60 {
            0..4 => {
                self.store.pause_compactions();
                if self.compacting.load(Ordering::SeqCst) > 0 {
                    self.store.resume_compactions();
                }
            }
            4..8 => self.store.resume_compactions(),
            8 => self.store.flush().await?,
            9 | 10 => {
                let tx = self.store.begin(TransactionOptions::read()).await?;
                let from = KeyRange::from(vec![next as u8]..);
                tx.compact((next >> 60 == 10).then_some(from)).await?;
            }
            _ => {}
        }
        self.store.begin(options).await
    }

    async fn current_version(&self) -> Result<Version> {
        self.store.current_version().await
    }

    async fn shutdown(&self) -> Result<()> {
        self.store.shutdown().await
    }

    async fn flush(&self) -> Result<()> {
        self.store.flush().await
    }

    async fn compact(&self) -> Result<()> {
        self.compacting.fetch_add(1, Ordering::SeqCst);
        self.store.resume_compactions();
        let compacted = self.store.compact().await;
        self.compacting.fetch_sub(1, Ordering::SeqCst);
        compacted
    }

    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        self.store.changes_until(since, until, filter).await
    }

    async fn tag(&self, name: &str, version: Option<Version>) -> Result<Version> {
        self.store.tag(name, version).await
    }

    async fn untag(&self, name: &str) -> Result<Version> {
        self.store.untag(name).await
    }

    async fn tags(&self) -> Result<Vec<Tag>> {
        self.store.tags().await
    }

    async fn branch(&self, into: &Path, tag: Option<&str>) -> Result<Box<dyn Datastore>> {
        self.store.branch(into, tag).await
    }

    async fn reader(&self) -> Result<Box<dyn Datastore>> {
        self.store.reader().await
    }

    async fn refresh(&self) -> Result<Version> {
        self.store.refresh().await
    }

    fn statistics(&self) -> Statistics {
        self.store.statistics()
    }
}
