//! Every version of every key that is retained, as a table.

use super::columns::{KEY, VERSION};
use super::error::external;
use super::exec::{Batches, Source, SourceExec};
use super::predicate::{keys_of, keys_of_all};
use super::scan::show_ranges;
use super::table::KvTable;
use super::versions::{limits_versions, versions_of_all};
use crate::LanceTransaction;
use crate::read::Versions;
use crate::transaction::{Past, PastRow, PastRows};
use arrow_array::builder::{BinaryBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use kv_api::{KeyRange, Version};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A batch ends with the row that reaches so many bytes of keys and values, or soon after.
const BATCH_BYTES: usize = 8 << 20;

const SUPERSEDED: &str = "superseded";

/// The history that a transaction sees, as a DataFusion table with the columns `key`, `val`, `version` and `superseded`.
///
/// It has a row for each commit of each key, up to the transaction's snapshot, that is
/// [retained](crate::LanceConfig::retention): the value, or null where the commit deleted the key, the commit's version, and
/// that of the key's next commit, or null where that is the key's last. What a read at a version finds are the rows with
/// `version <= v AND (superseded IS NULL OR superseded > v) AND val IS NOT NULL`. The transaction's own writes are not in it,
/// nor what has been [erased](kv_api::Transactable::clr).
///
/// # Errors of queries
/// As those of [`KvTable`]; [`UnsupportedVersionedQueries`](kv_api::Error::UnsupportedVersionedQueries) of a store without
/// versions.
pub struct HistoryTable {
    tx: Arc<LanceTransaction>,
}

impl HistoryTable {
    /// Up to the snapshot of `tx`.
    pub fn new(tx: Arc<LanceTransaction>) -> Self {
        Self { tx }
    }
}

impl fmt::Debug for HistoryTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistoryTable")
    }
}

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new(KEY, DataType::Binary, false),
            Field::new("val", DataType::Binary, true),
            Field::new(VERSION, DataType::UInt64, false),
            Field::new(SUPERSEDED, DataType::UInt64, true),
        ]))
    });
    SCHEMA.clone()
}

#[async_trait]
impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| {
            let keys = keys_of(filter);
            match keys.exact {
                true => TableProviderFilterPushDown::Exact,
                false if limits_versions(filter) || !keys.ranges.is_all() => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
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
        let schema = match projection {
            Some(places) => Arc::new(schema().project(places)?),
            None => schema(),
        };
        let ranges = keys_of_all(filters).ranges.into_vec();
        let targets = if limit.is_some() { 1 } else { session.config().target_partitions() as u64 };
        let past = self.tx.past().map_err(external)?;
        let partitions = KvTable::new(self.tx.clone()).divide(ranges, targets).await.map_err(external)?;
        let (tx, versions) = (self.tx.clone(), versions_of_all(filters));
        Ok(Arc::new(SourceExec::new(HistorySource { tx, past, partitions, versions, schema, limit })))
    }
}

/// A scan of history.
struct HistorySource {
    tx: Arc<LanceTransaction>,
    past: Past,
    /// Key ranges, in the order of the keys.
    partitions: Vec<Vec<KeyRange>>,
    versions: Versions,
    schema: SchemaRef,
    /// Rows, at most, of each partition.
    limit: Option<usize>,
}

impl Source for HistorySource {
    fn name(&self) -> &'static str {
        "KvHistory"
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_ranges(f, self.partitions.iter().flatten())?;
        match (self.versions.from, self.versions.to) {
            (0, Version::MAX) => {}
            (from, Version::MAX) => write!(f, ", versions={from}..")?,
            (from, to) => write!(f, ", versions={from}..={to}")?,
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        Ok(())
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn order(&self) -> &'static [(&'static str, bool)] {
        &[(KEY, false), (VERSION, true)]
    }

    fn partitions(&self) -> usize {
        self.partitions.len()
    }

    fn open(&self, partition: usize, batch_rows: usize) -> Batches {
        let scanner = Scanner {
            tx: self.tx.clone(),
            past: self.past.clone(),
            ranges: self.partitions.get(partition).cloned().unwrap_or_default().into(),
            rows: None,
            versions: self.versions,
            schema: self.schema.clone(),
            batch_rows,
            left: self.limit.unwrap_or(usize::MAX),
        };
        Box::pin(futures::stream::try_unfold(scanner, async |mut scanner| {
            Ok(scanner.next().await?.map(|batch| (batch, scanner)))
        }))
    }
}

/// A partition, as it is read.
struct Scanner {
    tx: Arc<LanceTransaction>,
    past: Past,
    ranges: VecDeque<KeyRange>,
    /// Those of the range that is being read.
    rows: Option<PastRows>,
    versions: Versions,
    schema: SchemaRef,
    batch_rows: usize,
    left: usize,
}

impl Scanner {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut columns = Columns::of(&self.schema);
        while columns.rows < self.batch_rows.min(self.left) && columns.bytes < BATCH_BYTES {
            let Some(rows) = &mut self.rows else {
                let Some(range) = self.ranges.pop_front() else { break };
                self.tx.note_past(range.clone());
                let (vals, superseded) = (columns.vals.is_some(), columns.superseded.is_some());
                self.rows = Some(self.past.rows(range, self.versions, vals, superseded));
                continue;
            };
            if !rows.next(&mut |row| columns.push(&row)).await.map_err(external)? {
                self.rows = None;
            }
        }
        if columns.rows == 0 || self.left == 0 {
            return Ok(None);
        }
        let batch = columns.finish(&self.schema)?;
        let batch = batch.slice(0, batch.num_rows().min(self.left));
        self.left -= batch.num_rows();
        Ok(Some(batch))
    }
}

/// The columns that are asked for, as they grow.
struct Columns {
    rows: usize,
    bytes: usize,
    keys: Option<BinaryBuilder>,
    vals: Option<BinaryBuilder>,
    versions: Option<UInt64Builder>,
    superseded: Option<UInt64Builder>,
}

impl Columns {
    fn of(schema: &Schema) -> Self {
        let has = |name| schema.index_of(name).is_ok();
        Self {
            rows: 0,
            bytes: 0,
            keys: has(KEY).then(BinaryBuilder::new),
            vals: has("val").then(BinaryBuilder::new),
            versions: has(VERSION).then(UInt64Builder::new),
            superseded: has(SUPERSEDED).then(UInt64Builder::new),
        }
    }

    fn push(&mut self, row: &PastRow<'_>) {
        self.rows += 1;
        if let Some(keys) = &mut self.keys {
            self.bytes += row.key.len();
            keys.append_value(row.key);
        }
        if let Some(vals) = &mut self.vals {
            self.bytes += row.val.map_or(0, <[u8]>::len);
            vals.append_option(row.val);
        }
        if let Some(versions) = &mut self.versions {
            versions.append_value(row.version);
        }
        if let Some(superseded) = &mut self.superseded {
            superseded.append_option(row.superseded);
        }
    }

    fn finish(self, schema: &SchemaRef) -> Result<RecordBatch> {
        let Self { rows, mut keys, mut vals, mut versions, mut superseded, .. } = self;
        let arrays = schema.fields().iter().filter_map(|field| -> Option<ArrayRef> {
            match field.name().as_str() {
                KEY => Some(Arc::new(keys.take()?.finish())),
                VERSION => Some(Arc::new(versions.take()?.finish())),
                SUPERSEDED => Some(Arc::new(superseded.take()?.finish())),
                _ => Some(Arc::new(vals.take()?.finish())),
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(schema.clone(), arrays.collect(), &options)?)
    }
}
