//! Flush: a frozen memtable becomes a run, or several, then its journal segments go.

use super::{Worker, told};
use crate::core::{Core, Frozen};
use crate::table::TableState;
use kv_api::Result;
use std::sync::Arc;

impl Worker {
    /// Flushes the oldest frozen memtable. The order is the point: run, commit, view, and only then the journal.
    pub(super) async fn flush(&mut self, core: &Core, frozen: &Arc<Frozen>) -> Result<()> {
        let mut writer = self.table.new_runs(0, frozen.journal_through)?;
        for (key, version, write) in frozen.memtable.for_each_row() {
            writer.push(&key, version, write.val.as_deref(), write.erases).await?;
        }
        let written = writer.finish().await?;
        let state = TableState {
            journal_through: frozen.journal_through,
            last_version: self.state.last_version.max(frozen.memtable.max_version()),
            ..self.state
        };
        let runs = self.table.append(written, state).await.map_err(|e| told(core, e))?;
        self.state = state;
        core.views.edit(|view| {
            view.frozen.retain(|other| !Arc::ptr_eq(other, frozen));
            view.runs.splice(0..0, runs);
        });
        if let Err(e) = self.journal.remove_through(frozen.journal_through) {
            // The rows are in the table: the next flush, or the next open, removes the segments.
            tracing::warn!(error = %e, "journal segments that have been flushed are left behind for now");
        }
        self.clean_up_now_and_then().await;
        Ok(())
    }
}
