//! The store's figures as SurrealDB's metrics.

use kv_api::Datastore;
use surrealdb_kvs::{Metric, Metrics};

/// The group's name; SurrealDB's telemetry puts it before each metric.
const GROUP: &str = "surrealdb.lance";

/// The figures that `store` has. Their units are part of their names.
pub(crate) fn metrics(store: &dyn Datastore) -> Option<Metrics> {
    let figures = store.statistics().figures;
    if figures.is_empty() {
        return None;
    }
    let u64_metrics = figures.into_iter().map(|(name, _)| Metric { name, description: describe(name) }).collect();
    Some(Metrics { name: GROUP, u64_metrics })
}

/// What a figure of kv-lance counts.
fn describe(name: &str) -> &'static str {
    match name {
        "memtable_rows" => "Rows in memory that no file holds yet",
        "memtable_bytes" => "Bytes of keys and values in memory that no file holds yet",
        "frozen_memtables" => "Full memtables that wait to be written",
        "runs" => "Sorted files of the table",
        "run_rows" => "Rows in these files, history included",
        "run_tombstones" => "Deletions in these files",
        "run_disk_bytes" => "Bytes of these files",
        "run_index_bytes" => "Bytes of their fences and filters in memory",
        "block_cache_bytes" => "Bytes of decoded blocks in memory",
        "open_transactions" => "Transactions that are open",
        "conflict_check_keys" => "Keys of recent commits that new ones are checked against",
        "commits" => "Commits since the store was opened",
        "commit_groups" => "Groups of commits that were written at once",
        "conflicts" => "Commits that were refused over a conflict",
        "journal_bytes_written" => "Bytes written to the journal",
        "newest_version" => "The newest commit's version",
        "history_floor" => "The version before which history is gone",
        _ => "A figure of the store",
    }
}
