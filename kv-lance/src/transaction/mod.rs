//! A transaction: pending writes over one snapshot.

mod arrow;
mod estimates;
#[cfg(feature = "sql")]
mod past;
mod pending;
mod range_writes;
mod scan;

use crate::committer::{Committer, ReadSet};
use crate::core::{Core, Snapshot, Stamp, View};
use crate::write::{Write, Writes};
use async_trait::async_trait;
use kv_api::{
    ArrowBatch, Direction, Error, Isolation, Key, KeyRange, Result, ScanLimit, Transactable, TransactionOptions,
    TransactionType, Val, Version, check_key, check_value,
};
use parking_lot::Mutex;
use pending::Pending;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(feature = "sql")]
use std::time::SystemTime;
#[cfg(feature = "sql")]
pub(crate) use {
    arrow::{Columns, Wanted},
    past::{Past, PastRow, PastRows},
    scan::Page,
};

/// A point read or write takes a microsecond or so, where a unit of the budget stands for more.
const OPERATIONS_A_UNIT: u64 = 8;

/// A transaction of a [`LanceDatastore`](crate::LanceDatastore); what it does is said by [`Transactable`].
pub struct LanceTransaction {
    core: Arc<Core>,
    /// `None` in a store that is read alone.
    committer: Option<Arc<Committer>>,
    /// What is read, in a store whose states another process makes: it knows nothing of the snapshot, so that later ones may
    /// lack rows of it.
    state: Option<Arc<View>>,
    snapshot: Snapshot,
    writeable: bool,
    serializable: bool,
    /// The same as of [`Pending`], for reads, which need no lock.
    closed: AtomicBool,
    pending: Mutex<Pending>,
    reads: Mutex<ReadSet>,
    /// 0 before the commit.
    commit_version: AtomicU64,
    operations: AtomicU64,
}

impl LanceTransaction {
    pub(crate) fn begin(core: Arc<Core>, committer: Arc<Committer>, options: TransactionOptions) -> Result<Self> {
        let writeable = options.kind == TransactionType::Write;
        let snapshot = core.snapshot(writeable)?;
        let begun = Self::of(core, snapshot);
        let serializable = writeable && options.isolation >= Isolation::Serializable;
        Ok(Self { committer: Some(committer), writeable, serializable, ..begun })
    }

    /// Begins to read a state of a store that is read alone.
    pub(crate) fn reading_state(core: Arc<Core>, snapshot: Snapshot, state: Arc<View>) -> Self {
        Self { state: Some(state), ..Self::of(core, snapshot) }
    }

