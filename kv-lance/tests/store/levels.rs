//! Levels: runs are merged in the background, and reads, flushes and shutdowns go on beside that.

use super::*;
use std::time::{Duration, Instant};

fn config(dir: &std::path::Path) -> LanceConfig {
    LanceConfig::new(dir).memtable_bytes(64 << 10).partition_bytes(64 << 10).durability(kv_lance::Durability::Eventual)
}

/// Writes rounds of 1,000 keys in an order of their own, each round over the one before.
async fn write_rounds(store: &LanceDatastore, rounds: std::ops::Range<usize>) -> Result<()> {
    for round in rounds {
        for batch in 0..20 {
            let tx = store.begin(TransactionOptions::write()).await?;
            for n in 0..50 {
                let key = numbered((batch * 50 + n) * 617 % 1000).0;
                tx.set(key.into(), format!("round {round}").into()).await?;
            }
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn check_round(store: &LanceDatastore, round: usize) -> Result<()> {
    let expected: Rows = (0..1000).map(|n| (numbered(n).0, format!("round {round}"))).collect();
    assert_eq!(all(store, None).await?, expected);
    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(tx.count(KeyRange::all(), None).await?, 1000);
    assert_eq!(tx.get(numbered(617).0.as_bytes(), None).await?.as_deref(), Some(format!("round {round}").as_bytes()));
    Ok(())
}

/// Waits until nothing is due.
async fn settled(store: &LanceDatastore) {
    let began = Instant::now();
    while figure(store, "level_0_runs") >= 4 || figure(store, "compaction_debt_bytes") > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", store.statistics());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_do_not_pile_up() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).retention(Duration::from_millis(1))).await?;
    for round in 0..30 {
        write_rounds(&store, round..round + 1).await?;
        check_round(&store, round).await?;
    }
    store.flush().await?;
    settled(&store).await;
    assert!(figure(&store, "compactions") > 0 && figure(&store, "levels") >= 2, "{:?}", store.statistics());
    check_round(&store, 29).await?;
    // 30,000 rows have been written; those of the last rounds may still be on their way down.
    assert!(figure(&store, "run_rows") < 20_000, "{:?}", store.statistics());
    drop(store);
    let store = open(config(dir.path()).background_optimize(false)).await?;
    assert!(figure(&store, "levels") >= 2, "levels are part of what was committed");
    check_round(&store, 29).await
}

/// The thread that flushes came to nothing else, and what had been merged was never taken in.
#[tokio::test]
async fn runs_are_merged_while_writers_never_rest() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path()).memtable_bytes(8 << 10).partition_bytes(8 << 10)).await?;
    let began = Instant::now();
    let mut rounds = 0;
    while figure(&store, "compactions") < 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "{rounds} rounds: {:?}", store.statistics());
        write_rounds(&store, rounds..rounds + 1).await?;
        rounds += 1;
    }
    assert!(figure(&store, "level_0_runs") < figure(&store, "runs"));
    check_round(&store, rounds - 1).await
}

#[tokio::test]
async fn history_is_kept_on_its_way_down() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(config(dir.path())).await?;
    let mut versions = Vec::new();
    for round in 0..12 {
        write_rounds(&store, round..round + 1).await?;
        versions.push(store.current_version().await?);
    }
    store.flush().await?;
    settled(&store).await;
    assert!(figure(&store, "compactions") > 0);
    assert_eq!(figure(&store, "run_rows") + figure(&store, "history_rows"), 12_000);
    assert!(figure(&store, "history_rows") > 9_000, "{:?}", store.statistics());
    for (round, version) in versions.into_iter().enumerate() {
        let expected: Rows = (0..1000).map(|n| (numbered(n).0, format!("round {round}"))).collect();
        assert_eq!(all(&store, Some(version)).await?, expected, "round {round}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_without_versions_writes_what_was_overwritten_no_more() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    // All of it in one memtable.
    let store = open(LanceConfig::new(dir.path()).versioned(false).background_optimize(false)).await?;
    write_rounds(&store, 0..5).await?;
    let old = store.begin(TransactionOptions::read()).await?;
    write_rounds(&store, 5..6).await?;
    store.flush().await?;
    assert_eq!(figure(&store, "run_rows"), 1000, "the newest row of each key");
    assert_eq!(figure(&store, "history_rows"), 1000, "that which a transaction reads");
    check_round(&store, 5).await?;
    assert_eq!(old.get(numbered(3).0.as_bytes(), None).await?.as_deref(), Some(&b"round 4"[..]));
    drop(old);
    store.compact().await?;
    assert_eq!((figure(&store, "run_rows"), figure(&store, "history_rows")), (1000, 0));
    check_round(&store, 5).await
}

/// A store whose end waits for a merge of gigabytes is killed by whoever waits for it.
#[tokio::test]
async fn a_shutdown_breaks_a_compaction_off() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).background_optimize(false)).await?;
    write_rounds(&store, 0..60).await?;
    store.flush().await?;
    write_rounds(&store, 60..120).await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    tx.compact(None).await?;
    drop(tx);
    let began = Instant::now();
    store.shutdown().await?;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    check_round(&store, 119).await?;
    assert_eq!(
        run_files(&dir.path().join("runs")),
        figure(&store, "runs") + figure(&store, "history_runs"),
        "what was broken off is gone"
    );
    Ok(())
}
