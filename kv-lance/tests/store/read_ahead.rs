//! How much a scan reads of what is not in memory.

use super::*;
use kv_api::Transactable;

/// Rows of about 1 KiB, eight of which are a block.
const ROWS: usize = 4000;

fn key(row: usize) -> String {
    format!("key{row:06}")
}

/// A store of one run, of which nothing is in memory.
async fn cold(dir: &Path) -> Result<LanceDatastore> {
    let store = open(LanceConfig::new(dir)).await?;
    let tx = store.begin(TransactionOptions::write()).await?;
    for row in 0..ROWS {
        tx.set(key(row).into(), format!("{row:04}").repeat(256).into()).await?;
    }
    tx.commit().await?;
    store.compact().await?;
    store.shutdown().await?;
    open(LanceConfig::new(dir)).await
}

async fn scan(tx: &dyn Transactable, up: bool, range: KeyRange, limit: u32) -> Result<usize> {
    match up {
        true => tx.scan(range, limit.into(), 0, None).await,
        false => tx.scanr(range, limit.into(), 0, None).await,
    }
    .map(|rows| rows.len())
}

#[tokio::test]
async fn a_scan_reads_the_values_of_its_limit_at_once() -> Result<()> {
    for up in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = cold(dir.path()).await?;
        let tx = store.begin(TransactionOptions::read()).await?;
        assert_eq!(scan(&*tx, up, (key(1200)..key(3000)).into(), 100).await?, 100);
        // Keys, which are read a chunk at a time, and then values: one block after the other those would take six reads.
        let misses = figure(&store, "block_cache_misses");
        assert!(misses <= 4, "{misses} reads, up: {up}");
        let bytes = figure(&store, "block_cache_bytes");
        assert!(bytes < 160 << 10, "{bytes} bytes of 100 KiB, up: {up}");
    }
    Ok(())
}

/// Scans of a prefix often have a limit far above its rows.
#[tokio::test]
async fn no_values_are_read_beyond_the_range() -> Result<()> {
    for up in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = cold(dir.path()).await?;
        let tx = store.begin(TransactionOptions::read()).await?;
        assert_eq!(scan(&*tx, up, (key(1000)..key(1020)).into(), 10_000).await?, 20);
        let bytes = figure(&store, "block_cache_bytes");
        assert!(bytes < 48 << 10, "{bytes} bytes of 20 KiB, up: {up}");
    }
    Ok(())
}

/// What is in memory is not read again for what is not.
#[tokio::test]
async fn values_that_are_in_memory_are_not_read_again() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = cold(dir.path()).await?;
    let tx = store.begin(TransactionOptions::read()).await?;
    scan(&*tx, true, (key(1008)..).into(), 92).await?;
    let (misses, bytes) = (figure(&store, "block_cache_misses"), figure(&store, "block_cache_bytes"));
    assert_eq!(scan(&*tx, true, (key(1000)..).into(), 100).await?, 100);
    assert_eq!(figure(&store, "block_cache_misses"), misses + 1);
    assert!(figure(&store, "block_cache_bytes") <= bytes + (12 << 10));
    Ok(())
}
