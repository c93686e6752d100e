//! Where things lie in a store's directory, and whether a directory is one.

use kv_api::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

const TABLE: &str = "kv.lance";
const JOURNAL: &str = "journal";
const LOCK: &str = "LOCK";

/// A directory that holds a store, or is about to.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
    pub(crate) table: PathBuf,
    pub(crate) journal: PathBuf,
}

impl Layout {
    /// Looks at `path` and, where `create` allows it, makes the directory of a new store.
    ///
    /// # Errors
    /// `NotAStore` where there is something else, or nothing and `create` does not allow to change that.
    pub(crate) fn prepare(path: &Path, create: bool) -> Result<Self> {
        let not_a_store = |reason: String| Error::NotAStore { path: path.into(), reason };
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => return Err(not_a_store("it is a file, not a directory".into())),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                if !create {
                    return Err(not_a_store("there is nothing".into()));
                }
                make_dir(path)?;
            }
            Err(e) => return Err(Error::io("opening", path, e)),
        }
        // Lance takes absolute paths only.
        let root = path.canonicalize().map_err(|e| Error::io("opening", path, e))?;
        let layout = Self { table: root.join(TABLE), journal: root.join(JOURNAL), root };
        if !layout.table.exists() {
            layout.check_empty(create)?;
        }
        Ok(layout)
    }

    /// A new store may go beside other tables of a LanceDB directory, and where an earlier creation was cut off.
    fn check_empty(&self, create: bool) -> Result<()> {
        let not_a_store = |reason: String| Error::NotAStore { path: self.root.clone(), reason };
        let failed = |e| Error::io("listing", &self.root, e);
        for entry in std::fs::read_dir(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            if name != LOCK && !name.ends_with(".lance") {
                return Err(not_a_store(format!("it holds '{name}' and no '{TABLE}'")));
            }
        }
        if create { Ok(()) } else { Err(not_a_store(format!("it holds no '{TABLE}'"))) }
    }

    /// Makes the journal's directory, durably.
    pub(crate) fn make_journal(&self) -> Result<()> {
        if self.journal.is_dir() { Ok(()) } else { make_dir(&self.journal) }
    }
}

/// Makes a directory and the ones above it, each durable in its parent.
fn make_dir(path: &Path) -> Result<()> {
    let failed = |e| Error::io("creating", path, e);
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !parent.exists() {
        make_dir(parent)?;
    }
    match std::fs::create_dir(path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(e)),
        _ => {}
    }
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(failed)
}
