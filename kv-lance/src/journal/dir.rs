//! The journal's directory: what its files are called.

use super::intact::holds_records;
use super::{Journal, segment};
use crate::files::{Files, make_dirs};
use kv_api::{Error, Result};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

const HEAD: &str = "HEAD";

/// What is in a journal's directory.
pub(super) struct Listed {
    /// By their numbers, ascending.
    pub(super) segments: Vec<(u64, PathBuf)>,
    /// What is none.
    pub(super) strangers: Vec<PathBuf>,
}

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

    /// Whether this is at most the journal of a store whose creation was cut off: the first
    /// segment, with nothing in it.
    pub(crate) fn is_unused(&self) -> Result<bool> {
        match self.segments()?.as_slice() {
            [] => Ok(true),
            [(1, path)] => Ok(!holds_records(&segment::read(self, path)?, 1)),
            _ => Ok(false),
        }
    }

    /// Makes the journal of a new store, with its first segment. Before the table: a table without
    /// a journal has lost it.
    pub(crate) fn begin(&self) -> Result<()> {
        self.begin_after(0)
    }

    /// The same of a store whose table has what other segments held.
    pub(crate) fn begin_after(&self, through: u64) -> Result<()> {
        self.make()?;
        Journal::create(self, through + 1).map(drop)
    }

    /// Makes the directory, durably, where there is none.
    fn make(&self) -> Result<()> {
        make_dirs(&*self.files, &self.path).map_err(|e| Error::io("creating", &self.path, e))
    }

    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:010}.log"))
    }

    pub(super) fn head(&self) -> PathBuf {
        self.path.join(HEAD)
    }

    /// The segments there are, ascending; none where there is no directory.
    pub(crate) fn segments(&self) -> Result<Vec<(u64, PathBuf)>> {
        let Listed { segments, strangers } = self.files()?;
        match strangers.first() {
            Some(path) => Err(Error::corruption(path, "it is in the journal's directory and is no segment")),
            None => Ok(segments),
        }
    }

    /// The segments there are, ascending, and what else is there.
    pub(super) fn files(&self) -> Result<Listed> {
        let paths = match self.files.list(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => vec![],
            listed => listed.map_err(|e| Error::io("listing", &self.path, e))?,
        };
        let (mut segments, mut strangers) = (Vec::new(), Vec::new());
        for path in paths {
            let name = path.file_name().and_then(|n| n.to_str());
            if name == Some(HEAD) {
                continue;
            }
            let number = name.and_then(|n| n.strip_suffix(".log")?.parse().ok());
            // There is to be a next one, for as long as anybody counts.
            match number.filter(|number| *number <= u64::MAX / 2 && self.segment(*number) == path) {
                Some(number) => segments.push((number, path)),
                None => strangers.push(path),
            }
        }
        segments.sort_unstable();
        Ok(Listed { segments, strangers })
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
