//! A file system that fails when it is told to.

use kv_lance::files::{FileHandle, Files, LocalFiles, OpenMode};
use std::io::{Error, IoSlice, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const EIO: i32 = 5;
pub(crate) const EMFILE: i32 = 24;
pub(crate) const ENOSPC: i32 = 28;

/// What is done to a file or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Open,
    New,
    Read,
    Write,
    Sync,
    SetLen,
    Rename,
    Link,
    Remove,
    SyncDir,
}

/// An operation on paths that end in `path`, and what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) operation: Operation,
    pub(crate) path: &'static str,
    /// How many of them go well before.
    pub(crate) skip: usize,
    /// How many of them are met.
    pub(crate) times: usize,
    /// Whether it is done before it fails.
    pub(crate) done: bool,
    pub(crate) delay: Duration,
    /// The system's number of the error; 0 for none.
    pub(crate) error: i32,
}

impl Fault {
    /// Every such operation fails without having been done.
    pub(crate) fn always(operation: Operation, path: &'static str, error: i32) -> Self {
        Self { operation, path, skip: 0, times: usize::MAX, done: false, delay: Duration::ZERO, error }
    }
}

/// Local files with faults.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty {
    faults: Arc<Mutex<Vec<Fault>>>,
    calls: Arc<Mutex<Vec<(Operation, PathBuf)>>>,
}

impl Faulty {
    pub(crate) fn add(&self, fault: Fault) {
        self.faults.lock().unwrap().push(fault);
    }

    /// Everything goes well from now on.
    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// How often that has been asked for.
    pub(crate) fn count(&self, operation: Operation, path: &str) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(o, p)| *o == operation && p.to_string_lossy().ends_with(path)).count()
    }

    fn call<T>(&self, operation: Operation, path: &Path, call: impl FnOnce() -> Result<T>) -> Result<T> {
        self.calls.lock().unwrap().push((operation, path.into()));
        let Some(fault) = self.fault(operation, path) else { return call() };
        std::thread::sleep(fault.delay);
        match fault.error {
            0 => call(),
            error => {
                if fault.done {
                    call()?;
                }
                Err(Error::from_raw_os_error(error))
            }
        }
    }

    fn fault(&self, operation: Operation, path: &Path) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let fault = faults.iter_mut().find(|f| f.operation == operation && path.to_string_lossy().ends_with(f.path))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times = fault.times.checked_sub(1)?;
        Some(fault.clone())
    }
}

impl Files for Faulty {
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
        let operation = match how {
            OpenMode::Read | OpenMode::Write => Operation::Open,
            OpenMode::New | OpenMode::Replace => Operation::New,
        };
        let file = self.call(operation, path, || LocalFiles.open(path, how))?;
        Ok(Arc::new(FaultyFile { file, path: path.into(), faulty: self.clone() }))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        LocalFiles.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.call(Operation::Rename, to, || LocalFiles.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.call(Operation::Link, to, || LocalFiles.link(from, to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.call(Operation::Remove, path, || LocalFiles.remove(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        LocalFiles.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.call(Operation::SyncDir, dir, || LocalFiles.sync_dir(dir))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        LocalFiles.exists(path)
    }

    fn len(&self, path: &Path) -> Result<u64> {
        LocalFiles.len(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn FileHandle>,
    path: PathBuf,
    faulty: Faulty,
}

impl FileHandle for FaultyFile {
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        self.faulty.call(Operation::Read, &self.path, || self.file.read_exact_at(buf, at))
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.faulty.call(Operation::Write, &self.path, || self.file.write_all_at(bytes, at))
    }

    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> Result<()> {
        self.faulty.call(Operation::Write, &self.path, || self.file.write_vectored_at(slices, at))
    }

    fn sync_data(&self) -> Result<()> {
        self.faulty.call(Operation::Sync, &self.path, || self.file.sync_data())
    }

    fn sync_all(&self) -> Result<()> {
        self.faulty.call(Operation::Sync, &self.path, || self.file.sync_all())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.faulty.call(Operation::SetLen, &self.path, || self.file.set_len(len))
    }

    fn len(&self) -> Result<u64> {
        self.file.len()
    }
}
