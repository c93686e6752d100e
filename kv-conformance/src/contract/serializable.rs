//! What is read is checked at commit: keys, misses, ranges.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Tx, Verdict, b, refuses};
use kv_api::{KeyRange, Result, TransactionOptions};

pub(crate) fn suite() -> Suite {
    Suite::new("serializable", Vec::new()).needing(
        Need::Serializable,
        cases![
            write_skew_is_refused,
            write_skew_over_a_range_is_refused,
            a_changed_read_conflicts,
            a_deleted_read_conflicts,
            a_missed_key_that_appeared_conflicts,
            every_point_read_is_checked,
            every_range_read_is_checked,
            a_phantom_conflicts,
            a_phantom_in_an_empty_range_conflicts,
            a_key_gone_from_a_range_conflicts,
            unread_keys_do_not_conflict,
            keys_beside_a_range_do_not_conflict,
            condition_checks_are_reads,
            a_read_that_was_rolled_back_is_still_a_read,
            write_write_conflicts_are_refused_too,
            a_snapshot_transaction_beside_it_is_not_checked,
            its_reads_do_not_hinder_others,
            read_transactions_see_one_point_in_time,
            a_read_flushed_over_conflicts,
            a_conflict_leaves_nothing_behind,
            commits_without_a_change_to_what_was_read,
        ],
    )
}

/// Reads with `read`, changes what was read with `change`, writes elsewhere and commits.
macro_rules! reading {
    ($store:ident, $change:expr, |$tx:ident| $read:expr) => {{
        $store.given("a=1 b=1 c=1 -w -bb -x").await?;
        let $tx: Tx = $store.serializable().await?;
        let _ = $read?;
        $tx.give("w", "1").await?;
        $store.commit($change).await?;
        $tx.commit().await
    }};
}

async fn write_skew_is_refused(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let (one, other) = (store.serializable().await?, store.serializable().await?);
    for tx in [&one, &other] {
        assert_eq!((tx.val("a").await?, tx.val("b").await?), ("1".into(), "1".into()));
    }
    one.give("a", "0").await?;
    other.give("b", "0").await?;
    one.commit().await?;
    refuses!(other.commit().await, TransactionConflict);
    store.holds("a=0 b=1").await?;
    Ok(())
}

async fn write_skew_over_a_range_is_refused(store: Store) -> Verdict {
    store.given("p1=1").await?;
    let (one, other) = (store.serializable().await?, store.serializable().await?);
    for tx in [&one, &other] {
        assert_eq!(tx.count(KeyRange::prefix("p"), None).await?, 1);
    }
    one.give("p2", "1").await?;
    other.give("p3", "1").await?;
    one.commit().await?;
    refuses!(other.commit().await, TransactionConflict);
    store.holds("p1=1 p2=1").await?;
    Ok(())
}

async fn a_changed_read_conflicts(store: Store) -> Verdict {
    refuses!(reading!(store, "a=2", |tx| tx.get(b"a", None).await), TransactionConflict);
    Ok(())
}

async fn a_deleted_read_conflicts(store: Store) -> Verdict {
    refuses!(reading!(store, "-a", |tx| tx.get(b"a", None).await), TransactionConflict);
    refuses!(reading!(store, "-a", |tx| tx.exists(b"a", None).await), TransactionConflict);
    Ok(())
}

async fn a_missed_key_that_appeared_conflicts(store: Store) -> Verdict {
    refuses!(reading!(store, "x=1", |tx| tx.get(b"x", None).await), TransactionConflict);
    refuses!(reading!(store, "x=1", |tx| tx.exists(b"x", None).await), TransactionConflict);
    Ok(())
}

async fn every_point_read_is_checked(store: Store) -> Verdict {
    let keys = || vec![b("b"), b("a")];
    refuses!(reading!(store, "-a", |tx| tx.get(b"a", None).await), TransactionConflict);
    refuses!(reading!(store, "-a", |tx| tx.exists(b"a", None).await), TransactionConflict);
    refuses!(reading!(store, "-a", |tx| tx.getm(keys(), None).await), TransactionConflict);
    Ok(())
}

