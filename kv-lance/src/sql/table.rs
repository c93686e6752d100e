//! What a transaction sees, as a table.

use super::columns::{Projection, schema};
use super::error::external;
use super::predicate::{keys_of, keys_of_all};
use super::ranges::KeyRanges;
use super::scan::{KvScan, Reading};
use crate::LanceTransaction;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use kv_api::{Direction, KeyRange, Transactable, Version};
use std::fmt;
use std::sync::Arc;

/// A partition of fewer rows is not worth a task of its own.
const MIN_PARTITION_ROWS: u64 = 32 << 10;

/// A transaction as a DataFusion table with the columns `key`, `val` and `version`.
///
/// It reads the transaction's snapshot, with the transaction's own writes over it; those have no version.
///
/// # Errors of queries
/// Each error of the store is the source of a [`DataFusionError::External`](datafusion::error::DataFusionError::External):
/// [`VersionNotRetained`](kv_api::Error::VersionNotRetained) for a version whose history is gone,
/// [`TransactionFinished`](kv_api::Error::TransactionFinished) after the transaction's commit or cancellation,
/// [`Corruption`](kv_api::Error::Corruption), [`Io`](kv_api::Error::Io).
pub struct KvTable {
    tx: Arc<LanceTransaction>,
    version: Option<Version>,
}

impl KvTable {
    /// What `tx` sees.
    pub fn new(tx: Arc<LanceTransaction>) -> Self {
        Self { tx, version: None }
    }

    /// What `tx` sees of the commits up to `version`, without its own writes.
    pub fn at(tx: Arc<LanceTransaction>, version: Version) -> Self {
        Self { tx, version: Some(version) }
    }

    /// Divides `ranges` into about `n` parts that hold about as many rows each, in the order of their keys.
    pub(super) async fn divide(&self, ranges: Vec<KeyRange>, n: u64) -> kv_api::Result<Vec<Vec<KeyRange>>> {
        let mut sizes = Vec::with_capacity(ranges.len());
        for range in &ranges {
            sizes.push(self.size(range).await?);
        }
        let total: u64 = sizes.iter().sum();
        let n = n.min(total / MIN_PARTITION_ROWS);
        if n < 2 {
            return Ok(vec![ranges]);
        }
        let each = total.div_ceil(n);
        let (mut parts, mut last, mut rows) = (Vec::new(), Vec::new(), 0);
        for (range, size) in ranges.into_iter().zip(sizes) {
            let pieces = u32::try_from(size / each).unwrap_or(u32::MAX).max(1);
            let pieces = self.tx.split(range, pieces).await?;
            let piece_rows = size / (pieces.len() as u64).max(1);
            for piece in pieces {
                // Half of one goes with the part before it.
                if rows > 0 && rows + piece_rows / 2 >= each {
                    parts.push(std::mem::take(&mut last));
                    rows = 0;
                }
                last.push(piece);
                rows += piece_rows;
            }
        }
        parts.push(last);
        Ok(parts)
    }

    /// About how many rows a range holds.
    async fn size(&self, range: &KeyRange) -> kv_api::Result<u64> {
        if range.end.as_ref().is_some_and(|end| *end == KeyRange::key_after(&range.start)) {
            return Ok(1);
        }
        self.tx.approximate_count(range.clone(), self.version).await
    }

    /// Reads the columns at some places of whatever is in some ranges.
    pub(super) async fn scan_ranges(
        &self,
        session: &dyn Session,
        columns: Vec<usize>,
        ranges: Vec<KeyRange>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ranges = KeyRanges::of(ranges).into_vec();
        self.scan_columns(session, Projection::new(Some(&columns)), ranges, None).await
    }

    async fn scan_columns(
        &self,
        session: &dyn Session,
        projection: Projection,
        ranges: Vec<KeyRange>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (tx, version) = (self.tx.clone(), self.version);
        let reading = Reading { tx, version, direction: Direction::Forward, projection, limit };
        if reading.projection.is_empty() {
            let count = self.count(&ranges).await.map_err(external)?;
            return Ok(Arc::new(KvScan::of_count(reading, ranges, count)));
        }
        let targets = match limit {
            Some(_) => 1,
            None => session.config().target_partitions() as u64,
        };
        let partitions = if targets > 1 { self.divide(ranges, targets).await.map_err(external)? } else { vec![ranges] };
        Ok(Arc::new(KvScan::new(reading, partitions)))
    }

    async fn count(&self, ranges: &[KeyRange]) -> kv_api::Result<u64> {
        let mut count = 0;
        for range in ranges {
            count += self.tx.count(range.clone(), self.version).await?;
        }
        Ok(count)
    }
}

impl fmt::Debug for KvTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvTable").field("version", &self.version).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for KvTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| {
            let keys = keys_of(filter);
            match (keys.exact, keys.ranges.is_all()) {
                (true, _) => TableProviderFilterPushDown::Exact,
                (false, false) => TableProviderFilterPushDown::Inexact,
                (false, true) => TableProviderFilterPushDown::Unsupported,
            }
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ranges = keys_of_all(filters).ranges.into_vec();
        self.scan_columns(session, Projection::new(projection), ranges, limit).await
    }
}
