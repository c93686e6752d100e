//! Commits waiting to be written, and how their owners learn the outcome.

use super::conflicts::RecentCommits;
use crate::journal::RecordBuilder;
use kv_api::{Error, Result, Version};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Whether the store takes commits.
pub(super) enum Intake {
    Open,
    Closed,
    /// A write failed; why.
    Failed(String),
}

impl Intake {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Open => Ok(()),
            Self::Closed => Err(Error::StoreClosed),
            Self::Failed(reason) => Err(Error::StoreFailed { reason: reason.clone() }),
        }
    }
}

/// What the short lock of the committer guards.
pub(super) struct Queue {
    pub(super) intake: Intake,
    pub(super) recent: RecentCommits,
    /// In version order.
    pub(super) pending: VecDeque<Pending>,
}

/// A commit that has passed its checks and has its version.
pub(super) struct Pending {
    pub(super) version: Version,
    pub(super) record: RecordBuilder,
    pub(super) slot: Arc<Slot>,
}

/// How a commit ended.
#[derive(Clone)]
pub(super) enum Outcome {
    Committed,
    /// It may be in the journal.
    Unknown(String),
    /// It is not.
    Refused(String),
}

/// Where the leader of a group leaves the outcome for the owner of a commit.
#[derive(Default)]
pub(super) struct Slot {
    outcome: Mutex<Option<Outcome>>,
    /// Wakes the owner: the outcome is there, or it is its turn to lead.
    pub(super) wake: Notify,
    /// The owner's future was dropped; the commit goes on without it.
    pub(super) abandoned: AtomicBool,
}

impl Slot {
    pub(super) fn is_done(&self) -> bool {
        self.outcome.lock().is_some()
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.outcome.lock().clone()
    }

    pub(super) fn settle(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.wake.notify_one();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}
