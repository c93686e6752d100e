//! Opening the table, making it, and putting it back after another tool has changed its rows.

use super::cache::BlockCache;
use super::commit_handler::DurableCommitHandler;
use super::dataset::{CommitFailure, Table, transaction};
use super::error::from_lance;
use super::fragments;
use super::links::{Links, list};
use super::run::Run;
use super::schema::{self, FORMAT_KEY};
use super::state::{Record, TableState};
use super::{FORMAT_VERSION, RunLayout};
use crate::files::{Files, OpenFiles, make_dirs};
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::transaction::Operation;
use lance::dataset::write::CommitBuilder;
use lance::session::Session;
use lance_file::version::LanceFileVersion;
use lance_io::object_store::ObjectStore;
use lance_io::scheduler::{ScanScheduler, SchedulerConfig};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// Lance's own cache of manifests.
const METADATA_CACHE_BYTES: usize = 64 << 20;
const IO_BUFFER_BYTES: u64 = 32 << 20;

/// A table and what it holds.
pub(crate) struct Opened {
    pub(crate) table: Table,
    /// The newest first.
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) state: TableState,
}

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
        let mut table = Self::load(root, create, cache, files, layout).await?;
        table.settle().await.map_err(told)?;
        table.remove_strangers().await?;
        Ok(Opened { runs: table.runs.clone(), state: table.record.state, table })
    }

    /// Puts the engine's rows back where another tool has changed them, and tags what it had made of them.
    pub(crate) async fn restore(
        root: &Path,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
        layout: RunLayout,
    ) -> Result<Option<Restored>> {
        let mut table = Self::load(root, false, cache, files, layout).await?;
        match table.settle().await.map_err(told) {
            Ok(_) => return Ok(None),
            Err(Error::TableChanged { .. }) => {}
            Err(e) => return Err(e),
        }
        let version = table.dataset.manifest().version;
        let tag = format!("foreign-{version}");
        match table.dataset.tags().create(&tag, version).await {
            // By a restore that was cut off.
            Ok(()) | Err(lance::Error::RefConflict { .. }) => {}
            Err(e) => return Err(from_lance("tagging a version of", root, e)),
        }
        table.execute(&table.runs.clone(), table.record.state).await.map_err(told)?;
        Ok(Some(Restored { version, tag }))
    }

    /// Opens the dataset and the engine's runs, whatever the dataset holds besides.
    async fn load(
        root: &Path,
        create: bool,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
        layout: RunLayout,
    ) -> Result<Self> {
        remove_drafts(&**files.files(), root)?;
        let handler = Arc::new(DurableCommitHandler::new(root.into(), files.files().clone()));
        let dataset = if has_manifest(&**files.files(), root)? {
            load(root, handler.clone()).await?
        } else if create {
            create_dataset(&**files.files(), root, handler.clone()).await?
        } else {
            return Err(Error::NotAStore { path: root.into(), reason: "the table has no manifest".into() });
        };
        let record = find_record(root, &dataset).await?;
        let links = Links::beside(root, files.files().clone());
        links.prepare()?;
        // A commit whose outcome was unknown is in the table: it has to be durable before anything relies on it.
        links.sync_dir(&root.join("_versions"))?;
        links.sync_dir(root)?;
        links.mend(record.runs.iter().map(String::as_str))?;
        let scheduler = ScanScheduler::new(Arc::new(ObjectStore::local()), SchedulerConfig::new(IO_BUFFER_BYTES));
        let root = root.to_path_buf();
        let (runs, retired) = (Vec::new(), Vec::new());
        let mut table = Self {
            root,
            dataset,
            handler,
            links,
            scheduler,
            cache,
            files,
            layout,
            record,
            runs,
            retired,
            failed: None,
        };
        for name in &table.record.runs {
            let run = table.open_run(name).await?;
            table.runs.push(run);
        }
        // Of a store from before the order was written down; else this is the order.
        table.runs.sort_by_key(|run| std::cmp::Reverse(run.statistics().max_version));
        Ok(table)
    }

    /// Removes the files of runs that are none any more: a commit that did not happen, or readers that went with their
    /// process. What an older version of the table still names stays for its readers.
    async fn remove_strangers(&self) -> Result<()> {
        let strangers = self.links.strangers(&self.record.runs.iter().map(String::as_str).collect())?;
        if strangers.is_empty() {
            return Ok(());
        }
        let failed = |e| from_lance("reading the versions of", &self.root, e);
        let mut named = HashSet::new();
        for version in self.dataset.version_refs().await.map_err(failed)? {
            let old = self.dataset.checkout_version(version.version).await.map_err(failed)?;
            let files = old.manifest().fragments.iter().flat_map(|fragment| &fragment.files);
            named.extend(files.map(|file| file.path.clone()));
        }
        for name in strangers {
            if named.contains(&name) { self.links.forget(&name)? } else { self.links.remove(&name)? }
        }
        Ok(())
    }
}

