//! The figures of a store: all are listed, with units, and they move as they say.

use crate::{figure, numbered, open, write};
use kv_api::{Datastore, Error, FigureKind, Result, TransactionOptions};
use kv_lance::{LanceConfig, LanceDatastore};

/// Name and unit of every figure of a store without runs, in their order. Whoever exports them relies on both.
const FIGURES: [(&str, &str); 54] = [
    ("memtable_rows", "rows"),
    ("memtable_bytes", "bytes"),
    ("memtable_budget", "bytes"),
    ("frozen_memtables", "memtables"),
    ("runs", "runs"),
    ("level_0_runs", "runs"),
    ("levels", "levels"),
    ("read_amplification", "runs"),
    ("run_rows", "rows"),
    ("run_tombstones", "rows"),
    ("run_disk_bytes", "bytes"),
    ("run_resident_bytes", "bytes"),
    ("history_runs", "runs"),
    ("history_rows", "rows"),
    ("history_disk_bytes", "bytes"),
    ("index_cache_bytes", "bytes"),
    ("index_cache_budget", "bytes"),
    ("index_cache_hits", "parts"),
    ("index_cache_misses", "parts"),
    ("block_cache_bytes", "bytes"),
    ("block_cache_budget", "bytes"),
    ("block_cache_hits", "blocks"),
    ("block_cache_misses", "blocks"),
    ("open_files", "files"),
    ("open_files_budget", "files"),
    ("open_transactions", "transactions"),
    ("conflict_check_keys", "keys"),
    ("commits", "commits"),
    ("commit_groups", "groups"),
    ("conflicts", "commits"),
    ("journal_bytes_written", "bytes"),
    ("memtable_stalls", "stalls"),
    ("memtable_stall_time", "microseconds"),
    ("memtable_stall_longest", "microseconds"),
    ("run_stalls", "stalls"),
    ("run_stall_time", "microseconds"),
    ("run_stall_longest", "microseconds"),
    ("flushes", "flushes"),
    ("flushed_bytes", "bytes"),
    ("compactions", "compactions"),
    ("compaction_failures", "compactions"),
    ("compactions_paused", "flag"),
    ("compacted_bytes", "bytes"),
    ("compaction_written_bytes", "bytes"),
    ("compaction_debt_bytes", "bytes"),
    ("write_amplification", "percent"),
    ("newest_version", "version"),
    ("history_floor", "version"),
    ("tags", "tags"),
    ("tagged_disk_bytes", "bytes"),
    ("change_feeds", "feeds"),
    ("change_feed_version", "version"),
    ("change_feed_bytes", "bytes"),
    ("change_feed_passes", "passes"),
];

/// What there is of each level besides.
const OF_LEVELS: [(&str, &str); 4] =
    [("level_runs", "runs"), ("level_rows", "rows"), ("level_tombstones", "rows"), ("level_bytes", "bytes")];

/// The figures that count.
const COUNTERS: [&str; 19] = [
    "index_cache_hits",
    "index_cache_misses",
    "block_cache_hits",
    "block_cache_misses",
    "commits",
    "commit_groups",
    "conflicts",
    "journal_bytes_written",
    "memtable_stalls",
    "memtable_stall_time",
    "run_stalls",
    "run_stall_time",
    "flushes",
    "flushed_bytes",
    "compactions",
    "compaction_failures",
    "compacted_bytes",
    "compaction_written_bytes",
    "change_feed_passes",
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
    assert_eq!((figure(&store, "memtable_rows"), figure(&store, "runs"), figure(&store, "run_rows")), (0, 1, 3));
    assert_eq!((figure(&store, "history_runs"), figure(&store, "history_rows")), (1, 1));
    assert!(figure(&store, "history_disk_bytes") > 0);
    assert_eq!(figure(&store, "run_tombstones"), 1);
    assert!(figure(&store, "run_disk_bytes") > 0);
    let counters = store.statistics().figures.into_iter().filter(|figure| figure.kind == FigureKind::Counter);
    let counters: Vec<_> = counters.map(|figure| figure.name).collect();
    assert_eq!(counters, COUNTERS);
    Ok(())
}

/// Writes 1,000 keys in one commit, and flushes them.
async fn write_a_run(store: &LanceDatastore, value: &str) -> Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for n in 0..1000 {
        tx.set(numbered(n).0.into(), format!("{value} {n}").into()).await?;
    }
    tx.commit().await?;
    store.flush().await
}

fn at(store: &LanceDatastore, name: &str, level: u32) -> u64 {
    store.statistics().get_at(name, level).unwrap()
}

