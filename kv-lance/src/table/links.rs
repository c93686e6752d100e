//! The store's own names for its data files: hard links in `runs`, beside the table. What another tool removes from the
//! table is put back from there; the engine reads by these names, and only the engine removes them.

use crate::files::{Files, make_dirs};
use kv_api::{Error, Result};
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The two directories in which every run has a name.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) files: Arc<dyn Files>,
    /// The store's own.
    pub(super) runs: PathBuf,
    /// The table's.
    pub(super) data: PathBuf,
}

impl Links {
    pub(super) fn beside(table: &Path, files: Arc<dyn Files>) -> Self {
        Self { files, runs: table.with_file_name("runs"), data: table.join("data") }
    }

    /// Makes the directories.
    pub(super) fn prepare(&self) -> Result<()> {
        for dir in [&self.runs, &self.data] {
            make_dirs(&*self.files, dir).map_err(|e| Error::io("creating", dir, e))?;
        }
        Ok(())
    }

    /// Gives every run both its names again, durably; an error where it has none left.
    pub(super) fn mend<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut mended = false;
        for name in names {
            let (own, outside) = (self.runs.join(name), self.data.join(name));
            mended |= match (self.exists(&own)?, self.exists(&outside)?) {
                (true, true) => false,
                (false, _) => self.link(&outside, &own)?,
                (true, false) => self.link(&own, &outside)?,
            };
        }
        if mended {
            self.sync_dir(&self.runs)?;
            self.sync_dir(&self.data)?;
        }
        Ok(())
    }

    /// Shows a finished run to the table, durably.
    pub(super) fn show(&self, name: &str) -> Result<()> {
        self.sync_dir(&self.runs)?;
        self.link(&self.runs.join(name), &self.data.join(name))?;
        self.sync_dir(&self.data)
    }

    /// Gives a run a name in another store as well. It has one of its two here.
    pub(super) fn lend(&self, name: &str, to: &Self) -> Result<()> {
        let own = self.runs.join(name);
        let from = if self.exists(&own)? { own } else { self.data.join(name) };
        self.link(&from, &to.runs.join(name)).map(drop)
    }

    /// Removes the store's own name; the file goes with its last name.
    pub(super) fn forget(&self, name: &str) -> Result<()> {
        self.unlink(&self.runs.join(name))
    }

    /// Removes the table's name.
    pub(super) fn hide(&self, name: &str) -> Result<()> {
        self.unlink(&self.data.join(name))
    }

    /// Removes both names.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        self.hide(name)?;
        self.forget(name)
    }

    /// The names of files that are no run of the store: what a crash or readers of a replaced run left.
    pub(super) fn strangers(&self, names: &HashSet<&str>) -> Result<Vec<String>> {
        let listed = list(&*self.files, &self.runs)?.into_iter();
        let listed = listed.filter(|path| path.extension().is_some_and(|e| e == "lance"));
        let found = listed.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        Ok(found.filter(|name| !names.contains(name.as_str())).collect())
    }

    pub(super) fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.files.sync_dir(dir).map_err(|e| Error::io("syncing", dir, e))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        self.files.exists(path).map_err(|e| Error::io("looking for", path, e))
    }

    /// Whether it was not there before.
    fn link(&self, from: &Path, to: &Path) -> Result<bool> {
        match self.files.link(from, to) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(Error::io("linking", from, e)),
        }
    }

    fn unlink(&self, path: &Path) -> Result<()> {
        match self.files.remove(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("removing", path, e)),
            _ => Ok(()),
        }
    }
}

/// What is in a directory; nothing where there is none.
pub(super) fn list(files: &dyn Files, dir: &Path) -> Result<Vec<PathBuf>> {
    match files.list(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(vec![]),
        listed => listed.map_err(|e| Error::io("listing", dir, e)),
    }
}
