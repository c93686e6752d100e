//! Writes that are dropped: they have happened or not, and what the transaction shows is what it commits.

use super::polled::{at_every_poll, goes_on};
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, b, polled};
use futures::future::BoxFuture;
use kv_api::{KeyRange, Result};

type Write = for<'a> fn(&'a Tx) -> BoxFuture<'a, Result<()>>;

/// What is there before.
const BEFORE: &str = "a=1 b=2 p1=1 p2=2 p3=3";

/// Every write with what is there after it.
const WRITES: &[(&str, Write, &str)] = &[
    ("set", |tx| tx.set(b("a"), b("9")), "a=9 b=2 p1=1 p2=2 p3=3"),
    ("put", |tx| tx.put(b("c"), b("9")), "a=1 b=2 c=9 p1=1 p2=2 p3=3"),
    ("putc", |tx| tx.putc(b("a"), b("9"), Some(b("1"))), "a=9 b=2 p1=1 p2=2 p3=3"),
    ("del", |tx| tx.del(b("a")), "b=2 p1=1 p2=2 p3=3"),
    ("delc", |tx| tx.delc(b("a"), Some(b("1"))), "b=2 p1=1 p2=2 p3=3"),
    ("replace", |tx| tx.replace(b("b"), b("9")), "a=1 b=9 p1=1 p2=2 p3=3"),
    ("clr", |tx| tx.clr(b("a")), "b=2 p1=1 p2=2 p3=3"),
    ("clrc", |tx| tx.clrc(b("a"), Some(b("1"))), "b=2 p1=1 p2=2 p3=3"),
    ("delp", |tx| tx.delp(b("p")), "a=1 b=2"),
    ("delr", |tx| tx.delr(KeyRange::prefix("p")), "a=1 b=2"),
    ("clrp", |tx| tx.clrp(b("p")), "a=1 b=2"),
    ("clrr", |tx| tx.clrr(KeyRange::prefix("p")), "a=1 b=2"),
];

pub(super) async fn writes(store: Store) -> Verdict {
    for (name, write, after) in WRITES {
        let store = &store;
        at_every_poll(name, 1, |dropped| async move {
            store.commit(&format!("-c -own {BEFORE}")).await?;
            let tx = store.write().await?;
            let completed = polled(dropped, write(&tx)).await.transpose()?.is_some();
            let shown = tx.all().await?;
            if completed {
                assert_eq!(shown, *after);
            }
            between(&shown, after)?;
            assert!(!tx.closed(), "the transaction is closed");
            tx.give("own", "1").await?;
            let shown = tx.all().await?;
            tx.commit().await?;
            assert_eq!(store.all().await?, shown, "the store holds something else than the transaction showed");
            Ok(completed)
        })
        .await?;
    }
    let last = store.all().await?;
    store.holds(&last).await?;
    Ok(())
}

/// Asserts that of the rows each is as before or as after: one write alone is one row.
fn between(shown: &str, after: &str) -> Result<(), Mismatch> {
    let (before, after): (Vec<&str>, Vec<&str>) = (BEFORE.split(' ').collect(), after.split(' ').collect());
    let shown: Vec<&str> = shown.split(' ').collect();
    let known = shown.iter().all(|row| before.contains(row) || after.contains(row));
    let kept = before.iter().filter(|row| after.contains(row)).all(|row| shown.contains(row));
    match known && kept {
        true => Ok(()),
        false => Err(Mismatch(format!("the transaction shows {shown:?}, neither {before:?} nor {after:?}"))),
    }
}

pub(super) async fn cancel(store: Store) -> Verdict {
    store.given("a=1").await?;
    let owned = &store;
    at_every_poll("cancel", 1, |dropped| async move {
        let tx = owned.write().await?;
        tx.apply("a=2 c=2").await?;
        let completed = polled(dropped, tx.cancel()).await.transpose()?.is_some();
        if tx.closed() == completed {
            goes_on(owned).await?;
        }
        if !tx.closed() {
            assert_eq!(tx.all().await?, "a=2 c=2");
            tx.cancel().await?;
        }
        if owned.all().await? != "a=1" {
            return Err(Failure::new("a cancelled transaction is visible"));
        }
        Ok(completed)
    })
    .await?;
    store.holds("a=1").await?;
    Ok(())
}
