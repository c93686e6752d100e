//! The Lance dataset that runs belong to: opening, creating, committing, pruning old manifests.

use super::cache::BlockCache;
use super::commit_handler::DurableCommitHandler;
use super::run::Run;
use super::run_writer::{FILE_VERSION, RunPlace, WrittenRun};
use super::runs_writer::RunsWriter;
use super::schema::{self, FORMAT_KEY};
use super::{FORMAT_VERSION, RunLayout};
use crate::error::{decoded, from_lance};
use crate::files::{OpenFiles, make_dirs};
use kv_api::{Error, Result, Version};
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::transaction::{Operation, Transaction, TransactionBuilder};
use lance::dataset::write::CommitBuilder;
use lance::session::Session;
use lance_file::reader::FileReader;
use lance_file::version::LanceFileVersion;
use lance_io::object_store::ObjectStore;
use lance_io::scheduler::{ScanScheduler, SchedulerConfig};
use lance_io::utils::CachedFileSize;
use lance_table::format::Fragment;
use std::collections::HashMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Lance's own cache of manifests.
const METADATA_CACHE_BYTES: usize = 64 << 20;
const IO_BUFFER_BYTES: u64 = 32 << 20;

/// Properties of every commit of ours.
const JOURNAL_THROUGH: &str = "kv-lance:journal-through";
const LAST_VERSION: &str = "kv-lance:last-version";
const HISTORY_FLOOR: &str = "kv-lance:history-floor";

/// What every commit of the table carries, so that table and journal cannot disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TableState {
    /// The last journal segment whose commits the table holds.
    pub(crate) journal_through: u64,
    /// The greatest version issued up to there.
    pub(crate) last_version: Version,
    /// Reads below this version would miss what compaction has dropped.
    pub(crate) history_floor: Version,
}

/// The open dataset. Owned by whoever commits, so there is one commit at a time.
pub(crate) struct Table {
    root: PathBuf,
    dataset: Dataset,
    scheduler: Arc<ScanScheduler>,
    cache: Arc<BlockCache>,
    files: Arc<OpenFiles>,
    layout: RunLayout,
}

/// A table and what it holds.
pub(crate) struct Opened {
    pub(crate) table: Table,
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) state: TableState,
}

impl Table {
    /// Opens the dataset at `root`, or creates it where `root` has no manifest and `create` is set.
    ///
    /// # Errors
    /// `NotAStore`, `UnsupportedFormat`, `Corruption`, `Io`.
    pub(crate) async fn open(
        root: &Path,
        create: bool,
        cache: Arc<BlockCache>,
        files: Arc<OpenFiles>,
        layout: RunLayout,
    ) -> Result<Opened> {
        remove_drafts(root)?;
        let dataset = if has_manifest(root)? {
            load(root).await?
        } else if create {
            create_dataset(root, FORMAT_VERSION).await?
        } else {
            return Err(Error::NotAStore { path: root.into(), reason: "the table has no manifest".into() });
        };
        check_format(root, &dataset)?;
        let state = read_state(root, &dataset).await?;
        let scheduler = ScanScheduler::new(Arc::new(ObjectStore::local()), SchedulerConfig::new(IO_BUFFER_BYTES));
        let table = Self { root: root.into(), dataset, scheduler, cache, files, layout };
        let mut runs = Vec::new();
        for fragment in table.dataset.fragments().iter() {
            runs.push(table.open_run(fragment).await?);
        }
        sort_newest_first(&mut runs);
        Ok(Opened { table, runs, state })
    }

    /// Starts runs that a later commit can take in.
    pub(crate) fn new_runs(&self, level: u32, journal_through: u64) -> Result<RunsWriter> {
        let data = self.root.join("data");
        make_dirs(&**self.files.files(), &data).map_err(|e| Error::io("creating", &data, e))?;
        let schema = schema::compressed(self.dataset.schema(), self.layout.compression);
        let files = self.files.files().clone();
        Ok(RunsWriter::new(RunPlace { files, dir: data, schema, layout: self.layout, level, journal_through }))
    }

    /// Commits the runs of a flush, and how far the journal is covered. Everything is durable
    /// when this returns.
    pub(crate) async fn append(&mut self, runs: Vec<WrittenRun>, state: TableState) -> Result<Vec<Arc<Run>>> {
        let fragments = runs.iter().map(|run| self.fragment(run)).collect();
        self.commit(Operation::Append { fragments }, state).await
    }

