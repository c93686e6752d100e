//! A shutdown ends a live query, with the store's error.

use super::commit_all;
use crate::case::{Case, cases, guarded};
use crate::fixture::{Live, Store, Verdict, refuses};
use futures::{StreamExt, pin_mut};
use kv_api::{Error, KeyRange};
use kv_live::{Contents, LiveQuery};
use std::time::Duration;
use tokio::time::sleep;

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_shutdown_ends_it,
        a_waiting_one_ends,
        what_is_left_comes_before_the_end,
        none_begins_after_a_shutdown,
        a_stream_ends_with_the_error,
    ]
}

async fn a_shutdown_ends_it(store: Store) -> Verdict {
    let live = store.live();
    let (mut all, mut quiet) = (Live::begin(&live, ..).await?, Live::begin(&live, KeyRange::prefix("x")).await?);
    all.begins_with("").await?;
    quiet.begins_with("").await?;
    let version = store.commit("a=1").await?;
    all.gives(version, "+a=1").await?;
    store.db().shutdown().await?;
    for _ in 0..3 {
        all.ends().await?;
        quiet.ends().await?;
    }
    assert_eq!(all.subscription().position(), Some(version));
    Ok(())
}

async fn a_waiting_one_ends(store: Store) -> Verdict {
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("").await?;
    let waiting = tokio::spawn(guarded(async move {
        all.ends().await?;
        Ok(())
    }));
    sleep(Duration::from_millis(20)).await;
    store.db().shutdown().await?;
    waiting.await?
}

/// Old values cannot be read any more, but what was there can be told.
async fn what_is_left_comes_before_the_end(store: Store) -> Verdict {
    let mut all = Live::with(&store.live(), .., |query| query.contents(Contents::New)).await?;
    all.begins_with("").await?;
    let given = commit_all(&store, (0..20).map(|n| format!("a={n} k{n}=1"))).await?;
    store.db().shutdown().await?;
    all.gives_all(&given).await?;
    all.ends().await?;
    Ok(())
}

async fn none_begins_after_a_shutdown(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    let live = store.live();
    store.db().shutdown().await?;
    refuses!(live.subscribe(LiveQuery::range(..)).await.map(drop), StoreClosed);
    refuses!(live.subscribe(LiveQuery::range(..).after(version)).await.map(drop), StoreClosed);
    Ok(())
}

async fn a_stream_ends_with_the_error(store: Store) -> Verdict {
    let subscription = store.live().subscribe(LiveQuery::range(..).contents(Contents::New)).await?;
    let updates = subscription.into_stream();
    pin_mut!(updates);
    let mut told = Vec::new();
    while let Some(update) = updates.next().await {
        match update {
            Ok(update) => told.push(update),
            Err(Error::StoreClosed) => told.clear(),
            Err(other) => return Err(other.into()),
        }
        if told.len() == 1 {
            store.commit("a=1").await?;
            store.db().shutdown().await?;
        }
    }
    assert!(told.is_empty(), "{told:?} after the error");
    Ok(())
}
