//! Looking at a whole store: a sound one is sound whatever was done with it, and what is wrong is named.

use super::*;
use kv_api::Error;
use kv_lance::{CompactOptions, Durability, verify};
use std::time::Duration;

/// Everything flushes, merges and becomes history after a few commits.
fn tiny(dir: &Path) -> LanceConfig {
    LanceConfig::new(dir)
        .memtable_bytes(1 << 10)
        .partition_bytes(1 << 10)
        .block_bytes(256)
        .durability(Durability::Eventual)
}

/// Sets, deletes and erases, the same for the same number.
async fn step(store: &LanceDatastore, number: usize) -> Result<()> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for n in 0..1 + number % 5 {
        let key = format!("key{:03}", (number * 7 + n * n * 31) % 60);
        match (number + n) % 11 {
            0 | 3 => tx.del(key.into()).await?,
            7 => tx.clr(key.into()).await?,
            _ => tx.set(key.into(), "v".repeat(number % 40).into()).await?,
        }
    }
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_store_is_sound_whatever_was_done_with_it() -> Result<()> {
    for (versioned, retention) in [(true, 0), (true, 20), (false, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let config = || tiny(dir.path()).versioned(versioned).retention(Duration::from_millis(retention));
        let (mut rows, mut commits) = (0, 0);
        for round in 0..6 {
            let store = open(config()).await?;
            let old = store.begin(TransactionOptions::read()).await?;
            for number in round * 30..(round + 1) * 30 {
                step(&store, number).await?;
            }
            match round {
                2 => store.compact().await?,
                5 => store.compact_with(CompactOptions::no_history()).await?,
                _ => {}
            }
            drop(old);
            if round % 2 == 0 {
                store.shutdown().await?;
            }
            drop(store);
            let found = verify(&config()).await?;
            assert_eq!(found.damage, [], "versioned {versioned}, round {round}");
            (rows, commits) = (found.rows.max(rows), found.commits.max(commits));
        }
        assert!(rows > 50 && commits > 0, "{rows} rows, {commits} commits");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_open_is_left_alone() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    assert!(matches!(verify(&LanceConfig::new(dir.path())).await, Err(Error::StoreLocked { .. })));
    write(&store, &[("a", "1")]).await?;
    store.shutdown().await?;
    drop(store);
    let found = verify(&LanceConfig::new(dir.path())).await?;
    assert_eq!((found.damage, found.commits, found.segments, found.runs), (vec![], 1, 1, 0));
    assert!(matches!(verify(&LanceConfig::new(dir.path().join("none"))).await, Err(Error::NotAStore { .. })));
    Ok(())
}

/// Whoever verifies a backup may have copied a file under each of its names.
#[tokio::test]
async fn a_copy_without_hard_links_is_sound_and_either_name_is_looked_at() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    write(&store, &[("a", "1")]).await?;
    store.flush().await?;
    store.shutdown().await?;
    drop(store);
    let runs = std::fs::read_dir(dir.path().join("kv.lance/data")).unwrap();
    let run = runs.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&run).unwrap();
    std::fs::remove_file(&run).unwrap();
    std::fs::write(&run, &bytes).unwrap();
    assert_eq!(verify(&LanceConfig::new(dir.path())).await?.damage, []);
    bytes[0] ^= 1;
    std::fs::write(&run, &bytes).unwrap();
    let found = verify(&LanceConfig::new(dir.path())).await?.damage;
    assert!(found.iter().any(|damage| damage.path.ends_with(run.strip_prefix(dir.path()).unwrap())), "{found:?}");
    Ok(())
}
