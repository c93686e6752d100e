//! `setm` and `delm`: many writes in one call, and none of them where one is refused.

use crate::case::{Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses, show};
use bytes::Bytes;
use kv_api::{Key, MAX_KEY_BYTES, MAX_VALUE_BYTES, Val};

pub(crate) fn suite() -> Suite {
    Suite::new(
        "many_keys",
        cases![
            setm_is_many_sets,
            delm_is_many_dels,
            many_of_nothing,
            the_last_of_a_key_counts,
            a_refused_setm_writes_nothing,
            a_setm_refused_for_a_value_writes_nothing,
            a_refused_delm_deletes_nothing,
            save_points_take_many_back,
            a_cancel_discards_many,
            every_key_of_setm_is_checked,
            every_key_of_delm_is_checked,
            thousands_of_keys,
        ],
    )
}

/// Entries of a script of sets.
fn entries(script: &str) -> Vec<(Key, Val)> {
    let entry = |word: &str| word.split_once('=').map(|(key, val)| (b(key), b(val))).expect("key=value");
    script.split_whitespace().map(entry).collect()
}

fn keys(words: &str) -> Vec<Key> {
    words.split_whitespace().map(b).collect()
}

fn too_long() -> Key {
    Bytes::from(vec![b'k'; MAX_KEY_BYTES + 1])
}

async fn setm_is_many_sets(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let (one, other) = (store.write().await?, store.write().await?);
    one.setm(entries("d=2 b=2 =2 e=")).await?;
    other.apply("d=2 b=2 =2 e=").await?;
    assert_eq!(one.all().await?, "=2 a=1 b=2 c=1 d=2 e=");
    assert_eq!(one.all().await?, other.all().await?);
    one.commit().await?;
    refuses!(other.commit().await, TransactionConflict);
    store.holds("=2 a=1 b=2 c=1 d=2 e=").await?;
    Ok(())
}

async fn delm_is_many_dels(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1 d=1").await?;
    let tx = store.write().await?;
    tx.apply("e=2 f=2").await?;
    tx.delm(keys("b e x a b")).await?;
    assert_eq!(tx.all().await?, "c=1 d=1 f=2");
    tx.commit().await?;
    store.holds("c=1 d=1 f=2").await?;
    Ok(())
}

async fn many_of_nothing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.setm(vec![]).await?;
    tx.delm(vec![]).await?;
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn the_last_of_a_key_counts(store: Store) -> Verdict {
    let tx = store.write().await?;
    tx.setm(entries("a=1 b=1 a=2 b=2 a=3")).await?;
    assert_eq!(tx.all().await?, "a=3 b=2");
    tx.commit().await?;
    store.holds("a=3 b=2").await?;
    Ok(())
}

async fn a_refused_setm_writes_nothing(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    for place in 0..4 {
        let tx = store.write().await?;
        tx.give("own", "1").await?;
        let mut many = entries("a=2 b=2 c=2");
        many.insert(place, (too_long(), b("2")));
        refuses!(tx.setm(many).await, KeyTooLarge);
        assert_eq!(tx.all().await?, "a=1 b=1 own=1", "refused for entry {place}");
        tx.give("after", "1").await?;
        tx.commit().await?;
        assert_eq!(store.all().await?, "a=1 after=1 b=1 own=1");
        store.given("-own -after").await?;
    }
    Ok(())
}

async fn a_setm_refused_for_a_value_writes_nothing(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    // Zeros straight from the system: the pages are never touched.
    let val = Bytes::from(vec![0; MAX_VALUE_BYTES + 1]);
    refuses!(tx.setm(vec![(b("a"), b("2")), (b("b"), val)]).await, ValueTooLarge);
    assert_eq!(tx.all().await?, "a=1");
    tx.commit().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn a_refused_delm_deletes_nothing(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    for place in 0..3 {
        let tx = store.write().await?;
        let mut many = keys("a b");
        many.insert(place, too_long());
        refuses!(tx.delm(many).await, KeyTooLarge);
        assert_eq!(tx.all().await?, "a=1 b=1", "refused for key {place}");
        tx.commit().await?;
        store.holds("a=1 b=1").await?;
    }
    Ok(())
}

async fn save_points_take_many_back(store: Store) -> Verdict {
    store.given("a=1 b=1 c=1").await?;
    let tx = store.write().await?;
    tx.give("b", "2").await?;
    tx.new_save_point().await?;
    tx.setm(entries("a=3 b=3 d=3")).await?;
    tx.delm(keys("c a")).await?;
    assert_eq!(tx.all().await?, "b=3 d=3");
    tx.rollback_to_save_point().await?;
    assert_eq!(tx.all().await?, "a=1 b=2 c=1");
    tx.commit().await?;
    store.holds("a=1 b=2 c=1").await?;
    Ok(())
}

async fn a_cancel_discards_many(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.write().await?;
    tx.setm(entries("b=2 c=2")).await?;
    tx.delm(keys("a")).await?;
    tx.cancel().await?;
    store.holds("a=1").await?;
    Ok(())
}

async fn every_key_of_setm_is_checked(store: Store) -> Verdict {
    for key in ["a", "b", "c"] {
        store.given("a=1 -b c=1").await?;
        let tx = store.write().await?;
        tx.setm(entries("a=2 b=2 c=2")).await?;
        store.commit(&format!("{key}=3")).await?;
        refuses!(tx.commit().await, TransactionConflict);
    }
    Ok(())
}

/// A key without a value is part of the write set too.
async fn every_key_of_delm_is_checked(store: Store) -> Verdict {
    for key in ["a", "b", "c"] {
        store.given("a=1 -b c=1").await?;
        let tx = store.write().await?;
        tx.delm(keys("a b c")).await?;
        store.commit(&format!("{key}=3")).await?;
        refuses!(tx.commit().await, TransactionConflict);
    }
    Ok(())
}

async fn thousands_of_keys(store: Store) -> Verdict {
    let key = |n: usize| b(&format!("k{n:05}"));
    let tx = store.write().await?;
    tx.setm((0..5000).map(|n| (key(n), b(&n.to_string()))).collect()).await?;
    tx.commit().await?;
    store.settle().await?;
    let tx = store.write().await?;
    assert_eq!(tx.count((..).into(), None).await?, 5000);
    tx.delm((0..4998).rev().map(key).collect()).await?;
    assert_eq!(show(&tx.rows(..).await?), "k04998=4998 k04999=4999");
    tx.commit().await?;
    store.holds("k04998=4998 k04999=4999").await?;
    Ok(())
}
