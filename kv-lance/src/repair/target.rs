//! The new store: how it is written.

use crate::config::LanceConfig;
use crate::datastore::LanceDatastore;
use kv_api::{Datastore, Key, Result, Transactable, TransactionOptions, Val};

/// A transaction ends with the row that reaches this.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_ROWS: usize = 10_000;

/// The new store, while it is written.
pub(super) struct Target {
    store: LanceDatastore,
    tx: Option<Box<dyn Transactable>>,
    bytes: usize,
    rows: usize,
}

impl Target {
    pub(super) async fn make(into: &LanceConfig) -> Result<Self> {
        let store = LanceDatastore::open(into.clone().create(true)).await?;
        Ok(Self { store, tx: None, bytes: 0, rows: 0 })
    }

    pub(super) async fn set(&mut self, key: Key, val: Val) -> Result<()> {
        self.bytes += key.len() + val.len();
        self.rows += 1;
        let tx = match self.tx.take() {
            Some(tx) => tx,
            None => self.store.begin(TransactionOptions::write()).await?,
        };
        tx.set(key, val).await?;
        self.tx = Some(tx);
        if self.bytes >= BATCH_BYTES || self.rows >= BATCH_ROWS {
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        (self.bytes, self.rows) = (0, 0);
        match self.tx.take() {
            Some(tx) => tx.commit().await,
            None => Ok(()),
        }
    }

    /// Writes what is left, and closes the store.
    pub(super) async fn close(mut self) -> Result<()> {
        let written = async {
            self.commit().await?;
            self.store.flush().await
        };
        let written = written.await;
        let closed = self.store.shutdown().await;
        written.and(closed)
    }
}
