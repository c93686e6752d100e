//! What all of an open store shares. Transactions, the committer and background work look down to
//! it and not at each other.

mod background;
mod brake;
mod feeds;
mod health;
mod past;
mod room;
mod snapshots;
mod stalls;
mod stamps;
mod view;

pub use background::CompactOptions;
pub(crate) use background::{Background, Command, Compaction, Done};
pub(crate) use brake::Brake;
pub(crate) use feeds::{FeedFigures, Feeds, Group, Listener, Look};
pub(crate) use health::Health;
pub(crate) use room::Room;
pub(crate) use snapshots::{Snapshot, Snapshots};
pub(crate) use stamps::Stamp;
pub(crate) use view::{Frozen, View, ViewCell};

use crate::config::LanceConfig;
use kv_api::{Error, Result, Version};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Figures since the store was opened.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) commits: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) journal_bytes: AtomicU64,
    pub(crate) flushes: AtomicU64,
    /// Of files that flushes have written.
    pub(crate) flushed_bytes: AtomicU64,
    /// Their steps, each of which is published by itself.
    pub(crate) compactions: AtomicU64,
    pub(crate) compaction_failures: AtomicU64,
    /// Of files that compactions have read.
    pub(crate) compacted_bytes: AtomicU64,
    /// Of files that compactions have written.
    pub(crate) compaction_written_bytes: AtomicU64,
    /// Of files that lie on too high a level.
    pub(crate) compaction_debt: AtomicU64,
    /// Of files that are there for tags alone.
    pub(crate) tagged_bytes: AtomicU64,
}

/// One per store.
pub(crate) struct Core {
    pub(crate) config: LanceConfig,
    pub(crate) views: ViewCell,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) figures: Figures,
    pub(crate) health: Health,
    pub(crate) room: Room,
    pub(crate) background: Background,
    pub(crate) feeds: Arc<Feeds>,
}

impl Core {
    /// A store that holds `view`, all of it visible up to `visible`.
    pub(crate) fn new(config: LanceConfig, view: View, visible: Version, background: Background) -> Self {
        Self {
            config,
            views: ViewCell::new(view),
            snapshots: Arc::new(Snapshots::new(visible)),
            figures: Figures::default(),
            health: Health::default(),
            room: Room::default(),
            background,
            feeds: Arc::default(),
        }
    }

    /// Begins to read the newest visible version.
    pub(crate) fn snapshot(&self, writer: bool) -> Result<Snapshot> {
        if self.health.is_closed() {
            return Err(Error::StoreClosed);
        }
        Ok(self.snapshots.take(writer))
    }

    /// Waits while too many memtables wait for their flush.
    pub(crate) async fn wait_for_room(&self) -> Result<()> {
        self.room.wait(&self.views, &self.health, &self.config).await
    }

    /// Takes no more commits.
    pub(crate) fn fail(&self, reason: impl std::fmt::Display) {
        self.health.fail(reason.to_string());
        self.room.wake();
        self.feeds.wake();
    }

    /// Takes no more commits: the store closes. Whether it was open.
    pub(crate) fn close(&self) -> bool {
        let was_open = self.health.close();
        self.room.wake();
        was_open
    }
}
