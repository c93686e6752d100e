//! Putting the table back after another tool has changed its rows.

use super::RunLayout;
use super::commit::told;
use super::dataset::Table;
use super::error::from_lance;
use super::run::BlockCache;
use crate::files::OpenFiles;
use kv_api::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// What the tags of versions that other tools have made begin with.
pub(crate) const FOREIGN: &str = "foreign-";

/// What was done to get a store back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The version of the table that another tool had made of it.
    pub version: u64,
    /// The tag that keeps this version, for any reader of Lance.
    pub tag: String,
}

impl Table {
    /// The table as another tool has left it, where its rows or columns are no longer the engine's.
    pub(crate) async fn load_changed(
        root: &Path,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
        layout: RunLayout,
    ) -> Result<Option<Self>> {
        let mut table = Self::load(root, false, cache, files, layout).await?;
        match table.settle().await.map_err(told) {
            Ok(()) => Ok(None),
            Err(Error::TableChanged { .. }) => Ok(Some(table)),
            Err(e) => Err(e),
        }
    }

    /// Puts the engine's rows back where another tool has changed them, and tags what it had made
    /// of them.
    pub(crate) async fn restore(mut self) -> Result<Restored> {
        let version = self.dataset.manifest().version;
        let tag = format!("{FOREIGN}{version}");
        match self.dataset.tags().create(&tag, version).await {
            // By a restore that was cut off.
            Ok(()) | Err(lance::Error::RefConflict { .. }) => {}
            Err(e) => return Err(from_lance("tagging a version of", &self.root, e)),
        }
        self.commit_again().await.map_err(told)?;
        Ok(Restored { version, tag })
    }
}
