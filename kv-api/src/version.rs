//! Commit versions and where they come from.

use crate::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The version of a commit: strictly greater than that of every commit before it, across restarts too.
/// 0 is before the first commit.
pub type Version = u64;

/// Issues commit versions. Object-safe; a store whose engine has an oracle of its own plugs it in here.
pub trait MvccSource: Send + Sync + std::fmt::Debug {
    /// A version greater than every one issued or [observed](Self::observe) before.
    ///
    /// # Errors
    /// When there is no greater version left.
    fn next(&self) -> Result<Version>;

    /// Says that `version` is in use: a store calls this with the newest version it recovers.
    fn observe(&self, version: Version);

    /// The version that stands for `time`: commits made up to `time` are visible at it, later ones are not.
    /// `None` where versions have no relation to time.
    fn at_time(&self, time: SystemTime) -> Option<Version>;

    /// When `version` was issued, to the millisecond; `None` where versions have no relation to time.
    fn time_of(&self, version: Version) -> Option<SystemTime>;
}

/// Bits of a hybrid version that count within one millisecond.
const COUNTER_BITS: u32 = 16;

/// A hybrid logical clock: `unix_ms << 16 | counter`. A wall-clock time maps to a version; a clock that stands
/// still or runs backwards costs nothing but that mapping's precision, for the counter carries on
/// from the greatest version known.
#[derive(Debug, Default)]
pub struct HybridClock {
    last: AtomicU64,
}

impl HybridClock {
    /// A clock that has issued nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first version of the millisecond that holds `time`; 0 before 1970 and the greatest version beyond what 48 bits of
    /// milliseconds can hold.
    pub fn first_version_at(time: SystemTime) -> Version {
        let Ok(since_epoch) = time.duration_since(UNIX_EPOCH) else { return 0 };
        match u64::try_from(since_epoch.as_millis()) {
            Ok(ms) if ms <= u64::MAX >> COUNTER_BITS => ms << COUNTER_BITS,
            _ => u64::MAX,
        }
    }
}

impl MvccSource for HybridClock {
    fn next(&self) -> Result<Version> {
        let now = Self::first_version_at(SystemTime::now());
        let issue = |last: Version| last.checked_add(1).map(|after| after.max(now));
        // `fetch_update` hands back the value before the update.
        match self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, issue) {
            Ok(before) => issue(before).ok_or_else(exhausted),
            Err(_) => Err(exhausted()),
        }
    }

    fn observe(&self, version: Version) {
        self.last.fetch_max(version, Ordering::AcqRel);
    }

    fn at_time(&self, time: SystemTime) -> Option<Version> {
        Some(Self::first_version_at(time) | ((1 << COUNTER_BITS) - 1))
    }

    fn time_of(&self, version: Version) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(version >> COUNTER_BITS))
    }
}

/// Versions 1, 2, 3, …: for tests, and for stores that need no relation to time.
#[derive(Debug, Default)]
pub struct CounterSource {
    last: AtomicU64,
}

impl CounterSource {
    /// A counter whose first version is 1.
    pub fn new() -> Self {
        Self::default()
    }
}

impl MvccSource for CounterSource {
    fn next(&self) -> Result<Version> {
        self.last
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| last.checked_add(1))
            .map(|before| before + 1)
            .map_err(|_| exhausted())
    }

    fn observe(&self, version: Version) {
        self.last.fetch_max(version, Ordering::AcqRel);
    }

    fn at_time(&self, _: SystemTime) -> Option<Version> {
        None
    }

    fn time_of(&self, _: Version) -> Option<SystemTime> {
        None
    }
}

fn exhausted() -> Error {
    Error::StoreFailed { reason: "the last version that 64 bits can hold has been issued".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strictly_increases(source: &dyn MvccSource) {
        let mut last = 0;
        for _ in 0..200_000 {
            let next = source.next().unwrap_or(0);
            assert!(next > last);
            last = next;
        }
        source.observe(last + (1 << 40));
        assert!(source.next().is_ok_and(|v| v > last + (1 << 40)));
        source.observe(5);
        assert!(source.next().is_ok_and(|v| v > last + (1 << 40)));
        source.observe(u64::MAX);
        assert!(source.next().is_err());
    }

    #[test]
    fn versions_strictly_increase() {
        strictly_increases(&HybridClock::new());
        strictly_increases(&CounterSource::new());
    }

    #[test]
    fn threads_never_share_a_version() {
        let clock = HybridClock::new();
        let mut all: Vec<Version> = std::thread::scope(|s| {
            let handles: Vec<_> =
                (0..4).map(|_| s.spawn(|| (0..10_000).filter_map(|_| clock.next().ok()).collect::<Vec<_>>())).collect();
            handles.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
        });
        assert_eq!(all.len(), 40_000);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 40_000);
    }

    #[test]
    fn a_time_maps_to_the_commits_made_by_then() {
        let clock = HybridClock::new();
        let before = SystemTime::now();
        std::thread::sleep(Duration::from_millis(2));
        let version = clock.next().unwrap_or(0);
        std::thread::sleep(Duration::from_millis(2));
        let after = SystemTime::now();
        assert!(clock.at_time(before).is_some_and(|v| v < version));
        assert!(clock.at_time(after).is_some_and(|v| v >= version));
        assert!(clock.time_of(version).is_some_and(|t| t <= after && t + Duration::from_millis(1) > before));
        assert_eq!(clock.at_time(UNIX_EPOCH - Duration::from_secs(1)), Some(u64::from(u16::MAX)));
    }
}
