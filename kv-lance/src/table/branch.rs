//! Another store that begins with this one's files.

use super::dataset::{CommitFailure, Table};
use super::links::Links;
use super::manifests;
use super::state::Record;
use super::tags::{StoredTag, Tags};
use kv_api::{Error, Result, Version};
use std::path::Path;

impl Table {
    /// Gives the runs of the table, or of the version of it that a tag shows, a name below another root as well, and leaves there
    /// a record from which a store can be opened. Its journal is begun before that, behind the segment that the
    /// runs go up to; no part of it is read before it is complete. The record's newest version.
    ///
    /// # Errors
    /// `TagNotFound`, `Unsupported` where a tag shows no version of the table, `Io`.
    pub(crate) async fn branch(
        &mut self,
        root: &Path,
        tag: Option<&str>,
        begin_journal: impl FnOnce(u64) -> Result<()>,
    ) -> Result<Version, CommitFailure> {
        self.check().await?;
        let record = match tag {
            None => self.record.clone(),
            Some(name) => self.tagged(name).await?,
        };
        // A new store counts its own commits, and has no tags.
        let record = Record { tags: Tags::default(), sequence: 1, table_version: 0, ..record };
        let links = Links::beside(root, self.files.files().clone());
        links.prepare()?;
        for name in record.files() {
            self.links.lend(name, &links)?;
        }
        links.sync_dir(&links.runs)?;
        begin_journal(record.state.journal_through)?;
        links.keep(&record)?;
        Ok(record.state.last_version)
    }

    /// What the engine had committed in the version of the table that a tag shows, without the history of that time.
    async fn tagged(&self, name: &str) -> Result<Record> {
        let missing = || Error::TagNotFound { name: name.to_owned() };
        let StoredTag { tag, manifest } = self.record.tags.stored(name).ok_or_else(missing)?;
        let unsupported = || Error::Unsupported { operation: "a branch from a tag that other readers do not find" };
        let manifest = manifest.ok_or_else(unsupported)?;
        let found = manifests::version(&self.dataset, &self.root, manifest).await?.ok_or_else(unsupported)?;
        let mut record = Record::read(&found.manifest().config)
            .filter(|record| record.state.last_version == tag.version)
            .ok_or_else(unsupported)?;
        record.history.clear();
        record.state.history_floor = record.state.history_floor.max(tag.version);
        record.state.changes_floor = record.state.changes_floor.max(tag.version);
        Ok(record)
    }
}
