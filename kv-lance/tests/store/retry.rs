//! `kv_api::retry`: conflicts are tried again, other errors are told.

use super::*;
use kv_api::{Error, retry};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn increment(store: &LanceDatastore) -> Result<u64> {
    retry(store, TransactionOptions::write(), |tx| async move {
        let old = tx.get(b"counter", None).await?.map_or(0, |val| u64::from_be_bytes(val.as_ref().try_into().unwrap()));
        // Others commit meanwhile.
        tokio::task::yield_now().await;
        tx.set("counter".into(), (old + 1).to_be_bytes().to_vec().into()).await?;
        Ok(old + 1)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path())).await?);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                for _ in 0..20 {
                    seen.push(increment(&store).await?);
                }
                Result::<Vec<u64>>::Ok(seen)
            })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.extend(task.await.unwrap()?);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=160).collect::<Vec<u64>>());
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_is_told_at_once_and_nothing_is_written() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = open(LanceConfig::new(dir.path())).await?;
    let tries = AtomicUsize::new(0);
    let tries = &tries;
    let failed: Result<()> = retry(&store, TransactionOptions::write(), |tx| async move {
        tries.fetch_add(1, Ordering::Relaxed);
        tx.set("key".into(), "val".into()).await?;
        tx.put("key".into(), "again".into()).await
    })
    .await;
    assert!(matches!(failed, Err(Error::TransactionKeyAlreadyExists)), "{failed:?}");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    assert_eq!(all(&store, None).await?, []);
    Ok(())
}
