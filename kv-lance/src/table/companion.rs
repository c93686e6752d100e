//! A dataset beside the table, for outside readers: what is in it follows from what the engine's table says, and the engine
//! never reads it. So whatever another tool does to it is undone the next time that it is written, and a crash, or damage to
//! it, leaves nothing that is not mended then.

use super::clean_up::remove_replaced;
use super::commit::transaction;
use super::commit_handler::DurableCommitHandler;
use super::error::decoded;
use super::leftovers::{named_by_versions, remove_drafts};
use super::links::{Links, list};
use super::manifests;
use super::open::{create, has_manifest};
use super::schema::Columns;
use crate::files::Files;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::transaction::Operation;
use lance::dataset::write::CommitBuilder;
use lance_file::version::LanceFileVersion;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Companion {
    pub(super) root: PathBuf,
    pub(super) links: Links,
    pub(super) handler: Arc<DurableCommitHandler>,
    columns: Columns,
    /// As it was last looked at; `None` until it is needed.
    dataset: Option<Dataset>,
}

impl Companion {
    pub(super) fn at(root: PathBuf, columns: Columns, files: Arc<dyn Files>) -> Self {
        let handler = Arc::new(DurableCommitHandler::new(root.clone(), files.clone()));
        Self { links: Links::beside(&root, files), root, handler, columns, dataset: None }
    }

    pub(super) fn files(&self) -> &dyn Files {
        &*self.links.files
    }

    /// Whether there is any version of it.
    pub(super) fn exists(&self) -> Result<bool> {
        has_manifest(self.files(), &self.root)
    }

    /// Gives every run its name in the dataset as well.
    pub(super) fn mend<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        self.links.prepare()?;
        self.links.mend(names)
    }

    /// As it was last looked at.
    pub(super) fn dataset(&self) -> Option<&Dataset> {
        self.dataset.as_ref()
    }

    /// The dataset as it is now; made where there is none that can be read.
    pub(super) async fn look(&mut self) -> Result<Dataset> {
        let files = self.files();
        let dataset = loop {
            if !self.exists()? {
                break create(files, &self.root, self.handler.clone(), self.columns).await?;
            }
            let newest = match &self.dataset {
                Some(dataset) => manifests::newest(files, dataset, &self.root).await,
                None => manifests::load(files, &self.root, self.handler.clone()).await,
            };
            match newest.and_then(|dataset| self.checked(dataset)) {
                Err(Error::Corruption { path, detail }) if is_manifest(&path) => self.discard(&path, &detail)?,
                newest => break newest?,
            }
        };
        self.dataset = Some(dataset.clone());
        Ok(dataset)
    }

    /// Commits on top of a dataset that has been looked at.
    pub(super) async fn commit(&mut self, dataset: Dataset, operation: Operation) -> Result<()> {
        let version = dataset.manifest().version;
        let commit = CommitBuilder::new(Arc::new(dataset))
            .with_storage_format(LanceFileVersion::V2_2)
            .with_skip_auto_cleanup(true)
            .execute(transaction(version, operation));
        let undecodable = || "a file of the table cannot be decoded".into();
        self.dataset = Some(decoded("committing to", &self.root, undecodable, commit).await?);
        Ok(())
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
        tracing::warn!(path = %manifest.display(), why, "a version of a table for other readers is damaged, and goes");
        self.files().remove(manifest).map_err(|e| Error::io("removing", manifest, e))
    }

    /// Removes the versions that were replaced longer than `grace` ago, with the files that only they name.
    pub(super) async fn clean_up(&self, grace: Duration) -> Result<()> {
        match &self.dataset {
            Some(dataset) => remove_replaced(dataset, &self.root, self.files(), grace).await,
            None => Ok(()),
        }
    }

    /// Removes what a crash has left.
    pub(super) async fn remove_strangers(&self) -> Result<()> {
        remove_drafts(self.files(), &self.root)?;
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
        for path in list(self.files(), &self.links.data)? {
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
