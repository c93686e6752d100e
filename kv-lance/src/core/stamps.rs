//! The timestamps of write transactions that have not finished, so that a snapshot knows up to
//! where all have.
//!
//! They are under the lock of the [snapshots](super::Snapshots): a timestamp is issued, a snapshot
//! taken and a transaction finished one after the other. A commit is published before its timestamp
//! goes.

use super::snapshots::Snapshots;
use kv_api::{MvccSource, Result, Version};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The unfinished ones.
#[derive(Default)]
pub(super) struct Stamps(BTreeSet<Version>);

impl Stamps {
    /// The greatest version up to which a snapshot of `version` has all there will ever be.
    pub(super) fn safe(&self, version: Version) -> Version {
        self.0.first().map_or(version, |first| version.min(first.saturating_sub(1)))
    }
}

impl Snapshots {
    /// Issues a timestamp, which is unfinished until the stamp is dropped.
    pub(crate) fn stamp(self: &Arc<Self>, source: &dyn MvccSource) -> Result<Stamp> {
        let mut open = self.open.lock();
        let version = source.next()?;
        open.stamps.0.insert(version);
        Ok(Stamp { version, held: Some(self.clone()) })
    }
}

/// A timestamp of a transaction that has not finished.
pub(crate) struct Stamp {
    pub(crate) version: Version,
    held: Option<Arc<Snapshots>>,
}

impl Stamp {
    /// Leaves it unfinished for as long as the store is open: nobody knows whether its commit was
    /// made.
    pub(crate) fn keep(mut self) {
        self.held = None;
    }
}

impl Drop for Stamp {
    fn drop(&mut self) {
        if let Some(snapshots) = self.held.take() {
            snapshots.open.lock().stamps.0.remove(&self.version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv_api::CounterSource;

    #[test]
    fn the_oldest_unfinished_one_bounds_what_is_safe() -> Result<()> {
        let (snapshots, source) = (Arc::new(Snapshots::new(0)), CounterSource::new());
        let safe = || snapshots.take(false).safe;
        source.observe(4);
        snapshots.publish(4);
        let (five, six) = (snapshots.stamp(&source)?, snapshots.stamp(&source)?);
        assert_eq!((safe(), five.version, six.version), (4, 5, 6));
        snapshots.publish(9);
        assert_eq!(safe(), 4);
        drop(six);
        assert_eq!(safe(), 4);
        let before = snapshots.take(true);
        drop(five);
        assert_eq!((safe(), before.safe), (9, 4), "a snapshot keeps what was safe when it was taken");
        Ok(())
    }

    #[test]
    fn one_that_is_kept_is_never_passed() -> Result<()> {
        let (snapshots, source) = (Arc::new(Snapshots::new(0)), CounterSource::new());
        snapshots.stamp(&source)?.keep();
        snapshots.publish(9);
        assert_eq!(snapshots.take(false).safe, 0);
        assert_eq!(Arc::strong_count(&snapshots), 1);
        Ok(())
    }
}
