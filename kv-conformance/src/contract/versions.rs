//! Reads at a version see exactly the commits up to it.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses, show};
use kv_api::{HybridClock, KeyRange, ScanLimit};
use std::time::{Duration, SystemTime};

pub(crate) fn suite() -> Suite {
    Suite::new("versions", Vec::new()).needing(
        Need::Versions,
        cases![
            an_empty_store_is_at_version_0,
            each_commit_raises_the_version,
            nothing_was_there_before_the_first_commit,
            a_version_sees_exactly_the_commits_up_to_it,
            a_version_between_two_commits,
            a_future_version_is_the_snapshot,
            a_version_after_the_snapshot_is_the_snapshot,
            pending_writes_are_invisible,
            pending_deletes_are_invisible,
            deleted_keys_are_there_before,
            every_read_takes_a_version,
            limits_and_skips_at_a_version,
            ranges_at_a_version,
            a_rollback_changes_no_history,
            a_conflict_makes_no_history,
            all_writes_of_a_commit_have_one_version,
            a_long_history_of_one_key,
            history_outlives_flushes,
            history_in_a_write_transaction,
            the_timestamp_stands_between_commits,
            a_timestamp_maps_wall_clock_to_history,
            times_of_the_wall_clock_are_versions,
            a_commit_knows_its_version,
            commits_of_nothing_have_no_version,
        ],
    )
}

async fn an_empty_store_is_at_version_0(store: Store) -> Verdict {
    assert_eq!(store.version().await?, 0);
    Ok(())
}

async fn each_commit_raises_the_version(store: Store) -> Verdict {
    let mut last = 0;
    for n in 0..100 {
        let version = store.commit(&format!("a={n}")).await?;
        assert!(version > last, "{version} after {last}");
        last = version;
    }
    store.settle().await?;
    assert_eq!(store.version().await?, last);
    Ok(())
}

async fn nothing_was_there_before_the_first_commit(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let tx = store.read().await?;
    for version in [0, first - 1] {
        assert_eq!(tx.all_at(version).await?, "", "{version}");
        assert_eq!(tx.val_at("a", version).await?, "-", "{version}");
        assert!(!tx.exists(b"a", Some(version)).await?, "{version}");
        assert_eq!(tx.count(KeyRange::all(), Some(version)).await?, 0, "{version}");
    }
    Ok(())
}

async fn a_version_sees_exactly_the_commits_up_to_it(store: Store) -> Verdict {
    let mut history = Vec::new();
    for script in ["a=1 b=1", "b=2", "c=1 -a", "-b", "a=3 b=3 c=3", "-a -b -c", "a="] {
        history.push((store.given(script).await?, store.all().await?));
    }
    let tx = store.read().await?;
    for (version, expected) in &history {
        assert_eq!(tx.all_at(*version).await?, *expected, "at {version}");
    }
    Ok(())
}

async fn a_version_between_two_commits(store: Store) -> Verdict {
    let mut history: Vec<(u64, String)> = vec![(0, String::new())];
    for n in 0..10 {
        let version = store.given(&format!("a={n}")).await?;
        let tx = store.read().await?;
        let (_, before) = history.last().expect("there is the empty one").clone();
        assert_eq!(tx.all_at(version - 1).await?, before, "just before {version}");
        assert_eq!(tx.all_at(version).await?, format!("a={n}"));
        history.push((version, format!("a={n}")));
    }
    Ok(())
}

async fn a_future_version_is_the_snapshot(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    let tx = store.read().await?;
    store.commit("a=2 b=2").await?;
    for future in [version, version + 1, u64::MAX - 1, u64::MAX] {
        assert_eq!(tx.all_at(future).await?, "a=1", "{future}");
        assert_eq!(tx.val_at("b", future).await?, "-", "{future}");
    }
    Ok(())
}

async fn a_version_after_the_snapshot_is_the_snapshot(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    let later = store.commit("a=2").await?;
    assert_eq!(tx.val_at("a", later).await?, "1");
    assert_eq!(store.read().await?.val_at("a", later).await?, "2");
    Ok(())
}

async fn pending_writes_are_invisible(store: Store) -> Verdict {
    let version = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2").await?;
    for at in [version, u64::MAX] {
        assert_eq!(tx.val_at("a", at).await?, "1");
        assert_eq!(tx.val_at("b", at).await?, "-");
        assert_eq!(tx.all_at(at).await?, "a=1");
        assert_eq!(tx.count(KeyRange::all(), Some(at)).await?, 1);
    }
    assert_eq!(tx.all().await?, "a=2 b=2");
    Ok(())
}

async fn pending_deletes_are_invisible(store: Store) -> Verdict {
    let version = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.delr(KeyRange::all()).await?;
    assert_eq!(tx.all_at(version).await?, "a=1 b=1");
    assert!(tx.exists(b"a", Some(version)).await?);
    assert_eq!(tx.all().await?, "");
    Ok(())
}

