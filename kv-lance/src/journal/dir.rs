//! The journal's directory: what its files are called.

use crate::files::{Files, make_dirs};
use kv_api::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the segments are.
#[derive(Debug, Clone)]
pub(crate) struct JournalDir {
    pub(super) files: Arc<dyn Files>,
    pub(super) path: PathBuf,
}

impl JournalDir {
    pub(crate) fn new(files: Arc<dyn Files>, path: impl Into<PathBuf>) -> Self {
        Self { files, path: path.into() }
    }

    /// Makes the directory, durably, where there is none.
    pub(crate) fn make(&self) -> Result<()> {
        make_dirs(&*self.files, &self.path).map_err(|e| Error::io("creating", &self.path, e))
    }

    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:010}.log"))
    }

    /// The segments there are, ascending.
    pub(crate) fn segments(&self) -> Result<Vec<(u64, PathBuf)>> {
        let mut segments = Vec::new();
        for path in self.files.list(&self.path).map_err(|e| Error::io("listing", &self.path, e))? {
            let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".log"));
            match number.and_then(|n| n.parse().ok()) {
                Some(number) => segments.push((number, path)),
                None => return Err(Error::corruption(&path, "it is in the journal's directory and is no segment")),
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// Removes the segments up to and with `through`.
    pub(crate) fn remove_through(&self, through: u64) -> Result<()> {
        for (segment, path) in self.segments()? {
            if segment <= through {
                self.files.remove(&path).map_err(|e| Error::io("removing", &path, e))?;
            }
        }
        Ok(())
    }
}
