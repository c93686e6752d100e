//! Runs written and opened without a table, for tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::config::Compression;
use crate::files::{LocalFiles, OpenFiles};
use crate::table::RunLayout;
use crate::table::open::scheduler;
use crate::table::schema::Columns;
use kv_api::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Key, version, value, whether it erases what was before, and when it was superseded.
pub(crate) type Row = (Vec<u8>, Version, Option<Vec<u8>>, bool, Option<Version>);

/// Writes rows, in whatever order they are, as one run.
pub(crate) async fn write(dir: &Path, block_bytes: usize, rows: &[Row]) -> PathBuf {
    write_compressed(dir, block_bytes, rows, Compression::Fsst).await
}

/// The same, compressed in another way.
pub(super) async fn write_compressed(
    dir: &Path,
    block_bytes: usize,
    rows: &[Row],
    compression: Compression,
) -> PathBuf {
    let columns = if rows.iter().any(|row| row.4.is_some()) { Columns::History } else { Columns::Current };
    let layout = RunLayout { in_any_order: true, ..RunLayout::new(block_bytes, compression) };
    let place =
        RunPlace { files: Arc::new(LocalFiles), dir: dir.into(), columns, layout, level: 2, journal_through: 3 };
    let mut writer = RunsWriter::new(place);
    for (key, version, val, erases, superseded) in rows {
        let row = NewRow { key, version: *version, val: val.as_deref(), erases: *erases, superseded: *superseded };
        writer.push(row).await.unwrap();
    }
    let mut written = writer.finish().await.unwrap();
    dir.join(written.pop().unwrap().name)
}

/// Opens a run, with a budget for its index.
pub(crate) async fn open(path: &Path, index_budget: u64) -> kv_api::Result<Run> {
    let cache = Arc::new(BlockCache::new(1 << 20, 256).with_index_budget(index_budget));
    let files = Arc::new(OpenFiles::new(Arc::new(LocalFiles), 8));
    let name = path.file_name().unwrap().to_str().unwrap();
    Run::open(path.into(), name.into(), &scheduler(), cache, files).await
}

/// Every row, block by block.
pub(super) async fn rows(run: &Run) -> kv_api::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for block in 0..run.blocks() {
        let (keys, vals) = (run.keys(block).await?, run.vals(block).await?);
        for row in 0..keys.len() {
            let val = (!keys.is_tombstone(row)).then(|| vals.val(row).to_vec());
            rows.push((keys.key(row).to_vec(), keys.version(row), val, keys.erases(row), keys.superseded(row)));
        }
    }
    Ok(rows)
}
