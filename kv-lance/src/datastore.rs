//! The store: opening, beginning transactions, flushing, compacting, closing.

use crate::changes::LanceFeed;
use crate::committer::Committer;
use crate::config::{CommitOn, Durability, LanceConfig};
use crate::core::{Background, Command, CompactOptions, Compaction, Core, Frozen, View};
use crate::files::OpenFiles;
use crate::journal::{self, Journal};
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::maintenance::{Attachment, Contents, DIED, Maintenance, TablePlace};
use crate::memtable::MemTable;
use crate::publish::Publisher;
use crate::read_only::Reader;
use crate::statistics::{LevelInfo, RunInfo, Sources};
use crate::table::{BlockCache, FOREIGN, PublishedTable, RunLayout};
use crate::transaction::LanceTransaction;
use async_trait::async_trait;
use kv_api::{
    Capabilities, ChangeFeed, ChangeFilter, Datastore, Error, Isolation, KeyRange, Result, Statistics, Tag,
    Transactable, TransactionOptions, TransactionType, Version, check_tag_name,
};
use parking_lot::Mutex;
use std::path::Path;
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
    pub(crate) core: Arc<Core>,
    pub(crate) cache: Arc<BlockCache>,
    pub(crate) files: Arc<OpenFiles>,
    pub(crate) role: Role,
}

/// What a store was opened for.
pub(crate) enum Role {
    Writer(Writer),
    Reader(Reader),
}

/// What only a store has that is written to.
pub(crate) struct Writer {
    pub(crate) committer: Arc<Committer>,
    maintenance: Mutex<Option<Maintenance>>,
    pub(crate) publisher: Publisher,
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
                partition_bytes: config.partition_size(),
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
        let published = PublishedTable::beside(&layout.table, core.config.files.clone());
        let publisher = Arc::new(tokio::sync::Mutex::new(published));
        let role = Role::Writer(Writer { committer, maintenance: Mutex::new(Some(maintenance)), publisher });
        Ok(Self { core, cache, files, role })
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
    /// [`StoreClosed`](Error::StoreClosed), [`StoreReadonly`](Error::StoreReadonly).
    pub fn transaction(&self, options: TransactionOptions) -> Result<LanceTransaction> {
        match &self.role {
            Role::Writer(writer) => LanceTransaction::begin(self.core.clone(), writer.committer.clone(), options),
            Role::Reader(_) if options.kind == TransactionType::Write => Err(self.readonly()),
            Role::Reader(reader) => {
                let (snapshot, state) = reader.state(&self.core)?;
                Ok(LanceTransaction::reading_state(self.core.clone(), snapshot, state))
            }
        }
    }

    /// What only a store has that is written to.
    pub(crate) fn writer(&self) -> Result<&Writer> {
        match &self.role {
            Role::Writer(writer) => Ok(writer),
            Role::Reader(_) => Err(self.readonly()),
        }
    }

    fn readonly(&self) -> Error {
        Error::StoreReadonly { path: self.core.config.path.clone() }
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
        let writer = self.writer()?;
        self.freeze(writer).await?;
        self.ask(writer, |done| Command::Compact(compaction, Some(done))).await
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
    pub(crate) async fn freeze(&self, writer: &Writer) -> Result<()> {
        if self.core.room.is_failing() {
            self.ask(writer, Command::Flush).await?;
        }
        writer.committer.freeze_active()
    }

    pub(crate) async fn ask<T>(
        &self,
        writer: &Writer,
        command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        {
            let maintenance = writer.maintenance.lock();
            let commands = &maintenance.as_ref().ok_or(Error::StoreClosed)?.commands;
            commands.send(command(done)).map_err(|_| unanswered(&self.core))?;
        }
        answer.await.map_err(|_| unanswered(&self.core))?
    }

    /// Refuses what a store without versions, or one that has been closed, has not.
    fn check_tags(&self, operation: &'static str) -> Result<()> {
        if !self.core.config.versioned {
            return Err(Error::Unsupported { operation });
        }
        self.check_open()
    }

    fn check_open(&self) -> Result<()> {
        if self.core.health.is_closed() { Err(Error::StoreClosed) } else { Ok(()) }
    }
}

/// Why there is no answer from the maintenance thread.
pub(crate) fn unanswered(core: &Core) -> Error {
    if core.health.is_closed() { Error::StoreClosed } else { Error::StoreFailed { reason: DIED.into() } }
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
    let Contents { levels, state, tags, tagged_bytes } = contents;
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
    let view = View { active: Arc::new(memtable), frozen, levels, history_floor: state.history_floor, tags };
    let background = Background::new(maintenance.commands.clone(), config.compaction_bandwidth);
    let core = Core::new(config, view, newest, background);
    core.figures.tagged_bytes.store(tagged_bytes, std::sync::atomic::Ordering::Relaxed);
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
        let capabilities = Capabilities::new(Isolation::Serializable)
            .versioned_reads(config.versioned)
            .erases_history(config.versioned)
            .tags(config.versioned)
            .readers(true)
            .durability(durability);
        match self.role {
            Role::Writer(_) => {
                capabilities.change_feed(config.versioned).read_checks(true).safe_timestamps(true).branches(true)
            }
            Role::Reader(_) => capabilities,
        }
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
        let Role::Writer(writer) = &self.role else {
            self.core.close();
            return Ok(());
        };
        let closed = writer.committer.close();
        // The thread stays where it is: if this future is dropped, the next call and the drop of
        // the store wait for it too.
        let stopped = writer.maintenance.lock().as_ref().map(|m| m.stop(self.core.config.shutdown_timeout));
        if let Some(stopped) = stopped {
            stopped.await?;
        }
        // A publication ends before its next look at two runs.
        drop(writer.publisher.lock().await);
        closed
    }

