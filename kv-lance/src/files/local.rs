//! The local file system.

use super::safe_open::{DIRECTORY_MODE, Writes, open};
use super::{FileHandle, Files, OpenMode};
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, IoSlice, Result};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most slices that one system call takes.
const MAX_SLICES: usize = 1024;

/// The local file system, as the operating system gives it.
///
/// Files that it makes are for their owner alone, whatever the umask, and so are directories. It opens nothing that is a
/// symbolic link or no file, and writes to no file that has several names.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFiles;

impl Files for LocalFiles {
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>> {
        let mut options = File::options();
        let file = match how {
            OpenMode::Read => open(options.read(true), path, Writes::Nothing)?,
            OpenMode::Write => open(options.write(true), path, Writes::InPlace)?,
            OpenMode::New => open(options.write(true).create_new(true), path, Writes::InPlace)?,
            OpenMode::Replace => {
                let file = open(options.write(true).create(true), path, Writes::InPlace)?;
                // Not on opening it: first it has to be known what it is.
                file.set_len(0)?;
                file
            }
        };
        Ok(Arc::new(file))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        DirBuilder::new().mode(DIRECTORY_MODE).create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        File::open(dir)?.sync_all()
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        path.try_exists()
    }

    fn len(&self, path: &Path) -> Result<u64> {
        Ok(std::fs::metadata(path)?.len())
    }
}

impl FileHandle for File {
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()> {
        FileExt::read_exact_at(self, buf, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], mut at: u64) -> Result<()> {
        let mut rest = slices;
        // Those at the front that have no bytes.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let (now, _) = rest.split_at(rest.len().min(MAX_SLICES));
            let written = match rustix::io::pwritev(self, now, at) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => n,
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            };
            at += written as u64;
            IoSlice::advance_slices(&mut rest, written);
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&self) -> Result<()> {
        File::sync_all(self)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        File::set_len(self, len)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A read that comes to the end of the file is no read of zeros.
    #[test]
    fn a_read_gets_all_bytes_or_an_error() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("file");
        std::fs::write(&path, b"0123456789")?;
        let file = LocalFiles.open(&path, OpenMode::Read)?;
        let mut bytes = [b'-'; 4];
        file.read_exact_at(&mut bytes, 6)?;
        assert_eq!(&bytes, b"6789");
        for at in [7, 10, 1 << 40] {
            let ended = file.read_exact_at(&mut bytes, at).map_err(|e| e.kind());
            assert_eq!(ended, Err(ErrorKind::UnexpectedEof), "from {at}");
        }
        Ok(())
    }

    /// As many slices as one system call takes, and many more.
    #[test]
    fn all_slices_are_written() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("file");
        let file = LocalFiles.open(&path, OpenMode::New)?;
        let rows: Vec<String> = (0..3 * MAX_SLICES).map(|n| "x".repeat(n % 3)).collect();
        let mut slices: Vec<IoSlice<'_>> = rows.iter().map(|row| IoSlice::new(row.as_bytes())).collect();
        file.write_vectored_at(&mut slices, 5)?;
        assert_eq!(std::fs::read(&path)?, [vec![0; 5], rows.concat().into_bytes()].concat());
        Ok(())
    }
}
