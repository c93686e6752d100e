//! Finding symbolic links.

use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

/// A symbolic link at or below `path`; `None` where there is none, or nothing at all.
pub(crate) fn first_symlink(path: &Path) -> Result<Option<PathBuf>> {
    let mut paths = vec![path.to_path_buf()];
    while let Some(path) = paths.pop() {
        let found = match std::fs::symlink_metadata(&path) {
            // Other tools come and go.
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            found => found?.file_type(),
        };
        if found.is_symlink() {
            return Ok(Some(path));
        }
        if found.is_dir() {
            match list(&path) {
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                listed => paths.extend(listed?),
            }
        }
    }
    Ok(None)
}

/// The directories and links in a directory: of plain files nothing more is to be known.
fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            listed.push(entry.path());
        }
    }
    Ok(listed)
}
