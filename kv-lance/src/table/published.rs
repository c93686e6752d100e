//! The dataset in which outside readers find what has been published: `published.lance`, beside the table. Of each run it
//! has the file, and a deletion file that names the rows which nobody is to see.

use super::commit_handler::{Expected, is_sealed, published_version};
use super::companion::Companion;
use super::error::from_lance;
use super::fragments;
use super::lance_tags::LanceTags;
use super::manifests;
use super::run::Run;
use super::schema::{self, Columns};
use crate::files::{Files, OpenMode, make_dirs};
use kv_api::{Error, Result, Tag, Version};
use lance::Dataset;
use lance::dataset::transaction::Operation;
use lance_core::utils::deletion::DeletionVector;
use lance_io::object_store::ObjectStore;
use lance_table::format::{DeletionFile, Fragment};
use lance_table::io::deletion::{
    DELETIONS_DIR, deletion_file_path, read_deletion_file, relative_deletion_file_path, write_deletion_file,
};
use object_store::path::Path as ObjectPath;
use roaring::RoaringBitmap;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Another tool can commit just before us, again and again; so often we begin anew.
const ATTEMPTS: usize = 32;

/// A run, and the numbers of its rows that nobody is to see.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) run: Arc<Run>,
    pub(crate) hidden: RoaringBitmap,
}

/// Of the runs that were published last, by their names, the rows that each other, or a run of these, hides.
pub(crate) type Known = HashMap<String, RoaringBitmap>;

pub(crate) struct PublishedTable {
    pub(super) table: Companion,
    names: LanceTags,
}

impl PublishedTable {
    pub(crate) fn beside(table: &Path, files: Arc<dyn Files>) -> Self {
        let root = table.with_file_name("published.lance");
        let names = LanceTags::of(&root, files.clone());
        Self { table: Companion::at(root, Columns::Current, files), names }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.table.root
    }

    /// The version of the dataset that was looked at or committed last.
    pub(crate) fn version(&self) -> u64 {
        self.table.dataset().map_or(0, |dataset| dataset.manifest().version)
    }

    /// Refuses a name that a publication has.
    pub(crate) async fn check_name(&mut self, name: &str) -> Result<()> {
        if !self.names.exists(name)? {
            return Ok(());
        }
        let dataset = self.table.look().await?;
        if let Ok(named) = dataset.tags().get(name).await
            && let Some(named) = manifests::version(&dataset, &self.table.root, named.version).await?
            && let Some(version) = published_version(named.manifest())
        {
            return Err(Error::TagExists { name: name.to_owned(), version });
        }
        self.names.check_free(name)
    }

    /// What the newest publication hides; nothing where that is not what the engine has committed.
    pub(crate) async fn known(&mut self) -> Result<Known> {
        let dataset = self.table.look().await?;
        let mut known = Known::new();
        if !is_sealed(dataset.manifest()) {
            return Ok(known);
        }
        for fragment in dataset.manifest().fragments.iter() {
            let Some(name) = fragments::file_name(fragment) else { continue };
            match self.hidden(fragment).await {
                Ok(hidden) => drop(known.insert(name.to_owned(), hidden)),
                Err(e) => {
                    tracing::warn!(run = name, error = %e, "which rows of a run were hidden is not known, and looked for anew");
                }
            }
        }
        Ok(known)
    }

    pub(super) async fn hidden(&self, fragment: &Fragment) -> Result<RoaringBitmap> {
        let Some(file) = &fragment.deletion_file else { return Ok(RoaringBitmap::new()) };
        let base = ObjectPath::from_absolute_path(&self.table.root)
            .map_err(|e| Error::backend("reading what a publication hides", e))?;
        let hidden = read_deletion_file(fragment.id, file, &base, &ObjectStore::local()).await;
        let hidden = hidden.map_err(|e| from_lance("reading what is hidden in", &self.table.root, e))?;
        let hidden: RoaringBitmap = hidden.iter().collect();
        let expected = file.num_deleted_rows.map(|rows| rows as u64);
        let rows = fragment.physical_rows.unwrap_or_default() as u64;
        match expected == Some(hidden.len()) && hidden.max().is_none_or(|row| u64::from(row) < rows) {
            true => Ok(hidden),
            false => Err(Error::corruption(self.place(fragment.id, file), "it hides other rows than its table says")),
        }
    }

    /// Makes the newest version of the dataset show these runs, as of a version of the store.
    pub(crate) async fn show(&mut self, shown: &[Shown], known: &Known, version: Version) -> Result<()> {
        self.table.mend(shown.iter().map(|shown| shown.run.name.as_str()))?;
        let mut attempt = 1;
        loop {
            self.table.handler.expect(Expected::Nothing);
            let mut dataset = self.table.look().await?;
            if !schema::is_own(&dataset.manifest().schema, Columns::Current) {
                dataset = self.empty(dataset).await?;
            }
            let read = dataset.manifest().version;
            let mut written = Vec::new();
            let done = match self.operation(&dataset, shown, known, version, &mut written).await {
                Ok(None) => return Ok(()),
                Ok(Some(operation)) => {
                    self.table.handler.expect(Expected::Publication(version));
                    self.table.commit(dataset, operation).await
                }
                Err(e) => Err(e),
            };
            let Err(e) = done else { return Ok(()) };
            // What it names has to stay.
            if self.table.handler.has_published() {
                return Err(e);
            }
            self.remove(&written);
            if attempt == ATTEMPTS || self.table.look().await?.manifest().version == read {
                return Err(e);
            }
            attempt += 1;
        }
    }

