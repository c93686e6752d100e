//! The Lance dataset that runs belong to: committing to it, and keeping it the engine's own.

use super::RunLayout;
use super::cache::BlockCache;
use super::commit_handler::DurableCommitHandler;
use super::error::{decoded, from_lance};
use super::foreign::{self, Foreign};
use super::fragments;
use super::links::Links;
use super::run::Run;
use super::run_writer::{RunPlace, WrittenRun};
use super::runs_writer::RunsWriter;
use super::schema;
use super::state::{Record, TableState};
use crate::files::OpenFiles;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::transaction::{Operation, Transaction, TransactionBuilder};
use lance::dataset::write::CommitBuilder;
use lance_file::reader::FileReader;
use lance_file::version::LanceFileVersion;
use lance_io::scheduler::ScanScheduler;
use lance_io::utils::CachedFileSize;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// Another tool can commit just before us, again and again; so often we begin anew.
const ATTEMPTS: usize = 8;

/// The open dataset. Owned by whoever commits, so there is one commit at a time.
pub(crate) struct Table {
    pub(super) root: PathBuf,
    pub(super) dataset: Dataset,
    pub(super) handler: Arc<DurableCommitHandler>,
    pub(super) links: Links,
    pub(super) scheduler: Arc<ScanScheduler>,
    pub(super) cache: Arc<BlockCache>,
    pub(super) files: Arc<OpenFiles>,
    pub(super) layout: RunLayout,
    /// The engine's newest commit.
    pub(super) record: Record,
    /// The runs that it left, newest first.
    pub(super) runs: Vec<Arc<Run>>,
    /// Runs that have been replaced; their files stay while somebody reads them.
    pub(super) retired: Vec<(String, Weak<Run>)>,
    /// Why nothing is committed any more.
    pub(super) failed: Option<String>,
}

/// Why a commit gave an error.
#[derive(Debug)]
pub(crate) enum CommitFailure {
    /// The table is as it was; it may be tried again.
    NotCommitted(Error),
    /// The commit may be in the table or not: only opening the store again tells.
    Unknown(Error),
}

impl From<Error> for CommitFailure {
    fn from(error: Error) -> Self {
        Self::NotCommitted(error)
    }
}

impl Table {
    /// Starts runs that a later commit can take in.
    pub(crate) fn new_runs(&self, level: u32, journal_through: u64) -> Result<RunsWriter> {
        self.links.prepare()?;
        let schema = schema::lance(super::FORMAT_VERSION).map_err(|e| from_lance("writing to", &self.root, e))?;
        let schema = schema::compressed(&schema, self.layout.compression);
        let (files, dir) = (self.files.files().clone(), self.links.runs.clone());
        Ok(RunsWriter::new(RunPlace { files, dir, schema, layout: self.layout, level, journal_through }))
    }

    /// Commits the runs of a flush, and how far the journal is covered. Everything is durable
    /// when this returns.
    pub(crate) async fn append(
        &mut self,
        runs: Vec<WrittenRun>,
        state: TableState,
    ) -> Result<Vec<Arc<Run>>, CommitFailure> {
        self.replace(&[], runs, state).await
    }

    /// Commits runs in the place of those they were compacted from.
    pub(crate) async fn replace(
        &mut self,
        old: &[Arc<Run>],
        runs: Vec<WrittenRun>,
        state: TableState,
    ) -> Result<Vec<Arc<Run>>, CommitFailure> {
        let names: Vec<String> = runs.into_iter().map(|run| run.name).collect();
        let done = self.try_replace(old, &names, state).await;
        if let Err(CommitFailure::NotCommitted(_)) = &done {
            for name in &names {
                if let Err(e) = self.links.remove(name) {
                    tracing::warn!(error = %e, "a run that was not committed is left behind; the next open removes it");
                }
            }
        }
        done
    }

    async fn try_replace(
        &mut self,
        old: &[Arc<Run>],
        names: &[String],
        state: TableState,
    ) -> Result<Vec<Arc<Run>>, CommitFailure> {
        // Before the commit: nothing may fail once it has happened.
        let mut new = Vec::new();
        for name in names {
            new.push(self.open_run(name).await?);
            self.links.show(name)?;
        }
        let is_old = |run: &Arc<Run>| old.iter().any(|old| old.name == run.name);
        let at = self.runs.iter().position(is_old).unwrap_or(0);
        let mut runs: Vec<_> = self.runs.iter().filter(|run| !is_old(run)).cloned().collect();
        runs.splice(at..at, new.iter().cloned());
        self.commit(runs, state).await?;
        self.retired.extend(old.iter().map(|run| (run.name.clone(), Arc::downgrade(run))));
        Ok(new)
    }

    /// Looks whether the table is still the engine's, and undoes what another tool did where that is harmless.
    ///
    /// # Errors
    /// `TableChanged` where rows or columns are no longer the engine's.
    pub(crate) async fn check(&mut self) -> Result<(), CommitFailure> {
        self.healthy()?;
        self.links.mend(self.runs.iter().map(|run| run.name.as_str()))?;
        self.settle().await.map(drop)
    }

