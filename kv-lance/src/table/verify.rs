//! Looking at a whole table, which stays as it is: every file with all its checksums, and what they say of each other.

mod names;
mod precedence;

use super::commit_handler::DurableCommitHandler;
use super::find_record::find_record;
use super::foreign::{self, Foreign};
use super::fragments;
use super::history::History;
use super::history_table;
use super::leftovers::read_versions;
use super::levels::Levels;
use super::links::Links;
use super::manifests;
use super::open::{has_manifest, newer, scheduler};
use super::run::{BlockCache, Run};
use super::schema::{self, Columns};
use super::state::{Record, TableState};
use crate::files::{Files, OpenFiles};
use futures::FutureExt;
use kv_api::{Error, Result};
use lance::Dataset;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a table holds, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct TableReport {
    /// `None` where neither the table nor what lies beside it says.
    pub(crate) state: Option<TableState>,
    pub(crate) runs: u64,
    pub(crate) blocks: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) damage: Vec<Error>,
}

/// What the reports are made with.
struct Verifier {
    root: PathBuf,
    links: Links,
    cache: Arc<BlockCache>,
    files: Arc<OpenFiles>,
    report: TableReport,
}

/// Reads the table at `root`.
///
/// # Errors
/// `UnsupportedFormat`: of a table of another format nothing can be said.
pub(crate) async fn verify(root: &Path, cache: Arc<BlockCache>, files: Arc<OpenFiles>) -> Result<TableReport> {
    let links = Links::beside(root, files.files().clone());
    let mut verifier = Verifier { root: root.into(), links, cache, files, report: TableReport::default() };
    // Lance panics on some damage.
    match AssertUnwindSafe(verifier.verify()).catch_unwind().await {
        Ok(verified) => verified?,
        Err(_) => verifier.note(Error::corruption(root, "a file of the table cannot be decoded")),
    }
    Ok(verifier.report)
}

impl Verifier {
    async fn verify(&mut self) -> Result<()> {
        let kept = self.kept()?;
        let dataset = self.dataset().await?;
        let found = match &dataset {
            Some(dataset) => find_record(&self.root, dataset).await,
            None => Err(Error::corruption(&self.root, "no manifest can be read")),
        };
        if let (Err(e), Some(_)) = (&found, &dataset) {
            self.note(Error::corruption(&self.root, e.to_string()));
        }
        if let (Some(kept), Ok(found), Some(dataset)) = (&kept, &found, &dataset) {
            self.compare(kept, found, dataset);
        }
        let Ok(record) = newer(kept, found) else { return Ok(()) };
        self.report.state = Some(record.state);
        self.check_names(&record);
        let before = self.report.damage.len();
        let levels = self.read_runs(&record, dataset.as_ref()).await;
        if self.report.damage.len() == before {
            let wrong = precedence::check(&levels, &self.links.runs).await;
            self.take(wrong);
            if let Some(dataset) = &dataset {
                self.check_rows(dataset, &record, &levels).await;
            }
        }
        self.check_versions(dataset).await;
        Ok(())
    }

    fn note(&mut self, error: Error) {
        self.report.damage.push(error);
    }

