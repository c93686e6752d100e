//! Flush: a frozen memtable becomes a run, or several, then its journal segments go.

use super::history::{HistoryFilter, Rest};
use super::split::SplitWriter;
use super::{Worker, told};
use crate::core::{CompactOptions, Core, Frozen};
use crate::memtable::MemTable;
use crate::table::{NewRow, TableState};
use kv_api::Result;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Worker {
    /// Flushes the oldest frozen memtable. The order is the point: runs, commit, view, and only then the journal.
    pub(super) async fn flush(&mut self, core: &Core, frozen: &Arc<Frozen>) -> Result<()> {
        let journal_through = frozen.journal_through;
        let horizons = self.horizons(core, CompactOptions::default());
        // What has no keys between those of the table goes down to its level as it is, so that it is compressed here.
        let current = match self.has_keys_between(&frozen.memtable) {
            true => self.table.new_passing_runs(0, journal_through)?,
            false => self.table.new_runs(1, journal_through)?,
        };
        let history = self.table.new_history(0, journal_through)?;
        let mut writer = SplitWriter::new(current, history, HistoryFilter::new(horizons.clone(), Rest::default()));
        for (key, version, write) in frozen.memtable.for_each_row() {
            let (val, erases) = (write.val.as_deref(), write.erases);
            writer.push(NewRow { key: &key, version, val, erases, superseded: None }).await?;
        }
        let written = writer.finish().await?;
        let state = TableState {
            journal_through,
            last_version: self.state.last_version.max(frozen.memtable.max_version()),
            history_floor: self.floor_after(written.dropped, &horizons),
            ..self.state
        };
        let added = self.table.append(written.runs, state).await.map_err(|e| told(core, e))?;
        self.state = state;
        core.figures.tagged_bytes.store(self.table.tagged_bytes(), Ordering::Relaxed);
        core.figures.flushes.fetch_add(1, Ordering::Relaxed);
        core.figures.flushed_bytes.fetch_add(added, Ordering::Relaxed);
        core.views.edit(|view| {
            view.frozen.retain(|other| !Arc::ptr_eq(other, frozen));
            self.show_in(view);
        });
        if let Err(e) = self.journal.remove_through(journal_through) {
            // The rows are in the table: the next flush, or the next open, removes the segments.
            tracing::warn!(error = %e, "journal segments that have been flushed are left behind for now");
        }
        self.clean_up_now_and_then(core).await;
        Ok(())
    }
    /// Whether the table has keys from the first of a memtable to its last.
    fn has_keys_between(&self, memtable: &MemTable) -> bool {
        let bounds = memtable.key_bounds();
        bounds.is_some_and(|(first, last)| self.table.levels().runs().any(|run| run.overlaps((&first, &last))))
    }
}
