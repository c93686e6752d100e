//! Back-pressure: writers wait while too many memtables wait for their flush.

use super::stalls::Stalls;
use super::{Health, ViewCell};
use crate::config::LanceConfig;
use kv_api::{Error, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Why frozen memtables are not being flushed.
#[derive(Clone)]
struct FlushFailure {
    kind: std::io::ErrorKind,
    reason: String,
}

/// Where writers wait.
#[derive(Default)]
pub(crate) struct Room {
    changed: Notify,
    failure: Mutex<Option<FlushFailure>>,
    pub(crate) stalls: Stalls,
}

impl Room {
    /// Waits for fewer frozen memtables than the configuration allows.
    ///
    /// # Errors
    /// What the last flush failed of, until one succeeds; `StoreFailed`, `StoreClosed`.
    pub(super) async fn wait(&self, views: &ViewCell, health: &Health, config: &LanceConfig) -> Result<()> {
        let enough = || views.guard().frozen.len() < config.frozen_memtables;
        let mut stall = None;
        while !enough() {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            // It may have changed before this began to listen.
            if enough() {
                break;
            }
            health.check()?;
            if let Some(failure) = self.failure.lock().clone() {
                let source = std::io::Error::new(failure.kind, failure.reason);
                return Err(Error::io("making room in memory: flushing to", &config.path, source));
            }
            stall.get_or_insert_with(|| self.stalls.memtables.begin());
            changed.await;
        }
        Ok(())
    }

    /// Memtables have been flushed, or there are none: writers that wait go on.
    pub(crate) fn flushed(&self) {
        *self.failure.lock() = None;
        self.changed.notify_waiters();
    }

    /// A flush failed: writers that wait are told.
    pub(crate) fn flush_failed(&self, error: &Error) {
        let kind = match error {
            Error::Io { source, .. } => source.kind(),
            _ => std::io::ErrorKind::Other,
        };
        *self.failure.lock() = Some(FlushFailure { kind, reason: error.to_string() });
        self.changed.notify_waiters();
    }

    /// Whether the last flush failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failure.lock().is_some()
    }

    /// Has those that wait look again.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }
}
