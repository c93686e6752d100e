//! The store: opening, beginning transactions, flushing, compacting, closing.

use crate::changes::LanceFeed;
use crate::committer::Committer;
use crate::config::{CommitOn, Durability, LanceConfig};
use crate::core::{Background, Command, CompactOptions, Compaction, Core, Done, Frozen, View};
use crate::files::OpenFiles;
use crate::journal::{self, Journal};
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::maintenance::{Attachment, Contents, DIED, Maintenance, TablePlace};
use crate::memtable::MemTable;
use crate::statistics::{LevelInfo, RunInfo, Sources};
use crate::table::{BlockCache, RunLayout};
use crate::transaction::LanceTransaction;
use async_trait::async_trait;
use kv_api::{
    Capabilities, ChangeFeed, ChangeFilter, Datastore, Error, Isolation, KeyRange, Result, Statistics, Transactable,
    TransactionOptions, Version,
};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A transactional, ordered, versioned key-value store whose data at rest is a Lance table.
///
/// See [`Datastore`] for what it does and [`LanceConfig`] for how it is opened. Put it into an
/// `Arc` to share it between tasks.
///
/// Dropping the store, as [`shutdown`](Datastore::shutdown) does, writes what was acknowledged and
/// lets its files go. Transactions that are still open can go on reading but cannot commit.
///
/// Its commits can be followed, from any retained version on and then live, or up to a version:
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use arrow_array::{cast::AsArray, types::UInt64Type};
/// use kv_api::{ChangeFilter, Datastore, KeyRange, TransactionOptions};
/// use kv_lance::{LanceConfig, LanceDatastore};
///
/// let dir = tempfile::tempdir().unwrap();
/// let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?;
/// for temperature in ["21.5", "22.0"] {
///     let tx = store.begin(TransactionOptions::write()).await?;
///     tx.set("room/kitchen".into(), temperature.into()).await?;
///     tx.commit().await?;
/// }
///
/// // Every commit since the beginning, and no further than this: a copy goes on from here.
/// let until = store.current_version().await?;
/// let filter = ChangeFilter { range: KeyRange::prefix("room/") };
/// let mut feed = store.changes_until(0, until, filter).await?;
/// let mut temperatures = Vec::new();
/// while let Some(batch) = feed.next().await? {
///     let (versions, vals) = (batch.column(0).as_primitive::<UInt64Type>(), batch.column(2).as_binary::<i32>());
///     assert!(versions.values().iter().all(|version| *version <= until));
///     temperatures.extend(vals.iter().map(|val| val.unwrap().to_vec()));
/// }
/// assert_eq!(temperatures, [b"21.5", b"22.0"]);
/// # Ok::<(), kv_api::Error>(())
/// # }).unwrap();
/// ```
pub struct LanceDatastore {
    core: Arc<Core>,
    committer: Arc<Committer>,
    cache: Arc<BlockCache>,
    files: Arc<OpenFiles>,
    maintenance: Mutex<Option<Maintenance>>,
}

