//! A store that is opened again has its history or says that it is gone.

use super::{commit_all, feed_or_pruned};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict};
use kv_api::Version;

pub(super) fn cases() -> Vec<Case> {
    cases![
        history_after_a_shutdown,
        history_after_a_drop,
        history_over_many_openings,
        a_feed_goes_on_after_the_store_was_opened_again,
        a_feed_ends_with_its_store,
    ]
}

/// Asserts that feeds give what is after each of the versions, or say that it is gone.
async fn is_whole(store: &Store, history: &mut Vec<(Version, String)>) -> Verdict {
    let sinces: Vec<Version> = [0].into_iter().chain(history.iter().map(|(version, _)| *version)).collect();
    for since in sinces {
        if let Some(mut feed) = feed_or_pruned(store, since).await? {
            let next = store.commit("next=1").await?;
            history.push((next, "next=1".into()));
            let after: Vec<_> = history.iter().filter(|(version, _)| *version > since).cloned().collect();
            feed.gives_all(&after).await?;
        } else {
            // Finding that out has made a commit.
            history.push((store.version().await?, "~=end".into()));
        }
    }
    Ok(())
}

async fn history_after_a_shutdown(store: Store) -> Verdict {
    let mut history = commit_all(&store, ["a=1 b=1", "a=2 -b", "-a c=3"]).await?;
    store.reopen().await?;
    is_whole(&store, &mut history).await
}

async fn history_after_a_drop(store: Store) -> Verdict {
    let mut history = commit_all(&store, ["a=1 b=1", "a=2 -b"]).await?;
    store.db().flush().await?;
    history.extend(commit_all(&store, ["-a c=3"]).await?);
    store.drop_and_open().await?;
    is_whole(&store, &mut history).await
}

async fn history_over_many_openings(store: Store) -> Verdict {
    let mut history = Vec::new();
    for n in 0..6 {
        history.extend(commit_all(&store, [format!("a={n} k{n}=1"), format!("-k{n}")]).await?);
        match n % 3 {
            0 => store.reopen().await?,
            1 => store.drop_and_open().await?,
            _ => store.db().flush().await?,
        }
    }
    is_whole(&store, &mut history).await
}

async fn a_feed_goes_on_after_the_store_was_opened_again(store: Store) -> Verdict {
    let mut since = 0;
    for n in 0..5 {
        let mut feed = store.changes(since, ..).await?;
        let version = store.commit(&format!("a={n}")).await?;
        feed.gives(version, &format!("a={n}")).await?;
        since = version;
        drop(feed);
        store.reopen().await?;
    }
    Ok(())
}

async fn a_feed_ends_with_its_store(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    let mut feed = store.changes(0, ..).await?;
    feed.gives(version, "a=1").await?;
    store.reopen().await?;
    store.commit("a=2").await?;
    feed.ends().await?;
    Ok(())
}
