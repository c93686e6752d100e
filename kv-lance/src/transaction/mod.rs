//! A transaction: pending writes over one snapshot.

mod arrow;
mod pending;
mod read_set;
mod scan;

pub(crate) use pending::Writes;
pub(crate) use read_set::ReadSet;

use crate::committer::Committer;
use crate::snapshots::Snapshot;
use async_trait::async_trait;
use kv_api::{
    ArrowBatch, Direction, Error, Isolation, Key, KeyRange, Result, ScanLimit, Transactable, TransactionOptions,
    TransactionType, Val, Version, check_key, check_value,
};
use parking_lot::Mutex;
use pending::Pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// See [`Transactable`].
pub(crate) struct LanceTransaction {
    committer: Arc<Committer>,
    snapshot: Snapshot,
    writeable: bool,
    serializable: bool,
    closed: AtomicBool,
    pending: Mutex<Pending>,
    reads: Mutex<ReadSet>,
    /// 0 before the commit.
    commit_version: AtomicU64,
}

impl LanceTransaction {
    pub(crate) fn begin(committer: Arc<Committer>, options: TransactionOptions) -> Result<Self> {
        let writeable = options.kind == TransactionType::Write;
        Ok(Self {
            snapshot: committer.snapshot(writeable)?,
            writeable,
            serializable: writeable && options.isolation >= Isolation::Serializable,
            closed: AtomicBool::new(false),
            pending: Mutex::default(),
            reads: Mutex::default(),
            commit_version: AtomicU64::new(0),
            committer,
        })
    }

    fn check_open(&self) -> Result<()> {
        if self.closed() { Err(Error::TransactionFinished) } else { Ok(()) }
    }

    fn check_write(&self) -> Result<()> {
        self.check_open()?;
        if self.writeable { Ok(()) } else { Err(Error::TransactionReadonly) }
    }

    /// The version to read at: the snapshot's, or an earlier one that was asked for.
    fn read_version(&self, version: Option<Version>) -> Result<Version> {
        if version.is_some() && !self.committer.config().versioned {
            return Err(Error::UnsupportedVersionedQueries);
        }
        self.check_open()?;
        match version {
            None => Ok(self.snapshot.version),
            Some(version) => {
                self.snapshot.view.check_retained(version)?;
                Ok(version.min(self.snapshot.version))
            }
        }
    }

    /// The pending write of `key`; `None` where there is none.
    fn own_write(&self, key: &[u8]) -> Option<Option<Val>> {
        if !self.writeable {
            return None;
        }
        self.pending.lock().writes.get(key).cloned()
    }

    fn note_key(&self, key: &[u8]) {
        if self.serializable {
            self.reads.lock().add_key(key);
        }
    }

    async fn current(&self, key: &[u8]) -> Result<Option<Val>> {
        if let Some(own) = self.own_write(key) {
            return Ok(own);
        }
        self.note_key(key);
        self.snapshot.view.get(key, self.snapshot.version).await
    }

    fn write(&self, key: Key, val: Option<Val>) {
        self.pending.lock().write(key, val);
    }

    /// Writes where the current value is the expected one.
    async fn write_if(&self, key: Key, val: Option<Val>, expected: Option<Val>) -> Result<()> {
        if self.current(&key).await? != expected {
            return Err(Error::TransactionConditionNotMet);
        }
        self.write(key, val);
        Ok(())
    }

    /// Closes the transaction, once.
    fn finish(&self) -> Result<()> {
        match self.closed.swap(true, Ordering::AcqRel) {
            true => Err(Error::TransactionFinished),
            false => Ok(()),
        }
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
        self.finish()?;
        *self.pending.lock() = Pending::default();
        self.snapshot.release();
        Ok(())
    }

    async fn commit(&self) -> Result<()> {
        self.finish()?;
        if !self.writeable {
            self.snapshot.release();
            return Err(Error::TransactionReadonly);
        }
        let writes = std::mem::take(&mut *self.pending.lock()).writes;
        let reads = std::mem::take(&mut *self.reads.lock());
        let committed = self.committer.commit(self.snapshot.version, writes, &reads).await;
        self.snapshot.release();
        if let Some(version) = committed? {
            self.commit_version.store(version, Ordering::Release);
        }
        Ok(())
    }

    async fn exists(&self, key: &[u8], version: Option<Version>) -> Result<bool> {
        let at = self.read_version(version)?;
        if version.is_none() {
            if let Some(own) = self.own_write(key) {
                return Ok(own.is_some());
            }
            self.note_key(key);
        }
        self.snapshot.view.exists(key, at).await
    }

    async fn get(&self, key: &[u8], version: Option<Version>) -> Result<Option<Val>> {
        let at = self.read_version(version)?;
        match version {
            None => self.current(key).await,
            Some(_) => self.snapshot.view.get(key, at).await,
        }
    }

    async fn set(&self, key: Key, val: Val) -> Result<()> {
        self.check_write()?;
        check_key(&key)?;
        check_value(&val)?;
        self.write(key, Some(val));
        Ok(())
    }

    async fn put(&self, key: Key, val: Val) -> Result<()> {
        self.check_write()?;
        check_key(&key)?;
        check_value(&val)?;
        if self.exists(&key, None).await? {
            return Err(Error::TransactionKeyAlreadyExists);
        }
        self.write(key, Some(val));
        Ok(())
    }

    async fn putc(&self, key: Key, val: Val, chk: Option<Val>) -> Result<()> {
        self.check_write()?;
        check_key(&key)?;
        check_value(&val)?;
        self.write_if(key, Some(val), chk).await
    }

    async fn del(&self, key: Key) -> Result<()> {
        self.check_write()?;
        check_key(&key)?;
        self.write(key, None);
        Ok(())
    }

    async fn delc(&self, key: Key, chk: Option<Val>) -> Result<()> {
        self.check_write()?;
        check_key(&key)?;
        self.write_if(key, None, chk).await
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

    async fn new_save_point(&self) -> Result<()> {
        self.check_write()?;
        self.pending.lock().new_save_point();
        Ok(())
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
        (version > 0 && self.committer.config().versioned).then_some(version)
    }

    async fn count(&self, range: KeyRange, version: Option<Version>) -> Result<u64> {
        self.count_keys(range, version).await
    }

    async fn batch_arrow(&self, range: KeyRange, batch: u32, version: Option<Version>) -> Result<ArrowBatch> {
        self.scan_arrow(range, batch, version).await
    }

    async fn timestamp(&self) -> Result<Version> {
        self.check_open()?;
        // Issued, so that every later commit is greater, within the same millisecond too.
        self.committer.config().version_source.next()
    }

    async fn compact(&self, _: Option<KeyRange>) -> Result<()> {
        self.check_open()?;
        self.committer.compact_in_background();
        Ok(())
    }

    async fn getu(&self, key: &[u8]) -> Result<Option<Val>> {
        self.check_open()?;
        if let Some(own) = self.own_write(key) {
            return Ok(own);
        }
        if self.writeable {
            self.reads.lock().add_key(key);
        }
        self.snapshot.view.get(key, self.snapshot.version).await
    }
}
