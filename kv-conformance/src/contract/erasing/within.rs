//! A clear among the other writes of its transaction.

use super::{clear_and, finds};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, b};

pub(super) fn cases() -> Vec<Case> {
    cases![
        a_set_after_the_clear_erases_all_the_same,
        every_write_after_the_clear_erases_all_the_same,
        a_clear_after_a_set_erases,
        a_rollback_takes_the_clear_back,
        a_rollback_of_a_later_write_does_not,
        a_rollback_to_a_pending_value_takes_the_clear_back,
        a_released_clear_erases,
        a_rolled_back_range_clear_erases_nothing,
    ]
}

async fn a_set_after_the_clear_erases_all_the_same(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let second = clear_and(&store, "a", "a=2").await?;
    let third = store.given("a=3").await?;
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "b=1").await?;
    finds(&tx, second - 1, "b=1").await?;
    finds(&tx, second, "a=2 b=1").await?;
    finds(&tx, third, "a=3 b=1").await?;
    store.holds("a=3 b=1").await?;
    Ok(())
}

async fn every_write_after_the_clear_erases_all_the_same(store: Store) -> Verdict {
    for write in ["put", "putc", "replace", "setm", "del", "delc", "delm", "delr", "set and del"] {
        let first = store.given("a=1 b=1").await?;
        let tx = store.write().await?;
        tx.clr(b("a")).await?;
        match write {
            "put" => tx.put(b("a"), b("2")).await?,
            "putc" => tx.putc(b("a"), b("2"), None).await?,
            "replace" => tx.replace(b("a"), b("2")).await?,
            "setm" => tx.setm(vec![(b("a"), b("2"))]).await?,
            "del" => tx.del(b("a")).await?,
            "delc" => tx.delc(b("a"), None).await?,
            "delm" => tx.delm(vec![b("a")]).await?,
            "delr" => tx.delr(("a".."b").into()).await?,
            _ => tx.apply("a=2 -a").await?,
        }
        tx.commit().await?;
        let second = store.version().await?;
        store.settle().await?;
        let tx = store.read().await?;
        let now = if write.starts_with("del") || write.ends_with("del") { "b=1" } else { "a=2 b=1" };
        let answers = (tx.all_at(first).await?, tx.all_at(second).await?);
        assert_eq!(answers, ("b=1".into(), now.into()), "{write}");
    }
    Ok(())
}

async fn a_clear_after_a_set_erases(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.give("a", "2").await?;
    tx.clr(b("a")).await?;
    assert_eq!(tx.all().await?, "b=1");
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "b=1").await?;
    store.holds("b=1").await?;
    Ok(())
}

async fn a_rollback_takes_the_clear_back(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.clr(b("a")).await?;
    tx.give("a", "2").await?;
    tx.rollback_to_save_point().await?;
    tx.give("a", "3").await?;
    tx.commit().await?;
    let second = store.version().await?;
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "a=1 b=1").await?;
    finds(&tx, second, "a=3 b=1").await?;
    Ok(())
}

async fn a_rollback_of_a_later_write_does_not(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.clr(b("a")).await?;
    tx.new_save_point().await?;
    tx.give("a", "2").await?;
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "b=1");
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "b=1").await?;
    store.holds("b=1").await?;
    Ok(())
}

async fn a_rollback_to_a_pending_value_takes_the_clear_back(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.give("a", "2").await?;
    tx.new_save_point().await?;
    tx.clr(b("a")).await?;
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=2 b=1");
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "a=1 b=1").await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn a_released_clear_erases(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.new_save_point().await?;
    tx.clr(b("a")).await?;
    tx.release_last_save_point().await?;
    tx.give("a", "2").await?;
    tx.release_last_save_point().await?;
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "b=1").await?;
    store.holds("a=2 b=1").await?;
    Ok(())
}

async fn a_rolled_back_range_clear_erases_nothing(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 ba=1").await?;
    let tx = store.write().await?;
    tx.give("b", "2").await?;
    tx.new_save_point().await?;
    tx.clrp(b("b")).await?;
    tx.clrr((.."b").into()).await?;
    tx.rollback_to_save_point().await?;
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "a=1 b=1 ba=1").await?;
    store.holds("a=1 b=2 ba=1").await?;
    Ok(())
}
