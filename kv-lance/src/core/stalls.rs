//! How often and how long writers have waited, by reason.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The waits of writers, each reason by itself.
#[derive(Default)]
pub(crate) struct Stalls {
    /// Too many memtables waited for their flush.
    pub(crate) memtables: Waits,
    /// Too many runs of level 0 waited for their merge.
    pub(crate) runs: Waits,
}

/// The waits for one reason, since the store was opened.
#[derive(Default)]
pub(crate) struct Waits {
    count: AtomicU64,
    micros: AtomicU64,
    longest: AtomicU64,
}

/// A wait under way; it ends when this is dropped, as the future of a writer may be.
pub(crate) struct Wait<'a> {
    waits: &'a Waits,
    since: Instant,
}

impl Waits {
    /// A writer begins to wait.
    pub(crate) fn begin(&self) -> Wait<'_> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Wait { waits: self, since: Instant::now() }
    }

    /// How many there have been; those under way count.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Microseconds of all that have ended.
    pub(crate) fn micros(&self) -> u64 {
        self.micros.load(Ordering::Relaxed)
    }

    /// Microseconds of the longest that has ended.
    pub(crate) fn longest(&self) -> u64 {
        self.longest.load(Ordering::Relaxed)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waits.micros.fetch_add(micros, Ordering::Relaxed);
        self.waits.longest.fetch_max(micros, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn waits_add_up() {
        let waits = Waits::default();
        for millis in [5, 15] {
            let wait = waits.begin();
            std::thread::sleep(Duration::from_millis(millis));
            drop(wait);
        }
        assert_eq!(waits.count(), 2);
        assert!(waits.micros() >= 20_000 && waits.longest() >= 15_000, "{} {}", waits.micros(), waits.longest());
        assert!(waits.longest() < waits.micros());
    }
}
