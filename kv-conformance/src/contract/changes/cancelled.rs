//! A `next` that is dropped half way: what it would have given comes with the one after.

use super::{commit_all, told};
use crate::case::{Case, cases};
use crate::fixture::{Drop, Feed, Store, Verdict, polled};
use futures::poll;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) fn cases() -> Vec<Case> {
    cases![dropped_at_every_poll, dropped_while_it_waits, dropped_once_it_was_woken, dropped_when_a_timer_runs_out,]
}

/// Polls the feed's `next` as `dropped` says, and keeps what it gives.
async fn next_or_drop(feed: &mut Feed, dropped: Drop) -> Verdict {
    if let Some(next) = polled(dropped, feed.source().next()).await {
        feed.note(&next?.expect("the store is open"))?;
    }
    Ok(())
}

async fn dropped_at_every_poll(store: Store) -> Verdict {
    let mut given = Vec::new();
    let mut feed = store.changes(0, ..).await?;
    for polls in 0..12 {
        for linger in [false, true] {
            // Two for each attempt, so that there is always one.
            given.extend(commit_all(&store, [format!("a={polls} l={linger}"), format!("-a b{polls}=1")]).await?);
            next_or_drop(&mut feed, Drop { polls, linger }).await?;
        }
    }
    feed.gives_all(&given).await?;
    Ok(())
}

async fn dropped_while_it_waits(store: Store) -> Verdict {
    let mut feed = store.changes(store.commit("a=1").await?, ..).await?;
    for polls in 1..8 {
        for linger in [false, true] {
            // More than one poll comes only where the feed asks for it.
            let dropped = Drop { polls, linger };
            let waited = timeout(Duration::from_millis(5), polled(dropped, feed.source().next())).await;
            assert!(!matches!(waited, Ok(Some(_))), "there is nothing to give");
            let version = store.commit(&format!("a={polls}")).await?;
            feed.gives(version, &format!("a={polls}")).await?;
        }
    }
    Ok(())
}

async fn dropped_once_it_was_woken(store: Store) -> Verdict {
    let mut feed = store.changes(store.commit("a=1").await?, ..).await?;
    for n in 0..20 {
        let mut next = Box::pin(feed.source().next());
        assert!(poll!(next.as_mut()).is_pending(), "there is nothing yet");
        let given = commit_all(&store, [format!("a={n} b=1"), format!("-b c={n}")]).await?;
        if n % 2 == 1 {
            sleep(Duration::from_millis(1)).await;
        }
        drop(next);
        feed.gives_all(&given).await?;
    }
    Ok(())
}

async fn dropped_when_a_timer_runs_out(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    let shared = store.clone();
    let writer = tokio::spawn(async move {
        let mut given = Vec::new();
        for n in 0..100 {
            given.extend(commit_all(&shared, [format!("a={n} k{n}=1")]).await?);
            sleep(Duration::from_micros(300)).await;
        }
        given.extend(commit_all(&shared, ["~=end"]).await?);
        Ok::<_, kv_api::Error>(given)
    });
    while !writer.is_finished() {
        if let Ok(next) = timeout(Duration::from_micros(200), feed.source().next()).await {
            feed.note(&next?.expect("the store is open"))?;
        }
    }
    assert_eq!(told(&feed.until("~").await?), writer.await??);
    Ok(())
}
