//! Queries one after the other, each planned, run and printed.

use super::failed;
use super::interrupt::Interrupt;
use super::rows::rows;
use super::statements::next_query;
use super::watch::Watch;
use crate::args::SqlFormat;
use crate::failure::Outcome;
use crate::format::Format;
use futures::TryStreamExt;
use kv_lance::sql::datafusion::error::DataFusionError;
use kv_lance::sql::datafusion::execution::context::SessionContext;
use kv_lance::sql::datafusion::physical_plan::{ExecutionPlan, execute_stream};
use std::io::Write;
use std::sync::Arc;

/// Where queries are asked, and what becomes of what they find.
pub(super) struct Queries<'a> {
    pub(super) session: &'a SessionContext,
    pub(super) shape: SqlFormat,
    /// How bytes become text where they do.
    pub(super) format: Format,
    pub(super) on_terminal: bool,
    /// What stops a query; without, Ctrl-C ends the process.
    pub(super) interrupt: Option<&'a Interrupt>,
    pub(super) out: &'a mut dyn Write,
}

impl Queries<'_> {
    /// Runs queries that end with semicolons, the last one also without, until one fails.
    pub(super) async fn run_all(&mut self, text: &str) -> Outcome {
        let mut text = text;
        while let Some((query, rest)) = next_query(text) {
            self.run(query).await?;
            text = rest;
        }
        Ok(())
    }

    pub(super) async fn run(&mut self, query: &str) -> Outcome {
        // Rows that are printed as they come would be mixed with it.
        let shows = !self.on_terminal || self.shape == SqlFormat::Table;
        let watch = Watch::begin(self.interrupt, shows);
        let planned = async {
            let frame = self.session.sql(query).await?;
            let task = Arc::new(frame.task_ctx());
            Ok::<_, DataFusionError>((frame.create_physical_plan().await?, task))
        };
        let (plan, task) = watch.over(async { planned.await.map_err(failed) }, || 0).await?;
        let mut batches = execute_stream(plan.clone(), task).map_err(failed)?;
        let mut rows = rows(self.shape, &batches.schema(), self.format, self.out)?;
        let run = async {
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                rows.write(&batch)?;
            }
            Outcome::Ok(())
        };
        watch.over(run, || rows_read(plan.as_ref())).await?;
        drop(watch);
        rows.finish()
    }
}

/// How many rows the leaves of a plan have given so far.
fn rows_read(plan: &dyn ExecutionPlan) -> u64 {
    let children = plan.children();
    if children.is_empty() {
        return plan.metrics().and_then(|metrics| metrics.output_rows()).map_or(0, |rows| rows as u64);
    }
    children.into_iter().map(|child| rows_read(child.as_ref())).sum()
}
