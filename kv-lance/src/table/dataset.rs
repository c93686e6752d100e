//! The Lance dataset that runs belong to: which runs those are, and how they change.

use super::RunLayout;
use super::commit_handler::DurableCommitHandler;
use super::error::from_lance;
use super::levels::Levels;
use super::links::Links;
use super::run::{BlockCache, Run, RunPlace, RunsWriter, WrittenRun};
use super::schema;
use super::state::{Record, TableState};
use crate::files::OpenFiles;
use kv_api::{Error, Result};
use lance::Dataset;
use lance_io::scheduler::ScanScheduler;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Instant;

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
    /// The runs that it left.
    pub(super) levels: Levels,
    /// Runs that have been replaced; their files stay while somebody reads them.
    pub(super) retired: Vec<(String, Weak<Run>)>,
    /// When how many bytes of files were replaced that stay for outside readers.
    pub(super) replaced: Vec<(Instant, u64)>,
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
    /// What has been committed.
    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Starts runs that a later commit can take in.
    pub(crate) fn new_runs(&self, level: usize, journal_through: u64) -> Result<RunsWriter> {
        self.links.prepare()?;
        let schema = schema::lance(super::FORMAT_VERSION).map_err(|e| from_lance("writing to", &self.root, e))?;
        let schema = schema::compressed(&schema, self.layout.compression);
        let (files, dir) = (self.files.files().clone(), self.links.runs.clone());
        let layout = self.layout.on_level(level);
        Ok(RunsWriter::new(RunPlace { files, dir, schema, layout, level: level as u32, journal_through }))
    }

    /// Commits the runs of a flush, and how far the journal is covered. Everything is durable
    /// when this returns.
    pub(crate) async fn append(&mut self, runs: Vec<WrittenRun>, state: TableState) -> Result<(), CommitFailure> {
        self.replace(&Levels::default(), runs, 0, state).await
    }

    /// Commits runs on a level in the place of those they were compacted from.
    pub(crate) async fn replace(
        &mut self,
        old: &Levels,
        runs: Vec<WrittenRun>,
        level: usize,
        state: TableState,
    ) -> Result<(), CommitFailure> {
        let names: Vec<String> = runs.into_iter().map(|run| run.name).collect();
        let done = self.try_replace(old, &names, level, state).await;
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
        old: &Levels,
        names: &[String],
        level: usize,
        state: TableState,
    ) -> Result<(), CommitFailure> {
        // Before the commit: nothing may fail once it has happened.
        let mut new = Vec::new();
        for name in names {
            new.push(self.open_run(name).await?);
            self.links.show(name)?;
        }
        self.commit(&self.levels.replacing(old, &new, level), state).await?;
        self.retired.extend(old.runs().map(|run| (run.name.clone(), Arc::downgrade(run))));
        if !old.is_empty() {
            self.replaced.push((Instant::now(), old.disk_bytes()));
        }
        Ok(())
    }

    /// Commits that runs lie on another level now, as they are.
    pub(crate) async fn shift(&mut self, runs: &Levels, level: usize) -> Result<(), CommitFailure> {
        let shifted: Vec<_> = runs.runs().cloned().collect();
        self.commit(&self.levels.replacing(runs, &shifted, level), self.record.state).await
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
        let (cache, files) = (self.cache.clone(), self.files.clone());
        let run = Run::open(path, name.to_owned(), &self.scheduler, cache, files).await?;
        Ok(Arc::new(run))
    }
}
