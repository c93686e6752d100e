//! What a feed says of a commit.

use super::commit_all;
use crate::case::{Case, cases};
use crate::fixture::{Next, Store, Verdict, b, filled, refuses};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use kv_api::{ChangeFilter, KeyRange, Result, Version, change_schema};

pub(super) fn cases() -> Vec<Case> {
    cases![
        the_schema_is_exact,
        the_rows_of_a_commit_come_at_once,
        every_kind_of_write,
        deletes_are_tombstones,
        empty_keys_and_values,
        large_values,
        the_last_write_of_a_key_counts,
        unchanged_values_are_changes,
        what_is_rolled_back_is_not_there,
        refused_writes_are_not_there,
        commits_of_nothing_give_nothing,
        what_is_not_committed_is_not_there,
        versions_are_those_of_the_commits,
    ]
}

pub(super) fn erasing_cases() -> Vec<Case> {
    cases![
        what_was_erased_is_left_out,
        a_feed_that_had_begun_leaves_it_out_too,
        a_commit_of_which_nothing_is_left_is_passed_over,
        what_was_set_with_the_clear_is_given,
        an_erasing_commit_arrives_live,
    ]
}

async fn the_schema_is_exact(store: Store) -> Verdict {
    store.commit("a= -b c=3").await?;
    let mut feed = store.db().changes(0, ChangeFilter::default()).await?;
    let batch = feed.next().await?.expect("there is a commit");
    assert_eq!(batch.schema(), change_schema());
    let (vals, tombstones) = (batch.column(2).as_binary::<i32>(), batch.column(3).as_boolean());
    assert_eq!(batch.num_rows(), 3);
    assert_eq!([0, 1, 2].map(|row| vals.is_null(row)), [false, true, false]);
    assert_eq!([0, 1, 2].map(|row| tombstones.value(row)), [false, true, false]);
    assert_eq!(batch.columns().iter().map(|column| column.null_count()).sum::<usize>(), 1);
    Ok(())
}

async fn the_rows_of_a_commit_come_at_once(store: Store) -> Verdict {
    let mut live = store.changes(0, ..).await?;
    let tx = store.write().await?;
    for n in (0..1000).rev() {
        tx.give(&format!("k{n:03}"), "1").await?;
    }
    tx.commit().await?;
    let version = store.version().await?;
    store.commit("~=end").await?;
    for feed in [&mut live, &mut store.changes(0, ..).await?] {
        let Next::Commit(commit) = feed.next().await? else { panic!("there is a commit") };
        assert_eq!((commit.version, commit.rows.len()), (version, 1000));
        assert_eq!(feed.until("~").await?.len(), 1);
    }
    Ok(())
}

async fn every_kind_of_write(store: Store) -> Verdict {
    let before = store.commit("e=0 f=0 g1=0 g2=0 h1=0 h2=0 j=0 k=0 l1=0 m1=0 n=0").await?;
    let mut live = store.changes(before, ..).await?;
    let tx = store.write().await?;
    tx.set(b("a"), b("1")).await?;
    tx.put(b("b"), b("1")).await?;
    tx.putc(b("c"), b("1"), None).await?;
    tx.replace(b("d"), b("1")).await?;
    tx.del(b("e")).await?;
    tx.delc(b("f"), Some(b("0"))).await?;
    tx.delp(b("g")).await?;
    tx.delr(("h".."i").into()).await?;
    tx.clr(b("j")).await?;
    tx.clrc(b("k"), Some(b("0"))).await?;
    tx.clrp(b("l")).await?;
    tx.clrr(("m".."n").into()).await?;
    tx.putc(b("n"), b("1"), Some(b("0"))).await?;
    tx.commit().await?;
    let version = store.version().await?;
    let rows = "a=1 b=1 c=1 d=1 -e -f -g1 -g2 -h1 -h2 -j -k -l1 -m1 n=1";
    live.gives(version, rows).await?;
    store.changes(before, ..).await?.gives(version, rows).await?;
    Ok(())
}