    /// Commits these runs as the whole of the table.
    async fn commit(&mut self, runs: Vec<Arc<Run>>, state: TableState) -> Result<(), CommitFailure> {
        self.healthy()?;
        self.links.mend(runs.iter().map(|run| run.name.as_str()))?;
        let mut attempt = 1;
        loop {
            match self.execute(&runs, state).await {
                Err(CommitFailure::NotCommitted(e)) => {
                    attempt += 1;
                    if !self.settle().await? || attempt > ATTEMPTS {
                        return Err(e.into());
                    }
                }
                done => return done,
            }
        }
    }

    /// Takes in what other tools have committed; whether they have. Where that is the same rows in other files, puts the
    /// engine's own back.
    pub(super) async fn settle(&mut self) -> Result<bool, CommitFailure> {
        let known = self.dataset.manifest().version;
        let mut newest = self.dataset.clone();
        newest.checkout_latest().await.map_err(|e| from_lance("reading", &self.root, e))?;
        if fragments::are(newest.manifest(), &self.record.runs) {
            self.dataset = newest;
            return Ok(self.dataset.manifest().version != known);
        }
        match foreign::since(&self.root, &newest, self.record.table_version, &self.runs).await? {
            // The dataset stays at a version of the engine's: a commit on top of the other tool's would undo that.
            Foreign::Changed(what) => Err(foreign::refused(&self.root, &what).into()),
            Foreign::SameRows => {
                self.dataset = newest;
                tracing::warn!(path = %self.root.display(), "another tool has rewritten the table; its own files are put back");
                self.execute(&self.runs.clone(), self.record.state).await?;
                Ok(true)
            }
        }
    }

    /// One try to commit: the difference between the table and `runs`.
    pub(super) async fn execute(&mut self, runs: &[Arc<Run>], state: TableState) -> Result<(), CommitFailure> {
        let record = Record {
            state,
            runs: runs.iter().map(|run| run.name.clone()).collect(),
            sequence: self.record.sequence + 1,
            table_version: 0,
        };
        let operation = self.operation(runs)?;
        self.handler.expect(record.clone());
        let done = CommitBuilder::new(Arc::new(self.dataset.clone()))
            .with_storage_format(LanceFileVersion::V2_2)
            .with_skip_auto_cleanup(true)
            .execute(transaction(self.dataset.manifest().version, operation, state))
            .await;
        match done {
            Ok(dataset) => {
                self.record = Record { table_version: dataset.manifest().version, ..record };
                self.runs = runs.to_vec();
                self.dataset = dataset;
                Ok(())
            }
            Err(e) => {
                let error = from_lance("committing to", &self.root, e);
                if !self.handler.has_published() {
                    return Err(CommitFailure::NotCommitted(error));
                }
                self.failed = Some(error.to_string());
                Err(CommitFailure::Unknown(error))
            }
        }
    }

    fn operation(&self, runs: &[Arc<Run>]) -> Result<Operation> {
        let manifest = self.dataset.manifest();
        if !schema::is_own(&manifest.schema) {
            return Ok(Operation::Overwrite {
                fragments: runs.iter().map(|run| fragments::of(run)).collect(),
                schema: schema::lance(super::FORMAT_VERSION).map_err(|e| from_lance("committing to", &self.root, e))?,
                config_upsert_values: None,
                initial_bases: None,
            });
        }
        let (removed_fragment_ids, new_fragments) = fragments::difference(manifest, runs.iter().map(|run| &**run));
        if removed_fragment_ids.is_empty() {
            return Ok(Operation::Append { fragments: new_fragments });
        }
        Ok(Operation::Update {
            removed_fragment_ids,
            updated_fragments: vec![],
            new_fragments,
            fields_modified: vec![],
            compacted_sstables: vec![],
            fields_for_preserving_frag_bitmap: vec![],
            update_mode: None,
            inserted_rows_filter: None,
            updated_fragment_offsets: None,
        })
    }

    fn healthy(&self) -> Result<()> {
        match &self.failed {
            Some(reason) => Err(Error::StoreFailed { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    pub(super) async fn open_run(&self, name: &str) -> Result<Arc<Run>> {
        let path = self.links.runs.join(name);
        let bytes = self.files.files().len(&path).map_err(|e| Error::io("opening", &path, e))?;
        let fragments = self.dataset.manifest().fragments.iter();
        let mut files = fragments.flat_map(|fragment| &fragment.files).filter(|file| file.path == name);
        if let Some(expected) = files.next().and_then(|file| file.file_size_bytes.get())
            && expected.get() != bytes
        {
            return Err(Error::corruption(&path, format!("it has {bytes} bytes instead of {expected}")));
        }
        let place = object_store::path::Path::from_absolute_path(&path)
            .map_err(|e| Error::backend(format!("opening {}", path.display()), e))?;
        let read = async {
            let scheduler = self.scheduler.open_file(&place, &CachedFileSize::new(bytes)).await?;
            FileReader::read_all_metadata(&scheduler).await
        };
        let metadata = decoded("opening", &path, || "the file's metadata cannot be decoded".into(), read).await?;
        let run = Run::open(path.clone(), name.to_owned(), metadata, self.cache.clone(), self.files.clone()).await?;
        Ok(Arc::new(run))
    }
}

pub(super) fn transaction(read_version: u64, operation: Operation, state: TableState) -> Transaction {
    TransactionBuilder::new(read_version, operation).transaction_properties(Some(Arc::new(state.properties()))).build()
}
