//! Reading manifests. They have no checksums: what Lance makes of a damaged one, panics among it, is told as damage to
//! that file.

use super::commit_handler::DurableCommitHandler;
use super::error::{from_lance, is_missing};
use super::links::list;
use crate::files::Files;
use futures::FutureExt;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance_table::io::commit::ManifestNamingScheme;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Another tool can remove what has just been listed, again and again; so often we look anew.
const ATTEMPTS: usize = 32;

/// Opens a dataset at its newest version.
pub(super) async fn load(files: &dyn Files, root: &Path, handler: Arc<DurableCommitHandler>) -> Result<Dataset> {
    let builder = DatasetBuilder::from_uri(super::open::uri(root)?)
        .with_commit_handler(handler)
        .with_session(super::open::session());
    let loaded = read(|| newest_path(files, root), builder.load()).await?;
    loaded.ok_or_else(|| Error::NotAStore { path: root.into(), reason: "the table has no manifest".into() })
}

/// The dataset's newest version.
pub(super) async fn newest(files: &dyn Files, dataset: &Dataset, root: &Path) -> Result<Dataset> {
    let mut newest = dataset.clone();
    for _ in 0..ATTEMPTS {
        // One that was removed after it had been listed is not the newest.
        if read(|| newest_path(files, root), newest.checkout_latest()).await?.is_some() {
            return Ok(newest);
        }
    }
    Err(Error::io("reading the newest version of", root, std::io::ErrorKind::NotFound.into()))
}

/// A version of a dataset; `None` where it has been removed.
pub(super) async fn version(dataset: &Dataset, root: &Path, version: u64) -> Result<Option<Dataset>> {
    let found = read(|| path_of(root, version), dataset.checkout_version(version)).await?;
    match found.as_ref().map(|found| found.manifest().version).filter(|said| *said != version) {
        // One that has been zeroed can be decoded.
        Some(said) => Err(Error::corruption(path_of(root, version), format!("it says that it is of version {said}"))),
        None => Ok(found),
    }
}

/// Has Lance read a manifest, or what belongs to it; `None` where it is not there.
pub(super) async fn read<T>(
    path: impl FnOnce() -> PathBuf,
    reading: impl Future<Output = lance::Result<T>>,
) -> Result<Option<T>> {
    match AssertUnwindSafe(reading).catch_unwind().await {
        Ok(Ok(read)) => Ok(Some(read)),
        Ok(Err(e)) if is_missing(&e) => Ok(None),
        Ok(Err(e)) => Err(damaged(&path(), e)),
        Err(_) => Err(Error::corruption(path(), "it cannot be decoded")),
    }
}

/// What is no error of the system's says that the bytes are not what they should be.
fn damaged(path: &Path, error: lance::Error) -> Error {
    let error = from_lance("reading", path, error);
    match &error {
        Error::Backend { source, .. } => Error::corruption(path, source.to_string()),
        Error::Io { source, .. } if source.raw_os_error().is_none() => Error::corruption(path, source.to_string()),
        _ => error,
    }
}

/// Where a version's manifest lies, as the engine names it.
pub(super) fn path_of(root: &Path, version: u64) -> PathBuf {
    root.join("_versions").join(format!("{:020}.manifest", u64::MAX - version))
}

/// Where the newest manifest lies; the directory where that cannot be told.
fn newest_path(files: &dyn Files, root: &Path) -> PathBuf {
    let dir = root.join("_versions");
    let version = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        ManifestNamingScheme::detect_scheme(name)?.parse_version(name)
    };
    list(files, &dir).unwrap_or_default().into_iter().max_by_key(version).unwrap_or(dir)
}
