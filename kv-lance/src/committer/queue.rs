//! Commits waiting to be written, and how their owners learn the outcome.

use super::conflicts::RecentCommits;
use crate::core::Stamp;
use crate::journal::RecordBuilder;
use kv_api::{Error, Result, Version};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// What the short lock of the committer guards.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) recent: RecentCommits,
    /// In version order.
    pub(super) waiting: VecDeque<Waiter>,
}

/// Somebody in the queue.
pub(super) struct Waiter {
    /// A commit that has passed its checks, with its version; `None` for who only waits until those before are visible.
    pub(super) commit: Option<(Version, RecordBuilder)>,
    pub(super) slot: Arc<Slot>,
}

/// How it ended.
#[derive(Clone)]
pub(super) enum Outcome {
    Done,
    /// The commit may be in the journal.
    Unknown(String),
    /// It is not, and the store takes no more.
    Refused(String),
    /// It is not, and a later one may be.
    NotWritten(WriteFailure),
}

impl Outcome {
    pub(super) fn into_result(self) -> Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Unknown(reason) => Err(Error::CommitOutcomeUnknown { reason }),
            Self::Refused(reason) => Err(Error::StoreFailed { reason }),
            Self::NotWritten(failure) => Err(failure.into_error()),
        }
    }
}

/// An error of the file system that several owners are told.
#[derive(Clone)]
pub(super) struct WriteFailure {
    operation: &'static str,
    path: PathBuf,
    kind: std::io::ErrorKind,
    reason: String,
}

impl WriteFailure {
    /// What there is to say of `error`, met while writing to `path`.
    pub(super) fn new(error: &Error, path: &std::path::Path) -> Self {
        match error {
            Error::Io { operation, path, source } => {
                Self { operation, path: path.clone(), kind: source.kind(), reason: source.to_string() }
            }
            other => Self {
                operation: "writing",
                path: path.into(),
                kind: std::io::ErrorKind::Other,
                reason: other.to_string(),
            },
        }
    }

    fn into_error(self) -> Error {
        Error::io(self.operation, self.path, std::io::Error::new(self.kind, self.reason))
    }
}

/// Where the leader of a group leaves the outcome for who is in the queue.
#[derive(Default)]
pub(super) struct Slot {
    outcome: OnceLock<Outcome>,
    /// Unfinished until there is an outcome, also where the owner has gone.
    stamp: Mutex<Option<Stamp>>,
    /// Wakes the owner: the outcome is there, or there may be nobody who leads.
    pub(super) wake: Notify,
    /// The owner's future was dropped; the commit goes on without it.
    pub(super) abandoned: AtomicBool,
}

impl Slot {
    pub(super) fn new(stamp: Option<Stamp>) -> Self {
        Self { stamp: Mutex::new(stamp), ..Self::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().cloned()
    }

    pub(super) fn settle(&self, outcome: Outcome) {
        match (self.stamp.lock().take(), &outcome) {
            (Some(stamp), Outcome::Unknown(_)) => stamp.keep(),
            (stamp, _) => drop(stamp),
        }
        // Nobody is settled twice.
        let _ = self.outcome.set(outcome);
        self.wake.notify_one();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}
