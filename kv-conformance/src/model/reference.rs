//! The reference store itself.

use super::bugs::Bugs;
use super::disk::Place;
use super::feed::Feed;
use super::feed_bugs::BuggyFeed;
use super::history::History;
use super::mutant::Mutant;
use super::pending::Writes;
use super::reader::Reader;
use super::steps::halves;
use super::transaction::ReferenceTransaction;
use async_trait::async_trait;
use kv_api::{
    Capabilities, ChangeFeed, ChangeFilter, CounterSource, Datastore, Error, Isolation, MvccSource, Result, Tag,
    Transactable, TransactionOptions, Version,
};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// A store in memory that does what the contract says. Default = serializable, versioned, with read
/// checks, a change feed, safe timestamps, tags, branches, readers and all history kept.
#[derive(Debug, Clone)]
pub struct Reference {
    shared: Arc<Shared>,
}

/// What a store and its transactions share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) capabilities: Capabilities,
    pub(crate) source: Arc<dyn MvccSource>,
    /// Taken by every read and every commit as a whole, so that each is one step.
    pub(crate) history: Arc<Mutex<History>>,
    /// The newest version when it was shut down.
    pub(super) shut_down: Arc<OnceLock<Version>>,
    /// Wakes the feeds that wait.
    pub(super) news: Arc<Notify>,
    /// The first timestamps of the write transactions that have not finished; taken with the
    /// history alone.
    pub(super) stamps: Arc<Mutex<BTreeSet<Version>>>,
    pub(super) bugs: Arc<Bugs>,
    prune_on_compact: bool,
    pub(super) whole_backlogs: bool,
    mutant: Option<Mutant>,
    pub(super) place: Place,
    /// What transactions read is a state that a reader holds.
    pub(super) read_alone: bool,
}

impl Default for Reference {
    fn default() -> Self {
        Self::new()
    }
}

impl Reference {
    /// An empty store whose versions are 1, 2, 3, ….
    pub fn new() -> Self {
        let capabilities = Capabilities::new(Isolation::Serializable)
            .versioned_reads(true)
            .read_checks(true)
            .change_feed(true)
            .safe_timestamps(true)
            .tags(true)
            .branches(true)
            .readers(true);
        Self {
            shared: Arc::new(Shared {
                capabilities,
                source: Arc::new(CounterSource::new()),
                history: Arc::default(),
                shut_down: Arc::default(),
                news: Arc::default(),
                stamps: Arc::default(),
                bugs: Arc::default(),
                prune_on_compact: false,
                whole_backlogs: false,
                mutant: None,
                place: Place::default(),
                read_alone: false,
            }),
        }
    }

    /// Offers just these capabilities; of durability there is none whatever they say.
    pub fn capabilities(self, capabilities: Capabilities) -> Self {
        self.with(|shared| shared.capabilities = capabilities)
    }

    /// Takes commit versions from `source`. Default = [`CounterSource`].
    pub fn source(self, source: Arc<dyn MvccSource>) -> Self {
        self.with(|shared| shared.source = source)
    }

    /// Whether [`compact`](Datastore::compact) hides all versions before the newest. Default = false.
    pub fn prune_on_compact(self, yes: bool) -> Self {
        self.with(|shared| shared.prune_on_compact = yes)
    }

    /// Whether a feed gives all commits that there are in one batch, instead of one at a time. Default = false.
    pub fn whole_backlogs(self, yes: bool) -> Self {
        self.with(|shared| shared.whole_backlogs = yes)
    }

    /// Switches a bug on.
    pub fn mutant(self, mutant: Mutant) -> Self {
        self.shared.history.lock().set_bug(mutant);
        self.with(|shared| shared.mutant = Some(mutant))
    }

    /// Lies on a disk.
    pub(super) fn at(self, place: Place) -> Self {
        self.with(|shared| shared.place = place)
    }

    /// A store that goes on with the commits of this one, as if it had been closed and opened.
    pub fn reopened(&self) -> Self {
        let reopened = self.clone().with(|shared| {
            shared.shut_down = Arc::default();
            shared.news = Arc::default();
            shared.stamps = Arc::default();
            shared.bugs = Arc::default();
        });
        if self.shared.is(Mutant::LostLastCommit) {
            reopened.shared.history.lock().lose_last();
        }
        if let Some(mutant) = self.shared.mutant {
            reopened.shared.history.lock().crash(mutant);
        }
        if self.shared.is(Mutant::LostTags) {
            reopened.shared.history.lock().forget_tags();
        }
        if self.shared.is(Mutant::ErasedUntilReopened) {
            reopened.shared.history.lock().restore_erased();
        }
        reopened.shared.source.observe(reopened.shared.history.lock().newest());
        reopened
    }

