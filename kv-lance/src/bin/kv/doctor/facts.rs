//! What is known of the place of a store.

use super::machine::{self, Mount};
use super::medium;
use kv_lance::LanceConfig;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Of the store, absolute as far as it is there.
    pub(super) path: PathBuf,
    /// What its files take; `None` where it is not there.
    pub(super) store_bytes: Option<u64>,
    /// `None` where the system does not say.
    pub(super) mount: Option<Mount>,
    pub(super) free_bytes: u64,
    pub(super) memory_bytes: Option<u64>,
    /// How many files the process may have open.
    pub(super) open_files: Option<u64>,
    /// `None` where nothing may be written.
    pub(super) medium: Option<Medium>,
}

/// What was tried out in the folder.
#[derive(Debug, Clone)]
pub(super) struct Medium {
    pub(super) hard_links: bool,
    pub(super) syncs: usize,
    pub(super) median: Duration,
    pub(super) slowest: Duration,
}

impl Facts {
    /// Looks at where the store is, or would be made. An error comes with the path that it is about.
    pub(super) fn gather(config: &LanceConfig, read_only: bool) -> Result<Self, (String, io::Error)> {
        let path = std::path::absolute(config.path()).map_err(|e| (config.path().display().to_string(), e))?;
        let folder = existing(&path);
        let failed = |e: io::Error| (folder.display().to_string(), e);
        let is_there = path.join("kv.lance").is_dir() || path.join("journal").is_dir();
        Ok(Self {
            store_bytes: is_there.then(|| bytes_of(&path)).transpose().map_err(failed)?,
            mount: machine::mount_of(&folder.canonicalize().map_err(failed)?),
            free_bytes: machine::free_bytes(&folder).map_err(failed)?,
            memory_bytes: machine::memory_bytes(),
            open_files: machine::open_files(),
            medium: if read_only { None } else { Some(medium::measure(&folder).map_err(failed)?) },
            path,
        })
    }
}

/// The folder itself, or the first above it that is there.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_path_buf()
}

/// What the files below a folder take, one that has several names once.
fn bytes_of(folder: &Path) -> io::Result<u64> {
    let (mut bytes, mut seen, mut folders) = (0, HashSet::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                // A running store removes files.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if seen.insert((metadata.dev(), metadata.ino())) {
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes)
}