/// Where nothing goes on after the failure, it does not matter which it was.
fn told(failure: CommitFailure) -> Error {
    match failure {
        CommitFailure::NotCommitted(e) | CommitFailure::Unknown(e) => e,
    }
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(0, METADATA_CACHE_BYTES, Default::default()))
}

fn uri(root: &Path) -> Result<&str> {
    root.to_str().ok_or_else(|| Error::InvalidConfiguration {
        knob: "path".into(),
        value: root.to_string_lossy().into_owned(),
        allowed: "a path that is valid UTF-8".into(),
    })
}

async fn load(root: &Path, handler: Arc<DurableCommitHandler>) -> Result<Dataset> {
    DatasetBuilder::from_uri(uri(root)?)
        .with_commit_handler(handler)
        .with_session(session())
        .load()
        .await
        .map_err(|e| from_lance("opening", root, e))
}

async fn create_dataset(files: &dyn Files, root: &Path, handler: Arc<DurableCommitHandler>) -> Result<Dataset> {
    make_dirs(files, root).map_err(|e| Error::io("creating", root, e))?;
    let operation = Operation::Overwrite {
        fragments: vec![],
        schema: schema::lance(FORMAT_VERSION).map_err(|e| from_lance("creating", root, e))?,
        config_upsert_values: None,
        initial_bases: None,
    };
    handler.expect(Record::default());
    CommitBuilder::new(uri(root)?)
        .with_commit_handler(handler)
        .with_session(session())
        .with_storage_format(LanceFileVersion::V2_2)
        .enable_v2_manifest_paths(true)
        .execute(transaction(0, operation, TableState::default()))
        .await
        .map_err(|e| from_lance("creating", root, e))
}

/// The engine's newest commit. Other tools may have committed since; they inherit the record, except that going back to
/// an older version brings an older record.
async fn find_record(root: &Path, dataset: &Dataset) -> Result<Record> {
    let inherited = Record::read(&dataset.manifest().config);
    let newest = dataset.manifest().version;
    let from = inherited.as_ref().map_or(1, |record| record.table_version + 1);
    for version in (from..=newest).rev() {
        let failed = |e| from_lance("reading the last commit of", root, e);
        let old = match dataset.checkout_version(version).await {
            Err(lance::Error::NotFound { .. } | lance::Error::DatasetNotFound { .. }) => continue,
            old => old.map_err(failed)?,
        };
        if let Some(record) = Record::read(&old.manifest().config).filter(|record| record.table_version == version) {
            return Ok(record);
        }
        // As releases before the record did it.
        let transaction = old.read_transaction().await.map_err(failed)?;
        let properties = transaction.and_then(|t| t.transaction_properties);
        if let Some(state) = properties.and_then(|properties| TableState::read(&properties)) {
            let runs = old.manifest().fragments.iter().filter_map(fragments::run_name).map(str::to_owned).collect();
            return Ok(Record { state, runs, sequence: 0, table_version: version });
        }
    }
    if let Some(record) = inherited {
        return Ok(record);
    }
    match dataset.schema().metadata.get(FORMAT_KEY) {
        None => Err(Error::NotAStore { path: root.into(), reason: "the table was not made by kv-lance".into() }),
        Some(found) if *found != FORMAT_VERSION.to_string() => Err(Error::UnsupportedFormat {
            path: root.into(),
            found: found.clone(),
            supported: FORMAT_VERSION.to_string(),
        }),
        Some(_) => Err(Error::corruption(root, "no manifest says how far the journal is covered")),
    }
}

fn has_manifest(files: &dyn Files, root: &Path) -> Result<bool> {
    Ok(list(files, &root.join("_versions"))?.iter().any(|path| path.extension().is_some_and(|e| e == "manifest")))
}

/// A draft is what a crash left of a commit that did not happen.
fn remove_drafts(files: &dyn Files, root: &Path) -> Result<()> {
    for path in list(files, &root.join("_versions"))? {
        if path.extension().is_some_and(|e| e == "draft") {
            files.remove(&path).map_err(|e| Error::io("removing", &path, e))?;
        }
    }
    Ok(())
}
