//! Commits that come while a feed is there.

use super::{commit_all, told};
use crate::case::{Case, cases, guarded};
use crate::fixture::{Next, Store, Verdict};
use futures::poll;
use kv_api::KeyRange;
use std::time::Duration;
use tokio::time::sleep;

pub(super) fn cases() -> Vec<Case> {
    cases![
        since_the_newest_only_what_is_new_comes,
        a_commit_between_two_polls_wakes,
        a_waiting_feed_wakes,
        a_waiting_feed_wakes_for_its_keys_alone,
        history_goes_on_live_without_a_seam,
        commits_between_the_call_and_the_first_next,
        a_feed_goes_on_where_another_ended,
        feeds_begun_among_commits,
    ]
}

async fn since_the_newest_only_what_is_new_comes(store: Store) -> Verdict {
    let history = commit_all(&store, ["a=1", "a=2", "-a"]).await?;
    let mut feed = store.changes(history[2].0, ..).await?;
    for n in 0..20 {
        let version = store.commit(&format!("b={n}")).await?;
        feed.gives(version, &format!("b={n}")).await?;
    }
    Ok(())
}

async fn a_commit_between_two_polls_wakes(store: Store) -> Verdict {
    let mut feed = store.changes(store.commit("a=1").await?, ..).await?;
    for n in 0..20 {
        let (mut next, text) = (Box::pin(feed.next()), format!("a={n}"));
        assert!(poll!(next.as_mut()).is_pending(), "there is nothing yet");
        let version = store.commit(&text).await?;
        let given = next.await?;
        assert!(
            matches!(&given, Next::Commit(c) if c.version == version && c.to_string() == text),
            "{given:?} instead of '{text}' of version {version}"
        );
    }
    Ok(())
}

async fn a_waiting_feed_wakes(store: Store) -> Verdict {
    let mut feed = store.changes(store.commit("a=1").await?, ..).await?;
    let waiting = tokio::spawn(guarded(async move {
        let commits = feed.until("b").await?;
        assert_eq!(commits.last().map(ToString::to_string), Some("b=2".into()));
        Ok(())
    }));
    sleep(Duration::from_millis(20)).await;
    store.commit("b=2").await?;
    waiting.await?
}

async fn a_waiting_feed_wakes_for_its_keys_alone(store: Store) -> Verdict {
    let mut feed = store.changes(store.commit("p=1").await?, KeyRange::prefix("p")).await?;
    let waiting = tokio::spawn(guarded(async move {
        assert_eq!(feed.until("p").await?.iter().map(ToString::to_string).collect::<Vec<_>>(), ["p=2"]);
        Ok(())
    }));
    for n in 0..10 {
        sleep(Duration::from_millis(2)).await;
        store.commit(&format!("a={n}")).await?;
    }
    store.commit("p=2 q=2").await?;
    waiting.await?
}

async fn history_goes_on_live_without_a_seam(store: Store) -> Verdict {
    let mut given = commit_all(&store, (0..10).map(|n| format!("a={n}"))).await?;
    let mut feed = store.changes(0, ..).await?;
    for round in 0..20 {
        // Sometimes there is a backlog, sometimes none.
        given.extend(commit_all(&store, (0..round % 4).map(|n| format!("a={n} r={round}"))).await?);
        let now = given.len().min(3);
        feed.gives_all(&given.drain(..now).collect::<Vec<_>>()).await?;
    }
    given.extend(commit_all(&store, ["~=end"]).await?);
    feed.gives_all(&given).await?;
    Ok(())
}

async fn commits_between_the_call_and_the_first_next(store: Store) -> Verdict {
    let mut given = commit_all(&store, ["a=1", "a=2"]).await?;
    let feeds = [store.changes(0, ..).await?, store.changes(given[1].0, ..).await?];
    given.extend(commit_all(&store, ["a=3 b=3", "-b", "a=4"]).await?);
    for (mut feed, left_out) in feeds.into_iter().zip([0, 2]) {
        feed.gives_all(&given[left_out..4]).await?;
    }
    Ok(())
}

async fn a_feed_goes_on_where_another_ended(store: Store) -> Verdict {
    let history = commit_all(&store, (0..30).map(|n| format!("a={n} k{}={n}", n % 4))).await?;
    let mut since = 0;
    for chunk in history.chunks(7) {
        let mut feed = store.changes(since, ..).await?;
        feed.gives_all(chunk).await?;
        since = chunk[chunk.len() - 1].0;
    }
    let mut feed = store.changes(since, ..).await?;
    let end = store.commit("~=end").await?;
    feed.gives(end, "~=end").await?;
    Ok(())
}

async fn feeds_begun_among_commits(store: Store) -> Verdict {
    let first = store.commit("a=0").await?;
    let shared = store.clone();
    let writer =
        tokio::spawn(async move { commit_all(&shared, (0..200).map(|n| format!("a={n} k{}={n}", n % 10))).await });
    let mut readers = Vec::new();
    while readers.len() < 20 && !writer.is_finished() {
        let since = if readers.len() % 2 == 0 { first } else { store.version().await? };
        let mut feed = store.changes(since, ..).await?;
        readers.push(tokio::spawn(async move { feed.until("~").await.map(|commits| (since, told(&commits))) }));
        sleep(Duration::from_micros(500)).await;
    }
    let mut given = writer.await??;
    given.extend(commit_all(&store, ["~=end"]).await?);
    for reader in readers {
        let (since, commits) = reader.await??;
        let after: Vec<_> = given.iter().filter(|(version, _)| *version > since).cloned().collect();
        assert_eq!(commits, after, "since {since}");
    }
    Ok(())
}
