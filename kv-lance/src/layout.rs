//! Where things lie in a store's directory, and whether a directory is one.

use crate::files::{Files, make_dirs};
use crate::journal::JournalDir;
use crate::symlinks::first_symlink;
use crate::table::is_kept;
use kv_api::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TABLE: &str = "kv.lance";
const JOURNAL: &str = "journal";
const RUNS: &str = "runs";
const HISTORY: &str = "history.lance";
const PUBLISHED: &str = "published.lance";
const LOCK: &str = "LOCK";

/// A directory that holds a store, or is about to.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
    pub(crate) table: PathBuf,
    pub(crate) journal: JournalDir,
}

impl Layout {
    /// Looks at `path` and, where `create` allows it, makes the directory of a new store.
    ///
    /// # Errors
    /// `NotAStore` where there is something else, or nothing and `create` does not allow to change that.
    pub(crate) fn prepare(files: Arc<dyn Files>, path: &Path, create: bool) -> Result<Self> {
        let not_a_store = |reason: String| Error::NotAStore { path: path.into(), reason };
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => return Err(not_a_store("it is a file, not a directory".into())),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                if !create {
                    return Err(not_a_store("there is nothing".into()));
                }
                make_dirs(&*files, path).map_err(|e| Error::io("creating", path, e))?;
            }
            Err(e) => return Err(Error::io("opening", path, e)),
        }
        // Lance takes absolute paths only.
        let root = path.canonicalize().map_err(|e| Error::io("opening", path, e))?;
        refuse_links(&root)?;
        let layout =
            Self { table: root.join(TABLE), journal: JournalDir::new(files.clone(), root.join(JOURNAL)), root };
        if layout.is_new(&*files)? {
            layout.check_empty(&*files, create)?;
        }
        Ok(layout)
    }

    /// Makes the directory of a store that is to begin with the files of the one in `store`.
    ///
    /// # Errors
    /// As those of [`check_new`].
    pub(crate) fn of_branch(files: Arc<dyn Files>, store: &Path, path: &Path) -> Result<Self> {
        check_new(store, path, "branched")?;
        Self::prepare(files, path, true)
    }

    /// Looks at a directory that holds what is left of a store.
    ///
    /// # Errors
    /// `NotAStore` where it has no file of one.
    pub(crate) fn of_damaged(files: Arc<dyn Files>, path: &Path) -> Result<Self> {
        let not_a_store = |reason: &str| Error::NotAStore { path: path.into(), reason: reason.into() };
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => return Err(not_a_store("it is a file, not a directory")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(not_a_store("there is nothing")),
            Err(e) => return Err(Error::io("opening", path, e)),
            Ok(_) => {}
        }
        let root = path.canonicalize().map_err(|e| Error::io("opening", path, e))?;
        refuse_links(&root)?;
        let holds = |name: &str| root.join(name).is_dir();
        if ![TABLE, RUNS, JOURNAL].into_iter().any(holds) {
            return Err(not_a_store(&format!("it holds none of '{TABLE}', '{RUNS}' and '{JOURNAL}'")));
        }
        Ok(Self { table: root.join(TABLE), journal: JournalDir::new(files, root.join(JOURNAL)), root })
    }

    /// Looks at a directory that holds a store, which another process may be writing to.
    ///
    /// # Errors
    /// `NotAStore` where there is something else, or nothing.
    pub(crate) fn to_read(files: Arc<dyn Files>, path: &Path) -> Result<Self> {
        let layout = Self::of_damaged(files.clone(), path)?;
        if layout.is_new(&*files)? {
            return Err(Error::NotAStore { path: layout.root, reason: format!("it holds no '{TABLE}'") });
        }
        Ok(layout)
    }

    /// Whether the table is still to be created: it has no manifest, and there is no record of one that was taken away.
    fn is_new(&self, files: &dyn Files) -> Result<bool> {
        if is_kept(files, &self.root.join(RUNS))? {
            return Ok(false);
        }
        let manifests = self.table.join("_versions");
        match files.list(&manifests) {
            Ok(found) => Ok(!found.iter().any(|path| path.extension().is_some_and(|e| e == "manifest"))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(e) => Err(Error::io("listing", manifests, e)),
        }
    }

    /// Makes the journal of a store that has no table yet. Needs the lock.
    pub(crate) fn begin_journal(&self, files: &dyn Files) -> Result<()> {
        if self.is_new(files)? { self.journal.begin() } else { Ok(()) }
    }

    /// A new store may go beside other tables of a LanceDB directory, and where an earlier creation was cut off.
    fn check_empty(&self, files: &dyn Files, create: bool) -> Result<()> {
        let not_a_store = |reason: String| Error::NotAStore { path: self.root.clone(), reason };
        let failed = |e| Error::io("listing", &self.root, e);
        for path in files.list(&self.root).map_err(failed)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name == RUNS && files.list(&path).map_err(failed)?.is_empty() {
                continue;
            }
            if name != LOCK && name != JOURNAL && !name.ends_with(".lance") {
                return Err(not_a_store(format!("it holds '{name}' and no '{TABLE}'")));
            }
        }
        match self.journal.is_unused() {
            Ok(true) => {}
            Ok(false) => return Err(not_a_store(format!("its '{JOURNAL}' holds commits and there is no '{TABLE}'"))),
            Err(Error::Corruption { .. }) => {
                return Err(not_a_store(format!("its '{JOURNAL}' is not a store's and there is no '{TABLE}'")));
            }
            Err(e) => return Err(e),
        }
        if create { Ok(()) } else { Err(not_a_store(format!("it holds no '{TABLE}'"))) }
    }
}

/// Looks whether a store can be made at `path` of the one in `store`, which is to be `done`.
///
/// # Errors
/// `NotAStore` where there is anything at the new store's place, or it lies in the old one; `Io`.
pub(crate) fn check_new(store: &Path, path: &Path, done: &str) -> Result<()> {
    let refused = |reason: &str| Err(Error::NotAStore { path: path.into(), reason: reason.into() });
    let store = store.canonicalize().map_err(|e| Error::io("opening", store, e))?;
    if real_path(path).map_err(|e| Error::io("looking for", path, e))?.starts_with(store) {
        return refused(&format!("it lies in the store that is to be {done}: give another place"));
    }
    match std::fs::read_dir(path) {
        Ok(found) => match found.count() {
            0 => Ok(()),
            _ => refused("it holds something: give an empty folder, or none"),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => refused("it is a file, not a directory"),
        Err(e) => Err(Error::io("opening", path, e)),
    }
}

/// Where a path leads that need not be there: the part that is, without links, and the rest.
fn real_path(path: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let (mut there, mut rest) = (path.as_path(), Vec::new());
    loop {
        match there.canonicalize() {
            Ok(real) => return Ok(rest.iter().rev().fold(real, |path, name| path.join(name))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        // There is no name where it ends with `..`: that of nothing is nowhere.
        let Some((parent, name)) = there.parent().zip(there.file_name()) else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        rest.push(name);
        there = parent;
    }
}

/// Nothing of a store is a symbolic link, which could lead anywhere: files are removed from its directories.
fn refuse_links(root: &Path) -> Result<()> {
    for name in [TABLE, HISTORY, PUBLISHED, JOURNAL, RUNS, LOCK] {
        let path = root.join(name);
        if let Some(link) = first_symlink(&path).map_err(|e| Error::io("looking for links in", &path, e))? {
            let name = link.strip_prefix(root).unwrap_or(&link).display();
            let reason = format!("its '{name}' is a symbolic link: put what it stands for in its place");
            return Err(Error::NotAStore { path: root.into(), reason });
        }
    }
    Ok(())
}
