//! The open data files of a store.

use super::{FileHandle, Files, OpenMode};
use std::io::Result;
use std::path::Path;
use std::sync::Arc;

/// Opens data files, for all runs of a store.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    files: Arc<dyn Files>,
}

impl OpenFiles {
    pub(crate) fn new(files: Arc<dyn Files>) -> Self {
        Self { files }
    }

    /// The file system below.
    pub(crate) fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    pub(crate) fn open(&self, path: &Path) -> Result<Arc<dyn FileHandle>> {
        self.files.open(path, OpenMode::Read)
    }
}
