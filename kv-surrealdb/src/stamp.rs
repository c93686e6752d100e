//! Versions of the store as SurrealDB's timestamps.

use kv_api::Version;
use surrealdb_kvs::timestamp::{BoxTimeStamp, BoxTimeStampImpl, HlcTimeStamp, HlcTimeStampImpl};

/// A version of the store is a hybrid clock's reading, and SurrealDB's hybrid timestamp has the
/// same layout: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16. So
/// `VERSION d'…'` and `SHOW CHANGES … SINCE` need no translation.
pub(crate) fn stamp(version: Version) -> BoxTimeStamp {
    BoxTimeStamp::new(HlcTimeStamp(version))
}

/// What reads and writes such timestamps.
pub(crate) fn stamps() -> BoxTimeStampImpl {
    Box::new(HlcTimeStampImpl)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv_api::{HybridClock, MvccSource as _};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_stamp_is_the_version() {
        let version = HybridClock::first_version_at(UNIX_EPOCH + Duration::from_millis(1_764_000_000_123)) | 7;
        let stamp = stamp(version);
        assert_eq!(stamp.as_versionstamp(), u128::from(version));
        assert_eq!(stamp.as_datetime().map(|t| t.timestamp_millis()), Some(1_764_000_000_123));
        let mut bytes = [0; _];
        let read = stamps().decode(stamp.encode(&mut bytes));
        assert!(read.is_ok_and(|read| read.as_versionstamp() == u128::from(version)));
    }

    /// A time stands for the first version of its millisecond, so a commit made before it is seen
    /// at it.
    #[test]
    fn a_time_is_a_version() {
        let clock = HybridClock::new();
        let version = clock.next().unwrap_or_default();
        let later = chrono::DateTime::from_timestamp_millis((version >> 16) as i64 + 1);
        let at = later.and_then(|time| stamps().create_from_datetime(time)).map(|stamp| stamp.as_versionstamp());
        assert!(at.is_some_and(|at| at > u128::from(version)));
    }
}
