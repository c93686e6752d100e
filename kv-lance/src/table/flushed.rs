//! The newest flushed state of a table that another process may be writing to. Nothing is written, and nothing is locked.
//!
//! The files of a state are opened after its manifest has been read. Where one is gone by then, so is the state: there is a newer
//! one. Once they are open they can be read, whatever becomes of their names.

use super::commit_handler::DurableCommitHandler;
use super::dataset::OPENED_AT_ONCE;
use super::find_record::find_record;
use super::history::History;
use super::history_table;
use super::levels::Levels;
use super::links::Links;
use super::manifests;
use super::open::{has_manifest, newer, scheduler};
use super::run::{BlockCache, Run};
use super::state::{Record, TableState};
use super::tags::Tags;
use crate::files::OpenFiles;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kv_api::{Error, Result};
use lance_io::scheduler::ScanScheduler;
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A writer can replace a state while its files are being opened, again and again; so often it is begun anew.
const ATTEMPTS: usize = 32;

/// The way to the states of a table.
pub(crate) struct FlushedTable {
    root: PathBuf,
    links: Links,
    scheduler: Arc<ScanScheduler>,
    cache: Arc<BlockCache>,
    files: Arc<OpenFiles>,
}

/// A state, whose files are open.
pub(crate) struct Flushed {
    /// The number of the commit that made it.
    pub(crate) sequence: u64,
    pub(crate) levels: Levels,
    pub(crate) state: TableState,
    pub(crate) tags: Tags,
}

impl FlushedTable {
    /// `files` [holds](OpenFiles::holding) what it opens.
    pub(crate) fn at(root: &Path, cache: Arc<BlockCache>, files: Arc<OpenFiles>) -> Self {
        let links = Links::beside(root, files.files().clone());
        Self { root: root.into(), links, scheduler: scheduler(), cache, files }
    }

    /// The newest state, with what it has in common with one that is `known`.
    ///
    /// # Errors
    /// `NotAStore`, `UnsupportedFormat`, `Corruption`, `Io`.
    pub(crate) async fn newest(&self, known: &Levels) -> Result<Flushed> {
        // Lance panics on some damage.
        let read = AssertUnwindSafe(self.read_newest(known)).catch_unwind().await;
        read.unwrap_or_else(|_| Err(Error::corruption(&self.root, "a file of the table cannot be decoded")))
    }

    async fn read_newest(&self, known: &Levels) -> Result<Flushed> {
        let mut attempt = 1;
        loop {
            let record = self.record().await?;
            match self.open(&record, known).await {
                Ok(levels) => {
                    let Record { sequence, state, tags, .. } = record;
                    return Ok(Flushed { sequence, levels, state, tags });
                }
                Err(e) => {
                    if attempt == ATTEMPTS || self.record().await?.sequence == record.sequence {
                        return Err(e);
                    }
                    attempt += 1;
                }
            }
        }
    }

    /// The engine's newest commit.
    async fn record(&self) -> Result<Record> {
        let files = &**self.files.files();
        let mut attempt = 1;
        loop {
            let kept = self.links.kept()?;
            let found = match has_manifest(files, &self.root)? {
                true => self.found().await,
                false => Err(Error::NotAStore { path: self.root.clone(), reason: "the table has no manifest".into() }),
            };
            match newer(kept, found) {
                // The manifest that was the newest has been removed since.
                Err(Error::NotAStore { .. }) if attempt < ATTEMPTS && has_manifest(files, &self.root)? => attempt += 1,
                record => return record,
            }
        }
    }

    async fn found(&self) -> Result<Record> {
        let handler = Arc::new(DurableCommitHandler::new(self.root.clone(), self.files.files().clone()));
        let dataset = manifests::load(&**self.files.files(), &self.root, handler).await?;
        find_record(&self.root, &dataset).await
    }

    async fn open(&self, record: &Record, known: &Levels) -> Result<Levels> {
        let mut levels = Vec::with_capacity(record.levels.len());
        for names in &record.levels {
            levels.push(self.open_runs(names, known).await?);
        }
        let history = History::new(self.open_runs(&record.history, known).await?);
        let levels = Levels::new(levels, history);
        levels.check_order()?;
        Ok(levels)
    }

    async fn open_runs(&self, names: &[String], known: &Levels) -> Result<Vec<Arc<Run>>> {
        let open = async |name: &String| match known.all().find(|run| run.name == *name) {
            Some(run) => Ok(run.clone()),
            None => self.open_run(name).await,
        };
        stream::iter(names).map(open).buffered(OPENED_AT_ONCE).try_collect().await
    }

    async fn open_run(&self, name: &str) -> Result<Arc<Run>> {
        let path = self.path(name)?;
        let (cache, files) = (self.cache.clone(), self.files.clone());
        Run::open(path, name.to_owned(), &self.scheduler, cache, files).await.map(Arc::new)
    }

    /// Where a file has a name: the store's own, or one for readers from outside.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let own = self.links.runs.join(name);
        for path in [own.clone(), self.links.data.join(name), history_table::root(&self.root).join("data").join(name)] {
            if self.files.files().exists(&path).map_err(|e| Error::io("looking for", &path, e))? {
                return Ok(path);
            }
        }
        Err(Error::io("opening", own, ErrorKind::NotFound.into()))
    }
}
