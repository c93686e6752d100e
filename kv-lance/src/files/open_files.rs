//! The open data files of a store: as many as are allowed, whatever the number of runs.

use super::{FileHandle, Files, OpenMode};
use quick_cache::sync::Cache;
use rustix::io::Errno;
use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Opens data files when they are read and keeps the handles of those that are read most, for all
/// runs of a store.
pub(crate) struct OpenFiles {
    files: Arc<dyn Files>,
    open: Cache<u64, Arc<dyn FileHandle>>,
    /// Whether each data file has its handle for as long as it is used: another process may remove it.
    holds: bool,
    held: AtomicUsize,
}

impl OpenFiles {
    /// Keeps up to `most` handles; reads that are under way may hold some more for a moment.
    pub(crate) fn new(files: Arc<dyn Files>, most: usize) -> Self {
        Self { files, open: Cache::new(most), holds: false, held: AtomicUsize::new(0) }
    }

    /// Holds a handle of each data file for as long as it is used.
    pub(crate) fn holding(files: Arc<dyn Files>) -> Self {
        Self { holds: true, ..Self::new(files, 0) }
    }

    /// Opens a file that is to be held; `None` where handles come and go.
    pub(crate) fn hold(&self, path: &Path) -> Result<Option<Arc<dyn FileHandle>>> {
        if !self.holds {
            return Ok(None);
        }
        let handle = self.files.open(path, OpenMode::Read)?;
        self.held.fetch_add(1, Ordering::Relaxed);
        Ok(Some(handle))
    }

    /// One that was held is so no longer.
    pub(crate) fn let_go(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// The file system below.
    pub(crate) fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    /// How many handles are kept.
    pub(crate) fn kept(&self) -> usize {
        self.open.len() + self.held.load(Ordering::Relaxed)
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

    /// Local files, of which so many may be open at a time.
    #[derive(Debug)]
    struct Few {
        most: usize,
        open: Arc<()>,
    }

    #[derive(Debug)]
    struct One(Arc<dyn FileHandle>, #[expect(dead_code, reason = "counts")] Arc<()>);

    impl FileHandle for One {
        fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
            self.0.read_exact_at(buf, at)
        }
        fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
            self.0.write_all_at(bytes, at)
        }
        fn write_vectored_at(&self, slices: &mut [std::io::IoSlice<'_>], at: u64) -> Result<()> {
            self.0.write_vectored_at(slices, at)
        }
        fn sync_data(&self) -> Result<()> {
            self.0.sync_data()
        }
        fn sync_all(&self) -> Result<()> {
            self.0.sync_all()
        }
        fn set_len(&self, len: u64) -> Result<()> {
            self.0.set_len(len)
        }
        fn len(&self) -> Result<u64> {
            self.0.len()
        }
    }

    impl Files for Few {
        fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
            // One is the file system's own.
            if Arc::strong_count(&self.open) > self.most {
                return Err(Error::from_raw_os_error(Errno::MFILE.raw_os_error()));
            }
            Ok(Arc::new(One(LocalFiles.open(path, how)?, self.open.clone())))
        }
        fn create_dir(&self, path: &Path) -> Result<()> {
            LocalFiles.create_dir(path)
        }
        fn rename(&self, from: &Path, to: &Path) -> Result<()> {
            LocalFiles.rename(from, to)
        }
        fn link(&self, from: &Path, to: &Path) -> Result<()> {
            LocalFiles.link(from, to)
        }
        fn remove(&self, path: &Path) -> Result<()> {
            LocalFiles.remove(path)
        }
        fn list(&self, dir: &Path) -> Result<Vec<std::path::PathBuf>> {
            LocalFiles.list(dir)
        }
        fn sync_dir(&self, dir: &Path) -> Result<()> {
            LocalFiles.sync_dir(dir)
        }
        fn exists(&self, path: &Path) -> Result<bool> {
            LocalFiles.exists(path)
        }
        fn len(&self, path: &Path) -> Result<u64> {
            LocalFiles.len(path)
        }
    }

    /// Handles that are kept for later reads are given up where there is none left for the next one.
    #[test]
    fn where_no_handle_is_left_those_that_are_kept_are_closed() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let files = OpenFiles::new(Arc::new(Few { most: 5, open: Arc::new(()) }), 100);
        for id in 0..40 {
            let path = dir.path().join(id.to_string());
            std::fs::write(&path, [id as u8])?;
            let mut byte = [0];
            files.handle(id, &path)?.read_exact_at(&mut byte, 0)?;
            assert_eq!(u64::from(byte[0]), id);
        }
        // One that somebody reads is not closed.
        let held: Vec<_> =
            (0..5).map(|id| files.handle(id, &dir.path().join(id.to_string()))).collect::<Result<_>>()?;
        let refused = files.handle(7, &dir.path().join("7"));
        assert!(refused.is_err_and(|e| is_out_of_handles(&e)));
        drop(held);
        assert!(files.handle(7, &dir.path().join("7")).is_ok());
        Ok(())
    }
}
