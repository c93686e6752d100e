//! A key that is written often: scans pass over its versions, and find the right one.

use super::*;
use kv_lance::Durability;

async fn hot(store: &LanceDatastore, commits: usize) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    write(store, &[("a", "first"), ("hot", "0"), ("z", "last")]).await?;
    for n in 1..commits {
        versions.push(write(store, &[("hot", if n % 7 == 0 { "" } else { "set" })]).await?);
    }
    store.flush().await?;
    Ok(versions)
}

#[tokio::test]
async fn every_version_of_a_hot_key_is_found_in_both_directions() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).durability(Durability::Eventual).block_bytes(256)).await?;
    let versions = hot(&store, 3000).await?;
    for (n, version) in versions.iter().enumerate().step_by(13) {
        let found = all(&store, Some(*version)).await?;
        let middle: &[(&str, &str)] = if (n + 1) % 7 == 0 { &[] } else { &[("hot", "set")] };
        assert_eq!(found, rows(&[&[("a", "first")], middle, &[("z", "last")]].concat()), "after {} commits", n + 1);
    }
    store.shutdown().await
}

#[tokio::test]
async fn scans_do_not_read_all_versions_of_a_hot_key() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = || LanceConfig::new(dir.path()).durability(Durability::Eventual).block_bytes(256);
    let store = open(config()).await?;
    let middle = hot(&store, 12_000).await?[6000];
    store.shutdown().await?;
    for version in [None, Some(middle)] {
        for backward in [false, true] {
            let store = open(config()).await?;
            let tx = store.begin(TransactionOptions::read()).await?;
            let found = match backward {
                false => tx.scan(KeyRange::all(), ScanLimit::Count(10), 0, version).await?,
                true => tx.scanr(KeyRange::all(), ScanLimit::Count(10), 0, version).await?,
            };
            assert!(found.len() >= 2);
            // All versions would be far more than a hundred thousand bytes; of a few blocks those beside them are read as well.
            let read = figure(&store, "block_cache_bytes");
            assert!(read < 40_000, "{read} bytes at {version:?}, backward: {backward}");
            drop(tx);
            store.shutdown().await?;
        }
    }
    Ok(())
}
