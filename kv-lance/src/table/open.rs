//! Opening the table, and making it.

use super::commit::{told, transaction};
use super::commit_handler::{DurableCommitHandler, Expected};
use super::dataset::Table;
use super::error::from_lance;
use super::find_record::find_record;
use super::history::History;
use super::history_table::HistoryTable;
use super::lance_tags::LanceTags;
use super::leftovers::remove_drafts;
use super::levels::Levels;
use super::links::{Links, list};
use super::manifests;
use super::run::BlockCache;
use super::schema::{self, Columns};
use super::state::{Record, TableState};
use super::tagging::TaggedFiles;
use super::{FORMAT_VERSION, RunLayout};
use crate::files::{Files, OpenFiles, make_dirs};
use futures::FutureExt;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::transaction::Operation;
use lance::dataset::write::CommitBuilder;
use lance::session::Session;
use lance_file::version::LanceFileVersion;
use lance_io::object_store::ObjectStore;
use lance_io::scheduler::{ScanScheduler, SchedulerConfig};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

/// Lance's own cache of manifests.
const METADATA_CACHE_BYTES: usize = 64 << 20;
const IO_BUFFER_BYTES: u64 = 32 << 20;

/// A table and what it holds.
pub(crate) struct Opened {
    pub(crate) table: Table,
    pub(crate) levels: Levels,
    pub(crate) state: TableState,
}

impl Table {
    /// Opens the dataset at `root`, or creates it where `root` has no manifest and `create` is set.
    ///
    /// # Errors
    /// `NotAStore`, `TableChanged`, `UnsupportedFormat`, `Corruption`, `Io`.
    pub(crate) async fn open(
        root: &Path,
        create: bool,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
        layout: RunLayout,
    ) -> Result<Opened> {
        let opening = async {
            let mut table = Self::load(root, create, cache, files, layout).await?;
            table.settle().await.map_err(told)?;
            table.remove_strangers().await?;
            table.open_history().await;
            table.mend_tags().await;
            table.find_tagged_files().await;
            table.find_replaced_files();
            Ok(Opened { levels: table.levels.clone(), state: table.record.state, table })
        };
        // Lance panics on some damage.
        let opened = AssertUnwindSafe(opening).catch_unwind().await;
        opened.unwrap_or_else(|_| Err(Error::corruption(root, "a file of the table cannot be decoded")))
    }

    /// Has outside readers see history as it is. What is wrong there the store itself does without.
    async fn open_history(&mut self) {
        self.show_history(&self.levels.history().clone()).await;
        if let Err(e) = self.history_table.remove_strangers().await {
            tracing::warn!(error = %e, "what is left over in the table of history stays for now");
        }
    }

    /// Opens the dataset and the engine's runs, whatever the dataset holds besides.
    pub(super) async fn load(
        root: &Path,
        create: bool,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
        layout: RunLayout,
    ) -> Result<Self> {
        remove_drafts(&**files.files(), root)?;
        let handler = Arc::new(DurableCommitHandler::new(root.into(), files.files().clone()));
        let links = Links::beside(root, files.files().clone());
        let kept = links.kept()?;
        let dataset = if has_manifest(&**files.files(), root)? {
            manifests::load(&**files.files(), root, handler.clone()).await?
        } else if create || kept.is_some() {
            create_dataset(&**files.files(), root, handler.clone()).await?
        } else {
            return Err(Error::NotAStore { path: root.into(), reason: "the table has no manifest".into() });
        };
        // A store that has never flushed has nothing to put back.
        let begun = kept.as_ref().is_some_and(|kept| kept.sequence > 0) && is_empty(&dataset);
        let record = newer(kept.clone(), find_record(root, &dataset).await)?;
        links.prepare()?;
        // A commit whose outcome was unknown is in the table: it has to be durable before anything relies on it.
        links.sync_dir(&root.join("_versions"))?;
        links.sync_dir(root)?;
        links.mend(record.runs())?;
        let history_table = HistoryTable::beside(root, files.files().clone());
        let lance_tags = LanceTags::of(root, files.files().clone());
        history_table.mend(&record.history)?;
        let scheduler = scheduler();
        let root = root.to_path_buf();
        let mut table = Self {
            root,
            dataset,
            handler,
            links,
            history_table,
            lance_tags,
            tagged_files: TaggedFiles::new(),
            scheduler,
            cache,
            files,
            layout,
            record,
            levels: Levels::default(),
            retired: Vec::new(),
            replaced: Vec::new(),
            failed: None,
        };
        let mut levels = Vec::new();
        for names in &table.record.levels {
            levels.push(table.open_runs(names).await?);
        }
        let history = table.open_runs(&table.record.history).await?;
        table.levels = Levels::new(levels, History::new(history));
        table.levels.check_order()?;
        if kept.as_ref() != Some(&table.record) {
            // A crash came between, or the store is from before. The journal that it would need goes now.
            table.keep_record();
        }
        if begun {
            tracing::warn!(path = %table.root.display(), "the table is not there: it is made of the store's own runs");
            table.commit_again().await.map_err(told)?;
        }
        Ok(table)
    }
}

