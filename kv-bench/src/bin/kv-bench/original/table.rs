//! The Lance table.

use super::transaction::Pending;
use arrow_array::cast::AsArray;
use arrow_array::{BinaryArray, RecordBatch, RecordBatchIterator};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures::TryStreamExt;
use kv_api::{Direction, Error, Key, KeyRange, Result, Val};
use lance::Dataset;
use lance::dataset::optimize::{CompactionOptions, compact_files};
use lance::dataset::scanner::ColumnOrdering;
use lance::dataset::{MergeInsertBuilder, WhenMatched, WhenNotMatched};
use lance::deps::datafusion::common::ScalarValue;
use lance::deps::datafusion::logical_expr::Expr;
use lance::deps::datafusion::prelude::{col, lit};
use lance::index::DatasetIndexExt;
use lance_index::IndexType;
use lance_index::optimize::OptimizeOptions;
use lance_index::scalar::ScalarIndexParams;
use std::path::Path;
use std::sync::Arc;

fn schema() -> SchemaRef {
    let field = |name, nullable| Field::new(name, DataType::Binary, nullable);
    Arc::new(Schema::new(vec![field("key", false), field("val", true)]))
}

/// The table in `dir`, which is made where there is none.
pub(super) async fn open(dir: &Path) -> Result<Dataset> {
    let uri = dir.join("original.lance").to_string_lossy().into_owned();
    if Path::new(&uri).exists() {
        return Dataset::open(&uri).await.map_err(|e| Error::backend("opening the table", e));
    }
    let nothing = RecordBatchIterator::new([Ok(RecordBatch::new_empty(schema()))], schema());
    Dataset::write(nothing, &uri, None).await.map_err(|e| Error::backend("making the table", e))
}

fn binary(bytes: &[u8]) -> Expr {
    lit(ScalarValue::Binary(Some(bytes.to_vec())))
}

/// The value of `key`, by a filtered scan.
pub(super) async fn get(dataset: &Dataset, key: &[u8]) -> Result<Option<Val>> {
    let mut scan = dataset.scan();
    let scanned = async {
        scan.project(&["val"])?.filter_expr(col("key").eq(binary(key)));
        scan.try_into_batch().await
    };
    let batch = scanned.await.map_err(|e| Error::backend("reading a row", e))?;
    let vals = batch.column_by_name("val").and_then(|column| column.as_binary_opt::<i32>());
    Ok(vals.and_then(|vals| vals.iter().next().flatten()).map(Val::copy_from_slice))
}

/// The rows of a range in the order of a scan, at most `limit`. Without `values`, the values are empty.
pub(super) async fn rows(
    dataset: &Dataset,
    range: &KeyRange,
    direction: Direction,
    limit: Option<u64>,
    values: bool,
) -> Result<Vec<(Key, Val)>> {
    let mut filter = col("val").is_not_null().and(col("key").gt_eq(binary(&range.start)));
    if let Some(end) = &range.end {
        filter = filter.and(col("key").lt(binary(end)));
    }
    let order = match direction {
        Direction::Forward => ColumnOrdering::asc_nulls_first("key".into()),
        Direction::Backward => ColumnOrdering::desc_nulls_first("key".into()),
    };
    let scanned = async {
        let mut scan = dataset.scan();
        let columns: &[&str] = if values { &["key", "val"] } else { &["key"] };
        scan.project(columns)?.filter_expr(filter).order_by(Some(vec![order]))?;
        scan.limit(limit.map(|limit| limit.try_into().unwrap_or(i64::MAX)), None)?;
        scan.try_into_stream().await?.try_collect::<Vec<_>>().await
    };
    let batches = scanned.await.map_err(|e| Error::backend("scanning the table", e))?;
    let mut rows = Vec::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>());
        let Some(keys) = column("key") else { continue };
        let vals = column("val");
        rows.extend(keys.iter().enumerate().filter_map(|(row, key)| {
            let val = vals.map_or_else(Val::new, |vals| Val::copy_from_slice(vals.value(row)));
            Some((Key::copy_from_slice(key?), val))
        }));
    }
    Ok(rows)
}

/// The table after one merge-insert.
pub(super) async fn upsert(dataset: Arc<Dataset>, writes: &Pending) -> Result<Arc<Dataset>> {
    let keys = BinaryArray::from_iter_values(writes.keys());
    let vals = BinaryArray::from_iter(writes.values().map(|val| val.as_ref()));
    let merged = async {
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(keys), Arc::new(vals)])?;
        let mut merge = MergeInsertBuilder::try_new(dataset, vec!["key".into()])?;
        merge.when_matched(WhenMatched::UpdateAll).when_not_matched(WhenNotMatched::InsertAll);
        merge.try_build()?.execute_reader(RecordBatchIterator::new([Ok(batch)], schema())).await
    };
    merged.await.map(|(dataset, _)| dataset).map_err(|e: lance::Error| Error::backend("merging rows in", e))
}

/// The table with its index up to date, and with few and full files where `compact` is set.
pub(super) async fn tidy(dataset: Arc<Dataset>, compact: bool) -> Result<Arc<Dataset>> {
    let mut dataset = dataset.as_ref().clone();
    let tidied = async {
        if compact {
            dataset.delete("val IS NULL").await?;
            compact_files(&mut dataset, CompactionOptions::default(), None).await?;
        }
        if dataset.load_indices().await?.is_empty() {
            if dataset.count_rows(None).await? > 0 {
                let params = ScalarIndexParams::default();
                dataset.create_index(&["key"], IndexType::BTree, None, &params, true).await?;
            }
        } else {
            dataset.optimize_indices(&OptimizeOptions::default()).await?;
        }
        Ok(Arc::new(dataset))
    };
    tidied.await.map_err(|e: lance::Error| Error::backend("tidying the table up", e))
}
