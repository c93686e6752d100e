//! The dataset in which outside readers find history: `history.lance`, beside the table.
//!
//! It follows from what the engine's table says, and the engine never reads it. So whatever another tool does to it is
//! undone by the next change of history, and a crash between the two, or damage to it, leaves nothing that the next open
//! does not mend. It is made when there is any history.

use super::clean_up::remove_replaced;
use super::commit::transaction;
use super::commit_handler::DurableCommitHandler;
use super::error::{decoded, from_lance};
use super::fragments;
use super::history::History;
use super::leftovers::{named_by_versions, remove_drafts};
use super::links::{Links, list};
use super::manifests;
use super::open::{create, has_manifest};
use super::schema::Columns;
use crate::files::Files;
use futures::FutureExt;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::write::CommitBuilder;
use lance_file::version::LanceFileVersion;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where it lies, beside the table.
pub(super) fn root(table: &Path) -> PathBuf {
    table.with_file_name("history.lance")
}

pub(super) struct HistoryTable {
    root: PathBuf,
    links: Links,
    handler: Arc<DurableCommitHandler>,
    /// `None` until it is needed.
    dataset: Option<Dataset>,
}

impl HistoryTable {
    pub(super) fn beside(table: &Path, files: Arc<dyn Files>) -> Self {
        let root = root(table);
        let handler = Arc::new(DurableCommitHandler::new(root.clone(), files.clone()));
        Self { links: Links::beside(&root, files), root, handler, dataset: None }
    }

    /// Gives every run both its names again.
    pub(super) fn mend(&self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        self.links.prepare()?;
        self.links.mend(names.iter().map(String::as_str))
    }

    /// Makes the dataset hold these runs and nothing else.
    pub(super) async fn show(&mut self, history: &History) -> Result<()> {
        // Lance panics on some damage, which is no reason for the store not to open.
        let shown = AssertUnwindSafe(self.try_show(history)).catch_unwind().await;
        shown.unwrap_or_else(|_| Err(Error::corruption(&self.root, "its manifest cannot be decoded")))
    }

    async fn try_show(&mut self, history: &History) -> Result<()> {
        if history.is_empty() && !has_manifest(&*self.links.files, &self.root)? {
            return Ok(());
        }
        self.links.prepare()?;
        let runs = || history.runs().iter();
        self.links.mend(runs().map(|run| run.name.as_str()))?;
        let dataset = self.newest().await?;
        let failed = |e| from_lance("committing to", &self.root, e);
        if fragments::are_of(dataset.manifest(), runs().map(|run| run.name.as_str()), Columns::History) {
            self.dataset = Some(dataset);
            return Ok(());
        }
        let operation = fragments::operation(dataset.manifest(), runs(), Columns::History).map_err(failed)?;
        let version = dataset.manifest().version;
        let commit = CommitBuilder::new(Arc::new(dataset))
            .with_storage_format(LanceFileVersion::V2_2)
            .with_skip_auto_cleanup(true)
            .execute(transaction(version, operation));
        let undecodable = || "a file of the table cannot be decoded".into();
        self.dataset = Some(decoded("committing to", &self.root, undecodable, commit).await?);
        Ok(())
    }

    /// The dataset as it is now; made where there is none that can be read.
    async fn newest(&self) -> Result<Dataset> {
        let files = &*self.links.files;
        loop {
            if !has_manifest(files, &self.root)? {
                return create(files, &self.root, self.handler.clone(), Columns::History).await;
            }
            let newest = match &self.dataset {
                Some(dataset) => manifests::newest(files, dataset, &self.root).await,
                None => manifests::load(files, &self.root, self.handler.clone()).await,
            };
            match newest.and_then(|dataset| self.checked(dataset)) {
                Err(Error::Corruption { path, detail }) if is_manifest(&path) => self.discard(&path, &detail)?,
                newest => return newest,
            }
        }
    }

    /// Refuses a version that is another than its name says, as of a manifest that has been zeroed.
    fn checked(&self, dataset: Dataset) -> Result<Dataset> {
        let (named, said) = (dataset.manifest_location().version, dataset.manifest().version);
        match named == said {
            true => Ok(dataset),
            false => Err(Error::corruption(
                manifests::path_of(&self.root, named),
                format!("it says that it is of version {said}"),
            )),
        }
    }

    /// Removes a manifest that cannot be read. What it said follows from the table.
    fn discard(&self, manifest: &Path, why: &str) -> Result<()> {
        tracing::warn!(path = %manifest.display(), why, "a version of the table of history is damaged, and goes");
        self.links.files.remove(manifest).map_err(|e| Error::io("removing", manifest, e))
    }

    /// Removes the versions that were replaced longer than `grace` ago, with the files that only they name.
    pub(super) async fn clean_up(&self, grace: Duration) -> Result<()> {
        match &self.dataset {
            Some(dataset) => remove_replaced(dataset, &self.root, &*self.links.files, grace).await,
            None => Ok(()),
        }
    }

    /// Removes what a crash has left.
    pub(super) async fn remove_strangers(&self) -> Result<()> {
        remove_drafts(&*self.links.files, &self.root)?;
        let Some(dataset) = &self.dataset else { return Ok(()) };
        let newest = manifests::path_of(&self.root, dataset.manifest().version);
        let named = loop {
            match named_by_versions(dataset, &self.root).await {
                Err(Error::Corruption { path, detail }) if is_manifest(&path) && path != newest => {
                    self.discard(&path, &detail)?;
                }
                named => break named?,
            }
        };
        for path in list(&*self.links.files, &self.links.data)? {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !named.contains(*name)) {
                self.links.hide(name)?;
            }
        }
        Ok(())
    }
}

/// Whether it is the file of a version, and not a directory where that could not be told.
fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "manifest")
}
