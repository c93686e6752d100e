//! A view, as a plan that DataFusion executes.

use super::mapping::Mapping;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ExecutionPlanProperties};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// Makes the rows of a view from those of a scan.
#[derive(Debug)]
pub(super) struct ViewExec {
    scan: Arc<dyn ExecutionPlan>,
    mapping: Arc<Mapping>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ViewExec {
    pub(super) fn new(scan: Arc<dyn ExecutionPlan>, mapping: Arc<Mapping>) -> Self {
        let partitions = scan.output_partitioning().partition_count();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(mapping.schema.clone()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Self { scan, mapping, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for ViewExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.mapping.schema.fields().iter().map(|field| field.name().as_str());
        write!(f, "KvView: columns=[{}]", fields.collect::<Vec<_>>().join(", "))
    }
}

impl ExecutionPlan for ViewExec {
    fn name(&self) -> &str {
        "KvView"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    /// The scan is divided as it should be.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.scan]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([scan]) => Ok(Arc::new(Self::new(scan, self.mapping.clone()))),
            Err(children) => internal_err!("a KvView has one child, and not {}", children.len()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mapping = self.mapping.clone();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let rows = self.scan.execute(partition, context)?.and_then(move |batch| {
            let rows = mapping.rows(&batch);
            if let Ok(rows) = &rows {
                metrics.record_output(rows.num_rows());
            }
            std::future::ready(rows)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.mapping.schema.clone(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
