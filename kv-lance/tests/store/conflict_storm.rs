//! Tasks that increment one counter and retry at once: every retry was doomed until the winner's fdatasync had ended, so
//! that 160 increments took 6,500 conflicts.

use super::*;
use kv_api::{Error, Transactable};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn count(tx: &dyn Transactable) -> Result<u64> {
    let val = tx.get(b"counter", None).await?;
    Ok(val.map_or(0, |val| String::from_utf8(val.to_vec()).unwrap().parse().unwrap()))
}

async fn increment(store: &LanceDatastore, conflicts: &AtomicUsize) -> Result<()> {
    loop {
        let tx = store.begin(TransactionOptions::write()).await?;
        let next = count(&*tx).await? + 1;
        tx.set("counter".into(), next.to_string().into()).await?;
        match tx.commit().await {
            Err(Error::TransactionConflict { .. }) => conflicts.fetch_add(1, Ordering::Relaxed),
            done => return done,
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_not_doomed_by_what_is_still_being_synced() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path().join("store"))).await?);
    let conflicts = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, conflicts) = (store.clone(), conflicts.clone());
            tokio::spawn(async move {
                for _ in 0..20 {
                    increment(&store, &conflicts).await?;
                }
                Ok::<(), Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap()?;
    }
    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(count(&*tx).await?, 160);
    let conflicts = conflicts.load(Ordering::Relaxed);
    eprintln!("{conflicts} conflicts");
    assert!(conflicts < 160, "{conflicts} conflicts for 160 increments");
    Ok(())
}
