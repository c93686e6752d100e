//! Tasks that increment one counter and retry at once: every retry was doomed until the winner's
//! fdatasync had ended, so that 160 increments took 6,500 conflicts; then 57 to 89, as most winners
//! that came back ran into somebody's retry.

use super::*;
use kv_api::{Error, Transactable};
use kv_lance::CommitOn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TASKS: usize = 8;

async fn count(tx: &dyn Transactable) -> Result<u64> {
    let val = tx.get(b"counter", None).await?;
    Ok(val.map_or(0, |val| String::from_utf8(val.to_vec()).unwrap().parse().unwrap()))
}

/// The counter after the increment, and how many conflicts it took.
async fn increment(store: &LanceDatastore) -> Result<(u64, u64)> {
    let mut conflicts = 0;
    loop {
        let tx = store.begin(TransactionOptions::write()).await?;
        let next = count(&*tx).await? + 1;
        tx.set("counter".into(), next.to_string().into()).await?;
        match tx.commit().await {
            Err(Error::TransactionConflict { .. }) => conflicts += 1,
            done => return done.map(|()| (next, conflicts)),
        };
    }
}

/// The increments of each task, until the counter is at `total`, and the conflicts of all.
async fn storm(store: Arc<LanceDatastore>, total: u64) -> Result<(Vec<u64>, u64)> {
    let counter = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (store, counter) = (store.clone(), counter.clone());
            tokio::spawn(async move {
                let (mut increments, mut conflicts) = (0, 0);
                while counter.load(Ordering::Relaxed) < total {
                    let (now, lost) = increment(&store).await?;
                    counter.fetch_max(now, Ordering::Relaxed);
                    increments += 1;
                    conflicts += lost;
                }
                Ok::<_, Error>((increments, conflicts))
            })
        })
        .collect();
    let (mut each, mut conflicts) = (vec![], 0);
    for task in tasks {
        let (increments, lost) = task.await.unwrap()?;
        each.push(increments);
        conflicts += lost;
    }
    let tx = store.begin(TransactionOptions::read()).await?;
    assert_eq!(count(&*tx).await?, each.iter().sum::<u64>());
    Ok((each, conflicts))
}

async fn few_conflicts(commit_on: CommitOn) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path().join("store")).commit_on(commit_on)).await?);
    let (_, conflicts) = storm(store, 160).await?;
    eprintln!("{conflicts} conflicts");
    assert!(conflicts < 60, "{conflicts} conflicts for 160 increments");
    Ok(())
}

#[tokio::test]
async fn a_counter_that_many_increment_takes_few_conflicts_on_one_thread() -> Result<()> {
    few_conflicts(CommitOn::Caller).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_many_increment_takes_few_conflicts_on_two_threads() -> Result<()> {
    few_conflicts(CommitOn::Caller).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_that_many_increment_takes_few_conflicts_beside_a_commit_thread() -> Result<()> {
    few_conflicts(CommitOn::Thread).await
}

/// Who has won goes first, but not for ever.
async fn turns() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(LanceConfig::new(dir.path().join("store"))).await?);
    let (each, _) = storm(store, 400).await?;
    eprintln!("{each:?} increments");
    assert!(each.iter().all(|increments| *increments >= 5), "{each:?} increments");
    Ok(())
}

#[tokio::test]
async fn every_task_of_a_storm_gets_its_turns_on_one_thread() -> Result<()> {
    turns().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_of_a_storm_gets_its_turns_on_two_threads() -> Result<()> {
    turns().await
}
