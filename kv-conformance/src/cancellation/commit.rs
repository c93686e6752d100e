//! Commits that are dropped: whole or absent, and out of the way.

use super::polled::{at_every_poll, commit_at_last, goes_on, is_finished};
use crate::fixture::{Drop, Failure, Mismatch, Store, Tx, Verdict, polled};
use kv_api::{Error, KeyRange};
use std::time::Duration;

/// Enough for what a dropped commit left behind to come to light.
const A_WHILE: Duration = Duration::from_millis(60);

/// At least so many polls: a commit that waits for others takes more of them at times.
const POLLS: usize = 5;

pub(super) async fn commit_of_one_key(store: Store) -> Verdict {
    each_drop(&store, "commit of one key", 1, false).await
}

pub(super) async fn commit_of_many_keys(store: Store) -> Verdict {
    each_drop(&store, "commit of 50 keys", 50, false).await
}

pub(super) async fn commit_of_reads_and_writes(store: Store) -> Verdict {
    each_drop(&store, "serializable commit of 10 keys", 10, true).await
}

async fn each_drop(store: &Store, what: &str, keys: usize, serializable: bool) -> Verdict {
    at_every_poll(what, POLLS, |dropped| async move { one_drop(store, keys, serializable, dropped).await }).await?;
    stays(store).await?;
    store.settle().await?;
    stays(store).await
}

/// The keys of one attempt. The last is not there before.
fn prefix(dropped: Drop) -> String {
    format!("{}{:02}-", if dropped.linger { "l" } else { "n" }, dropped.polls)
}

fn script(dropped: Drop, keys: usize, val: &str) -> String {
    (0..keys).map(|n| format!("{}{n:02}={val}", prefix(dropped))).collect::<Vec<_>>().join(" ")
}

/// Whether the commit is visible, which must be whole.
async fn visible(store: &Store, dropped: Drop, keys: usize) -> Result<bool, Mismatch> {
    let rows = store.read().await?.rows(KeyRange::prefix(prefix(dropped))).await?;
    let new = rows.iter().filter(|(_, val)| val == "new").count();
    match new {
        0 if rows.len() == keys - 1 => Ok(false),
        new if new == keys && rows.len() == keys => Ok(true),
        new => Err(Mismatch(format!("{new} of {keys} writes of the commit are visible, and {} keys", rows.len()))),
    }
}

async fn one_drop(store: &Store, keys: usize, serializable: bool, dropped: Drop) -> Result<bool, Failure> {
    store.commit(&script(dropped, keys - 1, "old")).await?;
    let tx = if serializable { store.serializable().await? } else { store.write().await? };
    if serializable {
        tx.rows(KeyRange::prefix(prefix(dropped))).await?;
    }
    tx.apply(&script(dropped, keys, "new")).await?;
    let ended = polled(dropped, tx.commit()).await;
    let completed = ended.is_some();
    if let Some(outcome) = ended {
        outcome?;
    }
    let first = visible(store, dropped, keys).await?;
    if completed && !first {
        return Err(Failure::new("the commit was acknowledged and is not there"));
    }
    goes_on(store).await?;
    let second = visible(store, dropped, keys).await?;
    if first && !second {
        return Err(Failure::new("the commit was visible and is not any more"));
    }
    if tx.closed() {
        is_finished(&tx).await?;
    } else {
        still_open(store, &tx, keys, dropped).await?;
    }
    // No lock is held, and who comes later is not overwritten; `stays` looks at that.
    commit_at_last(store, &script(dropped, keys, "later")).await?;
    Ok(completed)
}

/// The commit of a transaction that is still open has not happened: it can be cancelled or made.
async fn still_open(store: &Store, tx: &Tx, keys: usize, dropped: Drop) -> Verdict {
    if visible(store, dropped, keys).await? {
        return Err(Failure::new("the commit is visible and the transaction still open"));
    }
    if dropped.linger {
        tx.cancel().await?;
        if visible(store, dropped, keys).await? {
            return Err(Failure::new("the transaction was cancelled and its commit is visible"));
        }
        return Ok(());
    }
    tx.commit().await?;
    if !visible(store, dropped, keys).await? {
        return Err(Failure::new("the second commit was acknowledged and is not there"));
    }
    Ok(())
}

/// Asserts that nothing has overwritten the later commits.
async fn stays(store: &Store) -> Verdict {
    tokio::time::sleep(A_WHILE).await;
    let rows = store.read().await?.rows(KeyRange::all()).await?;
    match rows.iter().find(|(_, val)| val != "later") {
        None => Ok(()),
        Some((key, val)) => Err(Failure::new(format!(
            "{key:?} is {val:?}: a commit that was dropped has overwritten one that was acknowledged after it"
        ))),
    }
}

pub(super) async fn commit_of_nothing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let owned = &store;
    at_every_poll("commit of nothing", 1, |dropped| async move {
        let tx = owned.write().await?;
        tx.val("a").await?;
        let ended = polled(dropped, tx.commit()).await;
        goes_on(owned).await?;
        match ended {
            Some(outcome) => outcome.map(|()| true).map_err(Failure::from),
            None => Ok(false),
        }
    })
    .await?;
    store.holds("a=1").await?;
    Ok(())
}

pub(super) async fn commit_that_conflicts(store: Store) -> Verdict {
    let owned = &store;
    at_every_poll("commit that conflicts", POLLS, |dropped| async move {
        commit_at_last(owned, "a=1 b=1").await?;
        let tx = owned.write().await?;
        tx.apply("a=2 b=2").await?;
        owned.commit("b=3").await?;
        let ended = polled(dropped, tx.commit()).await;
        assert!(!matches!(ended, Some(Ok(()))), "the commit conflicts and is acknowledged");
        goes_on(owned).await?;
        if !tx.closed() {
            assert!(matches!(tx.commit().await, Err(Error::TransactionConflict { .. })), "the commit conflicts");
        }
        assert_eq!(owned.all().await?, "a=1 b=3");
        Ok(ended.is_some())
    })
    .await?;
    store.holds("a=1 b=3").await?;
    Ok(())
}