    fn take<T>(&mut self, read: Result<T>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(e) => {
                self.note(e);
                None
            }
        }
    }

    fn files(&self) -> Arc<dyn Files> {
        self.files.files().clone()
    }

    /// What is kept beside the table. Every store that has been opened has that.
    fn kept(&mut self) -> Result<Option<Record>> {
        let kept = self.links.kept()?;
        if kept.is_none() {
            let what = "it is missing or damaged: a table that is taken away could not be put back";
            self.note(Error::corruption(self.links.record(), what));
        }
        Ok(kept)
    }

    async fn dataset(&mut self) -> Result<Option<Dataset>> {
        let handler = Arc::new(DurableCommitHandler::new(self.root.clone(), self.files()));
        match manifests::load(&*self.files(), &self.root, handler).await {
            Err(e @ Error::UnsupportedFormat { .. }) => Err(e),
            loaded => Ok(self.take(loaded)),
        }
    }

    /// The record in the table and the one beside it. After a crash the latter may be behind.
    fn compare(&mut self, kept: &Record, found: &Record, dataset: &Dataset) {
        let manifest = manifests::path_of(&self.root, dataset.manifest().version);
        if kept.sequence > found.sequence {
            let what = "it is older than the commit that runs/RECORD tells of";
            self.note(Error::corruption(manifest, what));
        } else if kept.sequence == found.sequence && kept != found {
            self.note(Error::corruption(manifest, "it tells otherwise of its commit than runs/RECORD"));
        }
    }

    /// Reads every run; those that can be opened.
    async fn read_runs(&mut self, record: &Record, dataset: Option<&Dataset>) -> Levels {
        let scheduler = scheduler();
        let mut opened = Vec::new();
        let names =
            record.runs().map(|name| (name, false)).chain(record.history.iter().map(|name| (name.as_str(), true)));
        for (name, is_history) in names.collect::<Vec<_>>() {
            let path = self.links.runs.join(name);
            if !self.files().exists(&path).unwrap_or(true) {
                // Said already.
                opened.push(None);
                continue;
            }
            let (cache, files) = (self.cache.clone(), self.files.clone());
            let run = Run::open(path.clone(), name.to_owned(), &scheduler, cache, files).await;
            let run = self.take(run).map(Arc::new);
            if let Some(run) = &run {
                self.report.runs += 1;
                self.report.blocks += run.blocks() as u64;
                self.report.rows += run.statistics().rows;
                self.report.bytes += run.disk_bytes();
                let damage = run.verify(is_history).await;
                self.report.damage.extend(damage);
                self.check_figures(run, &path, record, dataset);
            }
            opened.push(run);
        }
        let mut opened = opened.into_iter();
        let mut of = |names: &Vec<String>| opened.by_ref().take(names.len()).flatten().collect::<Vec<_>>();
        let levels = record.levels.iter().map(&mut of).collect();
        Levels::new(levels, History::new(of(&record.history)))
    }

    /// What the table and the commit say of a run.
    fn check_figures(&mut self, run: &Run, path: &Path, record: &Record, dataset: Option<&Dataset>) {
        let (said, state) = (run.statistics(), record.state);
        if said.max_version > state.last_version || said.journal_through > state.journal_through {
            self.note(Error::corruption(path, "it is newer than the commit that names it"));
        }
        let fragments = dataset.iter().flat_map(|dataset| dataset.manifest().fragments.iter());
        for fragment in fragments.filter(|fragment| fragments::run_name(fragment) == Some(run.name())) {
            let bytes = fragment.files.first().and_then(|file| file.file_size_bytes.get());
            let rows = fragment.physical_rows.map(|rows| rows as u64);
            if bytes.is_some_and(|bytes| bytes.get() != run.disk_bytes()) || rows.is_some_and(|rows| rows != said.rows)
            {
                self.note(Error::corruption(path, "the table tells of another size, or another number of rows"));
            }
        }
    }

    /// What an outside reader of the table finds.
    async fn check_rows(&mut self, dataset: &Dataset, record: &Record, levels: &Levels) {
        let same = match fragments::are(dataset.manifest(), record.runs()) {
            true => foreign::are_rows(&self.root, dataset, levels)
                .await
                .map(|same| (!same).then(|| "another reader finds other rows in it than the store".to_owned())),
            // What the next open undoes is no damage.
            false => foreign::since(&self.root, dataset, record, levels).await.map(|foreign| match foreign {
                Foreign::SameRows => None,
                Foreign::Changed(what) => Some(format!("it is not as the store has left it: {what}")),
            }),
        };
        if let Some(Some(what)) = self.take(same) {
            self.note(Error::corruption(&self.root, what));
        }
    }

    /// The older versions of the table, and the table of history.
    async fn check_versions(&mut self, dataset: Option<Dataset>) {
        if let Some(dataset) = dataset {
            let damage = read_versions(&dataset, &self.root).await;
            self.report.damage.extend(damage);
        }
        let root = history_table::root(&self.root);
        match has_manifest(&*self.files(), &root) {
            Ok(false) => return,
            looked => drop(self.take(looked)),
        }
        let handler = Arc::new(DurableCommitHandler::new(root.clone(), self.files()));
        let loaded = manifests::load(&*self.files(), &root, handler).await;
        if let Some(dataset) = self.take(loaded) {
            // Lance panics where a type is none.
            let is_own = || schema::is_own(&dataset.manifest().schema, Columns::History);
            if !std::panic::catch_unwind(AssertUnwindSafe(is_own)).unwrap_or(false) {
                let manifest = manifests::path_of(&root, dataset.manifest().version);
                self.note(Error::corruption(manifest, "its columns are not those of history"));
            }
            let damage = read_versions(&dataset, &root).await;
            self.report.damage.extend(damage);
        }
    }
}

#[cfg(test)]
mod tests;
