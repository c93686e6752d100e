//! The snapshots that open transactions read: compaction keeps what they need, and the committer remembers the commits that
//! they could conflict with.

use super::stamps::Stamps;
use kv_api::Version;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Counts = BTreeMap<Version, usize>;

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
        self.open.lock().all.values().sum()
    }

    /// Takes a snapshot. It is registered under the lock that [`horizon`](Self::horizon) takes too, so no view from now
    /// on lacks a row that its version needs.
    pub(crate) fn take(self: &Arc<Self>, writer: bool) -> Snapshot {
        let mut open = self.open.lock();
        let version = self.visible();
        *open.all.entry(version).or_default() += 1;
        if writer {
            *open.writers.entry(version).or_default() += 1;
        }
        Snapshot { version, safe: open.stamps.safe(version), writer, held: Mutex::new(Some(self.clone())) }
    }

    /// The greatest version up to `limit` whose older rows nobody can read any more.
    pub(crate) fn horizon(&self, limit: Version) -> Version {
        let open = self.open.lock();
        let oldest = open.all.first_key_value().map_or(Version::MAX, |(version, _)| *version);
        limit.min(oldest).min(self.visible())
    }

    /// Commits up to this version cannot conflict with any transaction, open or to come.
    pub(crate) fn oldest_writer(&self) -> Version {
        let open = self.open.lock();
        let oldest = open.writers.first_key_value().map_or(Version::MAX, |(version, _)| *version);
        oldest.min(self.visible())
    }

    fn end(&self, version: Version, writer: bool) {
        let mut open = self.open.lock();
        forget(&mut open.all, version);
        if writer {
            forget(&mut open.writers, version);
        }
    }
}

fn forget(counts: &mut Counts, version: Version) {
    if let Some(count) = counts.get_mut(&version) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&version);
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
