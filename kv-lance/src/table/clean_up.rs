//! Removing versions of the tables that have been replaced, and the files that only they name.

use super::dataset::Table;
use super::error::from_lance;
use super::links::list;
use crate::files::Files;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::cleanup::CleanupPolicy;
use lance_table::io::commit::ManifestNamingScheme;
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

impl Table {
    /// Removes the versions that were replaced longer than `grace` ago, with the files that only they name. Tagged ones
    /// stay, and so do files that another tool is still writing. Whether all is done: the files of a run that is still
    /// being read in this process go later.
    pub(crate) async fn clean_up(&mut self, grace: Duration) -> Result<bool> {
        // What another tool has taken the tag from would go as well.
        self.mend_tags().await;
        remove_replaced(&self.dataset, &self.root, &**self.files.files(), grace).await?;
        self.history_table.clean_up(grace).await?;
        self.replaced.retain(|(since, _)| since.elapsed() < grace);
        let (unread, read): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retired).into_iter().partition(|(_, run)| run.strong_count() == 0);
        self.retired = read;
        for (name, _) in unread {
            self.links.forget(&name)?;
        }
        Ok(self.retired.is_empty())
    }

    /// Counts the files that were replaced before the table was opened, as if they had been by now. Those that a tag shows stay.
    pub(super) fn find_replaced_files(&mut self) {
        match self.replaced_files() {
            Ok(0) => {}
            Ok(bytes) => self.replaced.push((Instant::now(), bytes)),
            Err(e) => tracing::warn!(error = %e, "files that have been replaced are not counted"),
        }
    }

    fn replaced_files(&self) -> Result<u64> {
        let tagged = self.tagged_files.values().flatten().map(|(name, _)| name.as_str());
        let known: HashSet<&str> = self.levels.all().map(|run| run.name.as_str()).chain(tagged).collect();
        let files = &**self.files.files();
        let mut bytes = 0;
        for data in [&self.links.data, self.history_table.data()] {
            for path in list(files, data)? {
                let name = path.file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| !known.contains(name)) {
                    bytes += files.len(&path).map_err(|e| Error::io("reading the length of", &path, e))?;
                }
            }
        }
        Ok(bytes)
    }

    /// Bytes of files that were replaced and are kept for outside readers.
    pub(crate) fn replaced_bytes(&self) -> u64 {
        self.replaced.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Removes a dataset's versions that were replaced longer than `grace` ago.
pub(super) async fn remove_replaced(dataset: &Dataset, root: &Path, files: &dyn Files, grace: Duration) -> Result<()> {
    let Some(version) = replaced_before(dataset, root, files, grace)? else { return Ok(()) };
    let policy = CleanupPolicy {
        before_version: Some(version),
        error_if_tagged_old_versions: false,
        ..CleanupPolicy::default()
    };
    dataset.cleanup_with_policy(policy).await.map(drop).map_err(|e| from_lance("cleaning up", root, e))
}

/// The newest version that is older than `grace`: those before it were replaced before that. By the times of the
/// files, which spares reading them.
fn replaced_before(dataset: &Dataset, root: &Path, files: &dyn Files, grace: Duration) -> Result<Option<u64>> {
    let newest = dataset.manifest().version;
    if grace.is_zero() {
        return Ok(Some(newest));
    }
    let Some(since) = SystemTime::now().checked_sub(grace) else { return Ok(None) };
    let mut found = None;
    for path in list(files, &root.join("_versions"))? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let version = ManifestNamingScheme::detect_scheme(name).and_then(|scheme| scheme.parse_version(name));
        let Some(version) = version.filter(|version| *version <= newest) else { continue };
        match std::fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(made) if made <= since => found = found.max(Some(version)),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("reading the age of", &path, e)),
        }
    }
    Ok(found)
}
