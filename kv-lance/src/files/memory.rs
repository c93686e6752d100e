//! Files in memory, for what is tried with thousands of them.

use super::{FileHandle, Files, OpenMode};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io::{ErrorKind, IoSlice, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file system in memory. Directories are there without being made.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryFiles(Arc<Mutex<BTreeMap<PathBuf, MemoryFile>>>);

/// The bytes of a file, for all who have it open.
#[derive(Debug, Clone, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryFiles {
    /// Makes a file of these bytes, in the place of another.
    pub(crate) fn put(&self, path: impl Into<PathBuf>, bytes: &[u8]) {
        self.0.lock().insert(path.into(), MemoryFile(Arc::new(Mutex::new(bytes.to_vec()))));
    }

    /// All files as they are now.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.0.lock().iter().map(|(path, file)| (path.clone(), file.0.lock().clone())).collect()
    }

    fn get(&self, path: &Path) -> Result<MemoryFile> {
        self.0.lock().get(path).cloned().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Files for MemoryFiles {
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
        match how {
            OpenMode::Read | OpenMode::Write => {}
            OpenMode::New if self.get(path).is_ok() => return Err(ErrorKind::AlreadyExists.into()),
            OpenMode::New | OpenMode::Replace => self.put(path, &[]),
        }
        Ok(Arc::new(self.get(path)?))
    }

    fn create_dir(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let file = self.0.lock().remove(from).ok_or(ErrorKind::NotFound)?;
        self.0.lock().insert(to.into(), file);
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        let file = self.get(from)?;
        if self.get(to).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.0.lock().insert(to.into(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.0.lock().remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        Ok(self.0.lock().keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn sync_dir(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.0.lock().keys().any(|file| file.starts_with(path)))
    }

    fn len(&self, path: &Path) -> Result<u64> {
        self.get(path)?.len()
    }
}

impl FileHandle for MemoryFile {
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        let bytes = self.0.lock();
        let found = usize::try_from(at).ok().and_then(|at| bytes.get(at..at.checked_add(buf.len())?));
        buf.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        let (mut file, at) = (self.0.lock(), at as usize);
        let end = at + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        if let Some(place) = file.get_mut(at..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> Result<()> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write_all_at(&bytes, at)
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.lock().resize(len as usize, 0);
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        Ok(self.0.lock().len() as u64)
    }
}
