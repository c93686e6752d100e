//! The Lance dataset that runs belong to: which runs those are, and how they change.

use super::RunLayout;
use super::commit_handler::DurableCommitHandler;
use super::history::History;
use super::history_table::HistoryTable;
use super::lance_tags::LanceTags;
use super::levels::Levels;
use super::links::Links;
use super::run::{BlockCache, Run, RunPlace, RunsWriter, WrittenRun};
use super::schema::Columns;
use super::state::{Record, TableState};
use super::tagging::TaggedFiles;
use super::tags::Tags;
use crate::files::OpenFiles;
use futures::{StreamExt, TryStreamExt, stream};
use kv_api::{Error, Result};
use lance::Dataset;
use lance_io::scheduler::ScanScheduler;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// So many runs are opened at once: to open one is to wait for three places of its file.
pub(super) const OPENED_AT_ONCE: usize = 16;

/// The open dataset. Owned by whoever commits, so there is one commit at a time.
pub(crate) struct Table {
    pub(super) root: PathBuf,
    pub(super) dataset: Dataset,
    pub(super) handler: Arc<DurableCommitHandler>,
    pub(super) links: Links,
    pub(super) history_table: HistoryTable,
    pub(super) lance_tags: LanceTags,
    /// Of the versions of the table that tags show.
    pub(super) tagged_files: TaggedFiles,
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

/// The runs that a flush or a compaction has written.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    pub(crate) current: Vec<WrittenRun>,
    pub(crate) history: Vec<WrittenRun>,
}

impl Outputs {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.current.iter().chain(&self.history).map(|run| run.name.as_str())
    }
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

    /// Starts runs of a level that a later commit can take in.
    pub(crate) fn new_runs(&self, level: usize, journal_through: u64) -> Result<RunsWriter> {
        self.writer(Columns::Current, self.layout.on_level(level), level, journal_through)
    }

    /// The same for what will soon be merged again. Such a run says that it was written to level 0.
    pub(crate) fn new_passing_runs(&self, level: usize, journal_through: u64) -> Result<RunsWriter> {
        self.writer(Columns::Current, self.layout.on_level(level).passing(), 0, journal_through)
    }

    /// The same for history, which has been merged `merges` times.
    pub(crate) fn new_history(&self, merges: usize, journal_through: u64) -> Result<RunsWriter> {
        self.writer(Columns::History, self.layout, merges, journal_through)
    }

    fn writer(&self, columns: Columns, layout: RunLayout, level: usize, journal_through: u64) -> Result<RunsWriter> {
        self.links.prepare()?;
        let (files, dir) = (self.files.files().clone(), self.links.runs.clone());
        Ok(RunsWriter::new(RunPlace { files, dir, columns, layout, level: level as u32, journal_through }))
    }

    /// Commits the runs of a flush, and how far the journal is covered. Everything is durable
    /// when this returns. The size of the files.
    pub(crate) async fn append(&mut self, runs: Outputs, state: TableState) -> Result<u64, CommitFailure> {
        self.replace(&Levels::default(), runs, 0, state).await
    }

    /// Commits runs on a level, and of history, in the place of those they were compacted from. The size of the files.
    pub(crate) async fn replace(
        &mut self,
        old: &Levels,
        new: Outputs,
        level: usize,
        state: TableState,
    ) -> Result<u64, CommitFailure> {
        let done = self.try_replace(old, &new, level, state).await;
        if let Err(CommitFailure::NotCommitted(_)) = &done {
            for name in new.names() {
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
        new: &Outputs,
        level: usize,
        state: TableState,
    ) -> Result<u64, CommitFailure> {
        let are_there = self.levels.contain(old);
        debug_assert!(are_there, "{old:?} is to be replaced, and the table has {:?}", self.levels);
        if !are_there {
            let what = "some of the runs that are to be replaced have been replaced since";
            return Err(Error::backend("committing a compaction", what).into());
        }
        // Before the commit: nothing may fail once it has happened.
        let (mut current, mut history) = (Vec::new(), Vec::new());
        for run in &new.current {
            current.push(self.open_run(&run.name).await?);
            self.links.show(&run.name)?;
        }
        for run in &new.history {
            history.push(self.open_run(&run.name).await?);
        }
        if !history.is_empty() {
            self.links.sync_dir(&self.links.runs)?;
        }
        let tags = self.record.tags.clone();
        let levels = self.levels.replacing(old, &current, level, &history);
        self.publish(levels.without_expired(state.history_floor, tags.pins()), state, &tags).await?;
        Ok(current.iter().chain(&history).map(|run| run.disk_bytes()).sum())
    }

    /// Commits these runs as the whole of the table; the others go when nobody reads them any more.
    pub(super) async fn publish(
        &mut self,
        levels: Levels,
        state: TableState,
        tags: &Tags,
    ) -> Result<(), CommitFailure> {
        let gone: Vec<_> =
            self.levels.all().filter(|run| !levels.all().any(|left| Arc::ptr_eq(left, run))).cloned().collect();
        self.commit(&levels, state, tags).await?;
        let bytes = gone.iter().map(|run| run.disk_bytes()).sum();
        self.retired.extend(gone.iter().map(|run| (run.name.clone(), Arc::downgrade(run))));
        if bytes > 0 {
            self.replaced.push((Instant::now(), bytes));
        }
        Ok(())
    }

    /// Has outside readers see history. It is for them alone: the store itself goes by what its table says.
    pub(super) async fn show_history(&mut self, history: &History) {
        if let Err(e) = self.history_table.show(history).await {
            tracing::warn!(error = %e, "the table of history is behind; the store itself does without it");
        }
    }

    /// Commits that runs lie on another level now, as they are.
    pub(crate) async fn shift(&mut self, runs: &Levels, level: usize) -> Result<(), CommitFailure> {
        let shifted: Vec<_> = runs.runs().cloned().collect();
        let tags = self.record.tags.clone();
        self.commit(&self.levels.replacing(runs, &shifted, level, &[]), self.record.state, &tags).await
    }

    /// Opens some runs, in their order.
    pub(super) async fn open_runs(&self, names: &[String]) -> Result<Vec<Arc<Run>>> {
        stream::iter(names).map(|name| self.open_run(name)).buffered(OPENED_AT_ONCE).try_collect().await
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
