//! A scan of key ranges, as a plan that DataFusion executes.

use super::columns::Projection;
use super::error::external;
use crate::LanceTransaction;
use crate::transaction::Page;
use arrow_array::RecordBatch;
use arrow_schema::SortOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SortOrderPushdownResult,
};
use kv_api::{Direction, KeyRange, Version};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// A batch ends with the row that reaches so many bytes of keys and values.
const BATCH_BYTES: usize = 8 << 20;

/// So many ranges are shown of a plan.
const SHOWN_RANGES: usize = 4;

/// What is read, and of which snapshot.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) tx: Arc<LanceTransaction>,
    pub(super) version: Option<Version>,
    pub(super) direction: Direction,
    pub(super) projection: Projection,
    /// Rows, at most, of each partition.
    pub(super) limit: Option<usize>,
}

/// A scan of a transaction.
#[derive(Clone)]
pub(super) struct KvScan {
    reading: Reading,
    /// Key ranges, in the order of the keys.
    partitions: Vec<Vec<KeyRange>>,
    /// How many rows there are, where only that is asked for.
    count: Option<u64>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl KvScan {
    pub(super) fn new(reading: Reading, partitions: Vec<Vec<KeyRange>>) -> Self {
        let properties = properties(&reading, partitions.len());
        Self { reading, partitions, count: None, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// Rows without columns.
    pub(super) fn of_count(reading: Reading, ranges: Vec<KeyRange>, count: u64) -> Self {
        Self { count: Some(count), ..Self::new(reading, vec![ranges]) }
    }

    /// The same rows in one partition, in one direction or the other.
    fn in_order(&self, direction: Direction) -> Self {
        let reading = Reading { direction, ..self.reading.clone() };
        let properties = properties(&reading, 1);
        let partitions = vec![self.partitions.iter().flatten().cloned().collect()];
        Self { reading, partitions, properties, ..self.clone() }
    }
}

/// Sorted by key, one way or the other.
fn sorted_by(reading: &Reading) -> Option<PhysicalSortExpr> {
    let descending = reading.direction == Direction::Backward;
    let key = Column::new(super::columns::KEY, reading.projection.key()?);
    Some(PhysicalSortExpr::new(Arc::new(key), SortOptions { descending, nulls_first: descending }))
}

fn properties(reading: &Reading, partitions: usize) -> Arc<PlanProperties> {
    let schema = reading.projection.schema.clone();
    let equivalences = match sorted_by(reading) {
        Some(key) => EquivalenceProperties::new_with_orderings(schema, [[key]]),
        None => EquivalenceProperties::new(schema),
    };
    let partitioning = Partitioning::UnknownPartitioning(partitions.max(1));
    Arc::new(PlanProperties::new(equivalences, partitioning, EmissionType::Incremental, Boundedness::Bounded))
}

impl fmt::Debug for KvScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Verbose, f)
    }
}

impl DisplayAs for KvScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KvScan: ")?;
        if let Some(version) = self.reading.version {
            write!(f, "at={version}, ")?;
        }
        show_ranges(f, self.partitions.iter().flatten())?;
        let fields = self.reading.projection.schema.fields().iter().map(|field| field.name().as_str());
        write!(f, ", columns=[{}], partitions={}", fields.collect::<Vec<_>>().join(", "), self.partitions.len())?;
        if self.reading.direction == Direction::Backward {
            write!(f, ", backward")?;
        }
        if let Some(limit) = self.reading.limit {
            write!(f, ", limit={limit}")?;
        }
        if let Some(count) = self.count {
            write!(f, ", counted={count}")?;
        }
        Ok(())
    }
}

/// The first of some ranges, and how many more there are.
pub(super) fn show_ranges<'r>(
    f: &mut fmt::Formatter<'_>,
    ranges: impl Iterator<Item = &'r KeyRange> + Clone,
) -> fmt::Result {
    let shown: Vec<_> = ranges.clone().take(SHOWN_RANGES).map(show_range).collect();
    write!(f, "keys=[{}", shown.join(", "))?;
    match ranges.count().saturating_sub(shown.len()) {
        0 => write!(f, "]"),
        more => write!(f, ", and {more} more]"),
    }
}

