//! Whether the store takes commits.

use kv_api::{Error, Result};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

const OPEN: u8 = 0;
const FAILED: u8 = 1;
const CLOSED: u8 = 2;

/// Open, failed or closed, in this order: there is no way back.
#[derive(Default)]
pub(crate) struct Health {
    state: AtomicU8,
    /// Why it failed; written before the state says so.
    reason: Mutex<Option<String>>,
}

impl Health {
    /// # Errors
    /// `StoreClosed`, `StoreFailed`.
    pub(crate) fn check(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            FAILED => Err(Error::StoreFailed { reason: self.reason() }),
            _ => Err(Error::StoreClosed),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLOSED
    }

    /// Why the store has failed, closed or not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.reason.lock().clone()
    }

    fn reason(&self) -> String {
        self.failure().unwrap_or_default()
    }

    /// Takes no more commits, for this reason or for an earlier one.
    pub(crate) fn fail(&self, reason: String) {
        tracing::error!(%reason, "the store takes no more writes");
        self.reason.lock().get_or_insert(reason);
        self.state.fetch_max(FAILED, Ordering::AcqRel);
    }

    /// Takes no more commits: the store closes. Whether it was open.
    pub(crate) fn close(&self) -> bool {
        self.state.swap(CLOSED, Ordering::AcqRel) == OPEN
    }
}
