//! A feed with a bug, around one that is sound.

use super::feed::{Feed, Look, batch};
use super::history::Change;
use super::mutant::Mutant;
use super::pending::Writes;
use super::reference::Shared;
use super::steps::pause;
use arrow_array::RecordBatch;
use async_trait::async_trait;
use kv_api::{ChangeFeed, Error, KeyRange, Result, Version};
use std::future::pending;
use std::sync::atomic::Ordering;

/// How many commits a feed that stalls its writers can leave unread.
const UNREAD: u64 = 16;

pub(super) struct BuggyFeed {
    feed: Feed,
    bug: Mutant,
    /// What was asked for.
    range: KeyRange,
    /// Where history ended when the feed began; `None` once it is past that.
    history_until: Option<Version>,
    /// The second half of what was handed out last.
    rest: Vec<Change>,
    /// How many refused commits were handed out.
    refused: usize,
}

impl BuggyFeed {
    pub(super) fn new(mut feed: Feed, bug: Mutant) -> Self {
        let range = feed.range.clone();
        match bug {
            Mutant::UnfilteredFeed | Mutant::EmptyBatches => feed.range = KeyRange::all(),
            Mutant::InclusiveSince => feed.position = feed.position.saturating_sub(1),
            _ => {}
        }
        feed.store.bugs.unread.store(0, Ordering::SeqCst);
        feed.store.bugs.feeds.fetch_add(1, Ordering::SeqCst);
        let history_until = Some(feed.store.history.lock().newest());
        Self { feed, bug, range, history_until, rest: Vec::new(), refused: 0 }
    }

    async fn next_changes(&mut self) -> Result<Option<Vec<Change>>> {
        match self.bug {
            Mutant::FeedGap | Mutant::FeedRepeat => self.cross_the_seam(),
            Mutant::TornFeed if !self.rest.is_empty() => return Ok(Some(std::mem::take(&mut self.rest))),
            Mutant::DeafFeed => return self.next_deaf().await,
            Mutant::FeedOfConflicts => {
                if let Some(changes) = self.next_refused() {
                    return Ok(Some(changes));
                }
            }
            Mutant::CompetingFeeds => {
                self.feed.position = self.feed.position.max(self.feed.store.bugs.fed.load(Ordering::SeqCst));
            }
            Mutant::CutShort if self.feed.store.shut_down.get().is_some() => return Ok(None),
            _ => {}
        }
        let next = match self.feed.next_changes().await {
            Err(Error::VersionNotRetained { oldest, .. }) if self.bug == Mutant::PrunedSilently => {
                self.feed.position = oldest;
                self.feed.next_changes().await?
            }
            next => next?,
        };
        self.feed.store.bugs.fed.store(self.feed.position, Ordering::SeqCst);
        self.feed.store.bugs.unread.store(0, Ordering::SeqCst);
        let Some(mut changes) = next else {
            return if self.bug == Mutant::EndlessFeed { pending().await } else { Ok(None) };
        };
        match self.bug {
            Mutant::TornFeed => self.rest = changes.split_off(changes.len().div_ceil(2)),
            Mutant::NoTombstones => changes.retain(|change| change.val.is_some()),
            Mutant::EmptyBatches => changes.retain(|change| self.range.contains(&change.key)),
            Mutant::FeedByKey => {
                while let Look::Changes(more) = self.feed.look()? {
                    changes.extend(more);
                }
                changes.sort_by(|one, other| (&one.key, one.version).cmp(&(&other.key, other.version)));
            }
            Mutant::LostByDrop => pause().await,
            _ => {}
        }
        Ok(Some(changes))
    }

    /// Goes from history to what is live, and not quite to the same place.
    fn cross_the_seam(&mut self) {
        if self.history_until.is_some_and(|until| self.feed.position >= until) {
            self.history_until = None;
            self.feed.position = match self.bug {
                Mutant::FeedGap => self.feed.position.max(self.feed.store.history.lock().newest()),
                _ => self.feed.position.saturating_sub(1),
            };
        }
    }

    async fn next_deaf(&mut self) -> Result<Option<Vec<Change>>> {
        match self.feed.look()? {
            Look::Changes(changes) => Ok(Some(changes)),
            Look::End => Ok(None),
            Look::Nothing => pending().await,
        }
    }

    fn next_refused(&mut self) -> Option<Vec<Change>> {
        let version = self.feed.position.saturating_add(1);
        let refused = self.feed.store.bugs.refused.lock();
        let writes = refused.get(self.refused)?;
        self.refused += 1;
        Some(writes.iter().map(|(key, write)| Change { version, key: key.clone(), val: write.val.clone() }).collect())
    }
}

impl Drop for BuggyFeed {
    fn drop(&mut self) {
        self.feed.store.bugs.feeds.fetch_sub(1, Ordering::SeqCst);
        self.feed.store.bugs.unread.store(0, Ordering::SeqCst);
    }
}

#[async_trait]
impl ChangeFeed for BuggyFeed {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.next_changes().await?.map(|changes| batch(&changes)).transpose()
    }
}

impl Shared {
    /// The bug of this store's feeds.
    pub(super) fn feed_bug(&self) -> Option<Mutant> {
        let bugs = [
            Mutant::FeedGap,
            Mutant::FeedRepeat,
            Mutant::InclusiveSince,
            Mutant::TornFeed,
            Mutant::FeedByKey,
            Mutant::FeedOfConflicts,
            Mutant::NoTombstones,
            Mutant::UnfilteredFeed,
            Mutant::EmptyBatches,
            Mutant::PrunedSilently,
            Mutant::CompetingFeeds,
            Mutant::StallingFeed,
            Mutant::DeafFeed,
            Mutant::LostByDrop,
            Mutant::CutShort,
            Mutant::EndlessFeed,
        ];
        bugs.into_iter().find(|bug| self.is(*bug))
    }

    /// Where a feed of a store with a bug begins.
    pub(super) fn feed_since(&self, since: Version) -> Version {
        let silent = self.is(Mutant::PrunedSilently);
        if silent { since.max(self.history.lock().oldest()) } else { since }
    }

    /// Where a feed of a store with a bug ends.
    pub(super) fn feed_until(&self, until: Version) -> Version {
        match until {
            Version::MAX => until,
            _ if self.is(Mutant::FeedPastUntil) => until + 1,
            _ if self.is(Mutant::FeedShortOfUntil) => until.saturating_sub(1),
            _ => until,
        }
    }

    /// Remembers a commit that was refused.
    pub(super) fn note_refused(&self, writes: &Writes) {
        if self.is(Mutant::FeedOfConflicts) {
            self.bugs.refused.lock().push(writes.clone());
        }
    }

    /// Waits for the feeds.
    pub(super) async fn stall(&self) {
        while self.bugs.feeds.load(Ordering::SeqCst) > 0 && self.bugs.unread.load(Ordering::SeqCst) >= UNREAD {
            pause().await;
        }
        self.bugs.unread.fetch_add(1, Ordering::SeqCst);
    }
}