impl LanceDatastore {
    /// Opens the store, or creates it where the directory does not exist or is empty.
    ///
    /// What the journal holds and the table does not is replayed. Works on any tokio runtime;
    /// background work has a thread of its own.
    ///
    /// # Errors
    /// [`InvalidConfiguration`](Error::InvalidConfiguration), [`NotAStore`](Error::NotAStore),
    /// [`StoreLocked`](Error::StoreLocked), [`UnsupportedFormat`](Error::UnsupportedFormat),
    /// [`Corruption`](Error::Corruption), [`Io`](Error::Io). The store is as it was then.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use kv_api::{Datastore, TransactionOptions};
    /// use kv_lance::{LanceConfig, LanceDatastore};
    ///
    /// let dir = tempfile::tempdir().unwrap();
    /// let store = LanceDatastore::open(LanceConfig::new(dir.path().join("store"))).await?;
    /// let tx = store.begin(TransactionOptions::write()).await?;
    /// tx.set("city/Bergen".into(), "60.39 N".into()).await?;
    /// tx.commit().await?;
    ///
    /// let tx = store.begin(TransactionOptions::read()).await?;
    /// assert_eq!(tx.get(b"city/Bergen", None).await?.as_deref(), Some(&b"60.39 N"[..]));
    /// store.shutdown().await?;
    /// # Ok::<(), kv_api::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn open(config: LanceConfig) -> Result<Self> {
        config.validate()?;
        let layout = Layout::prepare(config.files.clone(), &config.path, config.create)?;
        let lock = Arc::new(StoreLock::acquire(&layout.root)?);
        layout.begin_journal(&*config.files)?;
        let cache = Arc::new(
            BlockCache::new(config.cache_bytes, config.block_bytes as usize)
                .with_index_budget(config.index_cache_bytes),
        );
        let files = Arc::new(OpenFiles::new(config.files.clone(), config.open_files));
        let place = TablePlace {
            root: layout.table.clone(),
            create: config.create,
            cache: cache.clone(),
            files: files.clone(),
            runs: RunLayout {
                partition_bytes: config.memtable_bytes,
                ..RunLayout::new(config.block_bytes as usize, config.compression)
            },
        };
        let (maintenance, contents, attach) = Maintenance::start(place, lock).await?;
        let limit = config.shutdown_timeout;
        let (core, journal) = match recover(config, &layout, contents, &maintenance) {
            Ok((core, journal)) => (Arc::new(core), journal),
            Err(e) => {
                drop(attach);
                maintenance.stop(limit).await?;
                return Err(e);
            }
        };
        let committer = Arc::new(Committer::new(core.clone(), journal));
        let attachment = Attachment { core: core.clone(), journal: layout.journal };
        if attach.send(attachment).is_err() {
            return Err(Error::backend("opening the store", "the maintenance thread died"));
        }
        if core.config.commit_on == CommitOn::Thread {
            committer.write_on_a_thread()?;
        }
        if core.config.durability == Durability::Eventual {
            sync_at_intervals(&core, &committer)?;
        }
        Ok(Self { core, committer, cache, files, maintenance: Mutex::new(Some(maintenance)) })
    }

    /// Opens the store that a URL names; see [`LanceConfig::from_url`].
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_url(url: &str) -> Result<Self> {
        Self::open(LanceConfig::from_url(url)?).await
    }

    /// Begins a transaction, as [`begin`](Datastore::begin) does, that is not behind a pointer: for what only this store's
    /// transactions can do, as SQL.
    ///
    /// # Errors
    /// [`StoreClosed`](Error::StoreClosed).
    pub fn transaction(&self, options: TransactionOptions) -> Result<LanceTransaction> {
        LanceTransaction::begin(self.core.clone(), self.committer.clone(), options)
    }

    /// Merges all runs into one and drops history as `options` say.
    ///
    /// # Errors
    /// [`Io`](Error::Io) and others from the table, which is then as it was;
    /// [`StoreClosed`](Error::StoreClosed).
    pub async fn compact_with(&self, options: CompactOptions) -> Result<()> {
        self.ask_for(Compaction { options, range: KeyRange::all() }).await
    }

    /// Merges the rows of the keys of `range`, and of keys beside it that lie in one run with them, as
    /// [`compact`](Datastore::compact) does with all: what has been erased there is gone afterwards. Where there is history
    /// that the range erases, this compacts all.
    ///
    /// # Errors
    /// As [`compact_with`](Self::compact_with).
    pub async fn compact_range(&self, range: KeyRange) -> Result<()> {
        self.ask_for(Compaction { options: CompactOptions::default(), range }).await
    }

    async fn ask_for(&self, compaction: Compaction) -> Result<()> {
        self.freeze().await?;
        self.ask(|done| Command::Compact(compaction, Some(done))).await
    }

    /// Holds all compactions at once, also those under way and those that are asked for, until
    /// [`resume_compactions`](Self::resume_compactions). Flushes go on, and writers do not wait for the runs that pile up.
    pub fn pause_compactions(&self) {
        self.core.background.pause(true);
    }

    /// Lets compactions go on.
    pub fn resume_compactions(&self) {
        self.core.background.pause(false);
    }

    /// The levels of the table now, from the one that flushes write to the lowest, with their runs.
    pub fn levels(&self) -> Vec<LevelInfo> {
        crate::statistics::levels(&self.core.views.guard().levels)
    }

    /// The runs of what has been superseded now, which only reads of the past look into, those that were written last
    /// first.
    pub fn history(&self) -> Vec<RunInfo> {
        crate::statistics::history(&self.core.views.guard().levels)
    }

    /// Hands all [figures](Datastore::statistics) to the recorder of the `metrics` crate that this process has, or this
    /// thread: names begin with `kv_lance_`, the label `store` is the path, and `level` the level of what is of one.
    ///
    /// To be called as often as figures are to be seen, such as before each scrape. Counters are those of the open store:
    /// where it is opened again in the same process, they stand still until they have passed what they were.
    #[cfg(feature = "metrics")]
    pub fn export_metrics(&self) {
        crate::statistics::export(&self.statistics(), &self.core.config.path);
    }

    /// Freezes what is in memory, unless what is frozen already cannot be flushed: each call would take room from the
    /// writers, however little is in memory.
    async fn freeze(&self) -> Result<()> {
        if self.core.room.is_failing() {
            self.ask(Command::Flush).await?;
        }
        self.committer.freeze_active()
    }

    async fn ask(&self, command: impl FnOnce(Done) -> Command) -> Result<()> {
        let (done, answer) = oneshot::channel();
        {
            let maintenance = self.maintenance.lock();
            let commands = &maintenance.as_ref().ok_or(Error::StoreClosed)?.commands;
            commands.send(command(done)).map_err(|_| self.unanswered())?;
        }
        answer.await.map_err(|_| self.unanswered())?
    }

    /// Why there is no answer from the maintenance thread.
    fn unanswered(&self) -> Error {
        if self.core.health.is_closed() { Error::StoreClosed } else { Error::StoreFailed { reason: DIED.into() } }
    }
}