/// As in `'a'..'b'`; without an end, to the last key.
fn show_range(range: &KeyRange) -> String {
    let end = range.end.as_ref().map_or_else(String::new, |end| format!("'{}'", end.escape_ascii()));
    match &range.end {
        None if range.start.is_empty() => "..".into(),
        _ => format!("'{}'..{end}", range.start.escape_ascii()),
    }
}

impl ExecutionPlan for KvScan {
    fn name(&self) -> &str {
        "KvScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a KvScan has no children") }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(ranges) = self.partitions.get(partition) else {
            return internal_err!("a KvScan of {} partitions has no number {partition}", self.partitions.len());
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let scanner = Scanner {
            reading: self.reading.clone(),
            ranges: match self.reading.direction {
                Direction::Forward => ranges.iter().cloned().collect(),
                Direction::Backward => ranges.iter().rev().cloned().collect(),
            },
            left: self.reading.limit.unwrap_or(usize::MAX),
            counted: self.count,
            batch_rows: context.session_config().batch_size().max(1),
            metrics,
        };
        let batches = futures::stream::try_unfold(scanner, async |mut scanner| {
            Ok(scanner.next().await?.map(|batch| (batch, scanner)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.reading.projection.schema.clone(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.reading.projection.schema);
        if let Some(rows) = self.count.and_then(|rows| usize::try_from(rows).ok()) {
            statistics.num_rows = Precision::Exact(self.reading.limit.map_or(rows, |limit| rows.min(limit)));
        }
        Ok(Arc::new(statistics))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let reading = Reading { limit, ..self.reading.clone() };
        Some(Arc::new(Self { reading, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.reading.limit
    }

    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let (Some(sorted), [asked]) = (sorted_by(&self.reading), order) else {
            return Ok(SortOrderPushdownResult::Unsupported);
        };
        // Where there is a limit, it is of the rows in the order of the plan as it is.
        if !sorted.expr.eq(&asked.expr) || self.reading.limit.is_some() {
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let direction = if asked.options.descending { Direction::Backward } else { Direction::Forward };
        Ok(SortOrderPushdownResult::Exact { inner: Arc::new(self.in_order(direction)) })
    }
}

/// A partition, as it is read.
struct Scanner {
    reading: Reading,
    /// In the order they are read.
    ranges: VecDeque<KeyRange>,
    left: usize,
    counted: Option<u64>,
    batch_rows: usize,
    metrics: BaselineMetrics,
}

impl Scanner {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = match self.counted {
            Some(counted) => self.next_counted(counted)?,
            None => self.next_read().await?,
        };
        if let Some(batch) = &batch {
            self.left -= batch.num_rows().min(self.left);
            self.metrics.record_output(batch.num_rows());
        }
        Ok(batch)
    }

    fn next_counted(&mut self, counted: u64) -> Result<Option<RecordBatch>> {
        let rows = usize::try_from(counted).unwrap_or(usize::MAX).min(self.batch_rows).min(self.left);
        self.counted = Some(counted.saturating_sub(rows as u64));
        if rows == 0 { Ok(None) } else { self.reading.projection.rows(rows).map(Some) }
    }

    async fn next_read(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(range) = self.ranges.pop_front().filter(|_| self.left > 0) {
            let Reading { tx, version, direction, projection, .. } = &self.reading;
            let page = Page {
                range,
                direction: *direction,
                wanted: projection.wanted(),
                rows: self.batch_rows.min(self.left),
                bytes: BATCH_BYTES,
            };
            let (read, rest) = tx.scan_columns(page, *version).await.map_err(external)?;
            if let Some(rest) = rest {
                self.ranges.push_front(rest);
            }
            if read.rows > 0 {
                return projection.batch(read).map(Some);
            }
        }
        Ok(None)
    }
}
