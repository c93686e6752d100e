//! Several feeds of one store, and those that nobody reads.

use super::{commit_all, follow};
use crate::case::{Case, cases};
use crate::fixture::{Failure, LIMIT, Next, Store, Verdict};
use kv_api::KeyRange;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) fn cases() -> Vec<Case> {
    cases![
        feeds_know_nothing_of_each_other,
        a_dropped_feed_disturbs_nobody,
        a_feed_dropped_while_it_waits,
        no_commit_waits_for_an_idle_feed,
        feeds_begun_and_dropped_in_great_number,
    ]
}

async fn feeds_know_nothing_of_each_other(store: Store) -> Verdict {
    let mut given = commit_all(&store, (0..6).map(|n| format!("a={n} p{n}=1"))).await?;
    let mut all = store.changes(0, ..).await?;
    let mut same = store.changes(0, ..).await?;
    let mut late = store.changes(given[3].0, ..).await?;
    let mut some = store.changes(0, KeyRange::prefix("p")).await?;
    all.gives_all(&given).await?;
    same.gives_all(&given[..2]).await?;
    given.extend(commit_all(&store, (6..9).map(|n| format!("a={n} p{n}=1"))).await?);
    late.gives_all(&given[4..]).await?;
    same.gives_all(&given[2..]).await?;
    all.gives_all(&given[6..]).await?;
    for (n, (version, _)) in given.iter().enumerate() {
        some.gives(*version, &format!("p{n}=1")).await?;
    }
    Ok(())
}

async fn a_dropped_feed_disturbs_nobody(store: Store) -> Verdict {
    let mut given = commit_all(&store, (0..6).map(|n| format!("a={n}"))).await?;
    let (mut kept, mut read, unread) =
        (store.changes(0, ..).await?, store.changes(0, ..).await?, store.changes(0, ..).await?);
    read.gives_all(&given[..3]).await?;
    kept.gives_all(&given[..1]).await?;
    drop((read, unread));
    given.extend(commit_all(&store, (6..9).map(|n| format!("a={n}"))).await?);
    kept.gives_all(&given[1..]).await?;
    Ok(())
}

async fn a_feed_dropped_while_it_waits(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    let (mut kept, mut dropped) = (store.changes(version, ..).await?, store.changes(version, ..).await?);
    let waiting = tokio::spawn(async move { dropped.next().await.map(drop) });
    sleep(Duration::from_millis(10)).await;
    waiting.abort();
    assert!(waiting.await.is_err_and(|ended| ended.is_cancelled()), "it has nothing to give");
    let given = commit_all(&store, ["a=2", "a=3"]).await?;
    kept.gives_all(&given).await?;
    Ok(())
}

async fn no_commit_waits_for_an_idle_feed(store: Store) -> Verdict {
    let mut idle = store.changes(0, ..).await?;
    let writing = async { commit_all(&store, (0..300).map(|n| format!("a={n} k{}={n}", n % 10))).await };
    let given =
        timeout(4 * LIMIT, writing).await.map_err(|_| Failure::new("commits wait for a feed that is idle"))??;
    for (version, rows) in &given {
        match idle.next().await? {
            Next::Commit(commit) => assert_eq!((commit.version, &commit.to_string()), (*version, rows)),
            Next::NotRetained(oldest) => return follow(&store, oldest).await,
            Next::End => return Err(Failure::new("the feed ends while the store is open")),
        }
    }
    Ok(())
}

async fn feeds_begun_and_dropped_in_great_number(store: Store) -> Verdict {
    let history = commit_all(&store, ["a=1", "a=2"]).await?;
    let mut kept = Vec::new();
    for n in 0..500 {
        let mut feed = store.changes(history[n % 2].0, ..).await?;
        if n % 4 == 2 {
            feed.gives(history[1].0, "a=2").await?;
        }
        if n % 50 == 0 {
            kept.push(store.changes(history[1].0, ..).await?);
        }
    }
    let third = store.commit("a=3").await?;
    for mut feed in kept {
        feed.gives(third, "a=3").await?;
    }
    Ok(())
}
