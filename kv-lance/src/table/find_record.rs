//! Finding the engine's newest commit among those of other tools.

use super::FORMAT_VERSION;
use super::error::from_lance;
use super::fragments;
use super::schema::FORMAT_KEY;
use super::state::{Record, TableState};
use kv_api::{Error, Result};
use lance::Dataset;
use std::path::Path;

/// The engine's newest commit. Other tools may have committed since; they inherit the record, except that going back to
/// an older version brings an older record.
pub(super) async fn find_record(root: &Path, dataset: &Dataset) -> Result<Record> {
    let inherited = Record::read(&dataset.manifest().config);
    let newest = dataset.manifest().version;
    let from = inherited.as_ref().map_or(1, |record| record.table_version + 1);
    for version in (from..=newest).rev() {
        let failed = |e| from_lance("reading the last commit of", root, e);
        let old = match dataset.checkout_version(version).await {
            Err(lance::Error::NotFound { .. } | lance::Error::DatasetNotFound { .. }) => continue,
            old => old.map_err(failed)?,
        };
        if let Some(record) = Record::read(&old.manifest().config).filter(|record| record.table_version == version) {
            return Ok(record);
        }
        // As releases before the record did it.
        let transaction = old.read_transaction().await.map_err(failed)?;
        let properties = transaction.and_then(|t| t.transaction_properties);
        if let Some(state) = properties.and_then(|properties| TableState::read(&properties)) {
            let runs = old.manifest().fragments.iter().filter_map(fragments::run_name).map(str::to_owned).collect();
            return Ok(Record { state, runs, sequence: 0, table_version: version });
        }
    }
    if let Some(record) = inherited {
        return Ok(record);
    }
    match dataset.schema().metadata.get(FORMAT_KEY) {
        None => Err(Error::NotAStore { path: root.into(), reason: "the table was not made by kv-lance".into() }),
        Some(found) if *found != FORMAT_VERSION.to_string() => Err(Error::UnsupportedFormat {
            path: root.into(),
            found: found.clone(),
            supported: FORMAT_VERSION.to_string(),
        }),
        Some(_) => Err(Error::corruption(root, "no manifest says how far the journal is covered")),
    }
}
