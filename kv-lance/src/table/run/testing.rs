//! Runs written and opened without a table, for tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::config::Compression;
use crate::files::{LocalFiles, OpenFiles};
use crate::table::open::scheduler;
use crate::table::{FORMAT_VERSION, RunLayout, schema};
use kv_api::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Key, version, value, and whether it erases what was before.
pub(super) type Row = (Vec<u8>, Version, Option<Vec<u8>>, bool);

/// Writes rows, which are in order, as one run.
pub(super) async fn write(dir: &Path, block_bytes: usize, rows: &[Row]) -> PathBuf {
    let schema = schema::compressed(&schema::lance(FORMAT_VERSION).unwrap(), Compression::Fsst);
    let layout = RunLayout::new(block_bytes, Compression::Fsst);
    let place = RunPlace { files: Arc::new(LocalFiles), dir: dir.into(), schema, layout, level: 2, journal_through: 3 };
    let mut writer = RunsWriter::new(place);
    for (key, version, val, erases) in rows {
        writer.push(key, *version, val.as_deref(), *erases).await.unwrap();
    }
    let mut written = writer.finish().await.unwrap();
    dir.join(written.pop().unwrap().name)
}

/// Opens a run, with a budget for its index.
pub(super) async fn open(path: &Path, index_budget: u64) -> kv_api::Result<Run> {
    let cache = Arc::new(BlockCache::new(1 << 20, 256).with_index_budget(index_budget));
    let files = Arc::new(OpenFiles::new(Arc::new(LocalFiles), 8));
    Run::open(path.into(), "run.lance".into(), &scheduler(), cache, files).await
}

/// Every row, block by block.
pub(super) async fn rows(run: &Run) -> kv_api::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for block in 0..run.blocks() {
        let (keys, vals) = (run.keys(block).await?, run.vals(block).await?);
        for row in 0..keys.len() {
            let val = (!keys.is_tombstone(row)).then(|| vals.val(row).to_vec());
            rows.push((keys.key(row).to_vec(), keys.version(row), val, keys.erases(row)));
        }
    }
    Ok(rows)
}
