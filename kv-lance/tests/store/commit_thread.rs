//! With `commit_on=thread` a sync blocks a thread of the store and none of a caller's.

use super::faulty::{Fault, Faulty, Operation};
use super::*;
use kv_lance::CommitOn;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SLOW: Duration = Duration::from_millis(500);

/// How long a task beside a slow sync waits for its timer of 10 ms, on a runtime with one thread.
async fn timer_beside_a_sync(commit_on: CommitOn) -> Result<Duration> {
    let dir = tempfile::tempdir().unwrap();
    let files = Faulty::default();
    let store = open(LanceConfig::new(dir.path()).commit_on(commit_on).files(Arc::new(files.clone()))).await?;
    files.add(Fault { delay: SLOW, ..Fault::always(Operation::Sync, ".log", 0) });
    let began = Instant::now();
    let timer = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        began.elapsed()
    };
    let (written, woken) = futures::join!(write(&store, &[("a", "1")]), timer);
    written?;
    assert!(began.elapsed() >= SLOW, "it was acknowledged before it was durable");
    files.heal();
    assert_eq!(all(&store, None).await?, rows(&[("a", "1")]));
    drop(store);
    let store = open(LanceConfig::new(dir.path())).await?;
    assert_eq!(all(&store, None).await?, rows(&[("a", "1")]));
    Ok(woken)
}

/// Threads of this process that write commits.
fn commit_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim_end() == "kv-lance-commit").count()
}

#[tokio::test]
async fn a_sync_on_the_stores_thread_holds_up_no_task_beside_it() -> Result<()> {
    let beside = timer_beside_a_sync(CommitOn::Thread).await?;
    assert!(beside < SLOW, "the timer took {beside:?}");
    let beside = timer_beside_a_sync(CommitOn::Caller).await?;
    assert!(beside >= SLOW, "the caller's thread was not blocked: the test shows nothing ({beside:?})");
    // The thread goes with its store.
    let began = Instant::now();
    while commit_threads() > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "a commit thread outlives its store");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
