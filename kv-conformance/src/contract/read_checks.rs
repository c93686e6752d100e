//! `getu`: a read that joins the conflict check.

use super::conflicts::{WRITES, act, against_every_write};
use crate::case::{Need, Suite, cases};
use crate::fixture::{Store, Verdict, b, refuses};
use futures::future::join_all;
use kv_api::Result;

pub(crate) fn suite() -> Suite {
    Suite::new("read_checks", Vec::new()).needing(
        Need::ReadChecks,
        cases![
            getu_against_every_write,
            every_write_against_getu,
            getu_of_a_missing_key,
            getu_alone_is_checked,
            getu_of_another_key_is_no_conflict,
            two_getus_do_not_conflict,
            many_getus_do_not_conflict,
            getu_leaves_no_trace,
            getu_forbids_write_skew,
            getu_of_a_read_transaction,
        ],
    )
}

async fn getu_against_every_write(store: Store) -> Verdict {
    against_every_write(store, "getu").await
}

async fn every_write_against_getu(store: Store) -> Verdict {
    for write in WRITES {
        store.given("k=1").await?;
        let (reader, writer) = (store.write().await?, store.write().await?);
        act(&writer, write, "2").await?;
        reader.getu(b"k").await?;
        reader.give("other", "1").await?;
        reader.commit().await?;
        writer.commit().await?;
    }
    Ok(())
}

async fn getu_of_a_missing_key(store: Store) -> Verdict {
    store.given("z=1").await?;
    let tx = store.write().await?;
    assert_eq!(tx.getu(b"a").await?, None);
    tx.give("b", "1").await?;
    store.commit("a=1").await?;
    refuses!(tx.commit().await, TransactionConflict);
    store.holds("a=1 z=1").await?;
    Ok(())
}

async fn getu_alone_is_checked(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (changed, unchanged) = (store.write().await?, store.write().await?);
    changed.getu(b"a").await?;
    unchanged.getu(b"b").await?;
    store.commit("a=2").await?;
    refuses!(changed.commit().await, TransactionConflict);
    unchanged.commit().await?;
    Ok(())
}

async fn getu_of_another_key_is_no_conflict(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let tx = store.write().await?;
    tx.getu(b"a").await?;
    tx.give("c", "1").await?;
    store.commit("b=2 aa=2").await?;
    tx.commit().await?;
    store.holds("a=1 aa=2 b=2 c=1").await?;
    Ok(())
}

async fn two_getus_do_not_conflict(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (one, other) = (store.write().await?, store.write().await?);
    for (tx, key) in [(&one, "b"), (&other, "c")] {
        tx.getu(b"a").await?;
        tx.give(key, "1").await?;
    }
    one.commit().await?;
    other.commit().await?;
    store.holds("a=1 b=1 c=1").await?;
    Ok(())
}

async fn many_getus_do_not_conflict(store: Store) -> Verdict {
    store.given("a=1").await?;
    let mut open = Vec::new();
    for n in 0..8 {
        let tx = store.write().await?;
        // A key that has a value and one that has none.
        assert_eq!((tx.getu(b"a").await?, tx.getu(b"missing").await?), (Some(b("1")), None));
        tx.give(&format!("own{n}"), "1").await?;
        open.push(tx);
    }
    let committed = join_all(open.iter().map(|tx| tx.commit())).await;
    committed.into_iter().collect::<Result<Vec<()>>>()?;
    store.holds("a=1 own0=1 own1=1 own2=1 own3=1 own4=1 own5=1 own6=1 own7=1").await?;
    Ok(())
}

/// A transaction that had begun before a `getu` was committed does not conflict with it, whatever
/// it does with the key.
async fn getu_leaves_no_trace(store: Store) -> Verdict {
    for write in WRITES.into_iter().chain(["getu"]) {
        store.given("k=1").await?;
        let later = store.write().await?;
        let first = store.write().await?;
        first.getu(b"k").await?;
        first.commit().await?;
        act(&later, write, "2").await?;
        later.commit().await?;
    }
    Ok(())
}

async fn getu_of_a_read_transaction(store: Store) -> Verdict {
    store.given("a=1").await?;
    let tx = store.read().await?;
    refuses!(tx.getu(b"a").await, TransactionReadonly);
    refuses!(tx.getu(b"missing").await, TransactionReadonly);
    assert_eq!(tx.val("a").await?, "1", "the transaction goes on");
    tx.cancel().await?;
    refuses!(tx.getu(b"a").await, TransactionFinished);
    Ok(())
}

async fn getu_forbids_write_skew(store: Store) -> Verdict {
    store.given("a=1 b=1").await?;
    let (one, other) = (store.write().await?, store.write().await?);
    one.getu(b"b").await?;
    one.give("a", "0").await?;
    other.getu(b"a").await?;
    other.give("b", "0").await?;
    one.commit().await?;
    refuses!(other.commit().await, TransactionConflict);
    store.holds("a=0 b=1").await?;
    Ok(())
}
