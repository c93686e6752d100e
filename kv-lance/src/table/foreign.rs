//! What other tools have committed to the table since the engine's last commit.

use super::error::decoded;
use super::fragments;
use super::levels::Levels;
use super::manifests;
use super::row_columns::RowColumns;
use super::schema::{self, Columns};
use super::state::Record;
use arrow_array::RecordBatch;
use futures::TryStreamExt;
use kv_api::{Error, Result};
use lance::Dataset;
use lance::dataset::transaction::Operation;
use std::path::Path;

/// What has become of the rows.
pub(super) enum Foreign {
    /// They are the engine's, in other files.
    SameRows,
    /// What was done to them, as in "version 7 (Delete)".
    Changed(String),
}

/// Looks at the commits after `own`, the one that the engine made last, up to `dataset`'s.
pub(super) async fn since(root: &Path, dataset: &Dataset, own: &Record, runs: &Levels) -> Result<Foreign> {
    let newest = dataset.manifest().version;
    if let Some(file) = fragments::outside(dataset.manifest()) {
        return Ok(Foreign::Changed(format!("version {newest} (with {file}, which is not in the table's directory)")));
    }
    let mut changes = Vec::new();
    // Else it is another table in the place of the engine's, or one from before, and counts its versions anew.
    let mut all_known = Record::read(&dataset.manifest().config).as_ref() == Some(own);
    for version in own.table_version + 1..=newest {
        let reading = dataset.read_transaction_by_version(version);
        match manifests::read(|| manifests::path_of(root, version), reading).await?.flatten() {
            Some(transaction) if keeps_rows(&transaction.operation) => {}
            Some(transaction) => changes.push(format!("version {version} ({})", transaction.operation.name())),
            None => all_known = false,
        }
    }
    if !changes.is_empty() {
        return Ok(Foreign::Changed(changes.join(", ")));
    }
    if !schema::is_own(&dataset.manifest().schema, Columns::Current) {
        return Ok(Foreign::Changed(format!("version {newest} (other columns)")));
    }
    // A tool that cleans up takes away what says what it did before: then the rows themselves have to.
    if all_known || digest(root, dataset).await? == own_digest(runs).await? {
        return Ok(Foreign::SameRows);
    }
    Ok(Foreign::Changed(format!("version {newest} (other rows, after versions that have been removed)")))
}

/// Whether any reader of Lance finds the engine's rows in the dataset.
pub(super) async fn are_rows(root: &Path, dataset: &Dataset, runs: &Levels) -> Result<bool> {
    Ok(digest(root, dataset).await? == own_digest(runs).await?)
}

fn keeps_rows(operation: &Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::Rewrite { .. }
            | O::ReserveFragments { .. }
            | O::CreateIndex { .. }
            | O::UpdateConfig { .. }
            | O::UpdateMemWalState { .. }
            | O::UpdateBases { .. }
    )
}

/// Of rows in any order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Digest {
    rows: u64,
    sum: u64,
}

impl Digest {
    fn add(&mut self, key: &[u8], version: u64, val: Option<&[u8]>) {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&(key.len() as u64).to_le_bytes());
        hash.update(key);
        hash.update(&version.to_le_bytes());
        hash.update(&[u8::from(val.is_none())]);
        hash.update(val.unwrap_or_default());
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash.digest());
    }

    /// `None` where the rows cannot be the engine's.
    fn add_batch(&mut self, batch: &RecordBatch) -> Option<()> {
        let columns = RowColumns::of(batch)?;
        for at in 0..batch.num_rows() {
            let row = columns.row(at)?;
            self.add(row.key, row.version, row.val);
        }
        Some(())
    }
}

/// `None` where the rows cannot be the engine's.
async fn digest(root: &Path, dataset: &Dataset) -> Result<Option<Digest>> {
    let operation = "reading what another tool wrote to";
    let undecodable = || "a file of the table cannot be decoded".into();
    let mut batches = decoded(operation, root, undecodable, dataset.scan().try_into_stream()).await?;
    let mut digest = Digest::default();
    while let Some(batch) = decoded(operation, root, undecodable, batches.try_next()).await? {
        if digest.add_batch(&batch).is_none() {
            return Ok(None);
        }
    }
    Ok(Some(digest))
}

async fn own_digest(levels: &Levels) -> Result<Option<Digest>> {
    let mut digest = Digest::default();
    // Not an iterator of references: the future would not be `Send`.
    for run in levels.runs().cloned().collect::<Vec<_>>() {
        for block in 0..run.blocks() {
            let (keys, vals) = (run.keys_uncached(block).await?, run.vals_uncached(block).await?);
            for row in 0..keys.len() {
                let val = (!keys.is_tombstone(row)).then(|| vals.val(row));
                digest.add(keys.key(row), keys.version(row), val);
            }
        }
    }
    Ok(Some(digest))
}

/// The refusal, which says how to go on.
pub(super) fn refused(root: &Path, changes: &str) -> Error {
    let store = root.parent().unwrap_or(root);
    Error::TableChanged {
        path: store.into(),
        reason: format!(
            "{changes}; nothing of the store is lost: `kv --store '{}' restore` puts its rows back and keeps the other \
             tool's under a tag",
            store.display()
        ),
    }
}
