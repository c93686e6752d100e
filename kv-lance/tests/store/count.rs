//! Counts that pass over whole blocks by their fences agree with the keys that are there.

use super::*;
use kv_api::Transactable;

/// Counts of many ranges, of which the ends fall on, between and beyond keys.
async fn counts_agree(tx: &dyn Transactable, version: Option<Version>, state: &str) -> Result<()> {
    let ends =
        (0..=1000).step_by(83).flat_map(|i| [format!("key{i:06}"), format!("key{i:06}x"), format!("key{:06}", i + 1)]);
    let ends: Vec<String> = ["".to_owned(), "z".to_owned()].into_iter().chain(ends).collect();
    for start in &ends {
        for end in &ends {
            let range = KeyRange::from(start.clone()..end.clone());
            let keys = tx.keys(range.clone(), ScanLimit::Count(u32::MAX), 0, version).await?;
            assert_eq!(tx.count(range, version).await?, keys.len() as u64, "{start}..{end}, {state}");
        }
        let range = KeyRange::from(start.clone()..);
        let keys = tx.keys(range.clone(), ScanLimit::Count(u32::MAX), 0, version).await?;
        assert_eq!(tx.count(range, version).await?, keys.len() as u64, "{start}.., {state}");
    }
    Ok(())
}

async fn set(store: &LanceDatastore, keys: impl Iterator<Item = usize>) -> Result<Version> {
    let tx = store.begin(TransactionOptions::write()).await?;
    for (key, val) in keys.map(numbered) {
        tx.set(key.into(), val.into()).await?;
    }
    tx.commit().await?;
    Ok(tx.commit_version().unwrap())
}

async fn read(store: &LanceDatastore) -> Result<Box<dyn Transactable>> {
    store.begin(TransactionOptions::read()).await
}

#[tokio::test]
async fn counts_agree_with_keys_whatever_lies_on_top_of_a_run() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path()).block_bytes(256)).await?;
    let before = store.current_version().await?;
    let first = set(&store, 0..1000).await?;
    store.flush().await?;
    counts_agree(read(&store).await?.as_ref(), None, "one run").await?;
    counts_agree(read(&store).await?.as_ref(), Some(before), "before the run's rows").await?;

    let tx = store.begin(TransactionOptions::write()).await?;
    tx.set("key000500x".into(), "".into()).await?;
    tx.set("key000700".into(), "again".into()).await?;
    tx.del("key000083".into()).await?;
    counts_agree(tx.as_ref(), None, "own writes").await?;
    tx.commit().await?;
    counts_agree(read(&store).await?.as_ref(), None, "memtable over a run").await?;
    counts_agree(read(&store).await?.as_ref(), Some(first), "the run under a memtable").await?;

    store.flush().await?;
    set(&store, (990..1200).chain(400..420)).await?;
    store.flush().await?;
    counts_agree(read(&store).await?.as_ref(), None, "runs over one another, with a tombstone").await?;
    counts_agree(read(&store).await?.as_ref(), Some(first), "an older version of them").await?;

    store.compact().await?;
    counts_agree(read(&store).await?.as_ref(), None, "compacted, with history").await?;
    counts_agree(read(&store).await?.as_ref(), Some(first), "compacted, as of the first commit").await?;
    store.shutdown().await
}