async fn deletes_are_tombstones(store: Store) -> Verdict {
    let mut history = commit_all(&store, ["a=1 b=1", "-a", "a=2", "-a -b", "-missing"]).await?;
    let tx = store.write().await?;
    tx.delc(b("missing"), None).await?;
    tx.commit().await?;
    history.push((store.version().await?, "-missing".into()));
    store.changes(0, ..).await?.gives_all(&history).await?;
    Ok(())
}

async fn empty_keys_and_values(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    let history = commit_all(&store, ["=0 a=", "= -a", "- a=1"]).await?;
    feed.gives_all(&history).await?;
    Ok(())
}

async fn large_values(store: Store) -> Verdict {
    let mut live = store.changes(0, ..).await?;
    let tx = store.write().await?;
    for n in 0..3 {
        tx.set(b(&format!("k{n}")), filled(1 << 20, n)).await?;
    }
    tx.commit().await?;
    let expected: Vec<_> = (0..3).map(|n| (b(&format!("k{n}")), Some(filled(1 << 20, n)))).collect();
    for feed in [&mut live, &mut store.changes(0, ..).await?] {
        let Next::Commit(commit) = feed.next().await? else { panic!("there is a commit") };
        assert!(commit.rows == expected, "{commit}");
    }
    Ok(())
}

async fn the_last_write_of_a_key_counts(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    for (script, rows) in [("a=1 b=1 a=2 -b", "a=2 -b"), ("-a b=2 a=3 b=3", "a=3 b=3"), ("c=1 -c", "-c")] {
        let version = store.commit(script).await?;
        feed.gives(version, rows).await?;
    }
    Ok(())
}

async fn unchanged_values_are_changes(store: Store) -> Verdict {
    let history = commit_all(&store, ["a=1 b=1", "a=1", "a=1", "-c", "-c"]).await?;
    store.changes(0, ..).await?.gives_all(&history).await?;
    Ok(())
}

async fn what_is_rolled_back_is_not_there(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    let mut feed = store.changes(first, ..).await?;
    let tx = store.write().await?;
    tx.apply("a=2 c=2").await?;
    tx.new_save_point().await?;
    tx.apply("a=3 -b d=3").await?;
    tx.rollback_to_save_point().await?;
    tx.commit().await?;
    let second = store.version().await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.apply("a=4 e=4").await?;
    tx.rollback_to_save_point().await?;
    tx.commit().await?;
    let end = store.commit("~=end").await?;
    feed.gives(second, "a=2 c=2").await?;
    feed.gives(end, "~=end").await?;
    Ok(())
}

async fn refused_writes_are_not_there(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    let mut feed = store.changes(first, ..).await?;
    let tx = store.write().await?;
    refuses!(tx.put(b("a"), b("2")).await, TransactionKeyAlreadyExists);
    refuses!(tx.putc(b("b"), b("2"), None).await, TransactionConditionNotMet);
    refuses!(tx.delc(b("c"), Some(b("1"))).await, TransactionConditionNotMet);
    tx.give("d", "2").await?;
    tx.commit().await?;
    feed.gives(store.version().await?, "d=2").await?;
    Ok(())
}

async fn commits_of_nothing_give_nothing(store: Store) -> Verdict {
    let mut history = commit_all(&store, ["a=1"]).await?;
    let mut feed = store.changes(0, ..).await?;
    store.write().await?.commit().await?;
    let reader = store.write().await?;
    assert_eq!(reader.val("a").await?, "1");
    reader.delr(KeyRange::from("b".."b")).await?;
    reader.commit().await?;
    refuses!(store.read().await?.commit().await, TransactionReadonly);
    history.extend(commit_all(&store, ["~=end"]).await?);
    feed.gives_all(&history).await?;
    Ok(())
}

