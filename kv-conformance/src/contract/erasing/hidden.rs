//! What is erased is hidden from transactions begun later: at once, at every version before, from
//! every read.

use super::{clear, clear_and, finds};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, b, refuses, show};
use kv_api::{KeyRange, ScanLimit, Version};

pub(super) fn cases() -> Vec<Case> {
    cases![
        erased_history_is_hidden_at_every_version,
        it_is_hidden_at_once_from_every_kind_of_transaction,
        limits_and_skips_pass_over_what_is_hidden,
        clrc_erases_where_its_condition_is_met,
        a_key_without_a_value_is_erased_too,
        a_key_that_never_was_can_be_cleared,
        what_comes_after_the_clear_is_there,
        clears_and_sets_in_turn,
        a_long_history_is_erased,
        of_many_keys_every_other_is_erased,
        a_clear_that_loses_erases_nothing,
        a_del_erases_nothing,
    ]
}

async fn erased_history_is_hidden_at_every_version(store: Store) -> Verdict {
    let mut history: Vec<(Version, String)> = Vec::new();
    for script in ["a=1 ab=1 b=1", "a=2", "-a c=2", "a=3 b=3", "ab=4 -b"] {
        let version = store.given(script).await?;
        history.push((version, store.all().await?));
    }
    for (version, expected) in &history {
        finds(&store.read().await?, *version, expected).await?;
    }
    let erased = clear(&store, "a").await?;
    store.settle().await?;
    let tx = store.read().await?;
    let without_a = |rows: &str| rows.split(' ').filter(|row| !row.starts_with("a=")).collect::<Vec<_>>().join(" ");
    for (version, rows) in &history {
        finds(&tx, *version, &without_a(rows)).await?;
        finds(&tx, version - 1, &at(&history, version - 1).map_or_else(String::new, |rows| without_a(&rows))).await?;
    }
    finds(&tx, erased, "ab=4 c=2").await?;
    finds(&tx, erased - 1, "ab=4 c=2").await?;
    finds(&tx, u64::MAX, "ab=4 c=2").await?;
    store.holds("ab=4 c=2").await?;
    Ok(())
}

/// What was there at a version.
fn at(history: &[(Version, String)], version: Version) -> Option<String> {
    history.iter().rfind(|(at, _)| *at <= version).map(|(_, rows)| rows.clone())
}

async fn it_is_hidden_at_once_from_every_kind_of_transaction(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let second = store.given("a=2").await?;
    clear(&store, "a").await?;
    for tx in [store.read().await?, store.write().await?] {
        finds(&tx, first, "b=1").await?;
        finds(&tx, second, "b=1").await?;
    }
    let tx = store.write().await?;
    // Not even an own write brings it back.
    tx.give("a", "own").await?;
    finds(&tx, second, "b=1").await?;
    assert_eq!(tx.all().await?, "a=own b=1");
    Ok(())
}

async fn limits_and_skips_pass_over_what_is_hidden(store: Store) -> Verdict {
    let version = store.given("a=1 b=1 c=1 d=1 e=1").await?;
    store.given("a=2 b=2 c=2 d=2 e=2").await?;
    clear(&store, "b").await?;
    clear(&store, "d").await?;
    store.settle().await?;
    let (tx, at, all) = (store.read().await?, Some(version), KeyRange::all);
    assert_eq!(show(&tx.scan(all(), 2.into(), 0, at).await?), "a=1 c=1");
    assert_eq!(show(&tx.scan(all(), 2.into(), 1, at).await?), "c=1 e=1");
    assert_eq!(show(&tx.scanr(all(), 1.into(), 1, at).await?), "c=1");
    assert_eq!(tx.keys(all(), ScanLimit::Bytes(2), 0, at).await?, [b("a"), b("c")]);
    assert_eq!(tx.keysr(("a".."e").into(), 5.into(), 0, at).await?, [b("c"), b("a")]);
    let page = tx.batch_keys(all(), 2, at).await?;
    assert_eq!(page.items, [b("a"), b("c")]);
    assert_eq!(tx.batch_keys(page.next.expect("e is left"), 2, at).await?.items, [b("e")]);
    Ok(())
}

