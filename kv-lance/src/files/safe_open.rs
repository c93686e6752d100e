//! Opening files of a store whose directory somebody else may have prepared: what is opened is in that directory, a file,
//! and not also somewhere else where it is written to.

use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{Error, Result};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// For its owner alone.
const FILE_MODE: u32 = 0o600;
pub(super) const DIRECTORY_MODE: u32 = 0o700;

/// What becomes of a file that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    Nothing,
    /// What is in it is changed, and so under all names that it has.
    InPlace,
}

/// Opens a file, or makes one that only its owner may read.
///
/// # Errors
/// Also where it is a symbolic link, where it is no file, and where it is to be written to and has several names.
pub(crate) fn open(options: &mut OpenOptions, path: &Path, writes: Writes) -> Result<File> {
    // A pipe would keep whoever opens it waiting for its other end.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.mode(FILE_MODE).custom_flags(flags.bits() as i32).open(path);
    let file = opened.map_err(|e| match e.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        true => Error::other("it is a symbolic link, and a store follows none"),
        false => e,
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Error::other("it is no file"));
    }
    if writes == Writes::InPlace && metadata.nlink() > 1 {
        return Err(Error::other(format!(
            "it has {} names (hard links), and what is written to it would be in all of them: put a copy in its place",
            metadata.nlink()
        )));
    }
    Ok(file)
}
