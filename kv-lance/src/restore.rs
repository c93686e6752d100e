//! Getting a store back after another tool has changed its table.

use crate::config::LanceConfig;
use crate::files::OpenFiles;
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::table::{BlockCache, Restored, RunLayout, Table};
use arrow_array::RecordBatch;
use futures::stream::BoxStream;
use kv_api::Result;
use std::sync::Arc;

/// Puts the store's own rows back into its table, where opening answers [`TableChanged`](kv_api::Error::TableChanged).
/// `None` where there is nothing to put back.
///
/// What the other tool made of the table stays under a tag, so that its rows can be read, and taken elsewhere, with
/// any reader of Lance. The journal is left as it is: the next open goes on from there.
///
/// # Errors
/// As [`LanceDatastore::open`](crate::LanceDatastore::open). The table is as it was then.
pub async fn restore(config: &LanceConfig) -> Result<Option<Restored>> {
    match ChangedTable::find(config).await? {
        Some(changed) => Ok(Some(changed.restore().await?)),
        None => Ok(None),
    }
}

/// The table of a closed store that another tool has changed: to look at before its own rows are put back. The store
/// cannot be opened meanwhile.
pub struct ChangedTable {
    table: Table,
    _lock: StoreLock,
}

impl ChangedTable {
    /// `None` where opening would not answer [`TableChanged`](kv_api::Error::TableChanged).
    ///
    /// # Errors
    /// As [`LanceDatastore::open`](crate::LanceDatastore::open).
    pub async fn find(config: &LanceConfig) -> Result<Option<Self>> {
        config.validate()?;
        let layout = Layout::prepare(config.files.clone(), &config.path, false)?;
        let lock = StoreLock::acquire(&layout.root)?;
        let cache = BlockCache::new(config.cache_bytes, config.block_bytes as usize);
        let cache = Arc::new(cache.with_index_budget(config.index_cache_bytes));
        let runs = RunLayout::new(config.block_bytes as usize, config.compression);
        let files = Arc::new(OpenFiles::new(config.files.clone(), config.open_files));
        let table = Table::load_changed(&layout.table, cache, files, runs).await?;
        Ok(table.map(|table| Self { table, _lock: lock }))
    }

    /// The rows of the table that the store does not have, in batches with the table's columns, those with the smallest
    /// `version` first: what was appended, and what was updated as it is now. All rows where the columns are not the
    /// store's any more. Sorting them takes memory.
    ///
    /// # Errors
    /// `Corruption`, `Io`, `Backend`.
    pub async fn foreign_rows(&self) -> Result<BoxStream<'_, Result<RecordBatch>>> {
        self.table.foreign_rows().await
    }

    /// As [`restore`].
    ///
    /// # Errors
    /// As [`restore`]; also where the other tool has committed once more since [`find`](Self::find).
    pub async fn restore(self) -> Result<Restored> {
        self.table.restore().await
    }
}

impl std::fmt::Debug for ChangedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangedTable").finish_non_exhaustive()
    }
}
