//! The snapshots that open transactions read: compaction keeps what they need, and the committer remembers the commits that
//! they could conflict with.

use super::stamps::Stamps;
use kv_api::Version;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many transactions read each version, ascending. Begun in this order and mostly ended in it, so that both ends of a
/// queue serve, without memory to ask for.
#[derive(Default)]
struct Counts(VecDeque<(Version, usize)>);

impl Counts {
    /// Counts a reader of a version that none before it exceeds.
    fn begin(&mut self, version: Version) {
        match self.0.back_mut() {
            Some((newest, count)) if *newest == version => *count += 1,
            _ => self.0.push_back((version, 1)),
        }
    }

    fn end(&mut self, version: Version) {
        let Ok(at) = self.0.binary_search_by_key(&version, |(version, _)| *version) else { return };
        if let Some((_, count)) = self.0.get_mut(at) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(at);
            }
        }
    }

    fn oldest(&self) -> Option<Version> {
        self.0.front().map(|(version, _)| *version)
    }
}

#[derive(Default)]
pub(super) struct Open {
    all: Counts,
    writers: Counts,
    pub(super) stamps: Stamps,
}

/// The newest visible version, and which versions are being read.
pub(crate) struct Snapshots {
    visible: AtomicU64,
    pub(super) open: Mutex<Open>,
}

impl Snapshots {
    pub(crate) fn new(visible: Version) -> Self {
        Self { visible: AtomicU64::new(visible), open: Mutex::default() }
    }

    /// The newest visible version.
    pub(crate) fn visible(&self) -> Version {
        self.visible.load(Ordering::Acquire)
    }

    /// Makes everything up to `version` visible.
    pub(crate) fn publish(&self, version: Version) {
        self.visible.store(version, Ordering::Release);
    }

    /// How many transactions are open.
    pub(crate) fn open(&self) -> usize {
        self.open.lock().all.0.iter().map(|(_, count)| count).sum()
    }

    /// Takes a snapshot. It is registered under the lock that [`horizon`](Self::horizon) takes too, so no view from now
    /// on lacks a row that its version needs.
    pub(crate) fn take(self: &Arc<Self>, writer: bool) -> Snapshot {
        let mut open = self.open.lock();
        let version = self.visible();
        open.all.begin(version);
        if writer {
            open.writers.begin(version);
        }
        Snapshot { version, safe: open.stamps.safe(version), writer, held: Mutex::new(Some(self.clone())) }
    }

    /// The greatest version up to `limit` whose older rows nobody can read any more.
    pub(crate) fn horizon(&self, limit: Version) -> Version {
        let open = self.open.lock();
        limit.min(open.all.oldest().unwrap_or(Version::MAX)).min(self.visible())
    }

    /// Commits up to this version cannot conflict with any transaction, open or to come.
    pub(crate) fn oldest_writer(&self) -> Version {
        let open = self.open.lock();
        open.writers.oldest().unwrap_or(Version::MAX).min(self.visible())
    }

    fn end(&self, version: Version, writer: bool) {
        let mut open = self.open.lock();
        open.all.end(version);
        if writer {
            open.writers.end(version);
        }
    }
}

/// A version that can be read until this is released, from whichever view is current.
pub(crate) struct Snapshot {
    pub(crate) version: Version,
    /// The transactions with timestamps up to here had finished.
    pub(crate) safe: Version,
    writer: bool,
    held: Mutex<Option<Arc<Snapshots>>>,
}

impl Snapshot {
    /// Says that nothing will be read any more; dropping does the same.
    pub(crate) fn release(&self) {
        if let Some(snapshots) = self.held.lock().take() {
            snapshots.end(self.version, self.writer);
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_open_version_is_known_in_whatever_order_they_end() {
        let snapshots = Arc::new(Snapshots::new(1));
        let begin = |version, writer| {
            snapshots.publish(version);
            snapshots.take(writer)
        };
        let (a, b, c, d) = (begin(1, false), begin(2, true), begin(2, true), begin(3, true));
        assert_eq!((snapshots.horizon(9), snapshots.oldest_writer(), snapshots.open()), (1, 2, 4));
        b.release();
        b.release();
        assert_eq!((snapshots.horizon(9), snapshots.oldest_writer(), snapshots.open()), (1, 2, 3));
        drop(a);
        assert_eq!(snapshots.horizon(9), 2);
        drop(c);
        assert_eq!((snapshots.horizon(9), snapshots.oldest_writer()), (3, 3));
        snapshots.publish(4);
        drop(d);
        assert_eq!((snapshots.horizon(9), snapshots.oldest_writer(), snapshots.open()), (4, 4, 0));
    }
}
