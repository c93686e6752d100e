//! Finding the engine's newest commit among those of other tools.

use super::FORMAT_VERSION;
use super::manifests;
use super::schema::FORMAT_KEY;
use super::state::Record;
use kv_api::{Error, Result};
use lance::Dataset;
use std::path::Path;

/// The engine's newest commit. Other tools may have committed since; they inherit the record, except that going back to
/// an older version brings an older record.
pub(super) async fn find_record(root: &Path, dataset: &Dataset) -> Result<Record> {
    let format = dataset.schema().metadata.get(FORMAT_KEY);
    if let Some(found) = format.filter(|found| **found != FORMAT_VERSION.to_string()) {
        let (found, supported) = (found.clone(), FORMAT_VERSION.to_string());
        return Err(Error::UnsupportedFormat { path: root.into(), found, supported });
    }
    let inherited = Record::read(&dataset.manifest().config);
    let newest = dataset.manifest().version;
    let from = inherited.as_ref().map_or(1, |record| record.table_version + 1);
    for version in (from..=newest).rev() {
        let Some(old) = manifests::version(dataset, root, version).await? else { continue };
        if let Some(record) = Record::read(&old.manifest().config).filter(|record| record.table_version == version) {
            return Ok(record);
        }
    }
    if let Some(record) = inherited {
        return Ok(record);
    }
    match format {
        None => Err(Error::NotAStore { path: root.into(), reason: "the table was not made by kv-lance".into() }),
        Some(_) => Err(Error::corruption(
            root,
            "no manifest says, in a form that the store writes, what its files are and how far the journal is covered",
        )),
    }
}
