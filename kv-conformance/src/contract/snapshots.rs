//! What snapshot isolation promises of reads: one point in time, whatever others do.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses};
use kv_api::KeyRange;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "snapshots",
        cases![
            reads_do_not_see_later_commits,
            a_transaction_sees_the_commits_before_it,
            a_snapshot_sees_each_commit_whole,
            scans_and_points_agree,
            aborted_writes_are_never_seen,
            intermediate_writes_are_never_seen,
            a_snapshot_outlives_flushes_and_compactions,
            a_snapshot_outlives_many_overwrites,
            a_snapshot_keeps_deleted_keys,
            a_snapshot_does_not_see_new_keys,
            several_snapshots_at_once,
            conditionals_look_at_the_snapshot,
            a_write_transaction_reads_its_snapshot,
            predicates_do_not_see_phantoms,
            write_skew_is_allowed,
            a_snapshot_is_of_the_begin,
        ],
    )
}

async fn reads_do_not_see_later_commits(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.read().await?;
    store.commit("a=2 -b c=2").await?;
    assert_eq!(tx.val("a").await?, "1");
    assert_eq!(tx.val("b").await?, "1");
    assert_eq!(tx.val("c").await?, "-");
    assert_eq!(tx.all().await?, "a=1 b=1");
    assert_eq!(store.all().await?, "a=2 c=2");
    Ok(())
}

async fn a_transaction_sees_the_commits_before_it(store: Store) -> Verdict {
    for n in 0..50 {
        store.commit(&format!("a={n}")).await?;
        assert_eq!(store.read().await?.val("a").await?, n.to_string());
        assert_eq!(store.write().await?.all().await?, format!("a={n}"));
    }
    Ok(())
}

async fn a_snapshot_sees_each_commit_whole(store: Store) -> Verdict {
    store.given("a=0 m=0 z=0").await?;
    let mut readers = Vec::new();
    for n in 1..20 {
        store.commit(&format!("a={n} m={n} z={n}")).await?;
        readers.push((n, store.read().await?));
    }
    for (n, reader) in readers {
        assert_eq!(reader.all().await?, format!("a={n} m={n} z={n}"));
    }
    Ok(())
}

async fn scans_and_points_agree(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.read().await?;
    assert_eq!(tx.val("a").await?, "1");
    store.commit("a=2 b=2 c=2").await?;
    assert_eq!(tx.all().await?, "a=1 b=1", "a scan after a point read is of the same point in time");
    assert_eq!(tx.count(KeyRange::all(), None).await?, 2);
    Ok(())
}

async fn aborted_writes_are_never_seen(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (cancelled, dropped, loser) = (store.write().await?, store.write().await?, store.write().await?);
    cancelled.give("a", "2").await?;
    dropped.give("a", "3").await?;
    loser.apply("a=4 b=4").await?;
    let during = store.read().await?;
    cancelled.cancel().await?;
    drop(dropped);
    store.commit("a=5").await?;
    refuses!(loser.commit().await, TransactionConflict);
    assert_eq!(during.all().await?, "a=1");
    store.holds("a=5").await?;
    Ok(())
}

async fn intermediate_writes_are_never_seen(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("a", "2").await?;
    assert_eq!(store.all().await?, "a=1");
    tx.give("a", "3").await?;
    assert_eq!(store.all().await?, "a=1");
    tx.commit().await?;
    store.holds("a=3").await?;
    Ok(())
}

async fn a_snapshot_outlives_flushes_and_compactions(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.read().await?;
    for n in 2..8 {
        store.commit(&format!("a={n} -b c={n} d{n}={n}")).await?;
        store.db().flush().await?;
        assert_eq!(tx.all().await?, "a=1 b=1 c=1");
        if n % 3 == 0 {
            store.db().compact().await?;
        }
        assert_eq!(tx.val("b").await?, "1");
        assert_eq!(tx.page_back(2, 0).await?, "c b");
    }
    assert_eq!(tx.all().await?, "a=1 b=1 c=1");
    Ok(())
}

