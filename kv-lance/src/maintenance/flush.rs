//! Flush: a frozen memtable becomes a run, or several, then its journal segments go.

use super::compaction::horizons;
use super::history::{Fate, HistoryFilter};
use super::{Worker, told};
use crate::core::{CompactOptions, Core, Frozen};
use crate::table::TableState;
use kv_api::Result;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Worker {
    /// Flushes the oldest frozen memtable. The order is the point: run, commit, view, and only then the journal.
    pub(super) async fn flush(&mut self, core: &Core, frozen: &Arc<Frozen>) -> Result<()> {
        let mut writer = self.table.new_runs(0, frozen.journal_through)?;
        let horizons = horizons(core, CompactOptions::default());
        let mut filter = HistoryFilter::new(horizons, false);
        for (key, version, write) in frozen.memtable.for_each_row() {
            let fate = match core.config.versioned {
                true => Fate::Stays { erases: write.erases },
                // Most of what has been overwritten need not be written at all.
                false => filter.decide(&key, version, write.val.is_none(), write.erases),
            };
            if let Fate::Stays { erases } = fate {
                writer.push(&key, version, write.val.as_deref(), erases).await?;
            }
        }
        let written = writer.finish().await?;
        let state = TableState {
            journal_through: frozen.journal_through,
            last_version: self.state.last_version.max(frozen.memtable.max_version()),
            ..self.state
        };
        let before = self.table.levels().disk_bytes();
        self.table.append(written, state).await.map_err(|e| told(core, e))?;
        self.state = state;
        let added = self.table.levels().disk_bytes().saturating_sub(before);
        core.figures.flushes.fetch_add(1, Ordering::Relaxed);
        core.figures.flushed_bytes.fetch_add(added, Ordering::Relaxed);
        core.views.edit(|view| {
            view.frozen.retain(|other| !Arc::ptr_eq(other, frozen));
            view.levels = self.table.levels().clone();
        });
        if let Err(e) = self.journal.remove_through(frozen.journal_through) {
            // The rows are in the table: the next flush, or the next open, removes the segments.
            tracing::warn!(error = %e, "journal segments that have been flushed are left behind for now");
        }
        self.clean_up_now_and_then().await;
        Ok(())
    }
}
