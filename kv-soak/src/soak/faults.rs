//! A file system that fails in one way at a time.

use kv_lance::files::{FileHandle, Files, LocalFiles, OpenMode};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a slow medium needs for a sync, in addition.
const SLOW: Duration = Duration::from_millis(30);

/// The number of the system's error "too many open files", on Linux.
const EMFILE: i32 = 24;

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    SlowSyncs,
    NoSpace,
    NoHandles,
    FailingReads,
    FailingSyncs,
    FailingNames,
}

impl Fault {
    /// All of them, each at its number.
    pub(super) const ALL: [Self; 7] = [
        Self::None,
        Self::SlowSyncs,
        Self::NoSpace,
        Self::NoHandles,
        Self::FailingReads,
        Self::FailingSyncs,
        Self::FailingNames,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SlowSyncs => "slow syncs",
            Self::NoSpace => "no space",
            Self::NoHandles => "no handles",
            Self::FailingReads => "failing reads",
            Self::FailingSyncs => "failing syncs",
            Self::FailingNames => "failing renames, links and removals",
        }
    }

    /// One operation in so many is struck.
    fn every(self) -> u64 {
        match self {
            Self::None => u64::MAX,
            Self::SlowSyncs => 1,
            Self::NoSpace | Self::FailingNames => 3,
            Self::NoHandles => 5,
            Self::FailingReads => 50,
            Self::FailingSyncs => 100,
        }
    }

    fn error(self) -> Error {
        match self {
            Self::NoSpace => ErrorKind::StorageFull.into(),
            Self::NoHandles => Error::from_raw_os_error(EMFILE),
            other => Error::other(format!("put in on purpose: {}", other.name())),
        }
    }
}

/// The fault of the moment, and how often each has struck.
#[derive(Debug, Default)]
pub(super) struct Faults {
    now: AtomicUsize,
    calls: AtomicU64,
    struck: [AtomicU64; Fault::ALL.len()],
}

impl Faults {
    /// Has operations fail like this from now on.
    pub(super) fn set(&self, fault: Fault) {
        self.now.store(fault as usize, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Fault {
        Fault::ALL.get(self.now.load(Ordering::Relaxed)).copied().unwrap_or(Fault::None)
    }

    /// How often each has struck.
    pub(super) fn struck(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL.into_iter().zip(&self.struck).skip(1).map(|(fault, count)| (fault, count.load(Ordering::Relaxed)))
    }

    /// Fails, or takes its time, where the fault of the moment is one of these.
    fn call<T>(&self, of: &[Fault], call: impl FnOnce() -> Result<T>) -> Result<T> {
        let now = self.now();
        if !of.contains(&now) || !self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(now.every()) {
            return call();
        }
        if let Some(count) = self.struck.get(now as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if now == Fault::SlowSyncs {
            std::thread::sleep(SLOW);
            return call();
        }
        Err(now.error())
    }
}

/// The local file system with [`Faults`].
#[derive(Debug, Clone)]
pub(super) struct FaultyFiles(pub(super) Arc<Faults>);

impl Files for FaultyFiles {
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
        let of: &[Fault] = match how {
            OpenMode::New | OpenMode::Replace => &[Fault::NoHandles, Fault::NoSpace],
            OpenMode::Read | OpenMode::Write => &[Fault::NoHandles],
        };
        let file = self.0.call(of, || LocalFiles.open(path, how))?;
        Ok(Arc::new(FaultyFile { file, faults: self.0.clone() }))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        self.0.call(&[Fault::NoSpace], || LocalFiles.create_dir(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.call(&[Fault::FailingNames], || LocalFiles.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.0.call(&[Fault::FailingNames, Fault::NoSpace], || LocalFiles.link(from, to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.0.call(&[Fault::FailingNames], || LocalFiles.remove(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        self.0.call(&[Fault::NoHandles], || LocalFiles.list(dir))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.0.call(&[Fault::SlowSyncs, Fault::FailingSyncs], || LocalFiles.sync_dir(dir))
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
    faults: Arc<Faults>,
}

impl FileHandle for FaultyFile {
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        self.faults.call(&[Fault::FailingReads], || self.file.read_exact_at(buf, at))
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.faults.call(&[Fault::NoSpace], || self.file.write_all_at(bytes, at))
    }

    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> Result<()> {
        self.faults.call(&[Fault::NoSpace], || self.file.write_vectored_at(slices, at))
    }

    fn sync_data(&self) -> Result<()> {
        self.faults.call(&[Fault::SlowSyncs, Fault::FailingSyncs], || self.file.sync_data())
    }

    fn sync_all(&self) -> Result<()> {
        self.faults.call(&[Fault::SlowSyncs, Fault::FailingSyncs], || self.file.sync_all())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.faults.call(&[Fault::NoSpace], || self.file.set_len(len))
    }

    fn len(&self) -> Result<u64> {
        self.file.len()
    }
}
