//! Writes beside the commit of their own transaction: what was acknowledged is in the store.

use crate::case::{Suite, cases};
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, b, spin};
use kv_api::{Error, Result};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

pub(crate) fn suite() -> Suite {
    Suite::new(
        "late_writes",
        cases![
            a_set_beside_the_commit,
            a_put_beside_the_commit,
            a_putc_beside_the_commit,
            a_delc_beside_the_commit,
            a_write_that_was_polled_before_the_commit,
            a_save_point_beside_the_commit,
        ],
    )
}

/// Transactions of each case.
const ROUNDS: usize = 400;

/// How often a write is polled before the commit, at most.
const POLLS: usize = 4;

/// How much later than the write the commit begins: between nothing and `STEPS` of these.
const STEP: Duration = Duration::from_micros(2);
const STEPS: u32 = 50;

/// Runs `work` on a thread of its own, which is at it by the time of the answer: a task might wait until the commit gives
/// its thread free.
fn begun<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let (started, runtime) = (Arc::new(AtomicBool::new(false)), Handle::current());
    let starting = started.clone();
    let task = tokio::task::spawn_blocking(move || {
        starting.store(true, Ordering::SeqCst);
        runtime.block_on(work)
    });
    while !started.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    task
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Set,
    Put,
    Putc,
    Delc,
}

impl Write {
    /// What the key has before.
    fn before(self) -> Option<&'static str> {
        match self {
            Self::Put => None,
            Self::Set | Self::Putc | Self::Delc => Some("before"),
        }
    }

    fn after(self) -> Option<&'static str> {
        match self {
            Self::Delc => None,
            Self::Set | Self::Put | Self::Putc => Some("after"),
        }
    }

    async fn make(self, tx: &Tx, key: &str) -> Result<()> {
        let (key, before) = (b(key), self.before().map(b));
        match self {
            Self::Set => tx.set(key, b("after")).await,
            Self::Put => tx.put(key, b("after")).await,
            Self::Putc => tx.putc(key, b("after"), before).await,
            Self::Delc => tx.delc(key, before).await,
        }
    }
}

/// The key of a round. One that is used once has to be fetched, where that takes its time.
fn key(round: usize) -> String {
    format!("k{:05}", round * 7919 % 10_000)
}

async fn given(store: &Store, write: Write) -> Verdict {
    let tx = store.write().await?;
    for round in 0..ROUNDS {
        match write.before() {
            Some(val) => tx.give(&key(round), val).await?,
            // Something beside it, so that a missing key is looked for.
            None => tx.give(&format!("{}-", key(round)), "1").await?,
        }
    }
    tx.commit().await?;
    store.settle().await?;
    Ok(())
}

/// What became of a write, and with it what its key must have.
fn expected(write: Write, written: Result<()>) -> Result<&'static str, Mismatch> {
    let val = match written {
        Ok(()) => write.after(),
        Err(Error::TransactionFinished) => write.before(),
        Err(other) => return Err(other.into()),
    };
    Ok(val.unwrap_or("-"))
}

async fn check(store: &Store, expected: &BTreeMap<String, &'static str>) -> Verdict {
    for settled in [false, true] {
        if settled {
            store.settle().await?;
        }
        let tx = store.read().await?;
        let mut wrong = Vec::new();
        for (key, expected) in expected {
            let found = tx.val(key).await?;
            if found != *expected {
                wrong.push(format!("{key} has '{found}' instead of '{expected}'"));
            }
        }
        if let Some(first) = wrong.first() {
            let (wrong, all) = (wrong.len(), expected.len());
            return Err(Failure::new(format!("after {wrong} of {all} commits, settled: {settled}: {first}")));
        }
    }
    Ok(())
}

/// A write had looked whether the transaction was open, waited for a block, and was then acknowledged and lost: the
/// commit had taken the pending writes meanwhile.
async fn beside_the_commit(store: &Store, write: Write) -> Verdict {
    given(store, write).await?;
    let mut outcomes = BTreeMap::new();
    for round in 0..ROUNDS {
        let tx = Arc::new(store.write().await?);
        tx.give("other", &round.to_string()).await?;
        let (writing, key) = (tx.clone(), key(round));
        let name = key.clone();
        let task = begun(async move { write.make(&writing, &name).await });
        spin(STEP * (round as u32 % STEPS));
        tx.commit().await?;
        outcomes.insert(key, expected(write, task.await?)?);
    }
    check(store, &outcomes).await
}

async fn a_set_beside_the_commit(store: Store) -> Verdict {
    beside_the_commit(&store, Write::Set).await
}

async fn a_put_beside_the_commit(store: Store) -> Verdict {
    beside_the_commit(&store, Write::Put).await
}

async fn a_putc_beside_the_commit(store: Store) -> Verdict {
    beside_the_commit(&store, Write::Putc).await
}

async fn a_delc_beside_the_commit(store: Store) -> Verdict {
    beside_the_commit(&store, Write::Delc).await
}

/// The same without luck: the write is polled, then comes the commit, then the rest of the write.
async fn a_write_that_was_polled_before_the_commit(store: Store) -> Verdict {
    for write in [Write::Set, Write::Put, Write::Putc, Write::Delc] {
        store.given(&script(write)).await?;
        let mut outcomes = BTreeMap::new();
        for polls in 0..=POLLS {
            let (tx, key) = (store.write().await?, key(polls));
            tx.give("other", "1").await?;
            let mut writing = pin!(write.make(&tx, &key));
            let mut left = polls;
            let ended = poll_fn(|context| {
                while left > 0 {
                    left -= 1;
                    if let Poll::Ready(written) = writing.as_mut().poll(context) {
                        return Poll::Ready(Some(written));
                    }
                }
                Poll::Ready(None)
            });
            let ended = ended.await;
            tx.commit().await?;
            let written = match ended {
                Some(written) => written,
                None => writing.await,
            };
            outcomes.insert(key.clone(), expected(write, written)?);
        }
        check(&store, &outcomes).await?;
    }
    Ok(())
}

/// What gives the keys of all polls what they have before.
fn script(write: Write) -> String {
    let words = (0..=POLLS).map(key).map(|key| match write.before() {
        Some(val) => format!("{key}={val}"),
        None => format!("-{key}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

async fn a_save_point_beside_the_commit(store: Store) -> Verdict {
    for round in 0..ROUNDS {
        let tx = Arc::new(store.write().await?);
        tx.new_save_point().await?;
        tx.give("a", &round.to_string()).await?;
        let rolling_back = tx.clone();
        let task = begun(async move { rolling_back.rollback_to_save_point().await });
        spin(STEP * (round as u32 % STEPS));
        tx.commit().await?;
        let (seen, rolled_back) = (store.read().await?.val("a").await?, task.await?);
        match rolled_back {
            Ok(()) => assert_ne!(seen, round.to_string(), "rolled back before the commit, round {round}"),
            Err(Error::TransactionFinished) => assert_eq!(seen, round.to_string(), "rolled back after the commit"),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
