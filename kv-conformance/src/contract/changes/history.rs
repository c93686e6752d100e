//! From which version a feed begins.

use super::{commit_all, feed_or_pruned, follow, told};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, replay, show_contents};
use kv_api::Version;
use std::collections::BTreeMap;

pub(super) fn cases() -> Vec<Case> {
    cases![
        every_commit_from_the_beginning,
        an_empty_store_has_no_history,
        exactly_the_commits_after_since,
        a_timestamp_is_a_place_to_begin,
        a_version_to_come_is_waited_for,
        nothing_is_after_the_greatest_version,
        a_long_history_in_the_order_of_commits,
        the_replayed_history_is_the_store_at_every_version,
        history_outlives_flushes,
    ]
}

async fn every_commit_from_the_beginning(store: Store) -> Verdict {
    let history = commit_all(&store, ["a=1 b=1", "a=2 -b", "c=3", "-a -c", "a=4"]).await?;
    store.settle().await?;
    let feed = match store.settles_by_reopening() {
        true => feed_or_pruned(&store, 0).await?,
        false => Some(store.changes(0, ..).await?),
    };
    let Some(mut feed) = feed else { return Ok(()) };
    feed.gives_all(&history).await?;
    let last = store.commit("z=end").await?;
    feed.gives(last, "z=end").await?;
    Ok(())
}

async fn an_empty_store_has_no_history(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    let first = store.commit("a=1").await?;
    feed.gives(first, "a=1").await?;
    Ok(())
}

async fn exactly_the_commits_after_since(store: Store) -> Verdict {
    let mut history = commit_all(&store, (0..6).map(|n| format!("a={n} k{n}=1"))).await?;
    let near = |(version, _): &(Version, String)| [version - 1, *version, version + 1];
    let mut feeds = Vec::new();
    for since in history.iter().flat_map(near).collect::<Vec<_>>() {
        feeds.push((since, store.changes(since, ..).await?));
    }
    history.extend(commit_all(&store, ["a=end", "z=end"]).await?);
    for (since, mut feed) in feeds {
        let after: Vec<(Version, String)> = history.iter().filter(|(version, _)| *version > since).cloned().collect();
        feed.gives_all(&after).await?;
    }
    Ok(())
}

async fn a_timestamp_is_a_place_to_begin(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let timestamp = store.read().await?.timestamp().await?;
    let mut feed = store.changes(timestamp, ..).await?;
    let second = store.commit("a=2").await?;
    feed.gives(second, "a=2").await?;
    store.changes(timestamp, ..).await?.gives(second, "a=2").await?;
    Ok(())
}

async fn a_version_to_come_is_waited_for(store: Store) -> Verdict {
    let since = store.commit("a=1").await? + 2;
    let mut feed = store.changes(since, ..).await?;
    let later = commit_all(&store, (0..5).map(|n| format!("a={n} k{n}=1"))).await?;
    let beyond: Vec<(Version, String)> = later.into_iter().filter(|(version, _)| *version > since).collect();
    assert!(!beyond.is_empty(), "five commits have raised the version by at least five");
    feed.gives_all(&beyond).await?;
    Ok(())
}

async fn nothing_is_after_the_greatest_version(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let mut feed = store.changes(Version::MAX, ..).await?;
    store.commit("a=2").await?;
    store.db().shutdown().await?;
    feed.ends().await?;
    Ok(())
}

/// The keys descend, so that their order is not that of the commits.
async fn a_long_history_in_the_order_of_commits(store: Store) -> Verdict {
    let mut history = commit_all(&store, (0..200).rev().map(|n| format!("k{n:03}={n} last={n}"))).await?;
    let mut feed = store.changes(0, ..).await?;
    feed.gives_all(&history[..150]).await?;
    let mut late = store.changes(history[149].0, ..).await?;
    history.extend(commit_all(&store, (200..210).rev().map(|n| format!("-k{:03} last={n}", n - 100))).await?);
    feed.gives_all(&history[150..]).await?;
    late.gives_all(&history[150..]).await?;
    Ok(())
}

async fn the_replayed_history_is_the_store_at_every_version(store: Store) -> Verdict {
    for n in 0..40 {
        let script = format!("a={n} k{}={n} -k{}", n % 7, (n * 3 + 1) % 7);
        store.commit(if n % 7 == (n * 3 + 1) % 7 { "-a" } else { &script }).await?;
    }
    let mut feed = store.changes(0, ..).await?;
    store.commit("~=end").await?;
    let (commits, tx, mut contents) = (feed.until("~").await?, store.read().await?, BTreeMap::new());
    assert_eq!(commits.len(), 41);
    for commit in &commits {
        replay(&mut contents, [commit]);
        assert_eq!(show_contents(&contents), tx.all_at(commit.version).await?, "at {}", commit.version);
    }
    follow(&store, commits[20].version).await
}

async fn history_outlives_flushes(store: Store) -> Verdict {
    let mut history = Vec::new();
    for n in 0..6 {
        history.extend(commit_all(&store, [format!("a={n} k{n}=1"), format!("-k{n}")]).await?);
        store.db().flush().await?;
        let mut feed = store.changes(0, ..).await?;
        feed.gives_all(&history).await?;
        history.extend(commit_all(&store, ["~=end"]).await?);
        assert_eq!(told(&feed.until("~").await?), history[history.len() - 1..], "and nothing else");
    }
    Ok(())
}
