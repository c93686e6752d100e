//! kv-lance as a table that SQL runs over: its files, as any reader of Lance would, and the store.

use crate::engines::config;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use async_trait::async_trait;
use kv_api::{Error, Result, TransactionOptions};
use kv_bench::engine::Opening;
use kv_bench::query::{OpenedTable, Table};
use kv_bench::workload::Over;
use kv_lance::LanceDatastore;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use lance::Dataset;
use std::io;
use std::sync::Arc;

/// Opens what kv-lance has left in a folder.
pub(crate) fn open(name: &str, opening: Opening, over: Over) -> Option<OpenedTable> {
    let versioned = match name {
        "kv-lance" => true,
        "kv-lance-unversioned" => false,
        _ => return None,
    };
    Some(Box::pin(async move {
        Ok(match over {
            Over::Files => Box::new(Files::open(&opening).await?) as Box<dyn Table>,
            Over::Store => Box::new(Store::open(opening, versioned).await?),
        })
    }))
}

struct Files(Dataset);

impl Files {
    async fn open(opening: &Opening) -> Result<Self> {
        let dataset = Dataset::open(&opening.dir.join("kv.lance").to_string_lossy()).await;
        Ok(Self(dataset.map_err(|e| Error::backend("opening the table", e))?))
    }
}

#[async_trait]
impl Table for Files {
    async fn greatest(&self) -> Result<(u64, Vec<u8>)> {
        // Each row is the only one of its key: the workload comes before any that overwrites.
        let query = "SELECT count(*), max(val) FROM kv WHERE NOT tombstone";
        let asked = async { self.0.sql(query).table_name("kv").build().await?.into_batch_records().await };
        answer(&asked.await.map_err(|e: lance::Error| Error::backend("asking the table", e))?)
    }
}

/// As others may open it while somebody writes to it.
struct Store {
    session: SessionContext,
    /// Nothing that is to be shut down.
    _store: LanceDatastore,
}

impl Store {
    async fn open(opening: Opening, versioned: bool) -> Result<Self> {
        let store = LanceDatastore::open_read_only(config(opening, versioned)).await?;
        let tx = Arc::new(store.transaction(TransactionOptions::read())?);
        let session = kv_lance::sql::session(tx).map_err(|e| Error::backend("opening a session", e))?;
        Ok(Self { session, _store: store })
    }
}

#[async_trait]
impl Table for Store {
    async fn greatest(&self) -> Result<(u64, Vec<u8>)> {
        let asked = async { self.session.sql("SELECT count(*), max(val) FROM kv").await?.collect().await };
        answer(&asked.await.map_err(|e| Error::backend("asking the store", e))?)
    }
}

fn answer(batches: &[RecordBatch]) -> Result<(u64, Vec<u8>)> {
    let column = |i: usize| batches.first().and_then(|batch| batch.columns().get(i));
    let rows = column(0).and_then(|c| c.as_primitive_opt::<Int64Type>()).and_then(|c| c.values().first().copied());
    let greatest = column(1).and_then(|c| c.as_binary_opt::<i32>()).and_then(|c| c.iter().next().flatten());
    let found = rows.zip(greatest).map(|(rows, greatest)| (rows as u64, greatest.to_vec()));
    found.ok_or_else(|| {
        Error::backend("asking for the greatest value", io::Error::other("the answer has another shape"))
    })
}
