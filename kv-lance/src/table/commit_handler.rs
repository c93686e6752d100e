//! How the engine commits to the table: with its own state in the manifest, only what it expects, and durably. What a
//! manifest refers to, the manifest and its directories are synced before the commit counts, in that order. Data files
//! have been synced by their writer.

use super::fragments;
use super::state::Record;
use crate::files::{Files, OpenMode};
use kv_api::Version;
use lance_io::object_store::ObjectStore;
use lance_table::format::{IndexMetadata, Manifest, Transaction};
use lance_table::io::commit::{CommitError, CommitHandler, ManifestLocation, ManifestNamingScheme, ManifestWriter};
use object_store::path::Path;
use parking_lot::Mutex;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Writes a manifest beside its place, syncs it, then links it into place, which fails where there is one already.
#[derive(Debug)]
pub(super) struct DurableCommitHandler {
    /// The dataset's directory.
    root: PathBuf,
    files: Arc<dyn Files>,
    /// What the commit under way is to leave.
    expected: Mutex<Expected>,
    /// Whether its manifest has been made visible.
    published: AtomicBool,
}

/// What a commit leaves in the configuration of its dataset.
#[derive(Debug, Clone, Default)]
pub(super) enum Expected {
    #[default]
    Nothing,
    /// The engine's state, and the runs that there have to be.
    Record(Record),
    /// The version of the store that is published, under a seal over its fragments.
    Publication(Version),
}

const PUBLISHED_VERSION: &str = "kv-lance:published-version";
const PUBLISHED_SEAL: &str = "kv-lance:published-seal";

/// The version of the store that a version of the dataset shows.
pub(super) fn published_version(manifest: &Manifest) -> Option<Version> {
    manifest.config.get(PUBLISHED_VERSION)?.parse().ok()
}

/// Whether the fragments are those of a publication, and no other tool has changed which rows they show.
pub(super) fn is_sealed(manifest: &Manifest) -> bool {
    manifest.config.get(PUBLISHED_SEAL).is_some_and(|seal| *seal == seal_of(manifest))
}

/// Of which files the dataset consists, and which of their rows are hidden.
fn seal_of(manifest: &Manifest) -> String {
    let mut seal = 0;
    for fragment in manifest.fragments.iter() {
        let files: Vec<_> = fragment.files.iter().map(|file| (&file.path, file.base_id, &file.fields)).collect();
        let hidden = fragment.deletion_file.as_ref();
        let hidden = hidden.map(|file| (file.read_version, file.id, file.num_deleted_rows, file.base_id));
        let part = format!("{}:{files:?}:{hidden:?}:{};", fragment.id, fragment.overlays.len());
        seal = crc32c::crc32c_append(seal, part.as_bytes());
    }
    format!("{seal:08x}")
}

impl DurableCommitHandler {
    pub(super) fn new(root: PathBuf, files: Arc<dyn Files>) -> Self {
        Self { root, files, expected: Mutex::default(), published: AtomicBool::new(false) }
    }

    /// Says what the next commit is to leave.
    pub(super) fn expect(&self, expected: Expected) {
        *self.expected.lock() = expected;
        self.published.store(false, Ordering::Release);
    }

    /// Whether the manifest of that commit can be seen, also where an error came after.
    pub(super) fn has_published(&self) -> bool {
        self.published.load(Ordering::Acquire)
    }

    /// Puts the engine's state into the manifest, unless that holds anything but the engine's runs: Lance lets some
    /// commits of others pass between the check of the table and this one.
    fn put_state(&self, manifest: &mut Manifest) -> Result<(), CommitError> {
        let record = match self.expected.lock().clone() {
            Expected::Nothing => return Ok(()),
            Expected::Record(record) => record,
            Expected::Publication(version) => {
                manifest.config.insert(PUBLISHED_VERSION.to_owned(), version.to_string());
                manifest.config.insert(PUBLISHED_SEAL.to_owned(), seal_of(manifest));
                return Ok(());
            }
        };
        if !fragments::are(manifest, record.runs()) {
            let what = "another tool has committed since the table was looked at";
            return Err(failed(std::io::Error::other(what)));
        }
        Record { table_version: manifest.version, ..record }.write(&mut manifest.config);
        Ok(())
    }

    fn sync_transaction(&self, manifest: &Manifest) -> std::io::Result<()> {
        if let Some(name) = &manifest.transaction_file {
            let dir = self.root.join("_transactions");
            self.files.open(&dir.join(name), OpenMode::Read)?.sync_all()?;
            self.files.sync_dir(&dir)?;
        }
        Ok(())
    }

    fn publish(&self, draft: &std::path::Path, place: &std::path::Path) -> Result<(), CommitError> {
        self.files.open(draft, OpenMode::Read).and_then(|file| file.sync_all()).map_err(failed)?;
        match self.files.link(draft, place) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(CommitError::CommitConflict),
            Err(e) => {
                // Some file systems answer an error for what they have done.
                self.published.store(self.files.exists(place).unwrap_or(true), Ordering::Release);
                return Err(failed(e));
            }
            Ok(()) => self.published.store(true, Ordering::Release),
        }
        // The manifest in its directory, and the directories themselves: the first commits make them.
        for dir in place.parent().into_iter().chain([self.root.as_path()]) {
            self.files.sync_dir(dir).map_err(failed)?;
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
        self.put_state(manifest)?;
        self.sync_transaction(manifest).map_err(failed)?;
        let path = naming_scheme.manifest_path(base_path, manifest.version);
        // Lance lists a file as a manifest by its extension, which this one does not have.
        let draft = Path::parse(format!("{path}.draft")).map_err(|e| CommitError::OtherError(lance::Error::from(e)))?;
        let written = manifest_writer(object_store, manifest, indices, &draft, transaction).await?;
        let published = self.publish(&local(&draft), &local(&path));
        if let Err(e) = self.files.remove(&local(&draft)) {
            // It is no part of the table, and the next open removes it.
            tracing::warn!(path = %draft, error = %e, "the draft of a manifest is left behind");
        }
        published?;
        Ok(ManifestLocation {
            version: manifest.version,
            path,
            size: Some(written.size as u64),
            naming_scheme,
            e_tag: None,
            identity: None,
        })
    }

    /// The local file system says what is there.
    fn is_version_not_found_definitive(&self) -> bool {
        true
    }
}
