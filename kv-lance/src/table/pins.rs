//! Versions that stay readable whatever the retention.

use kv_api::Version;
use std::sync::Arc;

/// The versions that tags stand for, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pins(Arc<[Version]>);

impl Pins {
    pub(crate) fn new(versions: impl IntoIterator<Item = Version>) -> Self {
        let mut versions: Vec<Version> = versions.into_iter().collect();
        versions.sort_unstable();
        versions.dedup();
        Self(versions.into())
    }

    pub(crate) fn contain(&self, version: Version) -> bool {
        self.0.binary_search(&version).is_ok()
    }

    /// Whether one of them finds what was in force from one version up to, and not at, another.
    pub(crate) fn any_in(&self, from: Version, before: Version) -> bool {
        let next = self.0.partition_point(|pin| *pin < from);
        self.0.get(next).is_some_and(|pin| *pin < before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_in_the_span_that_it_reads() {
        let pins = Pins::new([7, 3, 7]);
        assert!(pins.contain(3) && pins.contain(7) && !pins.contain(5));
        for (from, before, found) in
            [(0, 3, false), (0, 4, true), (3, 4, true), (4, 7, false), (4, 8, true), (8, 99, false)]
        {
            assert_eq!(pins.any_in(from, before), found, "{from} to {before}");
        }
        assert!(!pins.any_in(3, 3), "in force at no version");
        assert!(!Pins::default().any_in(0, Version::MAX));
    }
}