async fn deleted_keys_are_there_before(store: Store) -> Verdict {
    let there = store.given("a=1 b=1 c=1").await?;
    let gone = store.given("-b").await?;
    let back = store.given("b=2").await?;
    let tx = store.read().await?;
    assert_eq!(tx.all_at(there).await?, "a=1 b=1 c=1");
    assert_eq!(tx.all_at(gone).await?, "a=1 c=1");
    assert_eq!(tx.all_at(back).await?, "a=1 b=2 c=1");
    Ok(())
}

async fn every_read_takes_a_version(store: Store) -> Verdict {
    let version = store.given("a=1 b=1").await?;
    store.given("a=2 c=2 -b").await?;
    let (tx, at, all) = (store.read().await?, Some(version), KeyRange::all);
    let expected = vec![(b("a"), b("1")), (b("b"), b("1"))];
    assert_eq!(tx.get(b"a", at).await?, Some(b("1")));
    assert!(tx.exists(b"b", at).await?);
    assert!(!tx.exists(b"c", at).await?);
    assert_eq!(tx.scan(all(), 9.into(), 0, at).await?, expected);
    assert_eq!(show(&tx.scanr(all(), 9.into(), 0, at).await?), "b=1 a=1");
    assert_eq!(tx.keys(all(), 9.into(), 0, at).await?, [b("a"), b("b")]);
    assert_eq!(tx.keysr(all(), 9.into(), 0, at).await?, [b("b"), b("a")]);
    assert_eq!(tx.getm(vec![b("c"), b("b")], at).await?, [None, Some(b("1"))]);
    assert_eq!(tx.getr(all(), at).await?, expected);
    assert_eq!(tx.getp(b("b"), at).await?, [(b("b"), b("1"))]);
    assert_eq!(tx.count(all(), at).await?, 2);
    assert_eq!(tx.batch_keys(all(), 9, at).await?.items, [b("a"), b("b")]);
    assert_eq!(tx.batch_keys_vals(all(), 9, at).await?.items, expected);
    assert_eq!(tx.batch_arrow(all(), 9, at).await?.batch.num_rows(), 2);
    Ok(())
}

async fn limits_and_skips_at_a_version(store: Store) -> Verdict {
    let version = store.given("a=1 b=1 c=1 d=1").await?;
    store.given("-b bb=2 -d e=2").await?;
    let tx = store.write().await?;
    tx.apply("aa=3 -c").await?;
    let at = Some(version);
    assert_eq!(tx.keys((..).into(), 2.into(), 1, at).await?, [b("b"), b("c")]);
    assert_eq!(tx.keysr((..).into(), 2.into(), 1, at).await?, [b("c"), b("b")]);
    assert_eq!(show(&tx.scan((..).into(), ScanLimit::Bytes(3), 2, at).await?), "c=1 d=1");
    assert_eq!(show(&tx.scanr((..).into(), ScanLimit::BytesOrCount(9, 1), 0, at).await?), "d=1");
    assert!(tx.keys((..).into(), 0.into(), 0, at).await?.is_empty());
    Ok(())
}

async fn ranges_at_a_version(store: Store) -> Verdict {
    let version = store.given("a=1 b=1 c=1 d=1").await?;
    store.given("bb=2 -c").await?;
    let (tx, at) = (store.read().await?, Some(version));
    assert_eq!(show(&tx.scan(("b".."d").into(), 9.into(), 0, at).await?), "b=1 c=1");
    assert_eq!(show(&tx.scan(("c"..).into(), 9.into(), 0, at).await?), "c=1 d=1");
    assert_eq!(show(&tx.scanr((.."c").into(), 9.into(), 0, at).await?), "b=1 a=1");
    assert_eq!(tx.count(("d".."b").into(), at).await?, 0);
    Ok(())
}

async fn a_rollback_changes_no_history(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("b", "2").await?;
    tx.new_save_point().await?;
    tx.apply("a=3 b=3").await?;
    tx.rollback_to_save_point().await?;
    tx.commit().await?;
    let second = store.version().await?;
    let tx = store.read().await?;
    assert_eq!(tx.all_at(first).await?, "a=1");
    assert_eq!(tx.all_at(second).await?, "a=1 b=2");
    Ok(())
}

async fn a_conflict_makes_no_history(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2").await?;
    let second = store.commit("a=3").await?;
    assert!(tx.commit().await.is_err());
    let third = store.given("c=4").await?;
    let tx = store.read().await?;
    assert_eq!(tx.all_at(first).await?, "a=1");
    assert_eq!(tx.all_at(second).await?, "a=3");
    assert_eq!(tx.all_at(third - 1).await?, "a=3");
    assert_eq!(tx.all_at(third).await?, "a=3 c=4");
    Ok(())
}