/// Replays the journal onto the table's contents.
fn recover(
    config: LanceConfig,
    layout: &Layout,
    contents: Contents,
    maintenance: &Maintenance,
) -> Result<(Core, Journal)> {
    let _span = tracing::debug_span!(
        "recovery",
        store = %config.path.display(),
        runs = contents.levels.runs().count(),
        journal_through = contents.state.journal_through,
    )
    .entered();
    let Contents { levels, state } = contents;
    let mut newest = state.last_version;
    let mut memtable = MemTable::new();
    let mut frozen = Vec::new();
    let segment = journal::replay(&layout.journal, state.journal_through, |segment| {
        for record in &segment.records {
            for (key, write) in record.writes().flatten() {
                memtable.insert(key, record.version, write);
            }
            newest = newest.max(record.version);
        }
        if !memtable.is_empty() && memtable.bytes() as u64 >= config.memtable_bytes {
            let memtable = Arc::new(std::mem::replace(&mut memtable, MemTable::new()));
            frozen.insert(0, Arc::new(Frozen { memtable, journal_through: segment.segment }));
        }
        Ok(())
    })?;
    // What a crash left between a flush and the end of its segments. Not before it is known that the others are there.
    layout.journal.remove_through(state.journal_through)?;
    let journal = Journal::create(&layout.journal, segment)?;
    config.version_source.observe(newest);
    let view = View { active: Arc::new(memtable), frozen, levels, history_floor: state.history_floor };
    let background = Background::new(maintenance.commands.clone(), config.compaction_bandwidth);
    let core = Core::new(config, view, newest, background);
    core.feeds.begin_after(state.changes_floor.min(newest));
    Ok((core, journal))
}

/// Syncs the journal in the background until the store is closed.
fn sync_at_intervals(core: &Arc<Core>, committer: &Arc<Committer>) -> Result<()> {
    let interval = core.config.sync_interval;
    let path = core.config.path.clone();
    let (core, committer) = (Arc::downgrade(core), Arc::downgrade(committer));
    let sync = move || {
        loop {
            std::thread::sleep(interval);
            match (core.upgrade(), committer.upgrade()) {
                (Some(core), Some(committer)) if !core.health.is_closed() => committer.sync(),
                _ => return,
            }
        }
    };
    std::thread::Builder::new()
        .name("kv-lance-sync".into())
        .spawn(sync)
        .map(drop)
        .map_err(|e| Error::io("starting the sync thread of", path, e))
}

#[async_trait]
impl Datastore for LanceDatastore {
    fn kind(&self) -> &'static str {
        crate::KIND
    }

    fn capabilities(&self) -> Capabilities {
        let config = &self.core.config;
        let durability = match config.durability {
            Durability::Immediate => kv_api::Durability::PowerLoss,
            Durability::Eventual => kv_api::Durability::ProcessCrash,
        };
        Capabilities::new(Isolation::Serializable)
            .versioned_reads(config.versioned)
            .erases_history(config.versioned)
            .change_feed(config.versioned)
            .read_checks(true)
            .safe_timestamps(true)
            .durability(durability)
    }

    async fn begin(&self, options: TransactionOptions) -> Result<Box<dyn Transactable>> {
        Ok(Box::new(self.transaction(options)?))
    }

    async fn current_version(&self) -> Result<Version> {
        if !self.core.config.versioned {
            return Err(Error::UnsupportedVersionedQueries);
        }
        Ok(self.core.snapshots.visible())
    }

    async fn shutdown(&self) -> Result<()> {
        let closed = self.committer.close();
        // The thread stays where it is: if this future is dropped, the next call and the drop of
        // the store wait for it too.
        let stopped = self.maintenance.lock().as_ref().map(|m| m.stop(self.core.config.shutdown_timeout));
        if let Some(stopped) = stopped {
            stopped.await?;
        }
        closed
    }

    async fn flush(&self) -> Result<()> {
        self.freeze().await?;
        self.ask(Command::Flush).await
    }

    async fn compact(&self) -> Result<()> {
        self.compact_with(CompactOptions::default()).await
    }

    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        Ok(Box::new(LanceFeed::begin(&self.core, &self.committer, (since, until), filter.range)?))
    }

    fn statistics(&self) -> Statistics {
        let (core, committer) = (&self.core, &self.committer);
        Sources { core, committer, cache: &self.cache, files: &self.files }.statistics()
    }
}

impl Drop for LanceDatastore {
    fn drop(&mut self) {
        if let Err(e) = self.committer.close() {
            tracing::error!(error = %e, "closing the journal failed; what was acknowledged is replayed at the next open");
        }
        if let Some(maintenance) = self.maintenance.lock().take() {
            maintenance.stop_blocking();
        }
    }
}
