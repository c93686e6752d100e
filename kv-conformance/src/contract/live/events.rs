//! What is told of a commit.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Live, Store, Verdict, b};
use kv_api::KeyRange;
use kv_live::Contents;

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_key_through_several_commits,
        a_key_through_one_commit,
        a_value_that_stays_the_same,
        empty_keys_and_values,
        a_commit_comes_whole,
        overlapping_ranges,
        the_bounds_of_ranges,
        commits_of_other_ranges_are_passed_over,
        without_old_values,
        what_is_refused_is_not_told,
    ]
}

pub(super) fn erasing_cases() -> Vec<Case> {
    cases![an_erased_value_is_not_told]
}

async fn a_key_through_several_commits(store: Store) -> Verdict {
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("").await?;
    // Some of it is read at once, and some when all has been committed.
    for (script, events) in [("a=1", "+a=1"), ("a=2", "a=1>2"), ("-a", "-a=2")] {
        let version = store.commit(script).await?;
        all.gives(version, events).await?;
    }
    let given = commit_all(&store, ["a=3", "a=4", "-a", "-a", "a=5"]).await?;
    for ((version, _), events) in given.into_iter().zip(["+a=3", "a=3>4", "-a=4", "-a", "+a=5"]) {
        all.gives(version, events).await?;
    }
    Ok(())
}

async fn a_key_through_one_commit(store: Store) -> Verdict {
    store.commit("b=0 c=0").await?;
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("b=0 c=0").await?;
    let version = store.commit("a=1 a=2 b=1 -b c=1 -c c=2 d=1 -d").await?;
    all.gives(version, "+a=2 -b=0 c=0>2 -d").await?;
    Ok(())
}

async fn a_value_that_stays_the_same(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("a=1").await?;
    let version = store.commit("a=1").await?;
    all.gives(version, "a=1>1").await?;
    Ok(())
}

async fn empty_keys_and_values(store: Store) -> Verdict {
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("").await?;
    for events in ["+= +a=", "=> a=>", "-= -a="] {
        let tx = store.write().await?;
        for key in ["", "a"] {
            match events.starts_with('-') {
                true => tx.del(b(key)).await?,
                false => tx.give(key, "").await?,
            }
        }
        tx.commit().await?;
        all.gives(store.version().await?, events).await?;
    }
    Ok(())
}

async fn a_commit_comes_whole(store: Store) -> Verdict {
    let mut all = Live::begin(&store.live(), ..).await?;
    let mut some = Live::begin(&store.live(), KeyRange::prefix("k1")).await?;
    all.begins_with("").await?;
    some.begins_with("").await?;
    let words = |keys: std::ops::Range<u32>| keys.map(|n| format!("k{n:04}={n}")).collect::<Vec<_>>();
    let version = store.commit(&words(0..3000).join(" ")).await?;
    let inserted = |keys| words(keys).iter().map(|word| format!("+{word}")).collect::<Vec<_>>().join(" ");
    all.gives(version, &inserted(0..3000)).await?;
    some.gives(version, &inserted(1000..2000)).await?;
    Ok(())
}

async fn overlapping_ranges(store: Store) -> Verdict {
    let live = store.live();
    let mut same = (Live::begin(&live, "b".."d").await?, Live::begin(&live, "b".."d").await?);
    let (mut outer, mut inner) = (Live::begin(&live, "a"..).await?, Live::begin(&live, KeyRange::single("c")).await?);
    for each in [&mut same.0, &mut same.1, &mut outer, &mut inner] {
        each.begins_with("").await?;
    }
    let first = store.commit("a=1 b=1 c=1 d=1").await?;
    let second = store.commit("-c d=2").await?;
    for each in [&mut same.0, &mut same.1] {
        each.gives(first, "+b=1 +c=1").await?;
        each.gives(second, "-c=1").await?;
    }
    outer.gives(first, "+a=1 +b=1 +c=1 +d=1").await?;
    outer.gives(second, "-c=1 d=1>2").await?;
    inner.gives(first, "+c=1").await?;
    inner.gives(second, "-c=1").await?;
    Ok(())
}

async fn the_bounds_of_ranges(store: Store) -> Verdict {
    let live = store.live();
    let ranges = [KeyRange::from("b".."c"), KeyRange::prefix("b"), KeyRange::single("b"), KeyRange::from("b\u{0}"..)];
    let told = ["+b=1 +b\\x00=1 +b~=1", "+b=1 +b\\x00=1 +b~=1", "+b=1", "+b\\x00=1 +b~=1 +c=1"];
    let mut queries = Vec::new();
    for range in ranges {
        let mut query = Live::begin(&live, range).await?;
        query.begins_with("").await?;
        queries.push(query);
    }
    let version = store.commit("a~=1 b=1 b\u{0}=1 b~=1 c=1").await?;
    for (query, events) in queries.iter_mut().zip(told) {
        query.gives(version, events).await?;
    }
    Ok(())
}

async fn commits_of_other_ranges_are_passed_over(store: Store) -> Verdict {
    let mut some = Live::begin(&store.live(), KeyRange::prefix("p")).await?;
    some.begins_with("").await?;
    let given = commit_all(&store, ["a=1", "p=1 z=1", "a=2 q=1", "-p", "o=1"]).await?;
    some.gives(given[1].0, "+p=1").await?;
    some.gives(given[3].0, "-p=1").await?;
    let version = store.commit("p=2").await?;
    some.gives(version, "+p=2").await?;
    Ok(())
}

async fn without_old_values(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let mut new = Live::with(&store.live(), .., |query| query.contents(Contents::New)).await?;
    new.begins_with("a=1").await?;
    let given = commit_all(&store, ["a=2 b=1", "-a -c"]).await?;
    new.gives(given[0].0, "a=2 b=1").await?;
    new.gives(given[1].0, "-a -c").await?;
    Ok(())
}

async fn what_is_refused_is_not_told(store: Store) -> Verdict {
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("").await?;
    let (winner, loser, cancelled) = (store.write().await?, store.write().await?, store.write().await?);
    loser.apply("a=lost b=lost").await?;
    cancelled.apply("c=cancelled").await?;
    winner.apply("a=1").await?;
    winner.commit().await?;
    let version = store.version().await?;
    assert!(loser.commit().await.is_err());
    cancelled.cancel().await?;
    all.gives(version, "+a=1").await?;
    let version = store.commit("b=1").await?;
    all.gives(version, "+b=1").await?;
    Ok(())
}

async fn an_erased_value_is_not_told(store: Store) -> Verdict {
    store.commit("a=secret b=1").await?;
    let mut all = Live::begin(&store.live(), ..).await?;
    all.begins_with("a=secret b=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.apply("b=2").await?;
    tx.commit().await?;
    all.gives(store.version().await?, "-a b=1>2").await?;
    Ok(())
}
