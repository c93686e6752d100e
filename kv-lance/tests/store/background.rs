//! What is asked of background work ends with what there was at the call, and a shutdown asks nothing of the runtime.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A flush went on for as long as writers filled memtables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_ends_beside_writers() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let config =
        LanceConfig::new(dir.path().join("store")).memtable_bytes(1 << 10).partition_bytes(1 << 10).frozen_memtables(8);
    let store = Arc::new(open(config).await?);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let (store, stop) = (store.clone(), stop.clone());
            tokio::spawn(async move {
                let mut i = 0;
                while !stop.load(Ordering::Relaxed) {
                    let key = format!("{writer}/{i}");
                    write(&store, &[(&key, &"x".repeat(1000))]).await.unwrap();
                    i += 1;
                }
            })
        })
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let flushed = tokio::time::timeout(Duration::from_secs(30), store.flush()).await;
        assert!(matches!(flushed, Ok(Ok(()))), "{flushed:?}");
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    store.shutdown().await
}

/// A runtime without timers made the shutdown panic.
#[test]
fn a_store_shuts_down_on_a_runtime_without_timers() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = open(LanceConfig::new(dir.path().join("store"))).await?;
        write(&store, &[("a", "1")]).await?;
        store.shutdown().await
    })
}
