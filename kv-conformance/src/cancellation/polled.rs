//! Attempts for every number of polls, and what must hold after each.

use crate::fixture::{Drop, Failure, Mismatch, Store, Tx, Verdict};
use kv_api::{Error, Result};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// What takes longer hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(8);

/// A future that is pending this often is not polled any further.
const MOST: usize = 40;

/// Makes an attempt for every number of polls, with and without lingering, until one at either says that its future
/// completed; at least up to `least` polls, for futures that do not take the same number every time.
pub(super) async fn at_every_poll<Attempt, Attempting>(what: &str, least: usize, attempt: Attempt) -> Verdict
where
    Attempt: Fn(Drop) -> Attempting,
    Attempting: Future<Output = Result<bool, Failure>>,
{
    for polls in 0..MOST {
        let mut completed = true;
        for linger in [false, true] {
            let dropped = Drop { polls, linger };
            completed &= in_time(&format!("{what}, {dropped}"), attempt(dropped)).await?;
        }
        if completed && polls >= least {
            break;
        }
    }
    Ok(())
}

/// Fails where `work` hangs, and says in what.
pub(super) async fn in_time<T>(what: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match timeout(LIMIT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(failure)) => Err(Failure::new(format!("{what}: {failure}"))),
        Err(_) => Err(Failure::new(format!("{what}: the store hangs for {} s", LIMIT.as_secs()))),
    }
}

/// Asserts that the store goes on: a fresh transaction writes, another reads.
pub(super) async fn goes_on(store: &Store) -> Result<(), Mismatch> {
    store.commit("probe=1").await?;
    let seen = store.read().await?.val("probe").await?;
    store.commit("-probe").await?;
    match seen.as_str() {
        "1" => Ok(()),
        seen => Err(Mismatch(format!("a fresh transaction reads '{seen}' where '1' was committed"))),
    }
}

/// Commits a script, again where it conflicts with a commit that was dropped and is under way.
pub(super) async fn commit_at_last(store: &Store, script: &str) -> Result<(), Mismatch> {
    for _ in 0..20 {
        match store.commit(script).await {
            Ok(_) => return Ok(()),
            Err(Error::TransactionConflict { .. }) => sleep(Duration::from_millis(2)).await,
            Err(other) => return Err(other.into()),
        }
    }
    Err(Mismatch("a commit conflicts twenty times with one that was dropped".into()))
}

/// Asserts that `tx` is closed and says so to whoever asks.
pub(super) async fn is_finished(tx: &Tx) -> Result<(), Mismatch> {
    match (tx.get(b"a", None).await, tx.commit().await) {
        (Err(Error::TransactionFinished), Err(Error::TransactionFinished)) => Ok(()),
        (read, commit) => Err(Mismatch(format!("closed() is true, but a read gives {read:?} and a commit {commit:?}"))),
    }
}
