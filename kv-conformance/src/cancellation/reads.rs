//! Reads that are dropped: the transaction goes on and answers as before.

use super::polled::at_every_poll;
use crate::fixture::{Drop, Failure, Store, Tx, Verdict, b, polled, text};
use futures::future::BoxFuture;
use kv_api::{KeyRange, Result, ScanLimit, Version};

type Read = for<'a> fn(&'a Tx, Option<Version>) -> BoxFuture<'a, Result<String>>;

const ALL: ScanLimit = ScanLimit::Count(u32::MAX);

/// Every read, with its answer as text.
const READS: &[(&str, Read)] = &[
    ("exists", |tx, at| Box::pin(async move { Ok(shown(&tx.exists(b"b", at).await?)) })),
    ("get", |tx, at| Box::pin(async move { Ok(shown(&tx.get(b"b", at).await?)) })),
    ("keys", |tx, at| Box::pin(async move { Ok(shown(&tx.keys(KeyRange::all(), ALL, 0, at).await?)) })),
    ("keysr", |tx, at| Box::pin(async move { Ok(shown(&tx.keysr(KeyRange::all(), ALL, 1, at).await?)) })),
    ("scan", |tx, at| Box::pin(async move { Ok(shown(&tx.scan(KeyRange::all(), ALL, 1, at).await?)) })),
    ("scanr", |tx, at| Box::pin(async move { Ok(shown(&tx.scanr(KeyRange::all(), 3.into(), 0, at).await?)) })),
    ("getm", |tx, at| Box::pin(async move { Ok(shown(&tx.getm(vec![b("a"), b("x"), b("own")], at).await?)) })),
    ("getp", |tx, at| Box::pin(async move { Ok(shown(&tx.getp(b("k"), at).await?)) })),
    ("getr", |tx, at| Box::pin(async move { Ok(shown(&tx.getr(KeyRange::all(), at).await?)) })),
    ("count", |tx, at| Box::pin(async move { Ok(shown(&tx.count(KeyRange::all(), at).await?)) })),
    ("batch_keys", |tx, at| Box::pin(async move { Ok(shown(&tx.batch_keys(KeyRange::all(), 7, at).await?.items)) })),
    ("batch_keys_vals", |tx, at| {
        Box::pin(async move { Ok(shown(&tx.batch_keys_vals(KeyRange::all(), 7, at).await?.items)) })
    }),
    ("batch_arrow", |tx, at| {
        Box::pin(async move { Ok(shown(&tx.batch_arrow(KeyRange::all(), 7, at).await?.batch.num_rows())) })
    }),
];

fn shown(answer: &dyn std::fmt::Debug) -> String {
    format!("{answer:?}")
}

async fn data(store: &Store) -> Result<Version> {
    let rows: Vec<String> = (0..60).map(|n| format!("k{n:02}={n}")).collect();
    store.given(&format!("a=1 b=2 {}", rows.join(" "))).await
}

pub(super) async fn reads(store: Store) -> Verdict {
    data(&store).await?;
    each(&store, None).await?;
    // The last of them committed its own writes.
    assert_eq!(store.read().await?.val("own").await?, "1");
    Ok(())
}

pub(super) async fn reads_at_a_version(store: Store) -> Verdict {
    let version = data(&store).await?;
    store.commit("a=2 -b k61=new").await?;
    each(&store, Some(version)).await
}

async fn each(store: &Store, at: Option<Version>) -> Verdict {
    for (name, read) in READS {
        let tx = &store.write().await?;
        tx.apply("own=1 -a").await?;
        let expected = &read(tx, at).await?;
        at_every_poll(name, 1, |dropped| async move {
            let answer = polled(dropped, read(tx, at)).await.transpose()?;
            unchanged(tx, expected, answer.as_ref(), read(tx, at).await?)?;
            Ok(answer.is_some())
        })
        .await?;
        tx.commit().await?;
    }
    Ok(())
}

fn unchanged(tx: &Tx, expected: &str, answer: Option<&String>, again: String) -> Verdict {
    if tx.closed() {
        return Err(Failure::new("the transaction is closed"));
    }
    match answer.into_iter().chain([&again]).find(|answer| *answer != expected) {
        Some(other) => Err(Failure::new(format!(
            "the answer is {} instead of {}",
            text(other.as_bytes()),
            text(expected.as_bytes())
        ))),
        None => Ok(()),
    }
}

/// A read that joins the conflict check and is dropped: it has joined or not.
pub(super) async fn getu(store: Store) -> Verdict {
    store.given("a=1 z=1").await?;
    let owned = &store;
    at_every_poll("getu", 1, |dropped: Drop| async move {
        let tx = owned.write().await?;
        let answer = polled(dropped, tx.getu(b"a")).await.transpose()?;
        let seen = tx.getu(b"z").await?;
        assert_eq!(seen, Some(b("1")));
        tx.give("own", "1").await?;
        tx.commit().await?;
        Ok(answer.is_some())
    })
    .await?;
    store.holds("a=1 own=1 z=1").await?;
    Ok(())
}
