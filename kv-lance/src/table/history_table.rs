//! The dataset in which outside readers find history: `history.lance`, beside the table. It is made when there is any.

use super::companion::Companion;
use super::error::from_lance;
use super::fragments;
use super::history::History;
use super::schema::Columns;
use crate::files::Files;
use futures::FutureExt;
use kv_api::{Error, Result};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where it lies, beside the table.
pub(super) fn root(table: &Path) -> PathBuf {
    table.with_file_name("history.lance")
}

pub(super) struct HistoryTable(Companion);

impl HistoryTable {
    pub(super) fn beside(table: &Path, files: Arc<dyn Files>) -> Self {
        Self(Companion::at(root(table), Columns::History, files))
    }

    /// Where its files are.
    pub(super) fn data(&self) -> &PathBuf {
        &self.0.links.data
    }

    /// Gives every run both its names again.
    pub(super) fn mend(&self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        self.0.mend(names.iter().map(String::as_str))
    }

    /// Makes the dataset hold these runs and nothing else.
    pub(super) async fn show(&mut self, history: &History) -> Result<()> {
        // Lance panics on some damage, which is no reason for the store not to open.
        let shown = AssertUnwindSafe(self.try_show(history)).catch_unwind().await;
        shown.unwrap_or_else(|_| Err(Error::corruption(&self.0.root, "its manifest cannot be decoded")))
    }

    async fn try_show(&mut self, history: &History) -> Result<()> {
        if history.is_empty() && !self.0.exists()? {
            return Ok(());
        }
        let runs = || history.runs().iter();
        self.0.mend(runs().map(|run| run.name.as_str()))?;
        let dataset = self.0.look().await?;
        if fragments::are_of(dataset.manifest(), runs().map(|run| run.name.as_str()), Columns::History) {
            return Ok(());
        }
        let failed = |e| from_lance("committing to", &self.0.root, e);
        let operation = fragments::operation(dataset.manifest(), runs(), Columns::History).map_err(failed)?;
        self.0.commit(dataset, operation).await
    }

    /// Removes the versions that were replaced longer than `grace` ago, with the files that only they name.
    pub(super) async fn clean_up(&self, grace: Duration) -> Result<()> {
        self.0.clean_up(grace).await
    }

    /// Removes what a crash has left.
    pub(super) async fn remove_strangers(&self) -> Result<()> {
        self.0.remove_strangers().await
    }
}
