//! Tags: a commit says which there are, and readers from outside find those of a whole table as tags of Lance.

use super::dataset::{CommitFailure, Table};
use super::fragments;
use super::manifests;
use super::state::Record;
use super::tags::{StoredTag, Tags};
use kv_api::{Error, Result, Tag};
use std::collections::{HashMap, HashSet};

/// Names and sizes of the data files of a version of the table.
pub(super) type TaggedFiles = HashMap<u64, Vec<(String, u64)>>;

impl Table {
    /// The tags that have been committed.
    pub(crate) fn tags(&self) -> &Tags {
        &self.record.tags
    }

    /// Commits a tag; where `shows`, readers from outside find the table as it is now under its name.
    pub(crate) async fn add_tag(&mut self, tag: Tag, shows: bool) -> Result<(), CommitFailure> {
        self.check().await?;
        let before = self.record.tags.clone();
        let manifest = shows.then(|| self.dataset.manifest().version);
        if manifest.is_some() {
            self.lance_tags.check_free(&tag.name)?;
        }
        self.retag(before.with(StoredTag { tag: tag.clone(), manifest })).await?;
        let Some(manifest) = manifest else { return Ok(()) };
        let files = self.levels.runs().map(|run| (run.name.clone(), run.disk_bytes())).collect();
        match self.show_tag(&tag, manifest) {
            Ok(()) => {
                self.tagged_files.insert(manifest, files);
                Ok(())
            }
            Err(e) => {
                match self.retag(before).await {
                    Ok(()) => {}
                    // It is a tag for now; the next open shows it to others, and it can be removed.
                    Err(CommitFailure::NotCommitted(other)) => {
                        tracing::warn!(tag = tag.name, error = %other, "a tag that could not be shown was not taken back");
                    }
                    Err(unknown) => return Err(unknown),
                }
                Err(e.into())
            }
        }
    }

    /// Commits that a tag is none any more. What it alone kept of history is free.
    pub(crate) async fn remove_tag(&mut self, name: &str) -> Result<(), CommitFailure> {
        self.check().await?;
        let before = self.record.tags.stored(name).cloned();
        // First: a crash behind it leaves a tag, which the next open shows again.
        if before.as_ref().is_some_and(|stored| stored.manifest.is_some()) {
            self.lance_tags.remove(name)?;
        }
        let removed = self.retag(self.record.tags.without(name)).await;
        if removed.is_err()
            && let Some((tag, manifest)) = before.as_ref().and_then(|stored| Some((&stored.tag, stored.manifest?)))
            && let Err(e) = self.show_tag(tag, manifest)
        {
            tracing::warn!(tag = name, error = %e, "a tag that is still there is not shown to others; the next open does");
        }
        let kept: HashSet<u64> = self.record.tags.shown().map(|(_, manifest)| manifest).collect();
        self.tagged_files.retain(|manifest, _| kept.contains(manifest));
        removed
    }

    async fn retag(&mut self, tags: Tags) -> Result<(), CommitFailure> {
        let state = self.record.state;
        let levels = self.levels.clone().without_expired(state.history_floor, tags.pins());
        self.publish(levels, state, &tags).await
    }

    fn show_tag(&self, tag: &Tag, manifest: u64) -> Result<()> {
        let path = manifests::path_of(&self.root, manifest);
        let bytes = self.files.files().len(&path).map_err(|e| Error::io("reading the length of", &path, e))?;
        self.lance_tags.make(tag, manifest, bytes)
    }

    /// Shows again the tags that a crash or another tool has taken from outside readers. Those whose version of the table is gone
    /// as well remain tags of the store alone.
    pub(super) async fn mend_tags(&self) {
        // Not an iterator of references: the future would not be `Send`.
        let shown: Vec<(Tag, u64)> = self.record.tags.shown().map(|(tag, manifest)| (tag.clone(), manifest)).collect();
        for (tag, manifest) in &shown {
            if let Err(e) = self.mend_tag(tag, *manifest).await {
                tracing::warn!(tag = tag.name, error = %e, "the tag is not shown to other readers");
            }
        }
    }

    async fn mend_tag(&self, tag: &Tag, manifest: u64) -> Result<()> {
        let shown = self.dataset.tags().get(&tag.name).await;
        if shown.is_ok_and(|shown| shown.branch.is_none() && shown.version == manifest) {
            return Ok(());
        }
        if !self.is_as_tagged(tag, manifest).await? {
            tracing::debug!(tag = tag.name, manifest, "another tool has removed what the tag showed");
            return Ok(());
        }
        tracing::warn!(tag = tag.name, manifest, "the tag is shown to other readers again");
        self.lance_tags.remove(&tag.name)?;
        self.show_tag(tag, manifest)
    }

    /// Whether a version of the table is the one that was tagged: another tool may have removed that, or the whole table, which
    /// then counts its versions anew.
    async fn is_as_tagged(&self, tag: &Tag, version: u64) -> Result<bool> {
        let Some(found) = manifests::version(&self.dataset, &self.root, version).await? else { return Ok(false) };
        let record = Record::read(&found.manifest().config);
        Ok(record.is_some_and(|record| {
            record.state.last_version == tag.version && fragments::are(found.manifest(), record.runs())
        }))
    }

    /// Reads which files the tagged versions of the table have: for the figure alone.
    pub(super) async fn find_tagged_files(&mut self) {
        let versions: Vec<u64> = self.record.tags.shown().map(|(_, version)| version).collect();
        for version in versions {
            let tagged = match manifests::version(&self.dataset, &self.root, version).await {
                Ok(Some(tagged)) => tagged,
                Ok(None) => continue,
                Err(e) => {
                    tracing::warn!(error = %e, "the files of a tagged version of the table are not counted");
                    continue;
                }
            };
            let files = tagged.manifest().fragments.iter().flat_map(|fragment| &fragment.files);
            let sized =
                files.map(|file| (file.path.clone(), file.file_size_bytes.get().map_or(0, |bytes| bytes.get())));
            let files = sized.collect();
            self.tagged_files.insert(version, files);
        }
    }

    /// Bytes of data files that are there for tags alone.
    pub(crate) fn tagged_bytes(&self) -> u64 {
        let mut known: HashSet<&str> = self.levels.runs().map(|run| run.name.as_str()).collect();
        let files = self.tagged_files.values().flatten();
        files.filter(|(name, _)| known.insert(name)).map(|(_, bytes)| bytes).sum()
    }
}
