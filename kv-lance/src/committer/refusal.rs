//! When a conflict is reported.
//!
//! Not before the commit that won is visible, and not while the same keys are being written again:
//! a retry would be doomed. A transaction that begins while another commit of its keys is being
//! synced can only lose to it, so the fewest conflicts come of one task winning a few times in a
//! row while the others wait. So who has won is let go first, where it is back at once; but those
//! who have lost each get a turn, in the order in which they came.
//!
//! Nothing is held meanwhile, and nobody waits for a task that might never be polled again.

use super::conflicts::Conflict;
use super::{Committer, ReadSet, Writes};
use crate::config::Durability;
use kv_api::{Error, Version};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A conflict is reported although its keys are being written again once that has gone on for this
/// many groups.
const MAX_WAITS: usize = 64;

/// After so many groups it is the turn of the next one that has lost.
const TURN: usize = 4;

/// How long a winner is waited for that may go on: several times what it takes to begin, to write
/// and to commit, and less than a sync.
const COURTESY: Duration = Duration::from_micros(50);

/// How many transactions wait for the report of their conflict.
#[derive(Default)]
pub(super) struct Losers(AtomicUsize);

/// One of them.
struct Loser<'a> {
    losers: &'a Losers,
    /// For so many groups it lets the winner go first.
    patience: usize,
}

impl Losers {
    fn join(&self) -> Loser<'_> {
        let ahead = self.0.fetch_add(1, Ordering::Relaxed);
        Loser { losers: self, patience: TURN.saturating_mul(ahead + 1).min(MAX_WAITS / 2) }
    }
}

impl Drop for Loser<'_> {
    fn drop(&mut self) {
        self.losers.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Committer {
    /// Waits until the conflict can be reported, and hands out the error.
    pub(super) async fn refuse(&self, conflict: Conflict, writes: &Writes, reads: &ReadSet) -> Error {
        self.core.figures.conflicts.fetch_add(1, Ordering::Relaxed);
        let loser = self.losers.join();
        let mut winner = conflict.version;
        for waited in 0..MAX_WAITS {
            if winner > self.core.snapshots.visible()
                && let Err(e) = self.all_queued_visible().await
            {
                return e;
            }
            let next = match waited < loser.patience {
                true => self.let_go_first(winner, writes, reads).await,
                false => None,
            };
            let unseen = || self.written_after(winner.max(self.core.snapshots.visible()), writes, reads);
            match next.or_else(unseen) {
                Some(next) => winner = next,
                None => break,
            }
        }
        conflict.into_error()
    }

    /// Lets other tasks go on for a moment. The commit of theirs that has won again, where there is
    /// one.
    async fn let_go_first(&self, winner: Version, writes: &Writes, reads: &ReadSet) -> Option<Version> {
        if self.core.config.durability != Durability::Immediate {
            // Commits are visible as soon as they are written: there is nothing to run into.
            return None;
        }
        let began = Instant::now();
        while began.elapsed() < COURTESY {
            // The winner's thread too: on a busy machine this one may have taken its processor by
            // being woken.
            std::thread::yield_now();
            tokio::task::yield_now().await;
            let next = self.written_after(winner, writes, reads);
            if next.is_some() {
                return next;
            }
        }
        None
    }

    /// A commit after `since` that changes what was written or read.
    fn written_after(&self, since: Version, writes: &Writes, reads: &ReadSet) -> Option<Version> {
        self.queue.lock().recent.conflict(since, writes, reads).map(|conflict| conflict.version)
    }
}
