//! When a conflict is reported.
//!
//! Not before the commit that won is visible, and not while the same keys are being written again: a retry would be doomed.
//! A transaction that begins while a commit is being synced can only lose to it, so that the fewest conflicts come of
//! one task that wins several times in a row while the others wait. Who has just won is therefore let go first, if
//! it is back at once; but not for ever: those who lost have their turns, one after the other.
//!
//! Nothing is held by who waits, and nobody waits for one who might never be polled again.

use super::conflicts::Conflict;
use super::{Committer, ReadSet, Writes};
use crate::config::Durability;
use kv_api::{Error, Version};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A conflict is reported although the keys are being written again where that has gone on for this many groups.
const MAX_WAITS: usize = 64;

/// After this many groups the next of those who lost has its turn.
const TURN: usize = 8;

/// How long a winner is waited for that may go on: a few times what it takes to begin, write and commit, and not much
/// more than a sync.
const COURTESY: Duration = Duration::from_micros(250);

/// How many transactions wait for the report of their conflict.
#[derive(Default)]
pub(super) struct Losers(AtomicUsize);

/// One of them.
struct Loser<'a> {
    losers: &'a Losers,
    /// How many were there before.
    ahead: usize,
}

impl Losers {
    fn join(&self) -> Loser<'_> {
        Loser { losers: self, ahead: self.0.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Loser<'_> {
    /// Whether it lets the others go first when it has waited for so many groups.
    fn gives_way(&self, waited: usize) -> bool {
        waited < TURN.saturating_mul(self.ahead + 1)
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
            let mut next = None;
            if loser.gives_way(waited) && self.core.config.durability == Durability::Immediate {
                next = self.let_go_first(winner, writes, reads).await;
            }
            match next.or_else(|| self.written_again(winner, writes, reads)) {
                Some(next) => winner = next,
                None => break,
            }
        }
        conflict.into_error()
    }

    /// Lets the other tasks go on for a moment; a commit of theirs that wins again.
    async fn let_go_first(&self, winner: Version, writes: &Writes, reads: &ReadSet) -> Option<Version> {
        let began = Instant::now();
        while began.elapsed() < COURTESY {
            tokio::task::yield_now().await;
            let next = self.written_again(winner, writes, reads);
            if next.is_some() {
                return next;
            }
        }
        None
    }

    /// A commit after `winner` that is not visible yet and changes what was written or read.
    fn written_again(&self, winner: Version, writes: &Writes, reads: &ReadSet) -> Option<Version> {
        let queue = self.queue.lock();
        let visible = self.core.snapshots.visible();
        queue.recent.conflict(visible.max(winner), writes, reads).map(|conflict| conflict.version)
    }
}
