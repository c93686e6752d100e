//! Compaction: all runs become one, or several with no key in common where one would grow too large, without the history that nobody can read any more.

use super::Worker;
use super::history::HistoryFilter;
use super::told;
use crate::core::{CompactOptions, Core};
use crate::table::{KeyBlock, Run, Table, TableState, ValBlock, WrittenRun};
use kv_api::{Result, Version};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;
use std::time::SystemTime;

impl Worker {
    pub(super) async fn compact(&mut self, core: &Core, options: CompactOptions) -> Result<()> {
        self.flush_frozen(core, usize::MAX).await?;
        let old = core.views.load().runs.clone();
        let horizon = core.snapshots.horizon(retained_from(core, options));
        if !is_worthwhile(&old, horizon) {
            self.check(core).await?;
            self.clean_up(options.reader_grace).await;
            return Ok(());
        }
        let Merged { runs, dropped } = merge(&self.table, &old, horizon, self.state.journal_through).await?;
        let history_floor = if dropped > 0 { self.state.history_floor.max(horizon) } else { self.state.history_floor };
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

/// What a compaction has written.
struct Merged {
    runs: Vec<WrittenRun>,
    /// Rows of history.
    dropped: u64,
}

/// Writes the rows of all runs in order, without the history up to `horizon`.
async fn merge(table: &Table, old: &[Arc<Run>], horizon: Version, journal_through: u64) -> Result<Merged> {
    let level = old.iter().map(|run| run.statistics().level).max().unwrap_or(0) + 1;
    let mut writer = table.new_runs(level, journal_through)?;
    let mut filter = HistoryFilter::new(horizon);
    let mut rows = Rows::new(old).await?;
    while let Some(row) = rows.current() {
        if filter.keeps(row.key(), row.version(), row.is_tombstone()) {
            writer.push(row.key(), row.version(), row.val()).await?;
        }
        rows.advance().await?;
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
fn is_worthwhile(runs: &[Arc<Run>], horizon: Version) -> bool {
    let droppable = runs
        .iter()
        .map(|run| run.statistics())
        .any(|s| s.min_version <= horizon && (s.rows > s.keys || s.tombstones > 0));
    let flushed = || runs.iter().any(|run| run.statistics().level == 0);
    droppable || runs.len() > 1 && (flushed() || overlap(runs))
}

/// Whether any two runs can have a key in common.
fn overlap(runs: &[Arc<Run>]) -> bool {
    let mut bounds: Vec<_> = runs.iter().map(|run| run.key_bounds()).collect();
    bounds.sort_unstable();
    bounds.iter().zip(bounds.iter().skip(1)).any(|((_, last), (first, _))| first <= last)
}

/// A position in a run, with its block.
struct Row {
    run: Arc<Run>,
    block: usize,
    row: usize,
    keys: Arc<KeyBlock>,
    vals: Arc<ValBlock>,
}

impl Row {
    async fn first(run: &Arc<Run>) -> Result<Self> {
        let (keys, vals) = run.rows_uncached(0).await?;
        Ok(Self { run: run.clone(), block: 0, row: 0, keys, vals })
    }

    fn key(&self) -> &[u8] {
        self.keys.key(self.row)
    }

    fn version(&self) -> Version {
        self.keys.version(self.row)
    }

    fn is_tombstone(&self) -> bool {
        self.keys.is_tombstone(self.row)
    }

    fn val(&self) -> Option<&[u8]> {
        (!self.is_tombstone()).then(|| self.vals.val(self.row))
    }

    /// Whether there is a next row.
    async fn advance(&mut self) -> Result<bool> {
        self.row += 1;
        if self.row < self.keys.len() {
            return Ok(true);
        }
        self.block += 1;
        if self.block >= self.run.blocks() {
            return Ok(false);
        }
        self.row = 0;
        // Past the cache: what a compaction reads once must not drive out what readers use.
        (self.keys, self.vals) = self.run.rows_uncached(self.block).await?;
        Ok(true)
    }
}

/// In the order of a run.
impl Ord for Row {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(other.key()).then_with(|| other.version().cmp(&self.version()))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Row {}

/// Every row of several runs, in order: a heap of the runs' next rows.
struct Rows(BinaryHeap<Reverse<Row>>);

impl Rows {
    async fn new(runs: &[Arc<Run>]) -> Result<Self> {
        let mut rows = BinaryHeap::with_capacity(runs.len());
        for run in runs {
            rows.push(Reverse(Row::first(run).await?));
        }
        Ok(Self(rows))
    }

    fn current(&self) -> Option<&Row> {
        self.0.peek().map(|row| &row.0)
    }

    async fn advance(&mut self) -> Result<()> {
        if let Some(mut row) = self.0.peek_mut()
            && !row.0.advance().await?
        {
            PeekMut::pop(row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