    /// Commits runs in the place of those they were compacted from.
    pub(crate) async fn replace(
        &mut self,
        old: &[Arc<Run>],
        runs: Vec<WrittenRun>,
        state: TableState,
    ) -> Result<Vec<Arc<Run>>> {
        let operation = Operation::Update {
            removed_fragment_ids: old.iter().map(|run| run.fragment).collect(),
            updated_fragments: vec![],
            new_fragments: runs.iter().map(|run| self.fragment(run)).collect(),
            fields_modified: vec![],
            compacted_sstables: vec![],
            fields_for_preserving_frag_bitmap: vec![],
            update_mode: None,
            inserted_rows_filter: None,
            updated_fragment_offsets: None,
        };
        self.commit(operation, state).await
    }

    /// Removes manifests older than `grace`, the files that only they refer to, and files that no manifest does. Tagged
    /// versions stay. Must not run beside a run that is being written.
    pub(crate) async fn clean_up(&self, grace: Duration) -> Result<()> {
        let grace = chrono::TimeDelta::from_std(grace).unwrap_or(chrono::TimeDelta::MAX);
        self.dataset
            .cleanup_old_versions(grace, Some(true), Some(false))
            .await
            .map_err(|e| from_lance("cleaning up", &self.root, e))?;
        Ok(())
    }

    fn fragment(&self, run: &WrittenRun) -> Fragment {
        let (fields, columns) = lance_file::versions::data_file_columns(FILE_VERSION, self.dataset.schema());
        // The commit assigns the id.
        Fragment::new(0)
            .with_file(run.name.clone(), fields, columns, FILE_VERSION, NonZero::new(run.bytes))
            .with_physical_rows(run.rows as usize)
    }

    /// Commits and opens the runs that are new.
    async fn commit(&mut self, operation: Operation, state: TableState) -> Result<Vec<Arc<Run>>> {
        let data = self.root.join("data");
        match self.files.files().sync_dir(&data) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("syncing", &data, e)),
            _ => {}
        }
        let transaction = transaction(self.dataset.manifest().version, operation, state);
        let before = self.dataset.fragment_bitmap().clone();
        let dataset = CommitBuilder::new(Arc::new(self.dataset.clone()))
            .with_skip_auto_cleanup(true)
            .execute(transaction)
            .await
            .map_err(|e| from_lance("committing to", &self.root, e))?;
        self.dataset = dataset;
        let mut runs = Vec::new();
        for fragment in self.dataset.fragments().iter().filter(|f| !before.contains(f.id as u32)) {
            runs.push(self.open_run(fragment).await?);
        }
        Ok(runs)
    }

    async fn open_run(&self, fragment: &Fragment) -> Result<Arc<Run>> {
        let refused = |reason: &str| Error::NotAStore {
            path: self.root.clone(),
            reason: format!("fragment {} {reason}; another tool has changed the table", fragment.id),
        };
        let [file] = fragment.files.as_slice() else {
            return Err(refused("has other columns than the store's"));
        };
        if fragment.deletion_file.is_some() || !fragment.overlays.is_empty() {
            return Err(refused("has rows that were deleted or updated in place"));
        }
        let path = self.root.join("data").join(&file.path);
        let bytes = std::fs::metadata(&path).map_err(|e| Error::io("opening", &path, e))?.len();
        if let Some(expected) = file.file_size_bytes.get()
            && expected.get() != bytes
        {
            return Err(Error::corruption(&path, format!("it has {bytes} bytes instead of {expected}")));
        }
        let name = object_store::path::Path::from_absolute_path(&path)
            .map_err(|e| Error::backend(format!("opening {}", path.display()), e))?;
        let read = async {
            let scheduler = self.scheduler.open_file(&name, &CachedFileSize::new(bytes)).await?;
            FileReader::read_all_metadata(&scheduler).await
        };
        let metadata = decoded("opening", &path, || "the file's metadata cannot be decoded".into(), read).await?;
        let run = Run::open(path.clone(), fragment.id, metadata, self.cache.clone(), self.files.clone()).await?;
        Ok(Arc::new(run))
    }
}

/// Runs hold disjoint spans of versions, or keys, where one compaction or flush gave several: the newest first is the order
/// of precedence, and any among those.
fn sort_newest_first(runs: &mut [Arc<Run>]) {
    runs.sort_by_key(|run| std::cmp::Reverse(run.statistics().max_version));
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(0, METADATA_CACHE_BYTES, Default::default()))
}

