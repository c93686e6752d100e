//! The change feeds of a store: who listens, and the commits that they have yet to hand out, as far as these are in memory.
//!
//! The committer looks once a group whether anybody listens. If so it adds the group to the [tail](Tail), which is the same
//! for all, and wakes those that wait; what does not fit any more goes. So no commit waits for a feed, and one that is
//! further behind reads what it lacks from the view.

mod tail;

pub(crate) use tail::{Group, Look};

use super::View;
use crate::journal::Record;
use kv_api::{Error, Result, Version};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tail::Tail;
use tokio::sync::Notify;

/// One per store.
#[derive(Default)]
pub(crate) struct Feeds {
    /// Whether anybody listens. Who writes a group knows of all that had begun to before.
    heard: AtomicBool,
    listeners: Mutex<Listeners>,
    tail: RwLock<Tail>,
    /// There are new commits, or there will be none any more.
    pub(crate) news: Notify,
    /// No feed can begin before this version, also where reads can.
    floor: AtomicU64,
    /// Times that a feed went through the versions of runs.
    pub(crate) passes: AtomicU64,
}

#[derive(Default)]
struct Listeners {
    /// How far each has come.
    positions: BTreeMap<u64, Arc<AtomicU64>>,
    /// The number of the last.
    last: u64,
}

/// A feed, as the store knows it, until this is dropped.
pub(crate) struct Listener {
    feeds: Arc<Feeds>,
    number: u64,
    position: Arc<AtomicU64>,
}

/// Figures of the feeds that there are.
pub(crate) struct FeedFigures {
    pub(crate) feeds: usize,
    /// The version up to which the slowest has come.
    pub(crate) slowest: Option<Version>,
    /// Bytes of commits in memory.
    pub(crate) bytes: usize,
}

impl Feeds {
    /// Has no feed begin before a version.
    pub(crate) fn begin_after(&self, floor: Version) {
        self.floor.store(floor, Ordering::Relaxed);
    }

    /// Refuses a version after which commits are gone.
    pub(crate) fn check_retained(&self, view: &View, version: Version) -> Result<()> {
        let oldest = self.oldest(view);
        if version < oldest {
            return Err(Error::VersionNotRetained { requested: version, oldest });
        }
        Ok(())
    }

    /// The first version after which all commits are there, with the deletions in them.
    pub(crate) fn oldest(&self, view: &View) -> Version {
        view.history_floor.max(self.floor.load(Ordering::Relaxed))
    }

    /// Begins to listen for what comes after a version. The first that does calls `between_groups`, which is to begin the tail
    /// while no group is being written.
    pub(crate) fn listen(self: &Arc<Self>, since: Version, between_groups: impl FnOnce()) -> Listener {
        let mut listeners = self.listeners.lock();
        if listeners.positions.is_empty() {
            between_groups();
        }
        listeners.last += 1;
        let (number, position) = (listeners.last, Arc::new(AtomicU64::new(since)));
        listeners.positions.insert(number, position.clone());
        Listener { feeds: self.clone(), number, position }
    }

    /// Begins the tail after what is visible. To be called between two groups.
    pub(crate) fn begin(&self, visible: Version) {
        self.tail.write().begin(visible);
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether commits are to be [added](Self::publish). The lock that groups are written under orders this with
    /// [`begin`](Self::begin).
    pub(crate) fn are_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Adds a group of commits that are visible, and says so; `may_erase` where one of them erases what was before.
    pub(crate) fn publish(&self, records: &[Record], may_erase: bool) {
        {
            let mut tail = self.tail.write();
            // The last feed may have gone meanwhile.
            if !self.are_heard() {
                return;
            }
            tail.push(records, may_erase);
        }
        self.news.notify_waiters();
    }

    /// Nothing will be added any more.
    pub(crate) fn end(&self) {
        self.tail.write().end();
        self.news.notify_waiters();
    }

    /// What comes after a version, some `bytes` of it.
    pub(crate) fn look(&self, position: Version, bytes: usize) -> Look {
        self.tail.read().look(position, bytes)
    }

    /// The groups after a version, to which somebody has listened, that erase something; `None` where they are not all in
    /// memory any more.
    pub(crate) fn erasing_after(&self, version: Version) -> Option<Vec<Arc<Group>>> {
        self.tail.read().erasing_after(version)
    }

    /// Has those that wait look again.
    pub(crate) fn wake(&self) {
        self.news.notify_waiters();
    }

    pub(crate) fn figures(&self) -> FeedFigures {
        let listeners = self.listeners.lock();
        let positions = listeners.positions.values().map(|position| position.load(Ordering::Relaxed));
        FeedFigures { feeds: listeners.positions.len(), slowest: positions.min(), bytes: self.tail.read().bytes() }
    }
}

impl Listener {
    /// Notes how far the feed has come.
    pub(crate) fn moved_to(&self, position: Version) {
        self.position.store(position, Ordering::Relaxed);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listeners = self.feeds.listeners.lock();
        listeners.positions.remove(&self.number);
        if listeners.positions.is_empty() {
            self.feeds.heard.store(false, Ordering::Relaxed);
            self.feeds.tail.write().clear();
        }
    }
}
