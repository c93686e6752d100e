//! A folder as entries: the relative path of each file, with '/', and its bytes.

use super::entry::{BadInput, Entry, Place, Source};
use crate::failure::{Failure, Outcome};
use kv_api::MAX_VALUE_BYTES;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How a tool says that a folder holds what it can make again: <https://bford.info/cachedir/>.
const CACHE_TAG: &str = "CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// A file of the folder.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) key: Vec<u8>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// What was left out: the reason, and how often.
#[derive(Debug, Default)]
pub(crate) struct Skipped(BTreeMap<&'static str, u64>);

/// The files below `root` in the order of their keys, without those of the store in `store`.
pub(crate) fn list(root: &Path, store: &Path) -> Outcome<(Vec<File>, Skipped)> {
    let failed = |path: &Path, e: io::Error| Failure::File(format!("reading {}: {e}", path.display()));
    let store = fs::metadata(store).ok().as_ref().map(identity);
    if store.is_some() && fs::metadata(root).ok().as_ref().map(identity) == store {
        return Err(Failure::File(format!("{} is the store itself", root.display())));
    }
    let mut skipped = Skipped::default();
    let mut files = Vec::new();
    let mut folders = vec![(root.to_path_buf(), Vec::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| failed(&folder, e))? {
            let entry = entry.map_err(|e| failed(&folder, e))?;
            // Of the link itself, not of what it points to.
            let metadata = entry.metadata().map_err(|e| failed(&entry.path(), e))?;
            let mut key: Vec<u8> = prefix.clone();
            key.extend_from_slice(entry.file_name().as_bytes());
            match reason_to_skip(&entry, &metadata, store) {
                Some(reason) => skipped.add(reason),
                None if metadata.is_dir() => {
                    key.push(b'/');
                    folders.push((entry.path(), key));
                }
                None => files.push(File { key, path: entry.path(), bytes: metadata.len() }),
            }
        }
    }
    files.sort_by(|a, b| a.key.cmp(&b.key));
    Ok((files, skipped))
}

/// The entries of the folder `root`.
pub(super) fn source(root: &Path, store: &Path) -> Outcome<Source> {
    let (files, skipped) = list(root, store)?;
    Ok(from_files(files, skipped))
}

/// The entries of these files, read one by one.
pub(crate) fn from_files(files: Vec<File>, skipped: Skipped) -> Source {
    let bytes = files.iter().map(|file| file.bytes).sum();
    let mut read = 0;
    let entries = files.into_iter().map(move |file| {
        read += file.bytes;
        let place = Place { path: file.path.as_path().into(), line: None };
        match fs::read(&file.path) {
            Ok(val) => Ok(Entry { key: file.key, val: Some(val), place, read }),
            Err(e) => Err(BadInput { place, reason: e.to_string() }),
        }
    });
    Source { entries: Box::new(entries), bytes, skipped }
}

fn reason_to_skip(entry: &DirEntry, metadata: &Metadata, store: Option<(u64, u64)>) -> Option<&'static str> {
    if metadata.is_symlink() {
        Some("symbolic link")
    } else if entry.file_name() == ".git" {
        Some("'.git'")
    } else if Some(identity(metadata)) == store {
        Some("the store itself")
    } else if metadata.is_dir() {
        is_cache(&entry.path()).then_some("cache folder")
    } else if !metadata.is_file() {
        Some("device, pipe or socket")
    } else {
        (metadata.len() > MAX_VALUE_BYTES as u64).then_some("file over 256 MiB")
    }
}

fn is_cache(folder: &Path) -> bool {
    let mut start = [0; CACHE_SIGNATURE.len()];
    let read = fs::File::open(folder.join(CACHE_TAG)).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == CACHE_SIGNATURE
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Skipped {
    fn add(&mut self, reason: &'static str) {
        *self.0.entry(reason).or_default() += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(|(reason, count)| (reason.to_string(), Value::from(*count))).collect()
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<_> = self.0.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
        f.write_str(&reasons.join(", "))
    }
}