    /// A transaction that reads alone.
    fn of(core: Arc<Core>, snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            committer: None,
            state: None,
            writeable: false,
            serializable: false,
            closed: AtomicBool::new(false),
            pending: Mutex::default(),
            reads: Mutex::default(),
            commit_version: AtomicU64::new(0),
            operations: AtomicU64::new(1),
            core,
        }
    }

    /// What to read from.
    fn view(&self) -> Arc<View> {
        match &self.state {
            Some(state) => state.clone(),
            None => self.core.views.load(),
        }
    }

    /// The last version at a time; `None` where versions have no relation to time.
    #[cfg(feature = "sql")]
    pub(crate) fn version_at(&self, time: SystemTime) -> Option<Version> {
        self.core.config.version_source.at_time(time)
    }

    /// The version of a tag.
    #[cfg(feature = "sql")]
    pub(crate) fn tagged(&self, name: &str) -> Result<Version> {
        let view = self.view();
        view.tags.get(name).map(|tag| tag.version).ok_or_else(|| Error::TagNotFound { name: name.to_owned() })
    }

    fn check_open(&self) -> Result<()> {
        if self.closed() { Err(Error::TransactionFinished) } else { Ok(()) }
    }

    fn check_write(&self) -> Result<()> {
        self.check_open()?;
        if self.writeable { Ok(()) } else { Err(Error::TransactionReadonly) }
    }

    /// Refuses what goes by timestamps where another process issues them.
    fn check_issuing(&self, operation: &'static str) -> Result<()> {
        self.check_open()?;
        if self.committer.is_some() { Ok(()) } else { Err(Error::Unsupported { operation }) }
    }

    /// Refuses a read that no view can answer.
    fn check_read(&self, version: Option<Version>) -> Result<()> {
        if version.is_some() && !self.core.config.versioned {
            return Err(Error::UnsupportedVersionedQueries);
        }
        self.check_open()
    }

    /// The version to read at, the snapshot's or an earlier one that was asked for and that `view` has.
    fn version_in(&self, view: &View, version: Option<Version>) -> Result<Version> {
        let Some(version) = version else { return Ok(self.snapshot.version) };
        view.check_retained(version)?;
        Ok(version.min(self.snapshot.version))
    }

    /// The version to read at, and the view to read from.
    fn reading(&self, version: Option<Version>) -> Result<(Version, Arc<View>)> {
        self.check_read(version)?;
        let view = self.view();
        Ok((self.version_in(&view, version)?, view))
    }

    /// The value of `key` in the snapshot. Most are in memory: there it takes no count of the view and, in the future that the
    /// caller holds, no room for the reading of files.
    async fn committed(&self, key: &[u8]) -> Result<Option<Val>> {
        let cached = match &self.state {
            Some(state) => state.get_cached(key, self.snapshot.version),
            None => self.core.views.guard().get_cached(key, self.snapshot.version),
        };
        match cached {
            Some(found) => Ok(found),
            None => Box::pin(self.committed_on_disk(key)).await,
        }
    }

    async fn committed_on_disk(&self, key: &[u8]) -> Result<Option<Val>> {
        self.view().get(key, self.snapshot.version).await
    }

    /// The value of `key` at a version, from memory alone; `None` where a file has to be read, or erased history looked for.
    fn cached_at(&self, key: &[u8], version: Version) -> Result<Option<Option<Val>>> {
        self.check_read(Some(version))?;
        let view = self.core.views.guard();
        let at = self.version_in(&view, Some(version))?;
        Ok(if self.may_have_erased(&view, at) { None } else { view.get_cached(key, at) })
    }

    /// The value of `key` at a version.
    async fn committed_at(&self, key: &[u8], version: Version) -> Result<Option<Val>> {
        let (at, view) = self.reading(Some(version))?;
        let found = view.get(key, at).await?;
        Ok(if found.is_some() && self.has_erased(&view, key, at).await? { None } else { found })
    }

    /// Whether the history of `key` up to a version has been erased.
    async fn has_erased(&self, view: &View, key: &[u8], at: Version) -> Result<bool> {
        Ok(self.may_have_erased(view, at) && view.has_erased(key, at, self.snapshot.version).await?)
    }

    /// Whether the history up to a version has been erased of any key.
    fn may_have_erased(&self, view: &View, at: Version) -> bool {
        at < self.snapshot.version && view.may_have_erased(at)
    }

    /// Refuses what was read of the pending writes where a commit has taken them meanwhile.
    fn check_still_open(&self) -> Result<()> {
        if self.writeable { self.check_open() } else { Ok(()) }
    }

    /// The pending write of `key`; `None` where there is none.
    fn own_write(&self, key: &[u8]) -> Result<Option<Option<Val>>> {
        if !self.writeable {
            return Ok(None);
        }
        Ok(self.pending.lock().writes()?.get(key).map(|write| write.val.clone()))
    }

    /// Yields where the task has done much without waiting for anything, as the tasks beside it have a right to: a unit of
    /// tokio's cooperative budget for a few operations.
    async fn give_way(&self) {
        if self.operations.fetch_add(1, Ordering::Relaxed).is_multiple_of(OPERATIONS_A_UNIT) {
            tokio::task::consume_budget().await;
        }
    }

    fn note_key(&self, key: &[u8]) {
        if self.serializable {
            self.reads.lock().add_key(key);
        }
    }

    /// The value that a read without a version finds.
    async fn current(&self, key: &[u8]) -> Result<Option<Val>> {
        if let Some(own) = self.own_write(key)? {
            return Ok(own);
        }
        self.note_key(key);
        self.committed(key).await
    }

    fn write(&self, key: Key, write: Write) -> Result<()> {
        self.pending.lock().write(key, write)
    }

    /// Of a store without versions nothing older is read, and nothing is there to erase.
    fn erasure(&self) -> Write {
        if self.core.config.versioned { Write::erase() } else { Write::delete() }
    }

    /// Writes where the current value is the expected one.
    async fn write_if(&self, key: Key, write: Write, expected: Option<Val>) -> Result<()> {
        if self.current(&key).await? != expected {
            return Err(Error::TransactionConditionNotMet);
        }
        self.write(key, write)
    }

    /// Closes the transaction, once, and takes what is pending: what is written from now on is refused.
    fn finish(&self) -> Result<(Writes, Option<Stamp>)> {
        let taken = self.pending.lock().finish()?;
        self.closed.store(true, Ordering::Release);
        Ok(taken)
    }
}

