//! The figures of a running store.

mod levels;
#[cfg(feature = "metrics")]
mod metrics;

pub use levels::{LevelInfo, RunInfo};
pub(crate) use levels::{history, levels};
#[cfg(feature = "metrics")]
pub(crate) use metrics::export;

use crate::committer::Committer;
use crate::core::{Core, FeedFigures, View};
use crate::files::OpenFiles;
use crate::memtable::MemTable;
use crate::table::{BlockCache, Run};
use kv_api::{Figure, Statistics};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the figures are taken from.
pub(crate) struct Sources<'a> {
    pub(crate) core: &'a Core,
    /// `None` in a store that is read alone.
    pub(crate) committer: Option<&'a Committer>,
    pub(crate) cache: &'a BlockCache,
    pub(crate) files: &'a OpenFiles,
}

impl Sources<'_> {
    /// All of them, in the order in which a person reads them.
    pub(crate) fn statistics(&self) -> Statistics {
        let view = self.core.views.load();
        let mut figures = Vec::with_capacity(64);
        figures.extend(self.memtables(&view));
        figures.extend(runs(&view));
        figures.extend(levels::figures(&view.levels));
        figures.extend(self.budgets());
        figures.extend(self.commits());
        figures.extend(self.stalls());
        figures.extend(self.background());
        figures.extend(self.versions(&view));
        figures.extend(self.feeds());
        Statistics { figures }
    }

    fn memtables(&self, view: &View) -> [Figure; 4] {
        let sum = |figure: fn(&MemTable) -> usize| view.memtables().map(|m| figure(m) as u64).sum();
        let config = &self.core.config;
        let budget = config.memtable_bytes.saturating_mul(config.frozen_memtables as u64 + 1);
        [
            gauge("memtable_rows", sum(MemTable::rows), "rows", "Rows in memory that the table does not hold yet"),
            gauge(
                "memtable_bytes",
                sum(MemTable::bytes),
                "bytes",
                "Memory of these rows, in the active memtable and in those that wait for their flush",
            ),
            gauge(
                "memtable_budget",
                budget,
                "bytes",
                "What `memtable_bytes` and `frozen_memtables` allow for them before writers wait",
            ),
            gauge("frozen_memtables", view.frozen.len() as u64, "memtables", "Memtables that wait for their flush"),
        ]
    }

    /// What is kept in memory, or open, within a budget.
    fn budgets(&self) -> [Figure; 10] {
        let (config, cache) = (&self.core.config, self.cache);
        [
            gauge(
                "index_cache_bytes",
                cache.index_bytes(),
                "bytes",
                "Memory of the parts of run indexes that are loaded",
            ),
            gauge("index_cache_budget", config.index_cache_bytes, "bytes", "What `index_cache_bytes` allows for them"),
            counter(
                "index_cache_hits",
                cache.index_hits(),
                "parts",
                "Parts of run indexes that were in memory when they were asked for",
            ),
            counter("index_cache_misses", cache.index_loads(), "parts", "Parts of run indexes that had to be read"),
            gauge("block_cache_bytes", cache.bytes(), "bytes", "Memory of the blocks that are decoded"),
            gauge("block_cache_budget", config.cache_bytes, "bytes", "What `cache_bytes` allows for them"),
            counter(
                "block_cache_hits",
                cache.hits(),
                "blocks",
                "Keys or values of blocks that were in memory when they were asked for",
            ),
            counter(
                "block_cache_misses",
                cache.loads(),
                "blocks",
                "Keys or values of blocks that had to be read and decoded",
            ),
            gauge("open_files", self.files.kept() as u64, "files", "Data files that are kept open"),
            gauge("open_files_budget", config.open_files as u64, "files", "How many of them `open_files` allows"),
        ]
    }

    fn commits(&self) -> [Figure; 6] {
        let figures = &self.core.figures;
        let open = self.core.snapshots.open() as u64;
        let recent = self.committer.map_or(0, Committer::recent_keys) as u64;
        [
            gauge("open_transactions", open, "transactions", "Transactions that have not finished"),
            gauge("conflict_check_keys", recent, "keys", "Keys of recent commits that the conflict check remembers"),
            counter("commits", read(&figures.commits), "commits", "Commits with writes since the store was opened"),
            counter(
                "commit_groups",
                read(&figures.groups),
                "groups",
                "Groups that these commits were written in, each with one write to the journal",
            ),
            counter(
                "conflicts",
                read(&figures.conflicts),
                "commits",
                "Commits that were refused for a conflict since the store was opened",
            ),
            counter(
                "journal_bytes_written",
                read(&figures.journal_bytes),
                "bytes",
                "Bytes written to the journal since the store was opened",
            ),
        ]
    }

    /// The waits of writers, by their reason.
    fn stalls(&self) -> [Figure; 6] {
        let (memtables, runs) = (&self.core.room.stalls.memtables, &self.core.room.stalls.runs);
        [
            counter(
                "memtable_stalls",
                memtables.count(),
                "stalls",
                "Waits of writers because too many memtables waited for their flush",
            ),
            counter("memtable_stall_time", memtables.micros(), "microseconds", "Time of these waits, added up"),
            gauge("memtable_stall_longest", memtables.longest(), "microseconds", "Time of the longest of these waits"),
            counter(
                "run_stalls",
                runs.count(),
                "stalls",
                "Waits of writers because many runs of level 0 waited for their merge: short ones that slow them down",
            ),
            counter("run_stall_time", runs.micros(), "microseconds", "Time of these waits, added up"),
            gauge("run_stall_longest", runs.longest(), "microseconds", "Time of the longest of these waits"),
        ]
    }

    fn background(&self) -> [Figure; 9] {
        let figures = &self.core.figures;
        let (flushed, merged) = (read(&figures.flushed_bytes), read(&figures.compaction_written_bytes));
        let amplification = flushed.saturating_add(merged).saturating_mul(100).checked_div(flushed);
        [
            counter(
                "flushes",
                read(&figures.flushes),
                "flushes",
                "Memtables written to the table since the store was opened",
            ),
            counter("flushed_bytes", flushed, "bytes", "Size of the data files that they were written as"),
            counter(
                "compactions",
                read(&figures.compactions),
                "compactions",
                "Steps of merges of runs since the store was opened",
            ),
            counter(
                "compaction_failures",
                read(&figures.compaction_failures),
                "compactions",
                "Those that failed and are tried again, the later the more have failed in a row",
            ),
            gauge(
                "compactions_paused",
                self.core.background.brake.is_paused().into(),
                "flag",
                "Whether compactions are paused: 1 where they are",
            ),
            counter(
                "compacted_bytes",
                read(&figures.compacted_bytes),
                "bytes",
                "Size of the data files that they have read",
            ),
            counter("compaction_written_bytes", merged, "bytes", "Size of the data files that they have written"),
            gauge(
                "compaction_debt_bytes",
                read(&figures.compaction_debt),
                "bytes",
                "Size of the data files that lie on a level which is too full",
            ),
            gauge(
                "write_amplification",
                amplification.unwrap_or(0),
                "percent",
                "Bytes written by flushes and merges, of those that flushes wrote; 0 before the first flush",
            ),
        ]
    }

    fn versions(&self, view: &View) -> [Figure; 4] {
        [
            gauge("newest_version", self.core.snapshots.visible(), "version", "Version of the newest visible commit"),
            gauge(
                "history_floor",
                view.history_floor,
                "version",
                "Oldest version from which on every version can be read; tags may stand for older ones",
            ),
            gauge("tags", view.tags.iter().len() as u64, "tags", "Tags, each of which keeps a version"),
            gauge(
                "tagged_disk_bytes",
                read(&self.core.figures.tagged_bytes),
                "bytes",
                "Size of data files that the table does not have any more and that are kept for readers of its tags",
            ),
        ]
    }

    fn feeds(&self) -> [Figure; 4] {
        let feeds = &self.core.feeds;
        let FeedFigures { feeds: number, slowest, bytes } = feeds.figures();
        let slowest = slowest.unwrap_or_else(|| self.core.snapshots.visible());
        [
            gauge("change_feeds", number as u64, "feeds", "Change feeds that there are"),
            gauge(
                "change_feed_version",
                slowest,
                "version",
                "Version up to which the slowest of them has come; that of the newest commit where there is none",
            ),
            gauge("change_feed_bytes", bytes as u64, "bytes", "Memory of the recent commits that are kept for them"),
            counter(
                "change_feed_passes",
                read(&feeds.passes),
                "passes",
                "Times that one which was behind went through the versions of runs",
            ),
        ]
    }
}

