//! `clrr` and `clrp` erase the keys that they take away, and no others.

use super::{clear, finds};
use crate::case::{Case, cases};
use crate::fixture::{Store, Verdict, b};
use kv_api::KeyRange;

pub(super) fn cases() -> Vec<Case> {
    cases![
        clrp_erases_its_prefix,
        clrr_erases_its_range,
        keys_that_have_no_value_any_more_are_erased,
        a_range_clear_erases_what_its_transaction_deleted,
        a_rollback_takes_that_back,
        a_clear_erases_no_neighbours,
        a_range_clear_sees_own_writes,
        a_range_clear_erases_thousands,
    ]
}

async fn clrp_erases_its_prefix(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 ba=1 c=1").await?;
    let second = store.given("b=2 c=2").await?;
    let tx = store.write().await?;
    tx.clrp(b("b")).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "a=1 c=1").await?;
    finds(&tx, second, "a=1 c=2").await?;
    Ok(())
}

async fn clrr_erases_its_range(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 ba=1 c=1 d=1").await?;
    let tx = store.write().await?;
    tx.clrr(("b".."c").into()).await?;
    tx.clrr(KeyRange::single("d")).await?;
    tx.clrr(("c".."a").into()).await?;
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "a=1 c=1").await?;
    store.holds("a=1 c=1").await?;
    Ok(())
}

/// A table that is expunged has rows that were deleted before.
async fn keys_that_have_no_value_any_more_are_erased(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 ba=1 c=1 d=1").await?;
    let second = store.given("-b ba=2 -c").await?;
    let third = store.given("c=3 e=3").await?;
    store.given("-c -e").await?;
    let tx = store.write().await?;
    tx.clrp(b("b")).await?;
    tx.clrr(("c".."d").into()).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "a=1 d=1").await?;
    finds(&tx, second, "a=1 d=1").await?;
    finds(&tx, third, "a=1 d=1 e=3").await?;
    let tx = store.write().await?;
    tx.clrr(KeyRange::all()).await?;
    tx.commit().await?;
    store.settle().await?;
    for version in [first, second, third] {
        finds(&store.read().await?, version, "").await?;
    }
    store.holds("").await?;
    Ok(())
}

async fn a_range_clear_erases_what_its_transaction_deleted(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.apply("-b d=2 -d").await?;
    tx.clrr(("b"..).into()).await?;
    tx.give("b", "3").await?;
    tx.commit().await?;
    let second = store.version().await?;
    store.settle().await?;
    let tx = store.read().await?;
    finds(&tx, first, "a=1").await?;
    finds(&tx, second, "a=1 b=3").await?;
    Ok(())
}

async fn a_rollback_takes_that_back(store: Store) -> Verdict {
    let first = store.given("a=1 b=1").await?;
    store.given("-a").await?;
    let tx = store.write().await?;
    tx.new_save_point().await?;
    tx.clrr(KeyRange::all()).await?;
    tx.rollback_to_save_point().await?;
    tx.give("c", "1").await?;
    tx.commit().await?;
    store.settle().await?;
    finds(&store.read().await?, first, "a=1 b=1").await?;
    store.holds("b=1 c=1").await?;
    Ok(())
}

async fn a_clear_erases_no_neighbours(store: Store) -> Verdict {
    let first = store.given("=1 a=1 ab=1 b=1").await?;
    store.given("=2 a=2 ab=2 b=2").await?;
    clear(&store, "a").await?;
    store.settle().await?;
    finds(&store.read().await?, first, "=1 ab=1 b=1").await?;
    clear(&store, "").await?;
    store.settle().await?;
    finds(&store.read().await?, first, "ab=1 b=1").await?;
    Ok(())
}

async fn a_range_clear_sees_own_writes(store: Store) -> Verdict {
    let first = store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.apply("b=2 d=2 -c").await?;
    tx.clrr(("b"..).into()).await?;
    assert_eq!(tx.all().await?, "a=1");
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!((tx.val_at("a", first).await?, tx.val_at("b", first).await?), ("1".into(), "-".into()));
    store.holds("a=1").await?;
    Ok(())
}

async fn a_range_clear_erases_thousands(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.setm((0..3000).map(|n| (b(&format!("k{n:04}")), b("1"))).collect()).await?;
    tx.commit().await?;
    let first = store.version().await?;
    store.settle().await?;
    let tx = store.write().await?;
    tx.clrr(("k0500".."k2500").into()).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.read().await?;
    assert_eq!(tx.count(KeyRange::all(), Some(first)).await?, 1000);
    assert_eq!(tx.count(KeyRange::all(), None).await?, 1000);
    assert!(!tx.exists(b"k1234", Some(first)).await?);
    Ok(())
}
