//! A point in the store's past, as it is named on the command line.

use jiff::Timestamp;
use kv_api::{Datastore, HybridClock, MvccSource, Result, Version};
use kv_lance::LanceDatastore;
use std::time::SystemTime;

/// What a tag's name is put behind.
const TAG: &str = "tag:";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Point {
    Version(Version),
    /// The last version at a time.
    Time(Version),
    Tag(String),
}

impl Point {
    /// A version by its number, by a time, or by `tag:` and a name.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        match text.strip_prefix(TAG) {
            Some(name) => Ok(Self::Tag(name.to_owned())),
            None => parse_version(text).map(|(version, is_time)| match is_time {
                true => Self::Time(version),
                false => Self::Version(version),
            }),
        }
    }

    pub(crate) async fn version(&self, store: &LanceDatastore) -> Result<Version> {
        match self {
            Self::Version(version) | Self::Time(version) => Ok(*version),
            Self::Tag(name) => store.tagged(name).await,
        }
    }

    /// The same for a tag that is to be made: at a time that is not in the future, the newest commit if there is none later.
    pub(crate) async fn committed_version(&self, store: &LanceDatastore) -> Result<Version> {
        match self {
            Self::Time(version) if Some(*version) <= HybridClock::new().at_time(SystemTime::now()) => {
                Ok(store.current_version().await?.min(*version))
            }
            point => point.version(store).await,
        }
    }
}

/// A version by its number, or the last one at a time; and which of the two.
pub(crate) fn parse_version(text: &str) -> std::result::Result<(Version, bool), String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let version = text.parse().map_err(|_| "a version has at most 64 bits")?;
        return Ok((version, false));
    }
    let time: Timestamp =
        text.parse().map_err(|e| format!("neither a version number nor a time such as 2026-04-01T12:00:00Z ({e})"))?;
    let version = HybridClock::new().at_time(SystemTime::from(time)).ok_or("the time has no version")?;
    Ok((version, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_numbers_times_or_tags() {
        assert_eq!(Point::parse("42"), Ok(Point::Version(42)));
        assert_eq!(Point::parse("1970-01-01T00:00:01Z"), Ok(Point::Time((1000 << 16) | 0xffff)));
        assert_eq!(Point::parse("1970-01-01T01:00:01+01:00"), Ok(Point::Time((1000 << 16) | 0xffff)));
        assert_eq!(Point::parse("tag:42"), Ok(Point::Tag("42".into())));
        for bad in ["", "yesterday", "2026-04-01", "-1", "99999999999999999999", "2026-13-01T00:00:00Z", "Tag:a"] {
            assert!(Point::parse(bad).is_err(), "{bad}");
        }
    }
}
