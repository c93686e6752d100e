//! The open data files of a store: as many as are allowed, whatever the number of runs.

use super::{FileHandle, Files, OpenMode};
use quick_cache::sync::Cache;
use rustix::io::Errno;
use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Opens data files when they are read and keeps the handles of those that are read most, for all
/// runs of a store.
pub(crate) struct OpenFiles {
    files: Arc<dyn Files>,
    open: Cache<u64, Arc<dyn FileHandle>>,
}

impl OpenFiles {
    /// Keeps up to `most` handles; reads that are under way may hold some more for a moment.
    pub(crate) fn new(files: Arc<dyn Files>, most: usize) -> Self {
        Self { files, open: Cache::new(most) }
    }

    /// The file system below.
    pub(crate) fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    /// How many handles are kept.
    pub(crate) fn kept(&self) -> usize {
        self.open.len()
    }

    /// Keeps the handle no longer.
    pub(crate) fn close(&self, id: u64) {
        self.open.remove(&id);
    }

    /// The handle of the file at `path`, which no other file has the `id` of; opened where it is
    /// not.
    pub(crate) fn handle(&self, id: u64, path: &Path) -> Result<Arc<dyn FileHandle>> {
        if let Some(handle) = self.open.get(&id) {
            return Ok(handle);
        }
        let handle = match self.files.open(path, OpenMode::Read) {
            Err(e) if is_out_of_handles(&e) => {
                self.open.clear();
                self.files.open(path, OpenMode::Read)
            }
            opened => opened,
        }?;
        self.open.insert(id, handle.clone());
        Ok(handle)
    }
}

/// Whether the process, or the system, has as many open files as it may have.
fn is_out_of_handles(error: &Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl std::fmt::Debug for OpenFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFiles").field("files", &self.files).field("kept", &self.kept()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::LocalFiles;
    use super::*;

    /// A store kept a handle for each of its runs: after a thousand flushes it could not open one
    /// more.
    #[test]
    fn the_number_of_handles_is_bounded_and_every_file_can_be_read()
    -> std::result::Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let files = OpenFiles::new(Arc::new(LocalFiles), 8);
        for round in 0..2 {
            for id in 0..100 {
                let path = dir.path().join(id.to_string());
                if round == 0 {
                    std::fs::write(&path, [id as u8])?;
                }
                let mut byte = [0];
                files.handle(id, &path)?.read_exact_at(&mut byte, 0)?;
                assert_eq!(u64::from(byte[0]), id);
                assert!(files.kept() <= 8, "{} handles", files.kept());
            }
        }
        Ok(())
    }
}