/// What Lance reads the metadata of data files with.
pub(super) fn scheduler() -> Arc<ScanScheduler> {
    ScanScheduler::new(Arc::new(ObjectStore::local()), SchedulerConfig::new(IO_BUFFER_BYTES))
}

/// The newer of the record that is kept beside the table and the one that the table has, if it has any. The one that
/// is kept has a checksum: where both are of one commit, it is the right one.
pub(super) fn newer(kept: Option<Record>, found: Result<Record>) -> Result<Record> {
    match (kept, found) {
        (Some(kept), Ok(found)) if kept.sequence >= found.sequence => Ok(kept),
        (Some(kept), Err(Error::NotAStore { .. } | Error::Corruption { .. })) => Ok(kept),
        (_, found) => found,
    }
}

/// Whether the dataset is as it is made: a table that was removed is about to be made again, or a crash has come between.
fn is_empty(dataset: &Dataset) -> bool {
    let manifest = dataset.manifest();
    let made = Record { table_version: manifest.version, ..Record::default() };
    manifest.fragments.is_empty() && Record::read(&manifest.config) == Some(made)
}

pub(super) fn session() -> Arc<Session> {
    Arc::new(Session::new(0, METADATA_CACHE_BYTES, Default::default()))
}

pub(super) fn uri(root: &Path) -> Result<&str> {
    root.to_str().ok_or_else(|| Error::InvalidConfiguration {
        knob: "path".into(),
        value: root.to_string_lossy().into_owned(),
        allowed: "a path that is valid UTF-8".into(),
    })
}

pub(super) async fn create_dataset(
    files: &dyn Files,
    root: &Path,
    handler: Arc<DurableCommitHandler>,
) -> Result<Dataset> {
    handler.expect(Expected::Record(Record::default()));
    create(files, root, handler, Columns::Current).await
}

/// Makes a dataset without rows.
pub(super) async fn create(
    files: &dyn Files,
    root: &Path,
    handler: Arc<DurableCommitHandler>,
    columns: Columns,
) -> Result<Dataset> {
    make_dirs(files, root).map_err(|e| Error::io("creating", root, e))?;
    let operation = Operation::Overwrite {
        fragments: vec![],
        schema: schema::lance(columns, FORMAT_VERSION).map_err(|e| from_lance("creating", root, e))?,
        config_upsert_values: None,
        initial_bases: None,
    };
    CommitBuilder::new(uri(root)?)
        .with_commit_handler(handler)
        .with_session(session())
        .with_storage_format(LanceFileVersion::V2_2)
        .enable_v2_manifest_paths(true)
        .execute(transaction(0, operation))
        .await
        .map_err(|e| from_lance("creating", root, e))
}

pub(super) fn has_manifest(files: &dyn Files, root: &Path) -> Result<bool> {
    Ok(list(files, &root.join("_versions"))?.iter().any(|path| path.extension().is_some_and(|e| e == "manifest")))
}
