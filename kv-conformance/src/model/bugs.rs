//! What a store with a bug remembers because of it.

use super::pending::Writes;
use super::reader::State;
use super::reads::Reads;
use kv_api::{Key, KeyRange, Version};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// State of the mutants; a sound store has none of it.
#[derive(Debug, Default)]
pub(crate) struct Bugs {
    /// Transactions begun.
    begun: AtomicU64,
    /// Held by a commit; [`super::Mutant::AbandonedLock`].
    pub(super) locked: AtomicBool,
    /// The commit that others wait for; [`super::Mutant::LostFollowers`].
    pub(super) leader: Mutex<Option<Arc<Leader>>>,
    /// Whose turn it is to commit, first come, first served; [`super::Mutant::LingeringHeir`].
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    /// Keys of commits that are not visible yet; [`super::Mutant::EarlyConflict`].
    pub(super) queued: Mutex<Vec<Key>>,
    /// Transactions being begun; [`super::Mutant::LeakedPlace`].
    pub(super) beginning: AtomicUsize,
    /// Held by a shutdown; [`super::Mutant::StuckShutdown`].
    pub(super) stopping: AtomicBool,
    /// Feeds that there are; [`super::Mutant::StallingFeed`].
    pub(super) feeds: AtomicUsize,
    /// Commits since a feed was read; [`super::Mutant::StallingFeed`].
    pub(super) unread: AtomicU64,
    /// What a feed has handed out; [`super::Mutant::CompetingFeeds`].
    pub(super) fed: AtomicU64,
    /// Commits that conflicted; [`super::Mutant::FeedOfConflicts`].
    pub(super) refused: Mutex<Vec<Writes>>,
    /// What all readers hold; [`super::Mutant::SharedReader`].
    pub(super) reader: Mutex<Option<State>>,
    /// What each commit had read; [`super::Mutant::PairwiseSkew`].
    read: Mutex<Vec<(Version, Vec<KeyRange>)>>,
}

impl Bugs {
    /// Counts a transaction. The answer is how many there were before.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes what the commit of `version` depends on.
    pub(super) fn note_reads(&self, version: Version, reads: &Reads) {
        self.read.lock().push((version, reads.needed.clone()));
    }

    /// Whether a commit after `snapshot` had read `key`.
    pub(super) fn was_read(&self, key: &[u8], snapshot: Version) -> bool {
        let read = self.read.lock();
        read.iter().any(|(version, ranges)| *version > snapshot && ranges.iter().any(|range| range.contains(key)))
    }
}

/// A commit that others wait for, and how it ended.
#[derive(Debug, Default)]
pub(super) struct Leader(AtomicU8);

impl Leader {
    const WRITTEN: u8 = 1;
    const DROPPED: u8 = 2;

    pub(super) fn write(&self) {
        self.0.store(Self::WRITTEN, Ordering::SeqCst);
    }

    /// Ends without having written, unless it has.
    pub(super) fn end(&self) {
        // Fails where it has been written, and that is well.
        let _ = self.0.compare_exchange(0, Self::DROPPED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// `None` while it goes on, else whether it was dropped.
    pub(super) fn dropped(&self) -> Option<bool> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            ended => Some(ended == Self::DROPPED),
        }
    }
}