/// The runs of all levels.
fn runs(view: &View) -> [Figure; 11] {
    let levels = &view.levels;
    let sum = |figure: fn(&Run) -> u64| levels.runs().map(|run| figure(run)).sum::<u64>();
    let past = |figure: fn(&Run) -> u64| levels.history().runs().iter().map(|run| figure(run)).sum::<u64>();
    [
        gauge("runs", levels.runs().count() as u64, "runs", "Sorted runs, each of which is a data file of the table"),
        gauge(
            "level_0_runs",
            levels.flushed().len() as u64,
            "runs",
            "Those that flushes have written and no compaction has merged yet: a read looks into each",
        ),
        gauge("levels", levels.depth() as u64, "levels", "Levels down to the lowest that has a run"),
        gauge(
            "read_amplification",
            levels::read_amplification(levels),
            "runs",
            "Runs that a read of one key may have to look into",
        ),
        gauge("run_rows", sum(|run| run.statistics().rows), "rows", "Rows in runs, deletions among them"),
        gauge("run_tombstones", sum(|run| run.statistics().tombstones), "rows", "Rows in runs that are deletions"),
        gauge("run_disk_bytes", sum(Run::disk_bytes), "bytes", "Size of the data files"),
        gauge(
            "run_resident_bytes",
            sum(Run::resident_bytes) + past(Run::resident_bytes),
            "bytes",
            "Memory that runs always take, those of history too, read or not",
        ),
        gauge(
            "history_runs",
            levels.history().runs().len() as u64,
            "runs",
            "Runs of what has been superseded, which only reads of the past look into",
        ),
        gauge("history_rows", past(|run| run.statistics().rows), "rows", "Rows in them"),
        gauge("history_disk_bytes", levels.history().disk_bytes(), "bytes", "Size of their data files"),
    ]
}

fn read(figure: &AtomicU64) -> u64 {
    figure.load(Ordering::Relaxed)
}

fn gauge(name: &'static str, value: u64, unit: &'static str, description: &'static str) -> Figure {
    Figure::gauge(name, value, unit, description)
}

fn counter(name: &'static str, value: u64, unit: &'static str, description: &'static str) -> Figure {
    Figure::counter(name, value, unit, description)
}
