//! The files of kv-lance as a table that SQL runs over, as any reader of Lance would.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use async_trait::async_trait;
use kv_api::{Error, Result};
use kv_bench::query::{OpenedTable, Table};
use lance::Dataset;
use std::path::PathBuf;

/// Each row is the only one of its key: the workload comes before any that overwrites.
const TOTALS: &str = "SELECT count(*), sum(octet_length(val)) FROM kv WHERE NOT tombstone";

struct LanceTable(Dataset);

/// Opens what kv-lance has left in a folder.
pub(crate) fn open(name: &str, dir: PathBuf) -> Option<OpenedTable> {
    let opened = async move {
        let dataset = Dataset::open(&dir.join("kv.lance").to_string_lossy()).await;
        let dataset = dataset.map_err(|e| Error::backend("opening the table", e))?;
        Ok(Box::new(LanceTable(dataset)) as Box<dyn Table>)
    };
    (name == "kv-lance").then(|| Box::pin(opened) as OpenedTable)
}

#[async_trait]
impl Table for LanceTable {
    async fn totals(&self) -> Result<(u64, u64)> {
        let asked = async {
            let dataset = self.0.clone();
            dataset.sql(TOTALS).table_name("kv").build().await?.into_batch_records().await
        };
        let batches = asked.await.map_err(|e: lance::Error| Error::backend("asking the table", e))?;
        let figure = |column: usize| {
            let column = batches.first().and_then(|batch| batch.columns().get(column));
            column.and_then(|c| c.as_primitive_opt::<Int64Type>()).and_then(|c| c.values().first().copied())
        };
        let (rows, bytes) = figure(0)
            .zip(figure(1))
            .ok_or_else(|| Error::backend("asking the table", std::io::Error::other("the answer has another shape")))?;
        Ok((rows as u64, bytes as u64))
    }
}
