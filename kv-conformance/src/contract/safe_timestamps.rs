//! `safe_timestamp`: who reads rows by the timestamps of their writers, and up to it, misses none.

use crate::case::{Need, Suite, cases};
use crate::fixture::{Drop, Failure, Store, Tx, Verdict, b, polled, refuses};
use futures::future::join_all;
use kv_api::{Error, Key, KeyRange, Result, Version};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) fn suite() -> Suite {
    Suite::new("safe_timestamps", Vec::new())
        .needing(
            Need::SafeTimestamps,
            cases![
                an_unfinished_transaction_holds_it_back,
                it_belongs_to_the_snapshot,
                the_first_timestamp_counts,
                timestamps_of_readers_do_not_count,
                whoever_ends_has_finished,
                it_never_falls,
                no_timestamp_is_given_up_to_it,
                a_router_gets_every_event_once,
                a_router_beside_commits_that_are_dropped,
            ],
        )
        .needing(Need::SafeTimestamps, {
            let mut versioned = cases![it_is_the_snapshot_where_all_have_finished];
            versioned.iter_mut().for_each(|case| case.needs.push(Need::Versions));
            versioned
        })
}

async fn safe(store: &Store) -> Result<Version> {
    store.read().await?.safe_timestamp().await
}

async fn an_unfinished_transaction_holds_it_back(store: Store) -> Verdict {
    store.given("a=1").await?;
    let (early, late) = (store.write().await?, store.write().await?);
    let first = early.timestamp().await?;
    let second = late.timestamp().await?;
    early.give("early", "1").await?;
    late.give("late", "1").await?;
    late.commit().await?;
    let between = safe(&store).await?;
    assert!(between < first, "{between}, and {first} has not been committed");
    store.commit("b=1").await?;
    assert!(safe(&store).await? < first);
    early.commit().await?;
    let after = safe(&store).await?;
    assert!(after >= second, "{after}, and {second} is visible");
    Ok(())
}

async fn it_belongs_to_the_snapshot(store: Store) -> Verdict {
    store.given("a=1").await?;
    let before = store.read().await?;
    let writer = store.write().await?;
    let stamp = writer.timestamp().await?;
    writer.give("b", "1").await?;
    let beside = store.read().await?;
    let (asked, beside_first) = (before.safe_timestamp().await?, beside.safe_timestamp().await?);
    assert!(asked < stamp && beside_first < stamp);
    writer.commit().await?;
    store.commit("c=1").await?;
    assert_eq!(before.safe_timestamp().await?, asked);
    assert_eq!(beside.safe_timestamp().await?, beside_first, "the writer had not finished");
    assert_eq!(beside.val("b").await?, "-");
    assert!(safe(&store).await? >= stamp);
    Ok(())
}

async fn it_is_the_snapshot_where_all_have_finished(store: Store) -> Verdict {
    assert_eq!(safe(&store).await?, 0, "an empty store");
    for n in 0..5 {
        let tx = store.write().await?;
        tx.timestamp().await?;
        tx.give("a", &n.to_string()).await?;
        tx.commit().await?;
        assert_eq!(safe(&store).await?, store.version().await?);
    }
    let reader = store.read().await?;
    let seen = store.version().await?;
    store.commit("a=9").await?;
    assert_eq!(reader.safe_timestamp().await?, seen);
    Ok(())
}

async fn the_first_timestamp_counts(store: Store) -> Verdict {
    let tx = store.write().await?;
    let first = tx.timestamp().await?;
    store.commit("a=1").await?;
    let second = tx.timestamp().await?;
    store.commit("a=2").await?;
    assert!(first < second && safe(&store).await? < first);
    tx.give("b", "1").await?;
    tx.commit().await?;
    assert!(safe(&store).await? > second);
    Ok(())
}

async fn timestamps_of_readers_do_not_count(store: Store) -> Verdict {
    let reader = store.read().await?;
    let stamp = reader.timestamp().await?;
    store.commit("a=1").await?;
    assert!(safe(&store).await? > stamp);
    Ok(())
}

async fn whoever_ends_has_finished(store: Store) -> Verdict {
    store.given("k=1").await?;
    for how in ["a commit of nothing", "a commit", "a conflict", "a cancellation", "a drop"] {
        let tx = store.write().await?;
        let stamp = tx.timestamp().await?;
        store.commit("k=3").await?;
        assert!(safe(&store).await? < stamp, "before {how}");
        match how {
            "a commit of nothing" => tx.commit().await?,
            "a commit" => {
                tx.give("other", "2").await?;
                tx.commit().await?;
            }
            "a conflict" => {
                tx.give("k", "2").await?;
                refuses!(tx.commit().await, TransactionConflict);
            }
            "a cancellation" => tx.cancel().await?,
            _ => drop(tx),
        }
        assert!(safe(&store).await? > stamp, "after {how}");
    }
    Ok(())
}

async fn it_never_falls(store: Store) -> Verdict {
    let mut last = 0;
    let mut open: Vec<Tx> = Vec::new();
    for n in 0..60 {
        match n % 5 {
            0 | 1 => {
                let tx = store.write().await?;
                tx.timestamp().await?;
                tx.give(&format!("k{n}"), "1").await?;
                open.push(tx);
            }
            2 => drop(store.commit(&format!("a={n}")).await?),
            3 => open.remove(n % open.len()).commit().await?,
            _ => drop(open.pop()),
        }
        let now = safe(&store).await?;
        assert!(now >= last, "{now} after {last}, step {n}");
        last = now;
    }
    Ok(())
}

