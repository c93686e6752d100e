//! A feed that ends behind a version.

use super::commit_all;
use crate::case::{Case, cases, guarded};
use crate::fixture::{Feed, Store, Verdict, refuses};
use kv_api::{ChangeFilter, KeyRange, Version};
use std::time::Duration;
use tokio::time::sleep;

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_feed_ends_behind_its_last_version,
        a_filtered_feed_ends_where_its_range_has_nothing,
        nothing_up_to_where_it_begins,
        a_feed_waits_for_its_last_version,
        a_feed_up_to_a_version_ends_with_the_store,
        the_greatest_version_is_no_end,
        a_feed_up_to_a_version_is_refused_after_a_shutdown,
    ]
}

async fn a_feed_ends_behind_its_last_version(store: Store) -> Verdict {
    let given = commit_all(&store, (0..12).map(|n| format!("a={n} k{n}=1"))).await?;
    store.settle().await?;
    for (first, last) in [(0, 11), (0, 4), (3, 7), (10, 11), (5, 5)] {
        let since = given[first].0;
        let mut feed = Feed::begin_until(&*store.db(), (since, given[last].0), KeyRange::all()).await?;
        feed.gives_all(&given[first + 1..=last]).await?;
        for _ in 0..2 {
            feed.ends().await?;
        }
    }
    let mut all = Feed::begin_until(&*store.db(), (0, given[11].0), KeyRange::all()).await?;
    all.gives_all(&given).await?;
    all.ends().await?;
    Ok(())
}

async fn a_filtered_feed_ends_where_its_range_has_nothing(store: Store) -> Verdict {
    let given = commit_all(&store, ["p=1", "a=1", "p=2 q=2", "a=2", "a=3"]).await?;
    store.settle().await?;
    let last = given[3].0;
    let mut some = Feed::begin_until(&*store.db(), (0, last), KeyRange::prefix("p")).await?;
    some.gives(given[0].0, "p=1").await?;
    some.gives(given[2].0, "p=2").await?;
    some.ends().await?;
    let mut none = Feed::begin_until(&*store.db(), (0, last), KeyRange::prefix("x")).await?;
    none.ends().await?;
    Ok(())
}

async fn nothing_up_to_where_it_begins(store: Store) -> Verdict {
    let given = commit_all(&store, ["a=1", "a=2"]).await?;
    for until in [given[0].0, given[1].0] {
        Feed::begin_until(&*store.db(), (given[1].0, until), KeyRange::all()).await?.ends().await?;
    }
    Ok(())
}

/// The version is that of a commit to come: nothing says when one of another range has reached it but that commit.
async fn a_feed_waits_for_its_last_version(store: Store) -> Verdict {
    let first = store.commit("a=1").await?;
    let mut feed = Feed::begin_until(&*store.db(), (0, first + 1), KeyRange::prefix("a")).await?;
    feed.gives(first, "a=1").await?;
    let waiting = tokio::spawn(guarded(async move {
        feed.ends().await?;
        Ok(())
    }));
    sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished(), "a commit of its range may still come");
    store.commit("b=1").await?;
    waiting.await?
}

async fn a_feed_up_to_a_version_ends_with_the_store(store: Store) -> Verdict {
    let given = commit_all(&store, ["a=1", "a=2"]).await?;
    let mut feed = Feed::begin_until(&*store.db(), (0, Version::MAX - 1), KeyRange::all()).await?;
    store.db().shutdown().await?;
    feed.gives_all(&given).await?;
    feed.ends().await?;
    Ok(())
}

async fn the_greatest_version_is_no_end(store: Store) -> Verdict {
    let mut feed = Feed::begin_until(&*store.db(), (0, Version::MAX), KeyRange::all()).await?;
    for n in 0..3 {
        let version = store.commit(&format!("a={n}")).await?;
        feed.gives(version, &format!("a={n}")).await?;
    }
    Ok(())
}

async fn a_feed_up_to_a_version_is_refused_after_a_shutdown(store: Store) -> Verdict {
    let version = store.commit("a=1").await?;
    let db = store.db();
    db.shutdown().await?;
    refuses!(db.changes_until(0, version, ChangeFilter::default()).await.map(drop), StoreClosed);
    Ok(())
}