    /// Takes away all rows, and columns that are not the store's: Lance has no commit that does that and hides rows as well.
    async fn empty(&mut self, dataset: Dataset) -> Result<Dataset> {
        let failed = |e| from_lance("committing to", &self.table.root, e);
        let operation =
            fragments::operation(dataset.manifest(), std::iter::empty(), Columns::Current).map_err(failed)?;
        self.table.commit(dataset, operation).await?;
        self.table.look().await
    }

    /// What turns the dataset into these runs and nothing else; `None` where it is. What it has written is in `written`.
    async fn operation(
        &self,
        dataset: &Dataset,
        shown: &[Shown],
        known: &Known,
        version: Version,
        written: &mut Vec<PathBuf>,
    ) -> Result<Option<Operation>> {
        let manifest = dataset.manifest();
        let sealed = is_sealed(manifest);
        // Of a file without a row that is to be seen, other readers need to know nothing.
        let visible = shown.iter().filter(|shown| shown.hidden.len() < shown.run.statistics().rows);
        let mut wanted: HashMap<&str, &Shown> = visible.map(|shown| (shown.run.name.as_str(), shown)).collect();
        let (mut removed, mut updated, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for fragment in manifest.fragments.iter() {
            let name = fragments::file_name(fragment);
            match name.and_then(|name| Some((name, wanted.remove(name)?))) {
                Some((name, shown)) if sealed && known.get(name) == Some(&shown.hidden) => {}
                Some((_, shown)) => {
                    let deletion_file = self.hide(fragment.id, manifest.version, &shown.hidden, written).await?;
                    updated.push(Fragment { deletion_file, ..fragment.clone() });
                }
                None => removed.push(fragment.id),
            }
        }
        // The name of a deletion file has the id of its fragment, which therefore has to be known. To Lance, 0 is none.
        let first = manifest.max_fragment_id().map_or(1, |id| id + 1);
        let missing = shown.iter().filter(|shown| wanted.contains_key(shown.run.name.as_str()));
        for (id, shown) in (first..).zip(missing) {
            let deletion_file = self.hide(id, manifest.version, &shown.hidden, written).await?;
            new.push(Fragment { id, deletion_file, ..fragments::of(&shown.run) });
        }
        if !written.is_empty() {
            let dir = self.table.root.join(DELETIONS_DIR);
            self.table.links.sync_dir(&dir)?;
            self.table.links.sync_dir(&self.table.root)?;
        }
        let is_same = removed.is_empty() && updated.is_empty() && new.is_empty();
        if is_same && sealed && published_version(manifest) == Some(version) {
            return Ok(None);
        }
        Ok(Some(fragments::update(removed, updated, new)))
    }

    /// Writes, durably, which rows of a fragment are hidden.
    async fn hide(
        &self,
        fragment: u64,
        read_version: u64,
        rows: &RoaringBitmap,
        written: &mut Vec<PathBuf>,
    ) -> Result<Option<DeletionFile>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let failed = |e| from_lance("encoding what is hidden in", &self.table.root, e);
        // In memory first: what reaches the disk does so through the store's own files.
        let (memory, base) = (ObjectStore::memory(), ObjectPath::default());
        let rows = DeletionVector::Bitmap(rows.clone());
        let encoded = write_deletion_file(&base, fragment, read_version, &rows, &memory).await.map_err(failed)?;
        let Some(file) = encoded else { return Ok(None) };
        let bytes = memory.read_one_all(&deletion_file_path(&base, fragment, &file)).await.map_err(failed)?;
        let path = self.place(fragment, &file);
        written.push(path.clone());
        let files = self.table.files();
        let write = || {
            make_dirs(files, &self.table.root.join(DELETIONS_DIR))?;
            let handle = files.open(&path, OpenMode::New)?;
            handle.write_all_at(&bytes, 0)?;
            handle.sync_all()
        };
        write().map_err(|e| Error::io("writing", &path, e))?;
        Ok(Some(file))
    }

    fn place(&self, fragment: u64, file: &DeletionFile) -> PathBuf {
        self.table.root.join(relative_deletion_file_path(fragment, file))
    }

    fn remove(&self, written: &[PathBuf]) {
        for path in written {
            if let Err(e) = self.table.files().remove(path)
                && e.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), error = %e, "a file of a publication that did not happen is left behind");
            }
        }
    }

    /// Gives the newest version of the dataset a name.
    pub(crate) fn name(&self, name: &str, version: Version) -> Result<()> {
        let manifest = self.version();
        let path = manifests::path_of(&self.table.root, manifest);
        let bytes = self.table.files().len(&path).map_err(|e| Error::io("reading the length of", &path, e))?;
        self.names.make(&Tag::new(name, version, SystemTime::now()), manifest, bytes)
    }

    /// Takes a name away.
    pub(crate) fn remove_name(&self, name: &str) -> Result<()> {
        match self.names.exists(name)? {
            true => self.names.remove(name),
            false => Err(Error::TagNotFound { name: name.to_owned() }),
        }
    }

    /// Removes the versions that were replaced longer than `grace` ago and have no name, and what a crash has left.
    pub(crate) async fn clean_up(&mut self, grace: Duration) {
        let cleaned = match self.table.exists() {
            Ok(true) => self.try_clean_up(grace).await,
            other => other.map(drop),
        };
        // What is left takes space and does no other harm; the next publication removes it.
        if let Err(e) = cleaned {
            tracing::warn!(path = %self.table.root.display(), error = %e, "cleaning up what was published failed");
        }
    }

    async fn try_clean_up(&mut self, grace: Duration) -> Result<()> {
        self.table.look().await?;
        self.table.clean_up(grace).await?;
        self.table.remove_strangers().await
    }
}
