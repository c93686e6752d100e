//! What the store asks of a file system.
//!
//! Journal, data files and directories are reached through [`Files`] alone, so that a test can have
//! any of it fail, and so that another file system can stand below a store. Give one to
//! [`LanceConfig::files`](crate::LanceConfig::files); the default is [`LocalFiles`].

mod local;
#[cfg(any(test, fuzzing))]
mod memory;
mod open_files;
mod safe_open;

pub use local::LocalFiles;
#[cfg(any(test, fuzzing))]
pub(crate) use memory::MemoryFiles;
pub(crate) use open_files::OpenFiles;
pub(crate) use safe_open::{Writes, open};

use std::fmt::Debug;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// To read one that exists.
    Read,
    /// To write to one that exists, as it is.
    Write,
    /// To write one that must not exist.
    New,
    /// To write one that is made, or emptied where it exists.
    Replace,
}

/// A file system. All calls block.
///
/// An implementation keeps what the store relies on: what a `sync` that returned has made durable
/// stays; a file can be read through an open handle after it has been removed;
/// [`rename`](Self::rename) and [`link`](Self::link) happen as a whole or not at all.
pub trait Files: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: OpenMode) -> Result<Arc<dyn FileHandle>>;

    /// Makes one directory; an error where it exists.
    fn create_dir(&self, path: &Path) -> Result<()>;

    /// Moves a file, replacing what is at `to`.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Gives a file a second name; an error where `to` exists.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<()>;

    /// The paths of what is in a directory, in no particular order.
    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>>;

    /// Makes the entries of a directory durable.
    fn sync_dir(&self, dir: &Path) -> Result<()>;

    /// Whether there is a file or a directory.
    fn exists(&self, path: &Path) -> Result<bool>;

    /// The length of a file in bytes.
    fn len(&self, path: &Path) -> Result<u64>;
}

/// An open file. Closed when it is dropped.
pub trait FileHandle: Debug + Send + Sync {
    /// Fills `buf` from `at` on; an error where the file ends before.
    fn read_exact_at(&self, buf: &mut [u8], at: u64) -> Result<()>;

    /// Writes all of `bytes` from `at` on.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<()>;

    /// Writes all slices, one behind the other, from `at` on.
    fn write_vectored_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> Result<()>;

    /// Makes the file's bytes durable, and its length where they need it.
    fn sync_data(&self) -> Result<()>;

    /// Makes the file durable with all that is known of it.
    fn sync_all(&self) -> Result<()>;

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> Result<()>;

    /// The file's length in bytes.
    fn len(&self) -> Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// The bytes of a whole file, which has at most `most`.
///
/// # Errors
/// Also where it has more: a length costs nothing to write down, and much to read.
pub(crate) fn read(files: &dyn Files, path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = files.open(path, OpenMode::Read)?;
    let len = file.len()?;
    let fits = usize::try_from(len).ok().filter(|_| len <= most);
    let fits = fits.ok_or_else(|| Error::new(ErrorKind::FileTooLarge, format!("{len} bytes; {most} are possible")))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(fits)?;
    bytes.resize(fits, 0);
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Makes a directory and the ones above it where they do not exist, each durable in its parent.
pub(crate) fn make_dirs(files: &dyn Files, path: &Path) -> Result<()> {
    if files.exists(path)? {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_dirs(files, parent)?;
    match files.create_dir(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => files.sync_dir(parent),
    }
}
