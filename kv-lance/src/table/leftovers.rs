//! Removing what a crash, or readers that went with their process, have left.

use super::dataset::Table;
use super::error::from_lance;
use super::links::list;
use super::manifests;
use crate::files::Files;
use kv_api::{Error, Result};
use lance::Dataset;
use std::collections::HashSet;
use std::path::Path;

impl Table {
    /// Removes the files of runs that are none any more: a commit that did not happen, or readers that went with their
    /// process. What an older version of the table still names stays for its readers.
    pub(super) async fn remove_strangers(&self) -> Result<()> {
        let strangers = self.links.strangers(&self.record.files().collect())?;
        if strangers.is_empty() {
            return Ok(());
        }
        let named = named_by_versions(&self.dataset, &self.root).await?;
        for name in strangers {
            if named.contains(&name) { self.links.forget(&name)? } else { self.links.remove(&name)? }
        }
        Ok(())
    }
}

/// The names of the files that any version of a dataset refers to.
pub(super) async fn named_by_versions(dataset: &Dataset, root: &Path) -> Result<HashSet<String>> {
    let failed = |e| from_lance("reading the versions of", root, e);
    let mut named = HashSet::new();
    for version in dataset.version_refs().await.map_err(failed)? {
        // Another tool may just have removed it.
        let Some(old) = manifests::version(dataset, root, version.version).await? else { continue };
        let files = old.manifest().fragments.iter().flat_map(|fragment| &fragment.files);
        named.extend(files.map(|file| file.path.clone()));
    }
    Ok(named)
}

/// Reads every version of a dataset; what is wrong with them.
pub(super) async fn read_versions(dataset: &Dataset, root: &Path) -> Vec<Error> {
    let versions = match dataset.version_refs().await {
        Ok(versions) => versions,
        Err(e) => return vec![from_lance("reading the versions of", root, e)],
    };
    let mut damage = Vec::new();
    for version in versions {
        damage.extend(manifests::version(dataset, root, version.version).await.err());
    }
    damage
}

/// A draft is what a crash left of a commit that did not happen.
pub(super) fn remove_drafts(files: &dyn Files, root: &Path) -> Result<()> {
    for path in list(files, &root.join("_versions"))? {
        if path.extension().is_some_and(|e| e == "draft") {
            files.remove(&path).map_err(|e| Error::io("removing", &path, e))?;
        }
    }
    Ok(())
}