async fn clrc_erases_where_its_condition_is_met(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 c=1").await?;
    store.given("c=2 -b").await?;
    let tx = store.write().await?;
    tx.clrc(b("a"), Some(b("1"))).await?;
    tx.clrc(b("b"), None).await?;
    refuses!(tx.clrc(b("c"), Some(b("1"))).await, TransactionConditionNotMet);
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "c=1").await?;
    store.holds("c=2").await?;
    Ok(())
}

async fn a_key_without_a_value_is_erased_too(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let second = store.given("-a").await?;
    clear(&store, "a").await?;
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "b=1").await?;
    finds(&tx, second, "b=1").await?;
    Ok(())
}

async fn a_key_that_never_was_can_be_cleared(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let cleared = clear(&store, "missing").await?;
    assert!(cleared > first, "it is part of the write set");
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "a=1").await?;
    finds(&tx, cleared, "a=1").await?;
    Ok(())
}

async fn what_comes_after_the_clear_is_there(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let erased = clear(&store, "a").await?;
    let third = store.given("a=3").await?;
    let fourth = store.given("a=4").await?;
    let tx = store.read().await?;
    for (version, expected) in [(first, "b=1"), (erased, "b=1"), (third, "a=3 b=1"), (fourth, "a=4 b=1")] {
        finds(&tx, version, expected).await?;
    }
    finds(&tx, third - 1, "b=1").await?;
    store.holds("a=4 b=1").await?;
    Ok(())
}

async fn clears_and_sets_in_turn(store: Store) -> Verdict {
    let mut versions = Vec::new();
    for n in 0..6 {
        versions.push(store.given(&format!("a={n} b={n}")).await?);
        if n % 2 == 1 {
            clear(&store, "a").await?;
        }
        // Erased are all up to the last clear, and those since it are there.
        let tx = store.read().await?;
        for (m, version) in versions.iter().enumerate() {
            let is_there = n % 2 == 0 && m == n;
            let expected = if is_there { format!("a={m} b={m}") } else { format!("b={m}") };
            finds(&tx, *version, &expected).await?;
        }
    }
    Ok(())
}

async fn a_long_history_is_erased(store: Store) -> Verdict {
    let mut versions = Vec::new();
    for n in 0..100 {
        versions.push(store.commit(&format!("a={n} b={n}")).await?);
        if n % 30 == 29 {
            store.settle().await?;
        }
    }
    clear_and(&store, "a", "c=1").await?;
    store.settle().await?;
    let tx = store.read().await?;
    for (n, version) in versions.into_iter().enumerate() {
        assert_eq!(tx.all_at(version).await?, format!("b={n}"));
        assert_eq!(tx.val_at("a", version).await?, "-", "{n}");
    }
    Ok(())
}

async fn of_many_keys_every_other_is_erased(store: Store) -> Verdict {
    let key = |n: usize| b(&format!("k{n:04}"));
    let tx = store.write().await?;
    tx.setm((0..2000).map(|n| (key(n), b("1"))).collect()).await?;
    tx.commit().await?;
    let first = store.version().await?;
    store.settle().await?;
    let tx = store.write().await?;
    tx.setm((0..2000).step_by(3).map(|n| (key(n), b("2"))).collect()).await?;
    for n in (0..2000).step_by(2) {
        tx.clr(key(n)).await?;
    }
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    let left: Vec<_> = (1..2000).step_by(2).map(key).collect();
    assert_eq!(tx.keys(KeyRange::all(), u32::MAX.into(), 0, Some(first)).await?, left);
    assert_eq!(tx.count(KeyRange::all(), Some(first)).await?, 1000);
    assert_eq!(tx.keys(KeyRange::all(), u32::MAX.into(), 0, None).await?, left);
    for n in (0..2000).step_by(97) {
        assert_eq!(tx.exists(&key(n), Some(first)).await?, n % 2 == 1, "{n}");
    }
    Ok(())
}

async fn a_clear_that_loses_erases_nothing(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let loser = store.write().await?;
    loser.clr(b("a")).await?;
    loser.clr(b("b")).await?;
    store.commit("b=2").await?;
    refuses!(loser.commit().await, TransactionConflict);
    store.settle().await?;
    finds(&store.read().await?, first, "a=1 b=1").await?;
    Ok(())
}

async fn a_del_erases_nothing(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 ba=1").await?;
    let tx = store.write().await?;
    tx.del(b("a")).await?;
    tx.delp(b("b")).await?;
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "a=1 b=1 ba=1").await?;
    Ok(())
}