async fn no_timestamp_is_given_up_to_it(store: Store) -> Verdict {
    for n in 0..10 {
        let tx = store.write().await?;
        tx.timestamp().await?;
        // Every other one leaves nothing behind.
        if n % 2 == 0 {
            tx.give("a", &n.to_string()).await?;
            tx.commit().await?;
        }
        drop(tx);
        let safe = safe(&store).await?;
        if n % 3 == 2 && store.persistent() {
            store.reopen().await?;
        }
        let next = store.write().await?.timestamp().await?;
        assert!(next > safe, "{next} is given after {safe}");
    }
    Ok(())
}

const WRITERS: usize = 8;
const EVENTS: usize = 100;

fn event(stamp: Version, writer: usize) -> Key {
    b(&format!("event/{stamp:020}/{writer}"))
}

/// Follows the events, as a router of live queries does.
#[derive(Default)]
struct Router {
    position: Version,
    delivered: BTreeSet<Key>,
}

impl Router {
    async fn poll(&mut self, store: &Store) -> Result<(), Failure> {
        let tx = store.read().await?;
        let safe = tx.safe_timestamp().await?;
        if safe < self.position {
            return Err(Failure::new(format!("{safe} is safe after {}", self.position)));
        }
        let range = KeyRange::from(event(self.position + 1, 0)..event(safe.saturating_add(1), 0));
        for (key, _) in tx.rows(range).await? {
            if !self.delivered.insert(key.clone()) {
                return Err(Failure::new(format!("{} is delivered twice", key.escape_ascii())));
            }
        }
        self.position = safe;
        // What is up to the position, and visible now, must have been delivered.
        let passed = tx.rows(KeyRange::from(event(0, 0)..event(safe.saturating_add(1), 0))).await?;
        match passed.iter().find(|(key, _)| !self.delivered.contains(key)) {
            Some((key, _)) => Err(Failure::new(format!("{} was passed over", key.escape_ascii()))),
            None => Ok(()),
        }
    }
}

/// A pause that differs from step to step, so that commits overtake each other.
async fn dawdle(step: usize) {
    match step % 4 {
        0 => {}
        1 => tokio::task::yield_now().await,
        2 => tokio::time::sleep(Duration::from_micros(200)).await,
        _ => tokio::time::sleep(Duration::from_millis(1)).await,
    }
}

/// Polls beside `writers` until they are done, and once more. What was delivered.
async fn routed(
    store: &Store,
    writers: Vec<impl Future<Output = Result<(), Failure>> + Send + 'static>,
) -> Result<BTreeSet<Key>, Failure> {
    let (done, stop) = watch::channel(false);
    let routing = tokio::spawn({
        let store = store.clone();
        async move {
            let mut router = Router::default();
            loop {
                let last = *stop.borrow();
                router.poll(&store).await?;
                if last {
                    return Ok::<_, Failure>(router);
                }
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        }
    });
    let written = join_all(writers.into_iter().map(tokio::spawn)).await;
    // Nobody listens where the router has failed, which it says itself.
    let _ = done.send(true);
    let mut router = routing.await??;
    written.into_iter().try_for_each(|written| written?)?;
    let stored = store.read().await?.keys(KeyRange::prefix("event/"), u32::MAX.into(), 0, None).await?;
    // A commit whose future was dropped may have been under way still; what is passed over no later poll finds.
    for _ in 0..200 {
        if stored.iter().all(|key| router.delivered.contains(key)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        router.poll(store).await?;
    }
    for key in stored {
        if !router.delivered.contains(&key) {
            return Err(Failure::new(format!("{} is stored and was not delivered", key.escape_ascii())));
        }
    }
    Ok(router.delivered)
}

/// Of 800 events that were read up to the wall clock's time, some 730 arrived.
async fn a_router_gets_every_event_once(store: Store) -> Verdict {
    let write = |writer: usize| {
        let store = store.clone();
        async move {
            for n in 0..EVENTS {
                let tx = store.write().await?;
                let stamp = tx.timestamp().await?;
                dawdle(writer + n).await;
                tx.set(event(stamp, writer), b("1")).await?;
                dawdle(writer * 3 + n / 4).await;
                tx.commit().await?;
                if n % 10 == writer {
                    // One that comes to nothing.
                    let tx = store.write().await?;
                    tx.set(event(tx.timestamp().await?, writer), b("1")).await?;
                }
            }
            Ok(())
        }
    };
    let delivered = routed(&store, (0..WRITERS).map(write).collect()).await?;
    assert_eq!(delivered.len(), WRITERS * EVENTS);
    store.settle().await?;
    assert_eq!(store.read().await?.count(KeyRange::prefix("event/"), None).await?, (WRITERS * EVENTS) as u64);
    Ok(())
}

/// Such a commit may still be made when its transaction is gone.
async fn a_router_beside_commits_that_are_dropped(store: Store) -> Verdict {
    let acknowledged = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let write = |writer: usize| {
        let (store, acknowledged) = (store.clone(), acknowledged.clone());
        async move {
            for n in 0..EVENTS {
                let tx = store.write().await?;
                let key = event(tx.timestamp().await?, writer);
                tx.set(key.clone(), b("1")).await?;
                let dropped = Drop { polls: (writer + n) % 4, linger: false };
                match polled(dropped, tx.commit()).await {
                    Some(Ok(())) => acknowledged.lock().push(key),
                    Some(Err(Error::TransactionConflict { .. })) | None => {}
                    Some(Err(other)) => return Err(other.into()),
                }
                drop(tx);
                dawdle(writer + n).await;
            }
            Ok(())
        }
    };
    let delivered = routed(&store, (0..WRITERS).map(write).collect()).await?;
    for key in acknowledged.lock().iter() {
        assert!(delivered.contains(key), "{} was acknowledged and not delivered", key.escape_ascii());
    }
    Ok(())
}
