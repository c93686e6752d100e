//! A store as a table, for the workloads that ask it by SQL.

use crate::engine::Opening;
use crate::workload::Over;
use async_trait::async_trait;
use kv_api::Result;
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

/// Opens what the engine of a name has left in a folder, or the files of it, as a table; `None` where this worker has none
/// such.
pub type OpenTable = fn(name: &str, opening: Opening, over: Over) -> Option<OpenedTable>;
