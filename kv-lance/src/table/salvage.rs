//! What of a damaged table can be read: its newest state, and the runs that this names, as far as they open. Nothing is
//! changed.

use super::commit_handler::DurableCommitHandler;
use super::find_record::find_record;
use super::history_table;
use super::levels::keys_in_common;
use super::links::{Links, list};
use super::manifests;
use super::open::{has_manifest, scheduler};
use super::run::{BlockCache, Run, Salvaged};
use super::state::{Record, TableState};
use crate::files::OpenFiles;
use futures::FutureExt;
use kv_api::{Error, Key, Result};
use lance_io::scheduler::ScanScheduler;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How old what a source has is: of one key, the rows of a source of a greater age number are newer.
pub(crate) type Rank = u64;

/// Of history. What is there is older than anything on a level.
pub(crate) const HISTORY: Rank = 0;

/// A run that is there, as far as it can be read.
pub(crate) struct SalvagedRun {
    pub(crate) run: Arc<Run>,
    pub(crate) rank: Rank,
    /// The last key, where it is known.
    pub(crate) last_key: Option<Key>,
}

/// A run that cannot be read at all.
pub(crate) struct LostRun {
    pub(crate) error: Error,
    pub(crate) rank: Rank,
    /// Between which keys those of it are.
    pub(crate) keys: (Bound<Key>, Bound<Key>),
}

/// What can be read of a table.
pub(crate) struct SalvagedTable {
    /// `None` where nothing says what is current: then there are all runs that lie there, and what was deleted may be among
    /// them.
    pub(crate) state: Option<TableState>,
    pub(crate) runs: Vec<SalvagedRun>,
    pub(crate) lost: Vec<LostRun>,
    /// What is wrong, and no row is lost by.
    pub(crate) notes: Vec<Error>,
    /// The greatest rank there is.
    pub(crate) newest: Rank,
}

/// Reads the table at `root`.
///
/// # Errors
/// `UnsupportedFormat`; `Io` where a directory cannot be listed.
pub(crate) async fn salvage(root: &Path, cache: Arc<BlockCache>, files: Arc<OpenFiles>) -> Result<SalvagedTable> {
    let links = Links::beside(root, files.files().clone());
    let table = SalvagedTable { state: None, runs: vec![], lost: vec![], notes: vec![], newest: HISTORY + 1 };
    let mut reader = Reader { root, links, cache, files, scheduler: scheduler(), table };
    match reader.record().await? {
        Some(record) => reader.read_runs(&record).await,
        None => reader.read_all().await?,
    }
    Ok(reader.table)
}

struct Reader<'a> {
    root: &'a Path,
    links: Links,
    cache: Arc<BlockCache>,
    files: Arc<OpenFiles>,
    scheduler: Arc<ScanScheduler>,
    table: SalvagedTable,
}

/// The bounds of a run's keys, where it can be read and they are known.
type Bounds = Option<(Key, Key)>;