fn handler(root: &Path) -> Arc<DurableCommitHandler> {
    Arc::new(DurableCommitHandler { root: root.into() })
}

fn uri(root: &Path) -> Result<&str> {
    root.to_str().ok_or_else(|| Error::InvalidConfiguration {
        knob: "path".into(),
        value: root.to_string_lossy().into_owned(),
        allowed: "a path that is valid UTF-8".into(),
    })
}

async fn load(root: &Path) -> Result<Dataset> {
    DatasetBuilder::from_uri(uri(root)?)
        .with_commit_handler(handler(root))
        .with_session(session())
        .load()
        .await
        .map_err(|e| from_lance("opening", root, e))
}

async fn create_dataset(root: &Path, format: u32) -> Result<Dataset> {
    std::fs::create_dir_all(root).map_err(|e| Error::io("creating", root, e))?;
    let operation = Operation::Overwrite {
        fragments: vec![],
        schema: schema::lance(format).map_err(|e| from_lance("creating", root, e))?,
        config_upsert_values: None,
        initial_bases: None,
    };
    let dataset = CommitBuilder::new(uri(root)?)
        .with_commit_handler(handler(root))
        .with_session(session())
        .with_storage_format(LanceFileVersion::V2_2)
        .enable_v2_manifest_paths(true)
        .execute(transaction(0, operation, TableState::default()))
        .await
        .map_err(|e| from_lance("creating", root, e))?;
    if let Some(parent) = root.parent() {
        sync_dir(parent)?;
    }
    Ok(dataset)
}

fn transaction(read_version: u64, operation: Operation, state: TableState) -> Transaction {
    let properties = HashMap::from([
        (JOURNAL_THROUGH.to_owned(), state.journal_through.to_string()),
        (LAST_VERSION.to_owned(), state.last_version.to_string()),
        (HISTORY_FLOOR.to_owned(), state.history_floor.to_string()),
    ]);
    TransactionBuilder::new(read_version, operation).transaction_properties(Some(Arc::new(properties))).build()
}

fn check_format(root: &Path, dataset: &Dataset) -> Result<()> {
    match dataset.schema().metadata.get(FORMAT_KEY) {
        None => Err(Error::NotAStore { path: root.into(), reason: "the table was not made by kv-lance".into() }),
        Some(found) if *found != FORMAT_VERSION.to_string() => Err(Error::UnsupportedFormat {
            path: root.into(),
            found: found.clone(),
            supported: FORMAT_VERSION.to_string(),
        }),
        Some(_) => Ok(()),
    }
}

/// The state in the newest commit of ours: other tools may have committed since, an index for instance.
async fn read_state(root: &Path, dataset: &Dataset) -> Result<TableState> {
    for version in (1..=dataset.manifest().version).rev() {
        let transaction = match dataset.read_transaction_by_version(version).await {
            Ok(transaction) => transaction,
            Err(lance::Error::NotFound { .. } | lance::Error::DatasetNotFound { .. }) => break,
            Err(e) => return Err(from_lance("reading the last commit of", root, e)),
        };
        let Some(properties) = transaction.and_then(|t| t.transaction_properties) else { continue };
        let number = |name: &str| properties.get(name).and_then(|v| v.parse().ok());
        if let (Some(journal_through), Some(last_version), Some(history_floor)) =
            (number(JOURNAL_THROUGH), number(LAST_VERSION), number(HISTORY_FLOOR))
        {
            return Ok(TableState { journal_through, last_version, history_floor });
        }
    }
    Err(Error::corruption(root, "no manifest says how far the journal is covered"))
}

fn has_manifest(root: &Path) -> Result<bool> {
    Ok(list(&root.join("_versions"))?.iter().any(|path| path.extension().is_some_and(|e| e == "manifest")))
}

/// A draft is what a crash left of a commit that did not happen.
fn remove_drafts(root: &Path) -> Result<()> {
    for path in list(&root.join("_versions"))? {
        if path.extension().is_some_and(|e| e == "draft") {
            std::fs::remove_file(&path).map_err(|e| Error::io("removing", &path, e))?;
        }
    }
    Ok(())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io("listing", dir, e);
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
        Err(e) => Err(failed(e)),
    }
}

fn sync_dir(dir: &Path) -> Result<()> {
    match std::fs::File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("syncing", dir, e)),
        _ => Ok(()),
    }
}
