//! A leaf of a plan that gives batches, as they are read.

use arrow_array::RecordBatch;
use arrow_schema::{SchemaRef, SortOptions};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::fmt;
use std::sync::Arc;

/// Batches, as they are read.
pub(super) type Batches = BoxStream<'static, Result<RecordBatch>>;

/// What gives the batches of a plan.
pub(super) trait Source: Send + Sync {
    /// The name of the plan.
    fn name(&self) -> &'static str;

    /// What it reads, for `EXPLAIN`.
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    fn schema(&self) -> SchemaRef;

    /// The columns that each partition is sorted by, and whether each of them descends. As many as there are of them from the
    /// first on are told.
    fn order(&self) -> &'static [(&'static str, bool)];

    fn partitions(&self) -> usize;

    /// The rows of a partition, about so many in a batch.
    fn open(&self, partition: usize, batch_rows: usize) -> Batches;
}

/// Reads a source.
pub(super) struct SourceExec {
    source: Arc<dyn Source>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SourceExec {
    pub(super) fn new(source: impl Source + 'static) -> Self {
        let schema = source.schema();
        let place = |(name, descending): &(&'static str, bool)| {
            let column = Column::new(name, schema.index_of(name).ok()?);
            let options = SortOptions { descending: *descending, nulls_first: *descending };
            Some(PhysicalSortExpr::new(Arc::new(column), options))
        };
        let order: Vec<_> = source.order().iter().map_while(place).collect();
        let equivalences = match order.is_empty() {
            true => EquivalenceProperties::new(schema),
            false => EquivalenceProperties::new_with_orderings(schema.clone(), [order]),
        };
        let partitioning = Partitioning::UnknownPartitioning(source.partitions().max(1));
        let (emission, bounds) = (EmissionType::Incremental, Boundedness::Bounded);
        let properties = Arc::new(PlanProperties::new(equivalences, partitioning, emission, bounds));
        Self { source: Arc::new(source), properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl fmt::Debug for SourceExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Verbose, f)
    }
}

impl DisplayAs for SourceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source.name())?;
        self.source.describe(f)?;
        let schema = self.source.schema();
        let fields: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, ", columns=[{}], partitions={}", fields.join(", "), self.source.partitions())
    }
}

impl ExecutionPlan for SourceExec {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a {} has no children", self.source.name()) }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition >= self.source.partitions() {
            let (name, partitions) = (self.source.name(), self.source.partitions());
            return internal_err!("a {name} of {partitions} partitions has no number {partition}");
        }
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches = self.source.open(partition, context.session_config().batch_size().max(1));
        let batches = batches.inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.source.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
