//! The files that show tags to other readers: Lance's own, one for each tag, written durably and as a whole.
//!
//! They follow from what the engine's commits say. One that a crash or another tool has taken away is made again.

use crate::files::{Files, OpenMode, make_dirs};
use chrono::{DateTime, SecondsFormat, Utc};
use kv_api::{Error, Result, Tag};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a dataset's tags lie.
#[derive(Debug)]
pub(super) struct LanceTags {
    files: Arc<dyn Files>,
    dir: PathBuf,
}

impl LanceTags {
    pub(super) fn of(table: &Path, files: Arc<dyn Files>) -> Self {
        Self { files, dir: table.join("_refs").join("tags") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.json"))
    }

    /// Refuses a name that another tool has given to a version of the table.
    pub(super) fn check_free(&self, name: &str) -> Result<()> {
        if self.exists(name)? { Err(taken(name)) } else { Ok(()) }
    }

    /// Whether a version has this name.
    pub(super) fn exists(&self, name: &str) -> Result<bool> {
        let path = self.path(name);
        self.files.exists(&path).map_err(|e| Error::io("looking for", &path, e))
    }

    /// Shows a version of the table, whose manifest has so many bytes, under the name of a tag.
    ///
    /// # Errors
    /// Nothing has been made then, as far as that can be told.
    pub(super) fn make(&self, tag: &Tag, manifest: u64, manifest_bytes: u64) -> Result<()> {
        let path = self.path(&tag.name);
        let failed = |e| Error::io("writing", &path, e);
        make_dirs(&*self.files, &self.dir).map_err(failed)?;
        // Lance takes what ends in `.json` for a tag.
        let draft = self.dir.join(format!("{}.draft", tag.name));
        self.remove_file(&draft)?;
        let write = || {
            let file = self.files.open(&draft, OpenMode::New)?;
            file.write_all_at(contents(tag, manifest, manifest_bytes).as_bytes(), 0)?;
            file.sync_all()?;
            self.files.link(&draft, &path)
        };
        let shown = match write() {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(taken(&tag.name)),
            Err(e) => {
                // Some file systems answer an error for what they have done.
                self.remove(&tag.name)?;
                Err(failed(e))
            }
            Ok(()) => self.sync().inspect_err(|_| {
                if let Err(e) = self.remove_file(&path) {
                    tracing::warn!(error = %e, "a tag that was not made is left behind for other readers");
                }
            }),
        };
        if let Err(e) = self.remove_file(&draft) {
            tracing::warn!(error = %e, "the draft of a tag is left behind; the next tag of this name removes it");
        }
        shown
    }

    /// Takes a tag away from other readers, durably.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        if !self.exists(name)? {
            return Ok(());
        }
        self.remove_file(&self.path(name))?;
        self.sync()
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        match self.files.remove(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("removing", path, e)),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        self.files.sync_dir(&self.dir).map_err(|e| Error::io("syncing", &self.dir, e))
    }
}

fn taken(name: &str) -> Error {
    let reason = "another tool has given it to a version of the table".to_owned();
    Error::InvalidTagName { name: name.to_owned(), reason }
}

/// What Lance writes. The name of a tag needs no escapes.
fn contents(tag: &Tag, manifest: u64, manifest_bytes: u64) -> String {
    let made = DateTime::<Utc>::from(tag.made).to_rfc3339_opts(SecondsFormat::Millis, true);
    format!(
        "{{\n  \"branch\": null,\n  \"version\": {manifest},\n  \"createdAt\": \"{made}\",\n  \"updatedAt\": \"{made}\",\n  \
         \"manifestSize\": {manifest_bytes},\n  \"metadata\": {{}}\n}}"
    )
}