    pub(super) fn with(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = (*self.shared).clone();
        change(&mut shared);
        Self { shared: Arc::new(shared) }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The version of the newest commit.
    pub(crate) fn newest(&self) -> Version {
        self.shared.history.lock().newest()
    }

    /// Goes on without the commits after `version`. No transaction may be open.
    pub(crate) fn cut_back(&self, version: Version) {
        self.shared.history.lock().cut_back(version);
    }

    /// The history of a store that is open and has tags.
    fn tagging(&self, operation: &'static str) -> Result<MutexGuard<'_, History>> {
        if !self.shared.capabilities.tags {
            return Err(Error::Unsupported { operation });
        }
        if self.shared.shut_down.get().is_some() {
            return Err(Error::StoreClosed);
        }
        Ok(self.shared.history.lock())
    }

    /// As [`Datastore::begin`], with the type known.
    pub(crate) fn transaction(&self, options: TransactionOptions) -> Result<ReferenceTransaction> {
        if self.shared.shut_down.get().is_some() {
            return Err(Error::StoreClosed);
        }
        if options.isolation > self.shared.capabilities.isolation {
            return Err(Error::Unsupported { operation: "serializable transactions" });
        }
        Ok(ReferenceTransaction::new(self.shared.clone(), options))
    }
}

impl Shared {
    /// Whether this bug is on.
    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Makes writes visible.
    pub(super) fn install(&self, writes: &Writes, history: &mut History) -> Result<()> {
        let torn = self.is(Mutant::TornCommit) && writes.len() > 1;
        let parts = if torn { <[Writes; 2]>::from(halves(writes)).into() } else { vec![writes.clone()] };
        for part in parts.iter().filter(|part| !part.is_empty()) {
            history.install(self.source.next()?, part);
        }
        self.news.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl Datastore for Reference {
    fn kind(&self) -> &'static str {
        "reference"
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.capabilities.clone()
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        if self.shared.is(Mutant::LeakedPlace) {
            self.shared.leaky_begin().await;
        }
        Ok(Box::new(self.transaction(options)?))
    }

    async fn current_version(&self) -> Result<Version> {
        match self.shared.capabilities.versioned_reads {
            true => Ok(self.newest()),
            false => Err(Error::UnsupportedVersionedQueries),
        }
    }

    async fn shutdown(&self) -> Result<()> {
        if self.shared.is(Mutant::StuckShutdown) {
            self.shared.sticking_shutdown().await;
        }
        // Under the lock, so that no commit is half way.
        let history = self.shared.history.lock();
        self.shared.shut_down.get_or_init(|| history.newest());
        self.shared.news.notify_waiters();
        Ok(())
    }

    async fn flush(&self) -> Result<()> {
        if self.shared.is(Mutant::LostInFlush) {
            self.shared.losing_flush().await;
        }
        Ok(())
    }

    async fn compact(&self) -> Result<()> {
        self.shared.history.lock().compactions += 1;
        if self.shared.is(Mutant::Resurrection) {
            self.shared.history.lock().resurrect();
        }
        if self.shared.is(Mutant::ErasedUntilCompacted) {
            self.shared.history.lock().restore_erased();
        }
        if self.shared.is(Mutant::LateErasure) {
            self.shared.history.lock().erase_at_last();
        }
        if self.shared.prune_on_compact {
            self.shared.history.lock().prune();
        }
        Ok(())
    }

    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        if !self.shared.capabilities.change_feed {
            return Err(Error::Unsupported { operation: "changes" });
        }
        if self.shared.shut_down.get().is_some() {
            return Err(Error::StoreClosed);
        }
        let between = (self.shared.feed_since(since), self.shared.feed_until(until));
        let feed = Feed::new(self.shared.clone(), between, filter.range)?;
        Ok(match self.shared.feed_bug() {
            Some(bug) => Box::new(BuggyFeed::new(feed, bug)),
            None => Box::new(feed),
        })
    }

    async fn tag(&self, name: &str, version: Option<Version>) -> Result<Version> {
        self.tagging("tag")?.tag(name, version)
    }

    async fn untag(&self, name: &str) -> Result<Version> {
        self.tagging("untag")?.untag(name)
    }

    async fn tags(&self) -> Result<Vec<Tag>> {
        Ok(self.tagging("tags")?.tags())
    }

    async fn branch(&self, into: &Path, tag: Option<&str>) -> Result<Box<dyn Datastore>> {
        if !self.shared.capabilities.branches {
            return Err(Error::Unsupported { operation: "branch" });
        }
        if self.shared.shut_down.get().is_some() {
            return Err(Error::StoreClosed);
        }
        let branch = self.branched(tag)?;
        self.shared.place.put(into, branch.clone());
        Ok(Box::new(branch))
    }

    async fn reader(&self) -> Result<Box<dyn Datastore>> {
        if !self.shared.capabilities.readers {
            return Err(Error::Unsupported { operation: "reader" });
        }
        if self.shared.shut_down.get().is_some() {
            return Err(Error::StoreClosed);
        }
        Ok(Box::new(Reader::open(self)?))
    }
}
