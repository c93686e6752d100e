//! Commits that are dropped while others are under way, perhaps in the same group.

use super::polled::{LIMIT, at_every_poll, commit_at_last, goes_on, in_time};
use crate::case::guarded;
use crate::fixture::{Drop, Failure, Mismatch, Store, Verdict, polled};
use kv_api::KeyRange;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A dropped commit that others have come to wait for.
pub(super) async fn commit_that_others_wait_for(store: Store) -> Verdict {
    let owned = &store;
    at_every_poll("commit that others wait for", 4, |dropped| async move { followed(owned, dropped).await }).await?;
    Ok(())
}

async fn followed(store: &Store, dropped: Drop) -> Result<bool, Failure> {
    let tx = store.write().await?;
    let name = format!("{}{:02}", if dropped.linger { "l" } else { "n" }, dropped.polls);
    let script: Vec<String> = (0..10).map(|n| format!("{name}-{n}=1")).collect();
    tx.apply(&script.join(" ")).await?;
    // The first poll makes it lead, where the store has a notion of that; then come the followers.
    let mut commit = Box::pin(tx.commit());
    let first = Drop { polls: dropped.polls.min(1), linger: false };
    let mut ended = polled(first, commit.as_mut()).await;
    let followers: Vec<_> = (0..3)
        .map(|n| {
            let (store, script) = (store.clone(), format!("follower-{name}-{n}=1"));
            tokio::spawn(async move { store.commit(&script).await.map(drop) })
        })
        .collect();
    tokio::task::yield_now().await;
    if ended.is_none() && dropped.polls > 1 {
        ended = polled(Drop { polls: dropped.polls - 1, linger: dropped.linger }, commit.as_mut()).await;
    } else if dropped.linger {
        sleep(Duration::from_millis(1)).await;
    }
    drop(commit);
    let completed = ended.is_some();
    if let Some(outcome) = ended {
        outcome?;
    }
    for (n, follower) in followers.into_iter().enumerate() {
        let hung = |_| Failure::new(format!("a follower hangs for {} s", LIMIT.as_secs()));
        timeout(LIMIT / 2, follower).await.map_err(hung)???;
        let seen = store.read().await?.val(&format!("follower-{name}-{n}")).await?;
        if seen != "1" {
            return Err(Failure::new("a follower's commit was acknowledged and is not there"));
        }
    }
    whole_or_absent(store, &format!("{name}-"), 10).await?;
    goes_on(store).await?;
    commit_at_last(store, &script.join(" ")).await?;
    Ok(completed)
}

async fn whole_or_absent(store: &Store, prefix: &str, keys: u64) -> Result<(), Mismatch> {
    match store.read().await?.count(KeyRange::prefix(prefix.to_owned()), None).await? {
        found if found == 0 || found == keys => Ok(()),
        found => Err(Mismatch(format!("{found} of {keys} writes of the commit are visible"))),
    }
}

/// Writers that commit all the time, of which one drops its commits.
pub(super) async fn commit_among_others(store: Store) -> Verdict {
    const OTHERS: usize = 4;
    let done = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..OTHERS)
        .map(|task| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                let mut acknowledged = 0;
                while !done.load(Ordering::SeqCst) {
                    store.commit(&format!("o{task}-a{acknowledged:05}=1 o{task}-b{acknowledged:05}=1")).await?;
                    acknowledged += 1;
                    tokio::task::yield_now().await;
                }
                Ok::<_, Failure>(acknowledged)
            })
        })
        .collect();
    let dropping = store.clone();
    let dropped = tokio::spawn(guarded(async move { drop_commits(&dropping).await })).await;
    done.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for other in others {
        let work = async { other.await? };
        acknowledged.push(in_time("a writer beside dropped commits", work).await?);
    }
    dropped??;
    for settled in [false, true] {
        if settled {
            store.settle().await?;
        }
        let tx = store.read().await?;
        for (task, acknowledged) in acknowledged.iter().enumerate() {
            let found = tx.count(KeyRange::prefix(format!("o{task}-")), None).await?;
            assert_eq!(found, acknowledged * 2, "of writer {task}; settled: {settled}");
        }
    }
    Ok(())
}

async fn drop_commits(store: &Store) -> Verdict {
    for round in 0..4 {
        for polls in 0..6 {
            for linger in [false, true] {
                let dropped = Drop { polls, linger };
                let prefix = format!("d{round}{polls}{}-", u8::from(linger));
                let attempt = async {
                    let tx = store.write().await?;
                    for n in 0..8 {
                        tx.give(&format!("{prefix}{n}"), "1").await?;
                    }
                    let ended = polled(dropped, tx.commit()).await;
                    whole_or_absent(store, &prefix, 8).await?;
                    if let Some(outcome) = ended {
                        outcome?;
                    }
                    goes_on(store).await?;
                    whole_or_absent(store, &prefix, 8).await?;
                    let script: Vec<String> = (0..8).map(|n| format!("{prefix}{n}=2")).collect();
                    commit_at_last(store, &script.join(" ")).await?;
                    Ok(())
                };
                in_time(&format!("commit among others, {dropped}"), attempt).await?;
            }
        }
    }
    Ok(())
}
