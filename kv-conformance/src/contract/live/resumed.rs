//! Live queries that go on where others ended.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Failure, Happening, LIMIT, Live, Store, Verdict};
use kv_api::KeyRange;
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub(super) fn cases() -> Vec<Case> {
    cases![
        one_goes_on_where_another_ended,
        one_begins_after_any_version,
        one_that_has_nothing_to_say_moves_on,
        a_dropped_one_disturbs_nobody,
        the_last_one_is_dropped_and_others_begin,
    ]
}

pub(super) fn persistent_cases() -> Vec<Case> {
    cases![one_goes_on_in_the_store_opened_again]
}

async fn one_goes_on_where_another_ended(store: Store) -> Verdict {
    let live = store.live();
    let mut first = Live::begin(&live, ..).await?;
    let mut position = first.begins_with("").await?;
    let given = commit_all(&store, (0..30).map(|n| format!("a={n} k{}={n}", n % 4))).await?;
    let expected = Happening::of(&given).after(0, &KeyRange::all());
    for chunk in expected.chunks(7) {
        let mut next = Live::after(&live, .., position).await?;
        next.gives_all(chunk).await?;
        position = next.subscription().position().unwrap_or(0);
    }
    first.gives_all(&expected).await?;
    Ok(())
}

async fn one_begins_after_any_version(store: Store) -> Verdict {
    let given = commit_all(&store, ["a=1", "a=2 b=1", "-a", "b=2"]).await?;
    store.settle().await?;
    let (live, happening) = (store.live(), Happening::of(&given));
    for (since, _) in &given {
        let mut query = Live::after(&live, .., *since).await?;
        query.gives_all(&happening.after(*since, &KeyRange::all())).await?;
    }
    // What has come is not told by one that waits for what comes later.
    let mut ahead = Live::after(&live, .., given[3].0 + 1).await?;
    let (mut last, mut version) = (given[3].0, given[3].0);
    while version <= given[3].0 + 1 {
        (last, version) = (version, store.commit("c=1").await?);
    }
    let old = if last == given[3].0 { "+c=1" } else { "c=1>1" };
    ahead.gives(version, old).await?;
    Ok(())
}

/// A position that stood still would sooner or later not be retained any more.
async fn one_that_has_nothing_to_say_moves_on(store: Store) -> Verdict {
    let mut quiet = Live::begin(&store.live(), KeyRange::prefix("p")).await?;
    assert_eq!(quiet.subscription().position(), None, "the snapshot has not been read");
    quiet.begins_with("").await?;
    let given = commit_all(&store, (0..20).map(|n| format!("a={n}"))).await?;
    let begun = Instant::now();
    while quiet.subscription().position() < Some(given[19].0) {
        assert!(begun.elapsed() < LIMIT, "it stays at {:?}", quiet.subscription().position());
        sleep(Duration::from_millis(1)).await;
    }
    let version = store.commit("p=1").await?;
    quiet.gives(version, "+p=1").await?;
    assert_eq!(quiet.subscription().position(), Some(version));
    Ok(())
}

async fn a_dropped_one_disturbs_nobody(store: Store) -> Verdict {
    let live = store.live();
    let (mut kept, mut read, unread) =
        (Live::begin(&live, ..).await?, Live::begin(&live, ..).await?, Live::begin(&live, "a"..).await?);
    kept.begins_with("").await?;
    read.begins_with("").await?;
    let mut given = commit_all(&store, (0..6).map(|n| format!("a={n}"))).await?;
    read.gives_all(&Happening::of(&given).after(0, &KeyRange::all())[..3]).await?;
    drop((read, unread));
    assert_eq!(live.attached(), 1);
    given.extend(commit_all(&store, (6..9).map(|n| format!("a={n}"))).await?);
    kept.gives_all(&Happening::of(&given).after(0, &KeyRange::all())).await?;
    Ok(())
}

async fn the_last_one_is_dropped_and_others_begin(store: Store) -> Verdict {
    let live = store.live();
    for n in 0..50 {
        let mut query = Live::begin(&live, KeyRange::single("a")).await?;
        let (rows, _) = query.snapshot().await?;
        let version = store.commit(&format!("a={n} x={n}")).await?;
        if n % 3 > 0 {
            let expected = if rows.is_empty() { "+a=0".to_owned() } else { format!("a={}>{n}", n - 1) };
            query.gives(version, &expected).await?;
        }
        drop(query);
        assert_eq!(live.attached(), 0);
    }
    Ok(())
}

async fn one_goes_on_in_the_store_opened_again(store: Store) -> Verdict {
    let mut first = Live::begin(&store.live(), ..).await?;
    first.begins_with("").await?;
    let mut given = commit_all(&store, ["a=1", "a=2 b=1"]).await?;
    first.gives(given[0].0, "+a=1").await?;
    let position = first.subscription().position().ok_or_else(|| Failure::new("it has no position"))?;
    drop(first);
    store.reopen().await?;
    let live = store.live();
    let mut second = Live::after(&live, .., position).await?;
    given.extend(commit_all(&store, ["-a", "b=2"]).await?);
    second.gives_all(&Happening::of(&given).after(position, &KeyRange::all())).await?;
    Ok(())
}
