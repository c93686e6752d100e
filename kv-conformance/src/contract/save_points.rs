//! A stack of save points over the pending writes.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses};
use kv_api::KeyRange;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "save_points",
        cases![
            a_rollback_undoes_what_came_after,
            a_rollback_restores_overwritten_writes,
            a_rollback_restores_deleted_writes,
            a_rollback_restores_what_a_delete_hid,
            a_rollback_of_nothing,
            a_rollback_closes_the_save_point,
            a_release_keeps_the_writes,
            a_release_closes_the_save_point,
            a_released_save_point_is_undone_by_an_outer_rollback,
            a_rolled_back_save_point_inside_a_released_one,
            three_levels,
            two_save_points_in_the_same_place,
            save_points_one_after_the_other,
            an_underflow_is_refused,
            an_underflow_leaves_the_transaction_usable,
            open_save_points_do_not_hinder_a_commit,
            open_save_points_do_not_hinder_a_cancel,
            conditionals_see_the_restored_state,
            scans_see_the_restored_state,
            range_deletes_are_rolled_back,
            a_rolled_back_write_does_not_conflict,
            a_write_before_the_save_point_still_conflicts,
            read_transactions_have_none,
            many_levels,
        ],
    )
}

async fn a_rollback_undoes_what_came_after(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("b", "1").await?;
    tx.new_save_point().await?;
    tx.apply("a=2 c=2 d=2").await?;
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.commit().await?;
    store.holds("a=1 b=1").await?;
    Ok(())
}

async fn a_rollback_restores_overwritten_writes(store: Store) -> Verdict {
    store.given("a=0").await?;
    let tx = store.write().await?;
    tx.apply("a=1 b=1").await?;
    tx.new_save_point().await?;
    tx.apply("a=2 a=3 b=2").await?;
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.commit().await?;
    store.holds("a=1 b=1").await?;
    Ok(())
}

async fn a_rollback_restores_deleted_writes(store: Store) -> Verdict {
    store.given("a=0").await?;
    let tx = store.write().await?;
    tx.apply("a=1 b=1").await?;
    tx.new_save_point().await?;
    tx.apply("-a -b").await?;
    assert_eq!(tx.all().await?, "");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.commit().await?;
    store.holds("a=1 b=1").await?;
    Ok(())
}

async fn a_rollback_restores_what_a_delete_hid(store: Store) -> Verdict {
    store.given("a=0 b=0").await?;
    let tx = store.write().await?;
    tx.apply("-a").await?;
    tx.new_save_point().await?;
    tx.apply("a=1 -b").await?;
    assert_eq!(tx.all().await?, "a=1");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "b=0", "the delete before the save point stays");
    tx.commit().await?;
    store.holds("b=0").await?;
    Ok(())
}

async fn a_rollback_of_nothing(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.new_save_point().await?;
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1");
    Ok(())
}

async fn a_rollback_closes_the_save_point(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.give("a", "1").await?;
    tx.rollback_to_save_point().await?;
    refuses!(tx.rollback_to_save_point().await, NoSavePointPresent);
    refuses!(tx.release_last_save_point().await, NoSavePointPresent);
    Ok(())
}

async fn a_release_keeps_the_writes(store: Store) -> Verdict {
    store.given("b=0").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.apply("a=1 -b").await?;
    tx.release_last_save_point().await?;
    assert_eq!(tx.all().await?, "a=1");
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_release_closes_the_save_point(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.release_last_save_point().await?;
    refuses!(tx.release_last_save_point().await, NoSavePointPresent);
    refuses!(tx.rollback_to_save_point().await, NoSavePointPresent);
    Ok(())
}

async fn a_released_save_point_is_undone_by_an_outer_rollback(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.apply("a=1 b=1").await?;
    tx.new_save_point().await?;
    tx.give("c", "2").await?;
    tx.new_save_point().await?;
    tx.apply("a=3 -b d=3").await?;
    tx.release_last_save_point().await?;
    assert_eq!(tx.all().await?, "a=3 c=2 d=3");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1 b=1");
    tx.commit().await?;
    store.holds("a=1 b=1").await?;
    Ok(())
}

async fn a_rolled_back_save_point_inside_a_released_one(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.give("a", "1").await?;
    tx.new_save_point().await?;
    tx.apply("a=2 b=2").await?;
    tx.rollback_to_save_point().await?;
    tx.give("c", "1").await?;
    tx.release_last_save_point().await?;
    tx.commit().await?;
    store.holds("a=1 c=1").await?;
    Ok(())
}

async fn three_levels(store: Store) -> Verdict {
    let tx = store.write().await?;
    for level in ["0", "1", "2", "3"] {
        tx.give("a", level).await?;
        tx.give(level, level).await?;
        if level != "3" {
            tx.new_save_point().await?;
        }
    }
    assert_eq!(tx.all().await?, "0=0 1=1 2=2 3=3 a=3");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "0=0 1=1 2=2 a=2");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "0=0 1=1 a=1");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "0=0 a=0");
    refuses!(tx.rollback_to_save_point().await, NoSavePointPresent);
    Ok(())
}