    async fn flush(&self) -> Result<()> {
        let writer = self.writer()?;
        self.freeze(writer).await?;
        self.ask(writer, Command::Flush).await
    }

    async fn compact(&self) -> Result<()> {
        self.compact_with(CompactOptions::default()).await
    }

    async fn changes_until(&self, since: Version, until: Version, filter: ChangeFilter) -> Result<Box<dyn ChangeFeed>> {
        let Role::Writer(writer) = &self.role else { return Err(Error::Unsupported { operation: "changes" }) };
        Ok(Box::new(LanceFeed::begin(&self.core, &writer.committer, (since, until), filter.range)?))
    }

    async fn tag(&self, name: &str, version: Option<Version>) -> Result<Version> {
        self.check_tags("tag")?;
        check_tag_name(name)?;
        if name.starts_with(FOREIGN) {
            let reason = format!("'{FOREIGN}' is what the tags of other tools' versions begin with");
            return Err(Error::InvalidTagName { name: name.to_owned(), reason });
        }
        let writer = self.writer()?;
        self.freeze(writer).await?;
        self.ask(writer, |done| Command::Tag(name.to_owned(), version, done)).await
    }

    async fn untag(&self, name: &str) -> Result<Version> {
        self.check_tags("untag")?;
        self.ask(self.writer()?, |done| Command::Untag(name.to_owned(), done)).await
    }

    async fn tags(&self) -> Result<Vec<Tag>> {
        self.check_tags("tags")?;
        Ok(self.core.views.guard().tags.iter().cloned().collect())
    }

    async fn branch(&self, into: &Path, tag: Option<&str>) -> Result<Box<dyn Datastore>> {
        let (_, branch) = self.open_branch(into.into(), tag).await?;
        Ok(Box::new(branch))
    }

    async fn reader(&self) -> Result<Box<dyn Datastore>> {
        self.check_open()?;
        Ok(Box::new(Self::open_read_only(self.core.config.clone()).await?))
    }

    async fn refresh(&self) -> Result<Version> {
        self.check_open()?;
        if let Role::Reader(reader) = &self.role {
            reader.refresh(&self.core).await?;
        }
        Ok(if self.core.config.versioned { self.core.snapshots.visible() } else { 0 })
    }

    fn statistics(&self) -> Statistics {
        let committer = match &self.role {
            Role::Writer(writer) => Some(&*writer.committer),
            Role::Reader(_) => None,
        };
        Sources { core: &self.core, committer, cache: &self.cache, files: &self.files }.statistics()
    }
}

impl Drop for LanceDatastore {
    fn drop(&mut self) {
        let Role::Writer(writer) = &self.role else { return };
        if let Err(e) = writer.committer.close() {
            tracing::error!(error = %e, "closing the journal failed; what was acknowledged is replayed at the next open");
        }
        if let Some(maintenance) = writer.maintenance.lock().take() {
            maintenance.stop_blocking();
        }
    }
}