#[async_trait]
impl Transactable for LanceTransaction {
    fn kind(&self) -> &'static str {
        crate::KIND
    }

    fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn writeable(&self) -> bool {
        self.writeable
    }

    async fn cancel(&self) -> Result<()> {
        drop(self.finish()?);
        self.snapshot.release();
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        let (writes, stamp) = self.finish()?;
        let Some(committer) = self.committer.as_ref().filter(|_| self.writeable) else {
            self.snapshot.release();
            return Err(Error::TransactionReadonly);
        };
        let reads = std::mem::take(&mut *self.reads.lock());
        let committed = committer.commit(self.snapshot.version, writes, reads, stamp).await;
        self.snapshot.release();
        if let Some(version) = committed? {
            self.commit_version.store(version, Ordering::Release);
        }
        Ok(())
    }

    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool> {
        self.give_way().await;
        let (at, view) = self.reading(version)?;
        if version.is_none() {
            if let Some(own) = self.own_write(key)? {
                return Ok(own.is_some());
            }
            self.note_key(key);
        }
        Ok(view.exists(key, at).await? && !self.has_erased(&view, key, at).await?)
    }

    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>> {
        self.give_way().await;
        match version {
            None => {
                self.check_read(None)?;
                self.current(key).await
            }
            Some(version) => match self.cached_at(key, version)? {
                Some(found) => Ok(found),
                None => Box::pin(self.committed_at(key, version)).await,
            },
        }
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        self.give_way().await;
        self.check_write()?;
        check_key(&key)?;
        check_value(&val)?;
        self.write(key, Write::set(val))
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        self.check_write()?;
        check_key(&key)?;
        check_value(&val)?;
        if self.exists(&key, None).await? {
            return Err(Error::TransactionKeyAlreadyExists);
        }
        self.write(key, Write::set(val))
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        self.give_way().await;
        self.check_write()?;
        check_key(&key)?;
        check_value(&val)?;
        self.write_if(key, Write::set(val), chk).await
    }

    async fn del(&self, key: Key) -> Result<()> {
        self.give_way().await;
        self.check_write()?;
        check_key(&key)?;
        self.write(key, Write::delete())
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.give_way().await;
        self.check_write()?;
        check_key(&key)?;
        self.write_if(key, Write::delete(), chk).await
    }

    async fn clr(&self, key: Key) -> Result<()> {
        self.give_way().await;
        self.check_write()?;
        check_key(&key)?;
        self.write(key, self.erasure())
    }

    async fn clrc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.give_way().await;
        self.check_write()?;
        check_key(&key)?;
        self.write_if(key, self.erasure(), chk).await
    }

    async fn keys(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        self.scan_keys(range, Direction::Forward, (limit, skip), version).await
    }

    async fn keysr(&self, range: KeyRange, limit: ScanLimit, skip: u32, version: Option<Version>) -> Result<Vec<Key>> {
        self.scan_keys(range, Direction::Backward, (limit, skip), version).await
    }

    async fn scan(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        self.scan_entries(range, Direction::Forward, (limit, skip), version).await
    }

    async fn scanr(
        &self,
        range: KeyRange,
        limit: ScanLimit,
        skip: u32,
        version: Option<Version>,
    ) -> Result<Vec<(Key, Val)>> {
        self.scan_entries(range, Direction::Backward, (limit, skip), version).await
    }

    async fn getr(&self, range: KeyRange, version: Option<Version>) -> Result<Vec<(Key, Val)>> {
        let mut entries = Vec::new();
        self.walk(range, Direction::Forward, version, (true, 0), |rows| {
            entries.extend(rows.iter().map(|row| (row.key_slice(), row.val_slice())));
            ControlFlow::Continue(())
        })
        .await?;
        Ok(entries)
    }

    async fn visit(
        &self,
        range: KeyRange,
        direction: Direction,
        version: Option<Version>,
        vals: bool,
        visitor: &mut (dyn for<'r> FnMut(&'r [u8], &'r [u8]) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        self.walk(range, direction, version, (vals, 0), |rows| {
            match rows.iter().find(|row| visitor(row.key(), row.val()).is_break()) {
                Some(row) => ControlFlow::Break(row),
                None => ControlFlow::Continue(()),
            }
        })
        .await
    }

    async fn setm(&self, entries: Vec<(Key, Val)>) -> Result<()> {
        self.check_write()?;
        entries.iter().try_for_each(|(key, val)| check_key(key).and_then(|()| check_value(val)))?;
        self.write_all(entries.into_iter().map(|(key, val)| (key, Write::set(val)))).await
    }

    async fn delm(&self, keys: Vec<Key>) -> Result<()> {
        self.check_write()?;
        keys.iter().try_for_each(|key| check_key(key))?;
        self.write_all(keys.into_iter().map(|key| (key, Write::delete()))).await
    }

    async fn delr(&self, range: KeyRange) -> Result<()> {
        self.delete_range(range, &Write::delete()).await
    }

    async fn clrr(&self, range: KeyRange) -> Result<()> {
        self.delete_range(range, &self.erasure()).await
    }

    async fn approximate_count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        self.reading(version)?;
        self.estimate(&range).await
    }

    async fn split(&self, range: KeyRange, n: u32) -> Result<Vec<KeyRange>> {
        self.parts(range, n).await
    }

    async fn new_save_point(&self) -> Result<()> {
        self.check_write()?;
        self.pending.lock().new_save_point()
    }

    async fn release_last_save_point(&self) -> Result<()> {
        self.check_write()?;
        self.pending.lock().release()
    }

    async fn rollback_to_save_point(&self) -> Result<()> {
        self.check_write()?;
        self.pending.lock().roll_back()
    }

    fn commit_version(&self) -> Option<Version> {
        let version = self.commit_version.load(Ordering::Acquire);
        (version > 0 && self.core.config.versioned).then_some(version)
    }

    async fn count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        self.count_keys(range, version).await
    }

    async fn batch_arrow(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<ArrowBatch> {
        self.scan_arrow(range, batch, version).await
    }

    async fn timestamp(&self) -> Result<Version> {
        self.check_issuing("timestamp")?;
        // Issued, so that every later commit is greater, within the same millisecond too.
        let source = &*self.core.config.version_source;
        match self.writeable {
            true => self.pending.lock().timestamp(&self.core.snapshots, source),
            false => source.next(),
        }
    }

    async fn safe_timestamp(&self) -> Result<Version> {
        self.check_issuing("safe_timestamp")?;
        Ok(self.snapshot.safe)
    }

    async fn compact(&self, range: Option<KeyRange>) -> Result<()> {
        self.check_open()?;
        if self.committer.is_none() {
            return Err(Error::StoreReadonly { path: self.core.config.path.clone() });
        }
        self.core.background.compact(range.unwrap_or_default());
        Ok(())
    }

    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        self.give_way().await;
        self.check_write()?;
        if let Some(own) = self.own_write(key)? {
            return Ok(own);
        }
        self.reads.lock().add_key(key);
        self.committed(key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LanceConfig;
    use crate::core::Background;
    use crate::files::LocalFiles;
    use crate::journal::{Journal, JournalDir};
    use crate::memtable::MemTable;
    use crate::table::{Levels, Tags};
    use tokio::sync::mpsc;

    /// Each of 60 readers, begun while memtables were being filled, held the one of its time: 8.6 MB each.
    #[tokio::test]
    async fn an_open_transaction_holds_no_memtable() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let memtable = Arc::new(MemTable::new());
        memtable.insert("a".into(), 1, Write::set("1".into()));
        let flushed = Arc::downgrade(&memtable);
        let view = View {
            active: memtable,
            frozen: vec![],
            levels: Levels::default(),
            history_floor: 0,
            tags: Tags::default(),
        };
        let background = Background::new(mpsc::unbounded_channel().0, 0);
        let core = Arc::new(Core::new(LanceConfig::new(dir.path()), view, 1, background));
        let journal = Journal::create(&JournalDir::new(Arc::new(LocalFiles), dir.path()), 1)?;
        let committer = Arc::new(Committer::new(core.clone(), journal));
        let tx = LanceTransaction::begin(core.clone(), committer, TransactionOptions::read())?;
        assert_eq!(tx.get(b"a", None).await?.as_deref(), Some(&b"1"[..]));
        core.views.edit(|view| view.active = Arc::new(MemTable::new()));
        assert!(flushed.upgrade().is_none(), "it holds a memtable that has been flushed");
        Ok(())
    }
}
