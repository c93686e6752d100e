//! Long reads give way: a scan of many rows took its thread to itself until it was through.

use super::*;
use kv_api::Transactable;
use kv_lance::Durability;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const ROWS: usize = 40_000;

/// More than threads, so that none of these is idle.
const READS: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Read {
    Scan,
    Scanr,
    Keys,
    Count,
    BatchArrow,
}

impl Read {
    const ALL: [Self; 5] = [Self::Scan, Self::Scanr, Self::Keys, Self::Count, Self::BatchArrow];

    async fn run(self, tx: &dyn Transactable) -> Result<usize> {
        let (range, limit) = (KeyRange::all(), ScanLimit::Count(u32::MAX));
        Ok(match self {
            Self::Scan => tx.scan(range, limit, 0, None).await?.len(),
            Self::Scanr => tx.scanr(range, limit, 0, None).await?.len(),
            Self::Keys => tx.keys(range, limit, 0, None).await?.len(),
            Self::Count => tx.count(range, None).await? as usize,
            Self::BatchArrow => tx.batch_arrow(range, u32::MAX, None).await?.batch.num_rows(),
        })
    }
}

/// A store of two parts, in a run and in the memtable, with as much in both as in one alone.
async fn filled(dir: &std::path::Path) -> Result<LanceDatastore> {
    let store = open(LanceConfig::new(dir).durability(Durability::Eventual)).await?;
    for part in [0..ROWS / 2, ROWS / 4..ROWS] {
        let tx = store.begin(TransactionOptions::write()).await?;
        for (key, val) in part.clone().map(numbered) {
            tx.set(key.into(), val.into()).await?;
        }
        tx.commit().await?;
        if part.start == 0 {
            store.flush().await?;
        }
    }
    Ok(store)
}

/// How often a timer of a millisecond fires while reads run on every thread.
async fn ticks_beside(store: &Arc<LanceDatastore>, read: Read) -> Result<u64> {
    let ticks = Arc::new(AtomicU64::new(0));
    let counted = ticks.clone();
    let timer = tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(1));
        loop {
            interval.tick().await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let reads: Vec<_> = (0..READS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let tx = store.begin(TransactionOptions::read()).await?;
                read.run(tx.as_ref()).await
            })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap()?, ROWS);
    }
    timer.abort();
    Ok(ticks.load(Ordering::Relaxed))
}

#[test]
fn a_timer_keeps_its_time_beside_long_reads() -> Result<()> {
    let runtime = |mut builder: Builder| -> Runtime { builder.enable_all().build().unwrap() };
    let one = runtime(Builder::new_current_thread());
    let mut two = Builder::new_multi_thread();
    two.worker_threads(2);
    let two = runtime(two);
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(one.block_on(filled(dir.path()))?);
    for (threads, runtime) in [(1, &one), (2, &two)] {
        for read in Read::ALL {
            let store = store.clone();
            let ticks = runtime.block_on(runtime.spawn(async move { ticks_beside(&store, read).await })).unwrap()?;
            assert!(ticks >= 5, "{ticks} ticks beside {READS} of {read:?}, threads: {threads}");
        }
    }
    one.block_on(store.shutdown())
}
