//! Getting a store back after another tool has changed its table.

use crate::config::LanceConfig;
use crate::files::OpenFiles;
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::table::{BlockCache, Restored, RunLayout, Table};
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
    config.validate()?;
    let layout = Layout::prepare(config.files.clone(), &config.path, false)?;
    let _lock = StoreLock::acquire(&layout.root)?;
    let cache = Arc::new(
        BlockCache::new(config.cache_bytes, config.block_bytes as usize).with_index_budget(config.index_cache_bytes),
    );
    let runs = RunLayout::new(config.block_bytes as usize, config.compression);
    Table::restore(&layout.table, cache, Arc::new(OpenFiles::new(config.files.clone(), config.open_files)), runs).await
}
