//! A store's files as a table, for the workload that asks them by SQL.

use async_trait::async_trait;
use kv_api::Result;
use std::path::PathBuf;
use std::pin::Pin;

/// A table that is open.
#[async_trait]
pub trait Table: Send + Sync {
    /// How many rows are live, and the greatest of their values, by SQL.
    ///
    /// # Errors
    /// What the table's engine says.
    async fn greatest(&self) -> Result<(u64, Vec<u8>)>;
}

/// A table that will be open.
pub type OpenedTable = Pin<Box<dyn Future<Output = Result<Box<dyn Table>>> + Send>>;

/// Opens the table that the engine of a name has left in a folder; `None` where this worker has none such.
pub type OpenTable = fn(name: &str, dir: PathBuf) -> Option<OpenedTable>;
