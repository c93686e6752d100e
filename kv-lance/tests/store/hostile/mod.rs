//! A store's directory that somebody else has prepared: nothing outside of it is read, written or removed, and no length
//! is believed. And what the store makes is its owner's alone.

mod elsewhere;
mod lengths;
mod links;
mod modes;
mod names;

use super::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A closed store with two levels, history and a commit in the journal; what it holds.
async fn make(dir: &Path) -> Result<Rows> {
    let store = open(LanceConfig::new(dir)).await?;
    write(&store, &[("a", "1"), ("b", "1")]).await?;
    store.flush().await?;
    write(&store, &[("a", "2")]).await?;
    store.compact().await?;
    write(&store, &[("c", "3")]).await?;
    store.flush().await?;
    write(&store, &[("d", "4")]).await?;
    store.shutdown().await?;
    Ok(rows(&[("a", "2"), ("b", "1"), ("c", "3"), ("d", "4")]))
}

/// A file of a directory whose name ends like this.
fn file(dir: &Path, suffix: &str) -> PathBuf {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    paths.sort();
    paths.pop().unwrap()
}

/// What lies in a directory, and when it was changed last: its bytes, or `None` for what is no file.
pub(crate) fn contents(dir: &Path) -> BTreeMap<PathBuf, (Option<Vec<u8>>, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut paths = vec![dir.to_path_buf()];
    while let Some(path) = paths.pop() {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            paths.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let bytes = metadata.is_file().then(|| std::fs::read(&path).unwrap());
        found.insert(path, (bytes, metadata.mtime(), metadata.mtime_nsec()));
    }
    found
}

/// Opens a store, reads all of it, writes, and has it tidy up.
async fn use_it(dir: &Path) -> Result<Rows> {
    let store = open(LanceConfig::new(dir).create(false)).await?;
    let found = all(&store, None).await?;
    write(&store, &[("more", "1")]).await?;
    store.flush().await?;
    store.compact_with(kv_lance::CompactOptions::no_history()).await?;
    store.shutdown().await?;
    Ok(found)
}
