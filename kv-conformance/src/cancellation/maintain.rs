//! Operations of the store itself that are dropped: it goes on and holds what it held.

use super::polled::{at_every_poll, goes_on, in_time};
use crate::fixture::{Drop, Failure, Store, Verdict, polled};
use futures::future::BoxFuture;
use kv_api::{Datastore, Error, Result, TransactionOptions};
use std::sync::Arc;

/// More than any store keeps places for.
const MANY: usize = 40;

pub(super) async fn begin(store: Store) -> Verdict {
    store.given("a=1").await?;
    let owned = &store;
    at_every_poll("begin", 1, |dropped| async move {
        let mut completed = true;
        let (db, read, write) = (owned.db(), TransactionOptions::read(), TransactionOptions::write());
        for _ in 0..MANY {
            completed &= polled(dropped, db.begin(write)).await.transpose()?.is_some();
            completed &= polled(dropped, db.begin(read)).await.transpose()?.is_some();
        }
        goes_on(owned).await?;
        Ok(completed)
    })
    .await?;
    store.holds("a=1").await?;
    Ok(())
}

pub(super) async fn current_version(store: Store) -> Verdict {
    store.given("a=1").await?;
    let owned = &store;
    at_every_poll("current_version", 1, |dropped| async move {
        match polled(dropped, owned.db().current_version()).await {
            None => Ok(false),
            Some(Ok(_) | Err(Error::UnsupportedVersionedQueries)) => Ok(true),
            Some(Err(other)) => Err(other.into()),
        }
    })
    .await?;
    goes_on(&store).await?;
    let tx = &store.write().await?;
    tx.apply("b=2").await?;
    at_every_poll(
        "timestamp",
        1,
        |dropped| async move { Ok(polled(dropped, tx.timestamp()).await.transpose()?.is_some()) },
    )
    .await?;
    at_every_poll("compact in a transaction", 1, |dropped| async move {
        Ok(polled(dropped, tx.compact(None)).await.transpose()?.is_some())
    })
    .await?;
    tx.commit().await?;
    store.holds("a=1 b=2").await?;
    Ok(())
}

type Upkeep = for<'a> fn(&'a dyn Datastore) -> BoxFuture<'a, Result<()>>;

pub(super) async fn flush(store: Store) -> Verdict {
    each(&store, "flush", |db| db.flush()).await
}

pub(super) async fn compact(store: Store) -> Verdict {
    each(&store, "compact", |db| db.compact()).await
}

async fn each(store: &Store, what: &str, upkeep: Upkeep) -> Verdict {
    at_every_poll(what, 2, |dropped| async move {
        let n = dropped.polls;
        store.commit(&format!("last={n} k{n:02}={n}")).await?;
        store.db().flush().await?;
        store.commit(&format!("buffered={n}")).await?;
        let (reader, before) = (store.read().await?, store.all().await?);
        let completed = polled(dropped, upkeep(store.db().as_ref())).await.transpose()?.is_some();
        assert_eq!(store.all().await?, before);
        assert_eq!(reader.all().await?, before);
        goes_on(store).await?;
        upkeep(store.db().as_ref()).await?;
        assert_eq!(store.all().await?, before);
        Ok(completed)
    })
    .await?;
    let last = store.all().await?;
    store.holds(&last).await?;
    Ok(())
}

pub(super) async fn flush_among_commits(store: Store) -> Verdict {
    const COMMITS: usize = 60;
    let shared = Arc::new(store.clone());
    let writing = tokio::spawn(async move {
        for n in 0..COMMITS {
            shared.commit(&format!("a{n:02}=1 b{n:02}=1")).await?;
            tokio::task::yield_now().await;
        }
        Ok::<_, Failure>(())
    });
    let mut polls = 0;
    while !writing.is_finished() {
        let dropped = Drop { polls: polls % 4, linger: polls % 8 >= 4 };
        let upkeep = async {
            polled(dropped, store.db().flush()).await.transpose()?;
            polled(dropped, store.db().compact()).await.transpose()?;
            Ok(())
        };
        in_time(&format!("flush and compact among commits, {dropped}"), upkeep).await?;
        polls += 1;
        tokio::task::yield_now().await;
    }
    in_time("commits among dropped flushes", async { writing.await? }).await?;
    for settled in [false, true] {
        if settled {
            store.settle().await?;
        }
        assert_eq!(store.read().await?.count((..).into(), None).await?, 2 * COMMITS as u64, "settled: {settled}");
    }
    Ok(())
}