impl Reader<'_> {
    /// The newest state that can be read.
    async fn record(&mut self) -> Result<Option<Record>> {
        let kept = match self.links.kept() {
            Err(e @ Error::UnsupportedFormat { .. }) => return Err(e),
            Err(e) => {
                self.table.notes.push(e);
                None
            }
            Ok(None) => {
                self.table.notes.push(Error::corruption(self.links.record(), "it is missing or damaged"));
                None
            }
            Ok(kept) => kept,
        };
        // Lance panics on some damage.
        let found = AssertUnwindSafe(self.find_record()).catch_unwind().await;
        let found = found.unwrap_or_else(|_| Err(Error::corruption(self.root, "its manifest cannot be decoded")));
        let found = match found {
            // A manifest has no checksum: where there is a record that has one, that counts.
            Err(e @ Error::UnsupportedFormat { .. }) if kept.is_none() => return Err(e),
            Err(e) => {
                self.table.notes.push(e);
                None
            }
            Ok(found) => Some(found),
        };
        let record = match (kept, found) {
            (Some(kept), Some(found)) => Some(self.newer(kept, found)),
            (kept, found) => kept.or(found),
        };
        self.table.state = record.as_ref().map(|record| record.state);
        Ok(record)
    }

    /// The newer of two states; where files of it are not there, and those of the other are, the other.
    fn newer(&self, kept: Record, found: Record) -> Record {
        let (newer, other) = if kept.sequence >= found.sequence { (kept, found) } else { (found, kept) };
        if self.is_there(&newer) || !self.is_there(&other) { newer } else { other }
    }

    fn is_there(&self, record: &Record) -> bool {
        let history = history_table::root(self.root).join("data");
        let dirs = [&self.links.runs, &self.links.data, &history];
        let exists = |path: PathBuf| self.files.files().exists(&path).unwrap_or(false);
        record.files().all(|name| dirs.iter().any(|dir| exists(dir.join(name))))
    }

    async fn find_record(&self) -> Result<Record> {
        let files = self.files.files();
        if !has_manifest(&**files, self.root)? {
            return Err(Error::corruption(self.root, "it has no manifest"));
        }
        let handler = Arc::new(DurableCommitHandler::new(self.root.into(), files.clone()));
        let dataset = manifests::load(&**files, self.root, handler).await?;
        find_record(self.root, &dataset).await
    }

    /// Opens the runs of a state.
    async fn read_runs(&mut self, record: &Record) {
        let depth = record.levels.len() as Rank;
        for (level, names) in record.levels.iter().enumerate() {
            let (count, mut bounds, mut failed) = (names.len() as Rank, Vec::new(), Vec::new());
            for (number, name) in names.iter().enumerate() {
                let rank = if level == 0 { depth + count - number as Rank } else { depth - level as Rank };
                self.table.newest = self.table.newest.max(rank);
                match self.open_any(name, &self.links.data.clone()).await {
                    Ok(run) => bounds.push(self.take(run, rank)),
                    Err(error) => {
                        bounds.push(None);
                        failed.push((number, rank, error));
                    }
                }
            }
            if level > 0 {
                self.note_common_keys(names, &bounds);
            }
            for (number, rank, error) in failed {
                // Runs of sorted levels lie between their neighbours.
                let keys = if level == 0 { everything() } else { between(&bounds, number) };
                self.table.lost.push(LostRun { error, rank, keys });
            }
        }
        let data = history_table::root(self.root).join("data");
        for name in &record.history {
            match self.open_any(name, &data).await {
                Ok(run) => drop(self.take(run, HISTORY)),
                Err(error) => self.table.lost.push(LostRun { error, rank: HISTORY, keys: everything() }),
            }
        }
    }

    /// Notes runs of a sorted level that have keys in common. All of their rows can be read, here.
    fn note_common_keys(&mut self, names: &[String], bounds: &[Bounds]) {
        let runs: Vec<_> =
            names.iter().zip(bounds).filter_map(|(name, bounds)| Some((name, bounds.as_ref()?))).collect();
        for ((name, (_, last)), (next, (first, _))) in runs.iter().zip(runs.iter().skip(1)) {
            if last >= first {
                self.table.notes.push(keys_in_common(&self.links.runs.join(next), name));
            }
        }
    }

    /// Opens all runs that lie there: nothing says which of them count.
    async fn read_all(&mut self) -> Result<()> {
        let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
        let history = history_table::root(self.root).join("data");
        for dir in [&history, &self.links.data, &self.links.runs] {
            for path in list(&**self.files.files(), dir)? {
                let name = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".lance"));
                if let Some(name) = name {
                    places.insert(name.to_owned(), dir.clone());
                }
            }
        }
        for (name, dir) in places {
            match self.open_any(&name, &dir).await {
                Ok(run) => drop(self.take(run, HISTORY + 1)),
                Err(error) => self.table.lost.push(LostRun { error, rank: HISTORY + 1, keys: everything() }),
            }
        }
        Ok(())
    }

    /// Opens a run by its own name, or where that cannot be by its name in the table.
    async fn open_any(&self, name: &str, outside: &Path) -> Result<Salvaged> {
        let own = self.open(&self.links.runs.join(name), name).await;
        match own {
            Ok(run) => Ok(run),
            Err(error) => self.open(&outside.join(name), name).await.map_err(|_| error),
        }
    }

    async fn open(&self, path: &Path, name: &str) -> Result<Salvaged> {
        let (cache, files) = (self.cache.clone(), self.files.clone());
        let opening = Run::salvage(path.into(), name.to_owned(), &self.scheduler, cache, files);
        let opened = AssertUnwindSafe(opening).catch_unwind().await;
        opened.unwrap_or_else(|_| Err(Error::corruption(path, "its metadata cannot be decoded")))
    }

    fn take(&mut self, salvaged: Salvaged, rank: Rank) -> Bounds {
        let Salvaged { run, bounded, damage } = salvaged;
        self.table.notes.extend(damage);
        let key = |key: &[u8]| Key::copy_from_slice(key);
        let bounds = bounded.then(|| (key(run.key_bounds().0), key(run.key_bounds().1)));
        let last_key = bounds.as_ref().map(|(_, last)| last.clone());
        self.table.runs.push(SalvagedRun { run: Arc::new(run), rank, last_key });
        bounds
    }
}

