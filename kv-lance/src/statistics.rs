//! The figures of a running store.

use crate::committer::Committer;
use crate::core::Core;
use crate::table::{BlockCache, Run};
use kv_api::{Figure, Statistics};
use std::sync::atomic::Ordering;

/// What `core` and what belongs to it say of themselves.
pub(crate) fn statistics(core: &Core, committer: &Committer, cache: &BlockCache) -> Statistics {
    let view = core.views.load();
    let of_memtables =
        |figure: fn(&crate::memtable::MemTable) -> usize| view.memtables().map(|m| figure(m) as u64).sum();
    let of_runs = |figure: fn(&Run) -> u64| view.levels.runs().map(|run| figure(run)).sum::<u64>();
    let since_open = |figure: &std::sync::atomic::AtomicU64| figure.load(Ordering::Relaxed);
    let (gauge, counter) = (Figure::gauge, Figure::counter);
    let figures = vec![
        gauge(
            "memtable_rows",
            of_memtables(crate::memtable::MemTable::rows),
            "rows",
            "Rows in memory that the table does not hold yet",
        ),
        gauge(
            "memtable_bytes",
            of_memtables(crate::memtable::MemTable::bytes),
            "bytes",
            "Memory of these rows, in the active memtable and in those that wait for their flush",
        ),
        gauge("frozen_memtables", view.frozen.len() as u64, "memtables", "Memtables that wait for their flush"),
        gauge(
            "runs",
            view.levels.runs().count() as u64,
            "runs",
            "Sorted runs, each of which is a data file of the table",
        ),
        gauge(
            "level_0_runs",
            view.levels.flushed().len() as u64,
            "runs",
            "Those that flushes have written and no compaction has merged yet: a read looks into each",
        ),
        gauge("levels", view.levels.depth() as u64, "levels", "Levels down to the lowest that has a run"),
        gauge(
            "run_rows",
            of_runs(|run| run.statistics().rows),
            "rows",
            "Rows in runs, older versions and deletions among them",
        ),
        gauge("run_tombstones", of_runs(|run| run.statistics().tombstones), "rows", "Rows in runs that are deletions"),
        gauge("run_disk_bytes", of_runs(Run::disk_bytes), "bytes", "Size of the data files"),
        gauge("run_resident_bytes", of_runs(Run::resident_bytes), "bytes", "Memory that runs always take, read or not"),
        gauge("index_cache_bytes", cache.index_bytes(), "bytes", "Memory of the parts of run indexes that are loaded"),
        gauge("index_cache_budget", core.config.index_cache_bytes, "bytes", "What `index_cache_bytes` allows for them"),
        gauge("block_cache_bytes", cache.bytes(), "bytes", "Memory of the blocks that are decoded"),
        gauge("open_transactions", core.snapshots.open() as u64, "transactions", "Transactions that have not finished"),
        gauge(
            "conflict_check_keys",
            committer.recent_keys() as u64,
            "keys",
            "Keys of recent commits that the conflict check remembers",
        ),
        counter(
            "commits",
            since_open(&core.figures.commits),
            "commits",
            "Commits with writes since the store was opened",
        ),
        counter(
            "commit_groups",
            since_open(&core.figures.groups),
            "groups",
            "Groups that these commits were written in, each with one write to the journal",
        ),
        counter(
            "conflicts",
            since_open(&core.figures.conflicts),
            "commits",
            "Commits that were refused for a conflict since the store was opened",
        ),
        counter(
            "journal_bytes_written",
            since_open(&core.figures.journal_bytes),
            "bytes",
            "Bytes written to the journal since the store was opened",
        ),
        counter(
            "compactions",
            since_open(&core.figures.compactions),
            "compactions",
            "Merges of runs since the store was opened",
        ),
        counter(
            "compacted_bytes",
            since_open(&core.figures.compacted_bytes),
            "bytes",
            "Size of the data files that they have read",
        ),
        gauge(
            "compaction_debt_bytes",
            since_open(&core.figures.compaction_debt),
            "bytes",
            "Size of the data files that lie on a level which is too full",
        ),
        gauge("newest_version", core.snapshots.visible(), "version", "Version of the newest visible commit"),
        gauge("history_floor", view.history_floor, "version", "Oldest version that can be read"),
    ];
    Statistics { figures }
}
