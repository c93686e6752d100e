//! The files of kv-lance as a table that SQL runs over, as any reader of Lance would.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use async_trait::async_trait;
use kv_api::{Error, Result};
use kv_bench::query::{OpenedTable, Table};
use lance::Dataset;
use std::path::PathBuf;

/// Each row is the only one of its key: the workload comes before any that overwrites.
const GREATEST: &str = "SELECT count(*), max(val) FROM kv WHERE NOT tombstone";

struct LanceTable(Dataset);

/// Opens what kv-lance has left in a folder.
pub(crate) fn open(name: &str, dir: PathBuf) -> Option<OpenedTable> {
    let opened = async move {
        let dataset = Dataset::open(&dir.join("kv.lance").to_string_lossy()).await;
        let dataset = dataset.map_err(|e| Error::backend("opening the table", e))?;
        Ok(Box::new(LanceTable(dataset)) as Box<dyn Table>)
    };
    matches!(name, "kv-lance" | "kv-lance-unversioned").then(|| Box::pin(opened) as OpenedTable)
}

#[async_trait]
impl Table for LanceTable {
    async fn greatest(&self) -> Result<(u64, Vec<u8>)> {
        let asked = async { self.0.sql(GREATEST).table_name("kv").build().await?.into_batch_records().await };
        let batches = asked.await.map_err(|e: lance::Error| Error::backend("asking the table", e))?;
        let column = |i: usize| batches.first().and_then(|batch| batch.columns().get(i));
        let rows = column(0).and_then(|c| c.as_primitive_opt::<Int64Type>()).and_then(|c| c.values().first().copied());
        let greatest = column(1).and_then(|c| c.as_binary_opt::<i32>()).and_then(|c| c.iter().next().flatten());
        let found = rows.zip(greatest).map(|(rows, greatest)| (rows as u64, greatest.to_vec()));
        found.ok_or_else(|| Error::backend("asking the table", std::io::Error::other("the answer has another shape")))
    }
}
