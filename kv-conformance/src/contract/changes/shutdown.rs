//! A shutdown ends a feed, once it has given everything.

use super::commit_all;
use crate::case::{Case, cases, guarded};
use crate::fixture::{LIMIT, Store, Verdict, refuses};
use futures::poll;
use kv_api::{ChangeFilter, KeyRange};
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_feed_ends,
        what_is_left_comes_before_the_end,
        a_waiting_feed_ends,
        a_shutdown_between_two_polls_wakes,
        filtered_feeds_end,
        a_commit_refused_by_a_shutdown_is_not_there,
        no_feed_begins_after_a_shutdown,
    ]
}

async fn a_feed_ends(store: Store) -> Verdict {
    let history = commit_all(&store, ["a=1", "a=2"]).await?;
    let (mut feed, mut idle) = (store.changes(0, ..).await?, store.changes(history[1].0, ..).await?);
    feed.gives_all(&history).await?;
    store.db().shutdown().await?;
    for _ in 0..3 {
        feed.ends().await?;
        idle.ends().await?;
    }
    Ok(())
}

async fn what_is_left_comes_before_the_end(store: Store) -> Verdict {
    let mut given = commit_all(&store, (0..20).map(|n| format!("a={n} k{n}=1"))).await?;
    let (mut unread, mut half) = (store.changes(0, ..).await?, store.changes(0, ..).await?);
    half.gives_all(&given[..10]).await?;
    given.extend(commit_all(&store, ["-a", "~=end"]).await?);
    store.db().shutdown().await?;
    half.gives_all(&given[10..]).await?;
    half.ends().await?;
    unread.gives_all(&given).await?;
    unread.ends().await?;
    Ok(())
}

async fn a_waiting_feed_ends(store: Store) -> Verdict {
    let mut feed = store.changes(store.commit("a=1").await?, ..).await?;
    let waiting = tokio::spawn(guarded(async move {
        feed.ends().await?;
        Ok(())
    }));
    sleep(Duration::from_millis(20)).await;
    store.db().shutdown().await?;
    waiting.await?
}

async fn a_shutdown_between_two_polls_wakes(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    let mut next = Box::pin(feed.source().next());
    assert!(poll!(next.as_mut()).is_pending(), "there is nothing yet");
    store.db().shutdown().await?;
    assert!(timeout(LIMIT, next).await??.is_none());
    Ok(())
}

async fn filtered_feeds_end(store: Store) -> Verdict {
    let first = store.commit("a=1 p=1").await?;
    let mut some = store.changes(0, KeyRange::prefix("p")).await?;
    let mut none = store.changes(0, KeyRange::prefix("x")).await?;
    commit_all(&store, ["a=2", "a=3"]).await?;
    store.db().shutdown().await?;
    some.gives(first, "p=1").await?;
    some.ends().await?;
    none.ends().await?;
    Ok(())
}

async fn a_commit_refused_by_a_shutdown_is_not_there(store: Store) -> Verdict {
    let history = commit_all(&store, ["a=1"]).await?;
    let mut feed = store.changes(0, ..).await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2").await?;
    store.db().shutdown().await?;
    assert!(tx.commit().await.is_err());
    feed.gives_all(&history).await?;
    feed.ends().await?;
    Ok(())
}

async fn no_feed_begins_after_a_shutdown(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let db = store.db();
    db.shutdown().await?;
    refuses!(db.changes(0, ChangeFilter::default()).await.map(drop), StoreClosed);
    Ok(())
}