async fn two_save_points_in_the_same_place(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.new_save_point().await?;
    tx.new_save_point().await?;
    tx.give("a", "2").await?;
    tx.release_last_save_point().await?;
    assert_eq!(tx.all().await?, "a=2");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1");
    Ok(())
}

async fn save_points_one_after_the_other(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..10 {
        tx.new_save_point().await?;
        tx.give(&format!("k{n}"), "1").await?;
        match n % 2 {
            0 => tx.release_last_save_point().await?,
            _ => tx.rollback_to_save_point().await?,
        }
    }
    tx.commit().await?;
    store.holds("k0=1 k2=1 k4=1 k6=1 k8=1").await?;
    Ok(())
}

async fn an_underflow_is_refused(store: Store) -> Verdict {
    let tx = store.write().await?;
    refuses!(tx.release_last_save_point().await, NoSavePointPresent);
    refuses!(tx.rollback_to_save_point().await, NoSavePointPresent);
    tx.give("a", "1").await?;
    refuses!(tx.release_last_save_point().await, NoSavePointPresent);
    refuses!(tx.rollback_to_save_point().await, NoSavePointPresent);
    Ok(())
}

async fn an_underflow_leaves_the_transaction_usable(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    refuses!(tx.rollback_to_save_point().await, NoSavePointPresent);
    assert_eq!(tx.all().await?, "a=1");
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn open_save_points_do_not_hinder_a_commit(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.new_save_point().await?;
    tx.give("b", "1").await?;
    tx.new_save_point().await?;
    tx.give("a", "2").await?;
    tx.commit().await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn open_save_points_do_not_hinder_a_cancel(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.give("a", "1").await?;
    tx.new_save_point().await?;
    tx.cancel().await?;
    refuses!(tx.rollback_to_save_point().await, TransactionFinished);
    refuses!(tx.release_last_save_point().await, TransactionFinished);
    refuses!(tx.new_save_point().await, TransactionFinished);
    store.holds("").await?;
    Ok(())
}

async fn conditionals_see_the_restored_state(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.apply("-a b=1").await?;
    tx.rollback_to_save_point().await?;
    refuses!(tx.put(b("a"), b("2")).await, TransactionKeyAlreadyExists);
    tx.put(b("b"), b("2")).await?;
    tx.putc(b("a"), b("3"), Some(b("1"))).await?;
    tx.commit().await?;
    store.holds("a=3 b=2").await?;
    Ok(())
}

async fn scans_see_the_restored_state(store: Store) -> Verdict {
    store.given("b=1 d=1").await?;
    let tx = store.write().await?;
    tx.give("c", "2").await?;
    tx.new_save_point().await?;
    tx.apply("a=3 -b -c d=3 e=3").await?;
    assert_eq!(tx.all().await?, "a=3 d=3 e=3");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "b=1 c=2 d=1");
    assert_eq!(tx.page_back(2, 1).await?, "c b");
    assert_eq!(tx.count(KeyRange::all(), None).await?, 3);
    Ok(())
}

async fn range_deletes_are_rolled_back(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.give("bb", "2").await?;
    tx.new_save_point().await?;
    tx.delr(("b"..).into()).await?;
    assert_eq!(tx.all().await?, "a=1");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1 b=1 bb=2 c=1");
    tx.commit().await?;
    store.holds("a=1 b=1 bb=2 c=1").await?;
    Ok(())
}

async fn a_rolled_back_write_does_not_conflict(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("b", "1").await?;
    tx.new_save_point().await?;
    tx.apply("a=2 c=2").await?;
    tx.rollback_to_save_point().await?;
    store.commit("a=3 c=3").await?;
    tx.commit().await?;
    store.holds("a=3 b=1 c=3").await?;
    Ok(())
}

async fn a_write_before_the_save_point_still_conflicts(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.give("a", "2").await?;
    tx.new_save_point().await?;
    tx.apply("a=3").await?;
    tx.rollback_to_save_point().await?;
    store.commit("a=4").await?;
    refuses!(tx.commit().await, TransactionConflict);
    store.holds("a=4").await?;
    Ok(())
}

async fn read_transactions_have_none(store: Store) -> Verdict {
    let tx = store.read().await?;
    refuses!(tx.new_save_point().await, TransactionReadonly);
    refuses!(tx.release_last_save_point().await, TransactionReadonly);
    refuses!(tx.rollback_to_save_point().await, TransactionReadonly);
    Ok(())
}

async fn many_levels(store: Store) -> Verdict {
    let tx = store.write().await?;
    for n in 0..200 {
        tx.new_save_point().await?;
        tx.give("a", &n.to_string()).await?;
    }
    for n in (100..200).rev() {
        assert_eq!(tx.val("a").await?, n.to_string());
        tx.rollback_to_save_point().await?;
    }
    for _ in 0..100 {
        tx.release_last_save_point().await?;
    }
    refuses!(tx.release_last_save_point().await, NoSavePointPresent);
    tx.commit().await?;
    store.holds("a=99").await?;
    Ok(())
}
