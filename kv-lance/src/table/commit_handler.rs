//! Makes a commit of Lance durable: what a manifest refers to, the manifest and its directories are synced before the
//! commit counts, in that order. Data files have been synced by their writer.

use lance_io::object_store::ObjectStore;
use lance_table::format::{IndexMetadata, Manifest, Transaction};
use lance_table::io::commit::{CommitError, CommitHandler, ManifestLocation, ManifestNamingScheme, ManifestWriter};
use object_store::path::Path;
use std::fs::File;
use std::path::PathBuf;

/// Writes a manifest beside its place, syncs it, then renames it into place.
#[derive(Debug)]
pub(super) struct DurableCommitHandler {
    /// The dataset's directory.
    pub(super) root: PathBuf,
}

impl DurableCommitHandler {
    fn sync_transaction(&self, manifest: &Manifest) -> std::io::Result<()> {
        if let Some(name) = &manifest.transaction_file {
            let dir = self.root.join("_transactions");
            File::open(dir.join(name))?.sync_all()?;
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }
}

/// Where Lance's path lies in the local file system.
fn local(path: &Path) -> PathBuf {
    PathBuf::from(format!("/{path}"))
}

fn failed(error: std::io::Error) -> CommitError {
    CommitError::OtherError(lance::Error::from(error))
}

#[async_trait::async_trait]
impl CommitHandler for DurableCommitHandler {
    async fn commit(
        &self,
        manifest: &mut Manifest,
        indices: Option<Vec<IndexMetadata>>,
        base_path: &Path,
        object_store: &ObjectStore,
        manifest_writer: ManifestWriter,
        naming_scheme: ManifestNamingScheme,
        transaction: Option<Transaction>,
    ) -> Result<ManifestLocation, CommitError> {
        self.sync_transaction(manifest).map_err(failed)?;
        let path = naming_scheme.manifest_path(base_path, manifest.version);
        let place = local(&path);
        if place.exists() {
            return Err(CommitError::CommitConflict);
        }
        // Lance lists a file as a manifest by its extension, which this one does not have.
        let draft = Path::parse(format!("{path}.draft")).map_err(|e| CommitError::OtherError(lance::Error::from(e)))?;
        let written = manifest_writer(object_store, manifest, indices, &draft, transaction).await?;
        File::open(local(&draft)).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(local(&draft), &place).map_err(failed)?;
        // The manifest in its directory, and the directories themselves: the first commits make them.
        for dir in place.parent().into_iter().chain([self.root.as_path()]) {
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        }
        Ok(ManifestLocation {
            version: manifest.version,
            path,
            size: Some(written.size as u64),
            naming_scheme,
            e_tag: None,
            identity: None,
        })
    }
}