async fn a_snapshot_outlives_many_overwrites(store: Store) -> Verdict {
    store.given("a=first b=first").await?;
    let tx = store.write().await?;
    tx.give("own", "1").await?;
    for n in 0..300 {
        store.commit(&format!("a={n}")).await?;
    }
    assert_eq!(tx.all().await?, "a=first b=first own=1");
    tx.commit().await?;
    store.holds("a=299 b=first own=1").await?;
    Ok(())
}

async fn a_snapshot_keeps_deleted_keys(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.read().await?;
    let deleting = store.write().await?;
    deleting.delr(KeyRange::all()).await?;
    deleting.commit().await?;
    store.db().flush().await?;
    store.db().compact().await?;
    assert_eq!(store.all().await?, "");
    assert_eq!(tx.all().await?, "a=1 b=1 c=1");
    Ok(())
}

async fn a_snapshot_does_not_see_new_keys(store: Store) -> Verdict {
    store.given("b=1 d=1").await?;
    let tx = store.read().await?;
    store.commit("a=2 c=2 e=2").await?;
    store.db().flush().await?;
    assert_eq!(tx.page(10, 0).await?, "b d");
    assert_eq!(tx.page_back(10, 0).await?, "d b");
    assert!(!tx.exists(b"c", None).await?);
    Ok(())
}

async fn several_snapshots_at_once(store: Store) -> Verdict {
    let mut snapshots = vec![(String::new(), store.read().await?)];
    for n in 0..8 {
        store.commit(&format!("k{n}=1 last={n}")).await?;
        snapshots.push((store.all().await?, store.read().await?));
        if n % 3 == 1 {
            store.db().flush().await?;
        }
    }
    for (expected, snapshot) in snapshots.iter().rev() {
        assert_eq!(snapshot.all().await?, *expected);
    }
    Ok(())
}

async fn conditionals_look_at_the_snapshot(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    store.commit("a=2 b=2").await?;
    refuses!(tx.putc(b("a"), b("3"), Some(b("2"))).await, TransactionConditionNotMet);
    tx.put(b("b"), b("3")).await?;
    tx.putc(b("a"), b("3"), Some(b("1"))).await?;
    refuses!(tx.commit().await, TransactionConflict);
    store.holds("a=2 b=2").await?;
    Ok(())
}

async fn a_write_transaction_reads_its_snapshot(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    store.commit("a=2").await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.give("c", "3").await?;
    store.commit("b=2").await?;
    assert_eq!(tx.all().await?, "a=1 b=1 c=3");
    tx.commit().await?;
    store.holds("a=2 b=2 c=3").await?;
    Ok(())
}

async fn predicates_do_not_see_phantoms(store: Store) -> Verdict {
    store.given("p1=1 p2=2").await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange::prefix("p"), None).await?, 2);
    store.commit("p3=3 -p1").await?;
    assert_eq!(tx.count(KeyRange::prefix("p"), None).await?, 2);
    assert_eq!(tx.show(KeyRange::prefix("p")).await?, "p1=1 p2=2");
    Ok(())
}

async fn write_skew_is_allowed(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let (one, other) = (store.write().await?, store.write().await?);
    assert_eq!((one.all().await?, other.all().await?), ("a=1 b=1".into(), "a=1 b=1".into()));
    one.give("a", "0").await?;
    other.give("b", "0").await?;
    one.commit().await?;
    other.commit().await?;
    store.holds("a=0 b=0").await?;
    Ok(())
}

async fn a_snapshot_is_of_the_begin(store: Store) -> Verdict {
    store.given("a=1").await?;
    // Nothing is read before the other commit, so a snapshot taken at the first read would show.
    let (reader, writer) = (store.read().await?, store.write().await?);
    store.commit("a=2").await?;
    assert_eq!(reader.val("a").await?, "1");
    writer.give("a", "3").await?;
    refuses!(writer.commit().await, TransactionConflict);
    Ok(())
}
