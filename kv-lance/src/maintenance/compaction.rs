//! Compaction: all runs become one, or several with no key in common where one would grow too large, without the history that nobody can read any more.

use super::Worker;
use super::history::{Fate, HistoryFilter};
use super::told;
use crate::core::{CompactOptions, Core};
use crate::read::{Merge, Rows};
use crate::table::{Run, Table, TableState, WrittenRun};
use kv_api::{Result, Version};
use std::sync::Arc;
use std::time::SystemTime;

impl Worker {
    pub(super) async fn compact(&mut self, core: &Core, options: CompactOptions) -> Result<()> {
        self.flush_frozen(core, usize::MAX).await?;
        let old = core.views.load().runs.clone();
        let horizons = Horizons {
            history: core.snapshots.horizon(retained_from(core, options)),
            erasing: core.snapshots.horizon(Version::MAX),
        };
        if !is_worthwhile(&old, &horizons) {
            self.check(core).await?;
            self.clean_up(options.reader_grace).await;
            return Ok(());
        }
        let Merged { runs, dropped } = merge(&self.table, &old, &horizons, self.state.journal_through).await?;
        let floor = self.state.history_floor;
        let history_floor = if dropped > 0 { floor.max(horizons.history) } else { floor };
        let state = TableState { history_floor, ..self.state };
        let new = self.table.replace(&old, runs, state).await.map_err(|e| told(core, e))?;
        self.state = state;
        core.views.edit(|view| {
            view.runs = new;
            view.history_floor = history_floor;
        });
        // The clean-up is to find that nobody reads them any more.
        drop(old);
        self.clean_up(options.reader_grace).await;
        Ok(())
    }
}

/// How far rows may go.
struct Horizons {
    /// Of what is older, only each key's newest row stays.
    history: Version,
    /// What has been erased up to here goes.
    erasing: Version,
}

/// What a compaction has written.
struct Merged {
    runs: Vec<WrittenRun>,
    /// Rows of history.
    dropped: u64,
}

/// Writes the rows of all runs in order, without the history up to `horizon`.
async fn merge(table: &Table, old: &[Arc<Run>], horizons: &Horizons, journal_through: u64) -> Result<Merged> {
    let level = old.iter().map(|run| run.statistics().level).max().unwrap_or(0) + 1;
    let mut writer = table.new_runs(level, journal_through)?;
    let mut filter = HistoryFilter::new(horizons.history, horizons.erasing);
    let mut merge = Merge::of_runs(old);
    while merge.advance().await? {
        for row in merge.rows().iter().flat_map(Rows::iter) {
            if let Fate::Stays { erases } = filter.decide(row.key(), row.version(), row.is_tombstone(), row.erases()) {
                let val = (!row.is_tombstone()).then(|| row.val());
                writer.push(row.key(), row.version(), val, erases).await?;
            }
        }
    }
    Ok(Merged { runs: writer.finish().await?, dropped: filter.dropped })
}

/// The version from which on the configuration keeps history.
fn retained_from(core: &Core, options: CompactOptions) -> Version {
    let config = &core.config;
    if !options.history || !config.versioned {
        return Version::MAX;
    }
    if config.retention.is_zero() {
        return 0;
    }
    let since = SystemTime::now().checked_sub(config.retention);
    // Versions without a relation to time are kept.
    since.and_then(|since| config.version_source.at_time(since)).unwrap_or(0)
}

/// Whether there is anything to merge or to drop. What one compaction gave has nothing left to merge: its runs share no key, and
/// are as large as they get.
fn is_worthwhile(runs: &[Arc<Run>], horizons: &Horizons) -> bool {
    let droppable = runs
        .iter()
        .map(|run| run.statistics())
        .any(|s| s.min_version <= horizons.history && (s.rows > s.keys || s.tombstones > 0));
    let erased = || runs.iter().any(|run| (1..=horizons.erasing).contains(&run.statistics().max_erasing));
    let flushed = || runs.iter().any(|run| run.statistics().level == 0);
    droppable || erased() || runs.len() > 1 && (flushed() || overlap(runs))
}

/// Whether any two runs can have a key in common.
fn overlap(runs: &[Arc<Run>]) -> bool {
    let mut bounds: Vec<_> = runs.iter().map(|run| run.key_bounds()).collect();
    bounds.sort_unstable();
    bounds.iter().zip(bounds.iter().skip(1)).any(|((_, last), (first, _))| first <= last)
}

#[cfg(test)]
mod tests;
