//! A feed that cannot keep up holds up nobody, loses nothing, and takes no more memory for that.

use super::*;
use kv_lance::Durability;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The most that a batch of these tests may take: what a batch aims at, and a commit.
const MOST: usize = 9 << 20;

/// Some 50 MB: three times what is kept in memory.
const COMMITS: usize = 1000;

/// The most that is kept of recent commits.
const TAIL: u64 = 16 << 20;

fn flooded(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir).memtable_bytes(2 << 20).durability(Durability::Eventual)
}

/// Overwrites keys at random, `rows` a commit.
async fn write_rows(store: &LanceDatastore, number: u64, rows: u64, bytes: usize) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for row in 0..rows {
        let key = (number * rows + row).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let val = format!("{number} {}", "x".repeat(bytes));
        tx.set(format!("key{:07}", key % 5_000_000).into(), val.into()).await?;
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_a_flood_leaves_behind_loses_nothing() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(flooded(dir.path())).await?);
    let (mut feed, idle) = (changes(&store, 0).await?, changes(&store, 0).await?);
    let (shared, committed) = (store.clone(), Arc::new(AtomicUsize::new(0)));
    let count = committed.clone();
    let writer = tokio::spawn(async move {
        let mut versions = Vec::new();
        for number in 0..COMMITS as u64 {
            versions.push(write_rows(&shared, number, 50, 1000).await?);
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok::<_, kv_api::Error>(versions)
    });
    let (mut given, mut largest): (Vec<(Version, usize)>, usize) = (Vec::new(), 0);
    while given.len() < COMMITS {
        // Always 20 MB behind, for as long as there is a flood.
        if !writer.is_finished() && committed.load(Ordering::SeqCst) < given.len() + 400 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let next = timeout(Duration::from_secs(60), feed.next()).await.unwrap();
        let batch = next?.unwrap();
        largest = largest.max(batch.get_array_memory_size());
        for (version, rows) in commits(&batch) {
            let number = given.len();
            assert!(rows.iter().all(|(_, val)| val.as_ref().unwrap().starts_with(&format!("{number} "))));
            given.push((version, rows.len()));
        }
        assert!(figure(&store, "change_feed_bytes") <= TAIL);
    }
    let versions = writer.await.unwrap()?;
    assert_eq!(given.iter().map(|(version, _)| *version).collect::<Vec<_>>(), versions);
    assert!(given.iter().all(|(_, rows)| *rows == 50));
    assert!(figure(&store, "change_feed_passes") > 1, "it has been behind what is in memory");
    assert!(largest <= 2 * MOST, "a batch of {largest} bytes");
    assert_eq!(figure(&store, "change_feed_version"), 0, "the idle one is where it was");
    drop(idle);
    Ok(())
}

/// A large history whose commits are spread over all keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_history_is_gone_through_few_times() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(flooded(dir.path())).await?;
    let mut versions = Vec::new();
    for number in 0..300 {
        versions.push(write_rows(&store, number, 200, 60).await?);
    }
    store.compact().await?;
    let began = Instant::now();
    let (mut feed, mut batches, mut rows) = (changes(&store, 0).await?, 0, 0);
    let mut given = Vec::new();
    while given.len() < versions.len() {
        let batch = feed.next().await?.unwrap();
        assert!(batch.get_array_memory_size() <= 2 * MOST);
        (batches, rows) = (batches + 1, rows + batch.num_rows());
        given.extend(commits(&batch).into_iter().map(|(version, _)| version));
    }
    let seconds = began.elapsed().as_secs_f64();
    let passes = figure(&store, "change_feed_passes");
    println!("{rows} rows in {batches} batches and {passes} passes: {:.0} rows/s", rows as f64 / seconds);
    assert_eq!(given, versions);
    assert_eq!(passes, 1, "in {batches} batches");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_feeds_each_get_their_part() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path()).durability(Durability::Eventual)).await?);
    let since = write(&store, &[("a", "1")]).await?;
    let mut waiting = Vec::new();
    for n in 0..1000 {
        let mut feed = store.changes(since, ChangeFilter { range: KeyRange::prefix(format!("{n:03}/")) }).await?;
        waiting.push(tokio::spawn(async move { feed.next().await.map(|batch| commits(&batch.unwrap())) }));
    }
    let mut versions = Vec::new();
    for n in 0..1000 {
        versions.push(write(&store, &[(&format!("{n:03}/key"), "1"), ("b", "2")]).await?);
    }
    for (n, waiting) in waiting.into_iter().enumerate() {
        let expected = vec![(versions[n], vec![(format!("{n:03}/key"), Some("1".to_string()))])];
        assert_eq!(timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap()?, expected);
    }
    Ok(())
}
