//! The figures of a store: all are listed, with units, and they move as they say.

use crate::{figure, open, write};
use kv_api::{Datastore, Error, FigureKind, Result, TransactionOptions};
use kv_lance::LanceConfig;

/// Name and unit of every figure, in their order. Whoever exports them relies on both.
const FIGURES: [(&str, &str); 24] = [
    ("memtable_rows", "rows"),
    ("memtable_bytes", "bytes"),
    ("frozen_memtables", "memtables"),
    ("runs", "runs"),
    ("level_0_runs", "runs"),
    ("levels", "levels"),
    ("run_rows", "rows"),
    ("run_tombstones", "rows"),
    ("run_disk_bytes", "bytes"),
    ("run_resident_bytes", "bytes"),
    ("index_cache_bytes", "bytes"),
    ("index_cache_budget", "bytes"),
    ("block_cache_bytes", "bytes"),
    ("open_transactions", "transactions"),
    ("conflict_check_keys", "keys"),
    ("commits", "commits"),
    ("commit_groups", "groups"),
    ("conflicts", "commits"),
    ("journal_bytes_written", "bytes"),
    ("compactions", "compactions"),
    ("compacted_bytes", "bytes"),
    ("compaction_debt_bytes", "bytes"),
    ("newest_version", "version"),
    ("history_floor", "version"),
];

#[tokio::test]
async fn every_figure_is_listed_with_its_unit() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let figures = store.statistics().figures;
    let listed: Vec<_> = figures.iter().map(|figure| (figure.name, figure.unit)).collect();
    assert_eq!(listed, FIGURES);
    for figure in figures {
        let text = figure.description;
        assert!(text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{}: {text}", figure.name);
    }
    Ok(())
}

#[tokio::test]
async fn figures_move_as_they_say() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let version = write(&store, &[("a", "1"), ("b", "1"), ("c", "")]).await?;
    assert_eq!((figure(&store, "memtable_rows"), figure(&store, "commits"), figure(&store, "runs")), (3, 1, 0));
    assert_eq!(figure(&store, "newest_version"), version);
    assert!(figure(&store, "memtable_bytes") > 0 && figure(&store, "journal_bytes_written") > 0);
    let loser = store.begin(TransactionOptions::write()).await?;
    assert_eq!(figure(&store, "open_transactions"), 1);
    loser.set("a".into(), "2".into()).await?;
    write(&store, &[("a", "3")]).await?;
    assert!(matches!(loser.commit().await, Err(Error::TransactionConflict { .. })));
    assert_eq!((figure(&store, "conflicts"), figure(&store, "open_transactions")), (1, 0));
    store.flush().await?;
    assert_eq!((figure(&store, "memtable_rows"), figure(&store, "runs"), figure(&store, "run_rows")), (0, 1, 4));
    assert_eq!(figure(&store, "run_tombstones"), 1);
    assert!(figure(&store, "run_disk_bytes") > 0);
    let counters = store.statistics().figures.into_iter().filter(|figure| figure.kind == FigureKind::Counter);
    let counters: Vec<_> = counters.map(|figure| figure.name).collect();
    assert_eq!(
        counters,
        ["commits", "commit_groups", "conflicts", "journal_bytes_written", "compactions", "compacted_bytes"]
    );
    Ok(())
}