fn everything() -> (Bound<Key>, Bound<Key>) {
    (Bound::Unbounded, Bound::Unbounded)
}

/// Between which keys a run of a sorted level lies.
fn between(bounds: &[Bounds], number: usize) -> (Bound<Key>, Bound<Key>) {
    let before = bounds.iter().take(number).rev().find_map(|bounds| bounds.as_ref());
    let behind = bounds.iter().skip(number + 1).find_map(|bounds| bounds.as_ref());
    let bound = |key: Option<&Key>| key.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
    (bound(before.map(|(_, last)| last)), bound(behind.map(|(first, _)| first)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::{NewRow, Opened, Outputs, RunLayout, Table};
    use super::*;
    use crate::config::Compression;
    use crate::files::LocalFiles;
    use crate::table::Levels;

    async fn open(root: &Path) -> Result<Opened> {
        let cache = Arc::new(BlockCache::new(1 << 20, 256));
        let files = Arc::new(OpenFiles::new(Arc::new(LocalFiles), 8));
        Table::open(root, true, cache, files, RunLayout::new(256, Compression::Fsst)).await
    }

    /// As compactions made them that erased.
    #[tokio::test]
    async fn runs_of_a_level_with_keys_in_common_are_refused_and_can_be_saved() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("kv.lance");
        let mut opened = open(&root).await.unwrap();
        for (level, keys) in [(1, [1, 3]), (1, [5, 7]), (0, [2, 6])] {
            let mut writer = opened.table.new_runs(level, 1).unwrap();
            for key in keys {
                let row = NewRow { key: &[key], version: 1, val: Some(b"v"), erases: false, superseded: None };
                writer.push(row).await.unwrap();
            }
            let runs = Outputs { current: writer.finish().await.unwrap(), history: vec![] };
            opened.table.replace(&Levels::default(), runs, level, opened.state).await.unwrap();
        }
        let mut record = opened.table.record.clone();
        let above = std::mem::take(record.levels.first_mut().unwrap());
        record.levels.get_mut(1).unwrap().splice(1..1, above);
        record.sequence += 1;
        opened.table.links.keep(&record).unwrap();
        drop(opened);
        let refused = open(&root).await.map(drop).unwrap_err().to_string();
        assert!(refused.contains("keys in common"), "{refused}");
        let cache = Arc::new(BlockCache::new(0, 256));
        let saved = salvage(&root, cache, Arc::new(OpenFiles::new(Arc::new(LocalFiles), 8))).await.unwrap();
        let notes: Vec<_> = saved.notes.iter().map(ToString::to_string).collect();
        assert_eq!((saved.runs.len(), notes.len()), (3, 2), "{notes:?}");
        assert!(notes.iter().all(|note| note.contains("keys in common")), "{notes:?}");
    }
}