#[tokio::test]
async fn each_level_has_its_figures() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).background_optimize(false)).await?;
    assert_eq!((store.levels(), figure(&store, "read_amplification")), (vec![], 0));
    for value in ["a", "b"] {
        write_a_run(&store, value).await?;
    }
    store.compact().await?;
    write_a_run(&store, "c").await?;
    write(&store, &[("key000003", ""), ("z", "1")]).await?;
    store.flush().await?;

    let figures = store.statistics().figures;
    let of_levels: Vec<_> = figures.iter().filter(|f| f.level == Some(0)).map(|f| (f.name, f.unit)).collect();
    assert_eq!(of_levels, OF_LEVELS);
    let levels = store.levels();
    assert_eq!((levels.len(), figure(&store, "levels"), figure(&store, "read_amplification")), (2, 2, 3));
    for (number, level) in (0..).zip(&levels) {
        assert_eq!(level.level, number);
        assert_eq!(at(&store, "level_runs", number), level.runs.len() as u64);
        assert_eq!(at(&store, "level_rows", number), level.rows());
        assert_eq!(at(&store, "level_tombstones", number), level.tombstones());
        assert_eq!(at(&store, "level_bytes", number), level.bytes());
    }
    assert_eq!((levels[0].rows(), levels[0].tombstones(), levels[1].rows()), (1002, 1, 1000));
    assert_eq!(levels.iter().map(|level| level.bytes()).sum::<u64>(), figure(&store, "run_disk_bytes"));
    let bounds = levels[0].key_bounds().unwrap();
    assert_eq!((&bounds.0[..], &bounds.1[..]), (&b"key000000"[..], &b"z"[..]));
    let newest = &levels[0].runs[0];
    assert_eq!((newest.rows, newest.keys, &newest.first_key[..]), (2, 2, &b"key000003"[..]));
    assert_eq!(newest.newest_version, figure(&store, "newest_version"));
    let file = dir.path().join("runs").join(&newest.file);
    assert_eq!(std::fs::metadata(file).unwrap().len(), newest.bytes);
    Ok(())
}

#[tokio::test]
async fn what_is_written_again_is_counted() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).background_optimize(false)).await?;
    assert_eq!(figure(&store, "write_amplification"), 0);
    for value in ["a", "b"] {
        write_a_run(&store, value).await?;
    }
    let flushed = figure(&store, "run_disk_bytes");
    assert_eq!((figure(&store, "flushes"), figure(&store, "flushed_bytes")), (2, flushed));
    assert_eq!(figure(&store, "write_amplification"), 100);
    store.compact().await?;
    let merged = figure(&store, "run_disk_bytes") + figure(&store, "history_disk_bytes");
    assert_eq!((figure(&store, "compacted_bytes"), figure(&store, "compaction_written_bytes")), (flushed, merged));
    assert_eq!((figure(&store, "flushes"), figure(&store, "flushed_bytes")), (2, flushed));
    assert_eq!(figure(&store, "write_amplification"), (flushed + merged) * 100 / flushed);
    Ok(())
}

#[tokio::test]
async fn caches_count_what_they_had() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).cache_bytes(1 << 20).index_cache_bytes(1 << 20).open_files(16);
    write_a_run(&open(config()).await?, "a").await?;
    let store = open(config()).await?;
    let figures = |names: [&str; 4]| names.map(|name| figure(&store, name));
    let caches = || figures(["index_cache_hits", "index_cache_misses", "block_cache_hits", "block_cache_misses"]);
    let get = async || {
        let tx = store.begin(TransactionOptions::read()).await?;
        tx.get(b"key000500", None).await
    };
    assert_eq!(caches(), [0, 0, 0, 0]);
    assert!(get().await?.is_some());
    let [_, parts, _, blocks] = caches();
    assert!(parts > 0);
    assert_eq!(blocks, 2, "keys and values of one block");
    let [index_hits, _, block_hits, _] = caches();
    for _ in 0..10 {
        get().await?;
    }
    assert_eq!(caches(), [index_hits + 10, parts, block_hits + 20, 2]);
    assert_eq!(
        figures(["block_cache_budget", "index_cache_budget", "open_files", "open_files_budget"]),
        [1 << 20, 1 << 20, 1, 16]
    );
    Ok(())
}

#[tokio::test]
async fn writers_that_wait_are_counted() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store =
        open(LanceConfig::new(dir.path()).memtable_bytes(1 << 10).partition_bytes(1 << 10).frozen_memtables(1)).await?;
    assert_eq!(figure(&store, "memtable_budget"), 2 << 10);
    let mut commits = 0;
    while figure(&store, "memtable_stalls") < 3 {
        write(&store, &[("a", &"x".repeat(1 << 10))]).await?;
        commits += 1;
        assert!(commits < 10_000, "{:?}", store.statistics());
    }
    let (all, longest) = (figure(&store, "memtable_stall_time"), figure(&store, "memtable_stall_longest"));
    assert!(longest > 0 && longest < all, "{longest} of {all} microseconds");
    Ok(())
}