async fn all_writes_of_a_commit_have_one_version(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..1000 {
        tx.give(&format!("k{n:03}"), "1").await?;
    }
    tx.commit().await?;
    let version = store.version().await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange::all(), Some(version)).await?, 1000);
    assert_eq!(tx.count(KeyRange::all(), Some(version - 1)).await?, 0);
    Ok(())
}

async fn a_long_history_of_one_key(store: Store) -> Verdict {
    let mut versions = Vec::new();
    for n in 0..100 {
        let script = if n % 7 == 6 { "-k".into() } else { format!("k={n} other{n}=1") };
        versions.push((n, store.commit(&script).await?));
        if n % 40 == 39 {
            store.settle().await?;
        }
    }
    let tx = store.read().await?;
    for (n, version) in versions.into_iter().rev() {
        let expected = if n % 7 == 6 { "-".into() } else { n.to_string() };
        assert_eq!(tx.val_at("k", version).await?, expected);
        assert_eq!(tx.count(KeyRange::single("k"), Some(version)).await?, u64::from(expected != "-"));
    }
    Ok(())
}

async fn history_outlives_flushes(store: Store) -> Verdict {
    let mut history = Vec::new();
    for n in 0..6 {
        history.push((store.commit(&format!("a={n} k{n}=1 -k{}", n + 3 - n % 2)).await?, store.all().await?));
        store.db().flush().await?;
        let tx = store.read().await?;
        for (version, expected) in &history {
            assert_eq!(tx.all_at(*version).await?, *expected, "at {version} after {n} flushes");
        }
    }
    Ok(())
}

async fn history_in_a_write_transaction(store: Store) -> Verdict {
    let first = store.given("a=1").await?;
    let second = store.given("a=2").await?;
    let tx = store.write().await?;
    assert_eq!(tx.val_at("a", first).await?, "1");
    tx.give("a", "3").await?;
    assert_eq!(tx.val_at("a", second).await?, "2");
    tx.commit().await?;
    let third = store.version().await?;
    let tx = store.read().await?;
    assert_eq!((tx.val_at("a", second).await?, tx.val_at("a", third).await?), ("2".into(), "3".into()));
    Ok(())
}

async fn the_timestamp_stands_between_commits(store: Store) -> Verdict {
    for n in 0..50 {
        let before = store.commit(&format!("a={n}")).await?;
        let timestamp = store.read().await?.timestamp().await?;
        let after = store.commit(&format!("b={n}")).await?;
        assert!(before <= timestamp && timestamp < after, "{before} {timestamp} {after}");
    }
    Ok(())
}

async fn a_timestamp_maps_wall_clock_to_history(store: Store) -> Verdict {
    store.commit("a=1").await?;
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let then = store.read().await?.timestamp().await?;
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    store.given("a=2 b=2").await?;
    let tx = store.read().await?;
    assert_eq!(tx.all_at(then).await?, "a=1");
    Ok(())
}

/// Versions that are times are told from versions that only count by their size, so that either kind of store has an answer.
async fn times_of_the_wall_clock_are_versions(store: Store) -> Verdict {
    let mut history = vec![(0, String::new())];
    let mut times = vec![HybridClock::first_version_at(SystemTime::now())];
    for n in 0..4 {
        // A version says the millisecond and no more.
        tokio::time::sleep(Duration::from_millis(3)).await;
        history.push((store.given(&format!("a={n} k{n}=1")).await?, store.all().await?));
        tokio::time::sleep(Duration::from_millis(3)).await;
        times.push(HybridClock::first_version_at(SystemTime::now()));
    }
    let tx = store.read().await?;
    for time in times {
        let (_, expected) = history.iter().rfind(|(version, _)| *version <= time).expect("there is version 0");
        assert_eq!(tx.all_at(time).await?, *expected, "at {time}");
    }
    Ok(())
}

async fn a_commit_knows_its_version(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.apply("a=2 b=2").await?;
    assert_eq!(tx.commit_version(), None, "not yet");
    tx.commit().await?;
    let version = store.version().await?;
    assert_eq!(tx.commit_version(), Some(version));
    store.commit("a=3").await?;
    assert_eq!(tx.commit_version(), Some(version), "it stays");
    assert_eq!(store.read().await?.all_at(version).await?, "a=2 b=2");
    Ok(())
}

async fn commits_of_nothing_have_no_version(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (empty, cancelled, conflicting) = (store.write().await?, store.write().await?, store.write().await?);
    empty.commit().await?;
    cancelled.give("a", "2").await?;
    cancelled.cancel().await?;
    conflicting.give("a", "3").await?;
    store.commit("a=4").await?;
    refuses!(conflicting.commit().await, TransactionConflict);
    for tx in [empty, cancelled, conflicting, store.read().await?] {
        assert_eq!(tx.commit_version(), None);
    }
    Ok(())
}
