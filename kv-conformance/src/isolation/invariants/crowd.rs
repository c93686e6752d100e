//! Writers that change things while others look.

use crate::case::guarded;
use crate::fixture::{Failure, Mismatch, Tx, Verdict};
use crate::isolation::script::{Script, commits};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const WRITERS: usize = 4;
const READERS: usize = 2;

/// Runs `change` so often in each of four writers, with the writer's number and a count, while two readers look with
/// `check` and the store flushes and compacts; and has everybody look again once they are done and once the store has settled.
pub(super) async fn crowd<Change, Changing, Check, Checking>(
    script: &Script,
    times: usize,
    change: Change,
    check: Check,
) -> Verdict
where
    Change: Fn(Script, usize, usize) -> Changing,
    Changing: Future<Output = Verdict> + Send + 'static,
    Check: Fn(Tx) -> Checking,
    Checking: Future<Output = Verdict> + Send + 'static,
    Change: Clone + Send + 'static,
    Check: Clone + Send + Sync + 'static,
{
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let writers = (0..WRITERS).map(|writer| {
        let (script, change, writing) = (script.clone(), change.clone(), writing.clone());
        tokio::spawn(guarded(async move {
            let mut verdict = Ok(());
            for n in 0..times {
                verdict = change(script.clone(), writer, n).await;
                if verdict.is_err() {
                    break;
                }
            }
            writing.fetch_sub(1, Ordering::SeqCst);
            verdict
        }))
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..READERS).map(|reader| {
        let (script, check, writing) = (script.clone(), check.clone(), writing.clone());
        tokio::spawn(guarded(async move {
            while writing.load(Ordering::SeqCst) > 0 {
                check(if reader == 0 { script.read().await? } else { script.write().await? }).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }))
    });
    let readers: Vec<_> = readers.collect();
    let maintenance = script.store.maintain();
    let ended = join_all(writers.into_iter().chain(readers)).await;
    maintenance.end().await?;
    for ended in ended {
        ended??;
    }
    check(script.read().await?).await?;
    script.store.settle().await?;
    check(script.read().await?).await
}

/// Runs a transaction until it commits.
pub(super) async fn until_committed<Working>(
    script: &Script,
    work: impl Fn(Arc<Tx>) -> Working,
) -> Result<Arc<Tx>, Failure>
where
    Working: Future<Output = Result<(), Mismatch>>,
{
    loop {
        let tx = Arc::new(script.write().await?);
        // So that transactions overlap even in a store that never waits.
        tokio::task::yield_now().await;
        work(tx.clone()).await?;
        tokio::task::yield_now().await;
        if commits(&tx).await? {
            return Ok(tx);
        }
        tokio::task::yield_now().await;
    }
}