async fn every_range_read_is_checked(store: Store) -> Verdict {
    let (all, some) = (KeyRange::all, || KeyRange::from("a".."c"));
    refuses!(reading!(store, "bb=1", |tx| tx.keys(all(), 9.into(), 0, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.keysr(some(), 9.into(), 0, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.scan(some(), 9.into(), 0, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.scanr(all(), 9.into(), 0, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.count(some(), None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.getr(some(), None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.getp(b("b"), None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.batch_keys(some(), 9, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.batch_keys_vals(some(), 9, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.batch_arrow(some(), 9, None).await), TransactionConflict);
    refuses!(reading!(store, "bb=1", |tx| tx.delr(some()).await), TransactionConflict);
    Ok(())
}

async fn a_phantom_conflicts(store: Store) -> Verdict {
    refuses!(reading!(store, "bb=1", |tx| tx.show("b".."c").await), TransactionConflict);
    refuses!(reading!(store, "b=2", |tx| tx.show("b".."c").await), TransactionConflict);
    Ok(())
}

async fn a_phantom_in_an_empty_range_conflicts(store: Store) -> Verdict {
    refuses!(reading!(store, "x=1", |tx| tx.show("x".."z").await), TransactionConflict);
    refuses!(reading!(store, "x=1", |tx| tx.show("d"..).await), TransactionConflict);
    Ok(())
}

async fn a_key_gone_from_a_range_conflicts(store: Store) -> Verdict {
    refuses!(reading!(store, "-b", |tx| tx.show("a".."c").await), TransactionConflict);
    refuses!(reading!(store, "-b", |tx| tx.count(("a".."c").into(), None).await), TransactionConflict);
    Ok(())
}

async fn unread_keys_do_not_conflict(store: Store) -> Verdict {
    reading!(store, "b=2 x=2 -c", |tx| tx.get(b"a", None).await)?;
    Ok(())
}

async fn keys_beside_a_range_do_not_conflict(store: Store) -> Verdict {
    reading!(store, "a=2 c=2 x=2", |tx| tx.show("b".."c").await)?;
    Ok(())
}

async fn condition_checks_are_reads(store: Store) -> Verdict {
    async fn refused(answer: Result<()>) -> Result<()> {
        answer.err().map_or_else(|| panic!("the condition holds"), |_| Ok(()))
    }
    refuses!(reading!(store, "-a", |tx| refused(tx.put(b("a"), b("2")).await).await), TransactionConflict);
    refuses!(reading!(store, "-a", |tx| refused(tx.putc(b("a"), b("2"), None).await).await), TransactionConflict);
    refuses!(reading!(store, "x=1", |tx| refused(tx.delc(b("x"), Some(b("1"))).await).await), TransactionConflict);
    Ok(())
}

async fn a_read_that_was_rolled_back_is_still_a_read(store: Store) -> Verdict {
    async fn read_and_roll_back(tx: &Tx) -> Result<()> {
        tx.new_save_point().await?;
        tx.get(b"a", None).await?;
        tx.rollback_to_save_point().await
    }
    refuses!(reading!(store, "a=2", |tx| read_and_roll_back(&tx).await), TransactionConflict);
    Ok(())
}

async fn write_write_conflicts_are_refused_too(store: Store) -> Verdict {
    refuses!(reading!(store, "a=2", |tx| tx.give("a", "3").await), TransactionConflict);
    refuses!(reading!(store, "x=2", |tx| tx.apply("-x").await), TransactionConflict);
    Ok(())
}

async fn a_snapshot_transaction_beside_it_is_not_checked(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let (serializable, snapshot) = (store.serializable().await?, store.write().await?);
    for tx in [&serializable, &snapshot] {
        assert_eq!(tx.all().await?, "a=1 b=1");
    }
    serializable.give("a", "2").await?;
    snapshot.give("b", "2").await?;
    serializable.commit().await?;
    snapshot.commit().await?;
    store.holds("a=2 b=2").await?;
    Ok(())
}

async fn its_reads_do_not_hinder_others(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let reader = store.serializable().await?;
    assert_eq!(reader.all().await?, "a=1 b=1");
    let writer = store.serializable().await?;
    writer.give("a", "2").await?;
    drop(reader);
    writer.commit().await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn read_transactions_see_one_point_in_time(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.begin(TransactionOptions::read().serializable()).await?;
    assert_eq!(tx.val("a").await?, "1");
    store.commit("a=2 b=2").await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.cancel().await?;
    Ok(())
}

async fn a_read_flushed_over_conflicts(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let (key, range) = (store.serializable().await?, store.serializable().await?);
    key.get(b"a", None).await?;
    range.show("b"..).await?;
    key.give("k", "1").await?;
    range.give("r", "1").await?;
    store.commit("a=2 c=2").await?;
    store.db().flush().await?;
    store.commit("z=2").await?;
    store.db().flush().await?;
    store.db().compact().await?;
    refuses!(key.commit().await, TransactionConflict);
    refuses!(range.commit().await, TransactionConflict);
    store.holds("a=2 b=1 c=2 z=2").await?;
    Ok(())
}

async fn a_conflict_leaves_nothing_behind(store: Store) -> Verdict {
    refuses!(reading!(store, "a=2", |tx| tx.get(b"a", None).await), TransactionConflict);
    store.holds("a=2 b=1 c=1").await?;
    Ok(())
}

async fn commits_without_a_change_to_what_was_read(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    for n in 0..20 {
        let tx = store.serializable().await?;
        tx.all().await?;
        tx.give("a", &n.to_string()).await?;
        tx.commit().await?;
    }
    store.holds("a=19 b=1").await?;
    Ok(())
}