async fn what_is_not_committed_is_not_there(store: Store) -> Verdict {
    let mut history = commit_all(&store, ["a=1"]).await?;
    let mut live = store.changes(0, ..).await?;
    let [open, dropped, cancelled, conflicting] =
        [store.write().await?, store.write().await?, store.write().await?, store.write().await?];
    for (n, tx) in [&open, &dropped, &cancelled, &conflicting].into_iter().enumerate() {
        tx.apply(&format!("a=no{n} n{n}=no")).await?;
    }
    drop(dropped);
    cancelled.cancel().await?;
    history.extend(commit_all(&store, ["a=2"]).await?);
    refuses!(conflicting.commit().await, TransactionConflict);
    history.extend(commit_all(&store, ["~=end"]).await?);
    live.gives_all(&history).await?;
    store.changes(0, ..).await?.gives_all(&history).await?;
    assert_eq!(open.val("a").await?, "no0", "it is open all the time");
    Ok(())
}

async fn versions_are_those_of_the_commits(store: Store) -> Verdict {
    let mut feed = store.changes(0, ..).await?;
    let mut before = String::new();
    for n in 0..10 {
        let tx = store.write().await?;
        tx.apply(&format!("a={n} k{n}=1")).await?;
        tx.commit().await?;
        let Next::Commit(commit) = feed.next().await? else { panic!("there is a commit") };
        assert_eq!(Some(commit.version), tx.commit_version());
        let reader = store.read().await?;
        for (key, val) in &commit.rows {
            assert_eq!(reader.get(key, Some(commit.version)).await?, *val);
        }
        assert_eq!(reader.all_at(commit.version - 1).await?, before);
        before = reader.all_at(commit.version).await?;
        assert_eq!(before, store.all().await?);
    }
    Ok(())
}

async fn what_was_erased_is_left_out(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    let second = store.commit("a=2 c=1").await?;
    store.commit("a=3").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.give("b", "2").await?;
    tx.commit().await?;
    let erased = store.version().await?;
    let mut feed = store.changes(0, ..).await?;
    feed.gives(first, "b=1").await?;
    feed.gives(second, "c=1").await?;
    feed.gives(erased, "-a b=2").await?;
    Ok(())
}

/// Commits a clear of `key`, and a script after it.
async fn clear(store: &Store, key: &str, script: &str) -> Result<Version> {
    let tx = store.write().await?;
    tx.clr(b(key)).await?;
    tx.apply(script).await?;
    tx.commit().await?;
    store.version().await
}

async fn a_feed_that_had_begun_leaves_it_out_too(store: Store) -> Verdict {
    let first = store.commit("a=1 b=1").await?;
    let second = store.commit("a=2 c=1").await?;
    let mut feed = store.changes(0, ..).await?;
    let erased = clear(&store, "a", "").await?;
    feed.gives_all(&[(first, "b=1".into()), (second, "c=1".into()), (erased, "-a".into())]).await?;
    Ok(())
}

async fn a_commit_of_which_nothing_is_left_is_passed_over(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let second = store.commit("b=1").await?;
    store.commit("-a").await?;
    let erased = clear(&store, "a", "").await?;
    store.changes(0, ..).await?.gives_all(&[(second, "b=1".into()), (erased, "-a".into())]).await?;
    let mut filtered = store.changes(0, KeyRange::single("a")).await?;
    filtered.gives(erased, "-a").await?;
    Ok(())
}

async fn what_was_set_with_the_clear_is_given(store: Store) -> Verdict {
    store.commit("a=1").await?;
    let second = clear(&store, "a", "a=2").await?;
    let third = store.commit("a=3").await?;
    store.changes(0, ..).await?.gives_all(&[(second, "a=2".into()), (third, "a=3".into())]).await?;
    Ok(())
}

async fn an_erasing_commit_arrives_live(store: Store) -> Verdict {
    let first = store.commit("a=1").await?;
    let mut feed = store.changes(first, ..).await?;
    let second = clear(&store, "a", "b=1").await?;
    feed.gives(second, "-a b=1").await?;
    let third = clear(&store, "missing", "").await?;
    feed.gives(third, "-missing").await?;
    Ok(())
}
