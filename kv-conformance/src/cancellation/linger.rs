//! Commits that linger: alive, and polled by nobody, as the branch of a `select!` or an element of a stream can be.

use super::polled::LIMIT;
use crate::fixture::{Failure, Mismatch, Store, Tx, Verdict, spin};
use futures::future::join_all;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// The commit lingers after at most so many polls.
const POLLS: usize = 4;

/// How often each is tried: what goes wrong depends on which commit is being written when the other is polled.
const ROUNDS: u64 = 12;

/// Commits that run beside it. None of them is followed by another, which would wake who waits.
const OTHERS: usize = 4;

/// How much later each round polls.
const STEP: Duration = Duration::from_micros(40);

/// A commit that was polled while another was being written, and then left alone, held up everybody behind it.
pub(super) async fn commit_that_lingers(store: Store) -> Verdict {
    for round in 0..ROUNDS {
        for polls in 0..=POLLS {
            for eager in [false, true] {
                let linger = Linger { round, polls, eager };
                linger.beside_others(&store).await.map_err(|failure| Failure::new(format!("{linger}: {failure}")))?;
            }
        }
    }
    store.settle().await?;
    let rows = store.read().await?.rows(..).await?;
    assert_eq!(rows.len(), ROUNDS as usize * (POLLS + 1) * 2 * (OTHERS + 2), "of commits that were acknowledged");
    Ok(())
}

struct Linger {
    round: u64,
    polls: usize,
    /// Polls again without being asked to.
    eager: bool,
}

impl std::fmt::Display for Linger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.eager { "in a row" } else { "when asked" };
        write!(f, "beside a commit that lingers after {} polls {how}, round {}", self.polls, self.round)
    }
}

impl Linger {
    async fn beside_others(&self, store: &Store) -> Verdict {
        let name = format!("{}-{}-{}", self.round, self.polls, u8::from(self.eager));
        let tx = self.prepared(store, &format!("{name}-lingers")).await?;
        let mut lingering = Box::pin(tx.commit());
        let first = self.commit_soon(store, &name, 0).await?;
        first.is_at_it().await;
        spin(STEP * self.round as u32);
        let ended = self.poll(lingering.as_mut()).await;
        let mut others = vec![first];
        for n in 1..=OTHERS {
            others.push(self.commit_soon(store, &name, n).await?);
        }
        let ended_all = timeout(LIMIT, join_all(others.into_iter().map(|other| other.task))).await;
        let ended_all = ended_all.map_err(|_| Mismatch(format!("other commits hang for {} s", LIMIT.as_secs())))?;
        for other in ended_all {
            other??;
        }
        // Here as well, with the lingering one still unpolled.
        let own = timeout(LIMIT, store.commit("probe=1")).await;
        own.map_err(|_| Mismatch(format!("a commit of the same task hangs for {} s", LIMIT.as_secs())))??;
        store.commit("-probe").await?;
        match ended {
            Some(outcome) => outcome?,
            None => {
                let ended = timeout(LIMIT, lingering).await;
                ended.map_err(|_| Mismatch("it has no outcome when it is polled again".into()))??;
            }
        }
        let seen = store.read().await?.val(&format!("{name}-lingers")).await?;
        assert_eq!(seen, "1", "of the commit that lingered");
        Ok(())
    }

    async fn prepared(&self, store: &Store, key: &str) -> Result<Tx, Mismatch> {
        let tx = store.write().await?;
        tx.give(key, "1").await?;
        Ok(tx)
    }

    /// Polls as often as it should. The output, where it ended by then.
    async fn poll<T>(&self, mut future: Pin<&mut (impl Future<Output = T> + Send + ?Sized)>) -> Option<T> {
        let mut left = self.polls;
        poll_fn(|context| {
            while left > 0 {
                left -= 1;
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => return Poll::Ready(Some(output)),
                    // With no further poll to come, nothing asks for it.
                    Poll::Pending if !self.eager && left > 0 => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            Poll::Ready(None)
        })
        .await
    }

    async fn commit_soon(&self, store: &Store, name: &str, n: usize) -> Result<Other, Mismatch> {
        let tx = self.prepared(store, &format!("{name}-{n}")).await?;
        let started = Arc::new(AtomicBool::new(false));
        let starting = started.clone();
        let task = tokio::spawn(async move {
            starting.store(true, Ordering::SeqCst);
            tx.commit().await
        });
        Ok(Other { started, task })
    }
}

/// A commit in a task of its own.
struct Other {
    started: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<kv_api::Result<()>>,
}

impl Other {
    async fn is_at_it(&self) {
        while !self.started.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }
}
