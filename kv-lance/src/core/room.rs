//! Back-pressure: writers wait while too many memtables wait for their flush, are slowed down as runs of level 0 pile up,
//! and wait where there are too many of those.

use super::stalls::Stalls;
use super::{Health, ViewCell};
use crate::config::LanceConfig;
use kv_api::{Error, Result};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// From so many runs of level 0 on writers are slowed down: three times as many as are merged at once.
const SLOW: usize = 12;

/// With so many they wait.
const STOP: usize = 36;

/// What a byte of the journal costs where that begins, in nanoseconds: 100 MB a second.
const LEAST_COST: f64 = 10.0;

/// By so much it has grown where writers are about to wait: to 1.6 MB a second.
const COST_GROWS: f64 = 64.0;

/// A group of commits is held up for this long at most: not much longer than a disk does that syncs it.
const LONGEST_HOLD: Duration = Duration::from_millis(10);

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
    /// Runs of level 0, where somebody merges them.
    flushed_runs: AtomicUsize,
    pub(crate) stalls: Stalls,
}

impl Room {
    /// Waits for fewer frozen memtables, and runs of level 0, than there may be.
    ///
    /// # Errors
    /// What the last flush failed of, until one succeeds; `StoreFailed`, `StoreClosed`.
    pub(super) async fn wait(&self, views: &ViewCell, health: &Health, config: &LanceConfig) -> Result<()> {
        let memtables = || views.guard().frozen.len() < config.frozen_memtables;
        let enough = || memtables() && self.flushed_runs.load(Ordering::Relaxed) < STOP;
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
            let reason = if memtables() { &self.stalls.runs } else { &self.stalls.memtables };
            stall.get_or_insert_with(|| reason.begin());
            changed.await;
        }
        Ok(())
    }

    /// Memtables have been flushed, or there are none: writers that wait go on.
    pub(crate) fn flushed(&self) {
        *self.failure.lock() = None;
        self.changed.notify_waiters();
    }

    /// Says how many runs of level 0 wait for a merge that is going to come.
    pub(crate) fn set_flushed_runs(&self, runs: usize) {
        if self.flushed_runs.swap(runs, Ordering::Relaxed) >= STOP && runs < STOP {
            self.changed.notify_waiters();
        }
    }

    /// Holds whoever has written so many bytes to the journal, the longer the more runs have piled up: so writers come down
    /// to what merges can take before they would have to wait. Blocks the thread, as the disk has just done.
    pub(crate) fn slow_down(&self, bytes: usize) {
        let hold = hold(self.flushed_runs.load(Ordering::Relaxed), bytes);
        if !hold.is_zero() {
            let _wait = self.stalls.runs.begin();
            std::thread::sleep(hold);
        }
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

/// How long a group of so many bytes is held.
fn hold(runs: usize, bytes: usize) -> Duration {
    let Some(beyond) = runs.checked_sub(SLOW) else { return Duration::ZERO };
    let pressure = (beyond as f64 / (STOP - SLOW) as f64).min(1.0);
    let nanos = bytes as f64 * LEAST_COST * COST_GROWS.powf(pressure);
    Duration::from_nanos(nanos as u64).min(LONGEST_HOLD)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::core::View;
    use crate::memtable::MemTable;
    use futures::FutureExt;

    #[tokio::test]
    async fn writers_wait_for_merges_where_too_many_runs_have_piled_up() {
        let view = View::of(MemTable::new());
        let (views, health, config) = (ViewCell::new(view), Health::default(), LanceConfig::new("store"));
        let room = Room::default();
        room.set_flushed_runs(STOP - 1);
        assert!(room.wait(&views, &health, &config).now_or_never().is_some());
        room.set_flushed_runs(STOP);
        let mut waits = std::pin::pin!(room.wait(&views, &health, &config));
        assert!(waits.as_mut().now_or_never().is_none());
        room.set_flushed_runs(STOP + 1);
        assert!(waits.as_mut().now_or_never().is_none());
        room.set_flushed_runs(STOP - 4);
        waits.await.unwrap();
        assert_eq!((room.stalls.runs.count(), room.stalls.memtables.count()), (1, 0));
        // A store that fails keeps nobody waiting.
        room.set_flushed_runs(STOP);
        health.fail("as if".into());
        assert!(matches!(room.wait(&views, &health, &config).await, Err(Error::StoreFailed { .. })));
    }

    #[test]
    fn writers_are_slowed_down_smoothly() {
        assert_eq!(hold(SLOW - 1, 1 << 20), Duration::ZERO);
        let holds: Vec<f64> = (SLOW..=STOP).map(|runs| hold(runs, 10_000).as_secs_f64()).collect();
        assert!((holds[0] - 0.0001).abs() < 1e-9 && (holds[STOP - SLOW] - 0.0064).abs() < 1e-9, "{holds:?}");
        assert!(holds.windows(2).all(|pair| pair[0] < pair[1] && pair[1] < 1.2 * pair[0]), "{holds:?}");
        assert_eq!(hold(STOP, usize::MAX), LONGEST_HOLD);
    }
}
