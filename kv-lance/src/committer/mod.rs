//! The committer: conflict check, version, group commit, publication.
//!
//! A commit takes two locks. The *queue* is held for the check and the version, for microseconds. The *log* is held by whoever leads:
//! the leader takes everything that is queued, writes it with one system call and one fdatasync, applies it to the
//! memtable and publishes it. It runs on the thread of the commit it belongs to: a hand-over to another thread and back costs
//! 42 µs, a quarter of the fdatasync. While it writes, the next group gathers.
//!
//! A commit whose future is dropped is led to its end by the drop, or by another leader: it is whole or absent.

mod conflicts;
mod queue;

use crate::config::{Durability, LanceConfig};
use crate::journal::{Journal, MAX_PAYLOAD, Record, RecordBuilder, SegmentFile};
use crate::maintenance::{Command, CompactOptions, DIED};
use crate::memtable::MemTable;
use crate::snapshots::{Snapshot, Snapshots};
use crate::transaction::{ReadSet, Writes};
use crate::view::{Frozen, View, ViewCell};
use arc_swap::ArcSwap;
use conflicts::RecentCommits;
use kv_api::{Error, MvccSource, Result, Version};
use parking_lot::{Mutex, MutexGuard};
use queue::{Intake, Outcome, Pending, Queue, Slot};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{Notify, mpsc};

/// Figures since the store was opened.
#[derive(Default)]
pub(crate) struct CommitFigures {
    pub(crate) commits: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) journal_bytes: AtomicU64,
}

/// Why frozen memtables are not being flushed.
#[derive(Clone)]
pub(crate) struct FlushFailure {
    pub(crate) kind: std::io::ErrorKind,
    pub(crate) reason: String,
}

/// One per store.
pub(crate) struct Committer {
    pub(crate) views: ViewCell,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) figures: CommitFigures,
    source: Arc<dyn MvccSource>,
    queue: Mutex<Queue>,
    /// The same as the queue's [`Intake::Closed`], for who begins a transaction and needs no lock.
    closed: AtomicBool,
    log: Mutex<Journal>,
    /// The segment being written, for syncing it without the log.
    segment: ArcSwap<SegmentFile>,
    config: LanceConfig,
    background: mpsc::UnboundedSender<Command>,
    /// Wakes writers that wait for frozen memtables to become fewer.
    room: Notify,
    flush_failure: Mutex<Option<FlushFailure>>,
}

impl Committer {
    pub(crate) fn new(
        config: LanceConfig,
        view: View,
        visible: Version,
        log: Journal,
        background: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            views: ViewCell::new(view),
            snapshots: Arc::new(Snapshots::new(visible)),
            figures: CommitFigures::default(),
            source: config.version_source.clone(),
            queue: Mutex::new(Queue {
                intake: Intake::Open,
                recent: RecentCommits::default(),
                pending: VecDeque::new(),
            }),
            closed: AtomicBool::new(false),
            segment: ArcSwap::new(log.file()),
            log: Mutex::new(log),
            config,
            background,
            room: Notify::new(),
            flush_failure: Mutex::new(None),
        }
    }

    pub(crate) fn config(&self) -> &LanceConfig {
        &self.config
    }

    /// Begins to read the newest visible version.
    pub(crate) fn snapshot(&self, writer: bool) -> Result<Snapshot> {
        if self.is_closed() {
            return Err(Error::StoreClosed);
        }
        Ok(self.snapshots.take(&self.views, writer))
    }

    /// How many keys the conflict check remembers.
    pub(crate) fn recent_keys(&self) -> usize {
        self.queue.lock().recent.len()
    }

    /// Commits `writes` made on top of `snapshot`, if neither they nor `reads` conflict. The version; `None` where nothing was
    /// written.
    pub(crate) async fn commit(&self, snapshot: Version, writes: Writes, reads: &ReadSet) -> Result<Option<Version>> {
        if writes.is_empty() {
            let queue = self.queue.lock();
            queue.intake.check()?;
            return queue.recent.check(snapshot, &writes, reads).map(|()| None).inspect_err(|_| self.count_conflict());
        }
        self.wait_for_room().await?;
        let size = RecordBuilder::size_of(writes.iter());
        if size > MAX_PAYLOAD {
            return Err(Error::TransactionTooLarge { size, limit: MAX_PAYLOAD });
        }
        let record = RecordBuilder::new(writes.iter(), size);
        self.enqueue(snapshot, &writes, reads, record)?.settled().await
    }

    /// Lets other tasks of this thread join the group: the sync that they share takes a hundred times as long.
    async fn gather(&self) {
        if self.config.durability == Durability::Immediate {
            tokio::task::yield_now().await;
        }
    }

    fn enqueue(
        &self,
        snapshot: Version,
        writes: &Writes,
        reads: &ReadSet,
        record: RecordBuilder,
    ) -> Result<Ticket<'_>> {
        let mut queue = self.queue.lock();
        queue.intake.check()?;
        queue.recent.forget_through(self.snapshots.oldest_writer());
        queue.recent.check(snapshot, writes, reads).inspect_err(|_| self.count_conflict())?;
        let version = self.source.next()?;
        queue.recent.add(version, writes);
        let slot = Arc::new(Slot::default());
        queue.pending.push_back(Pending { version, record, slot: slot.clone() });
        Ok(Ticket { committer: self, version, slot })
    }

    fn count_conflict(&self) {
        self.figures.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    /// Leads groups until `slot` is settled, or returns where another leads.
    fn drive(&self, slot: &Slot) {
        while !slot.is_done() {
            let Some(log) = self.log.try_lock() else { return };
            self.lead(log);
            self.hand_over();
        }
    }

    /// Writes one group and lets the log go.
    fn lead(&self, mut log: MutexGuard<'_, Journal>) {
        let group = std::mem::take(&mut self.queue.lock().pending);
        if !group.is_empty() {
            self.write_group(&mut log, group);
        }
    }

    /// Wakes the owner of the next commit in the queue to lead it, or leads where all owners have gone. Everyone who has held the
    /// log calls this after letting it go: who was queued meanwhile waits for it.
    fn hand_over(&self) {
        loop {
            {
                let queue = self.queue.lock();
                if let Some(next) = queue.pending.iter().find(|pending| !pending.slot.is_abandoned()) {
                    next.slot.wake.notify_one();
                    return;
                }
                if queue.pending.is_empty() {
                    return;
                }
            }
            let Some(log) = self.log.try_lock() else { return };
            self.lead(log);
        }
    }

    /// Makes a group durable, as far as the configuration says, and then visible.
    fn write_group(&self, log: &mut Journal, group: VecDeque<Pending>) {
        let (segment, synced) = (log.segment(), log.synced());
        let (records, slots): (Vec<Record>, Vec<Arc<Slot>>) =
            group.into_iter().map(|p| (p.record.finish(p.version, segment, synced), p.slot)).unzip();
        let written = log.append(records.iter()).map_err(Error::from).and_then(|()| match self.config.durability {
            Durability::Immediate => log.sync().map(drop),
            Durability::Eventual => Ok(()),
        });
        if let Err(e) = written {
            self.fail(&e);
            slots.iter().for_each(|slot| slot.settle(Outcome::Unknown(e.to_string())));
            return;
        }
        let memtable = self.views.load().active.clone();
        for record in &records {
            for (key, val) in record.writes().flatten() {
                memtable.insert(key, record.version, val);
            }
        }
        if let Some(last) = records.last() {
            self.snapshots.publish(last.version);
        }
        let bytes: usize = records.iter().map(|r| r.as_bytes().len()).sum();
        self.figures.commits.fetch_add(records.len() as u64, Ordering::Relaxed);
        self.figures.groups.fetch_add(1, Ordering::Relaxed);
        self.figures.journal_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        slots.iter().for_each(|slot| slot.settle(Outcome::Committed));
        if memtable.bytes() as u64 >= self.config.memtable_bytes {
            // The group is committed; what fails here fails the next one.
            if let Err(e) = self.freeze(log) {
                self.fail(&e);
            }
        }
    }

    /// Freezes the active memtable with the journal segment that belongs to it.
    fn freeze(&self, log: &mut Journal) -> Result<()> {
        let journal_through = log.segment();
        log.rotate()?;
        self.segment.store(log.file());
        self.views.edit(|view| {
            let memtable = std::mem::replace(&mut view.active, Arc::new(MemTable::new()));
            view.frozen.insert(0, Arc::new(Frozen { memtable, journal_through }));
        });
        // Nobody listens once the store closes; the next open replays the journal.
        let _ = self.background.send(Command::Frozen);
        Ok(())
    }

    /// Freezes the active memtable unless it is empty.
    pub(crate) fn freeze_active(&self) -> Result<()> {
        let frozen = self.freeze_unless_empty(&mut self.log.lock());
        self.hand_over();
        frozen
    }

    fn freeze_unless_empty(&self, log: &mut Journal) -> Result<()> {
        self.queue.lock().intake.check()?;
        if self.views.load().active.is_empty() {
            return Ok(());
        }
        self.freeze(log).inspect_err(|e| self.fail(e))
    }

    /// Takes no more writes: what is queued behind the failed write is refused.
    pub(crate) fn fail(&self, reason: impl std::fmt::Display) {
        let mut queue = self.queue.lock();
        let reason = reason.to_string();
        tracing::error!(%reason, "the store takes no more writes");
        for pending in std::mem::take(&mut queue.pending) {
            pending.slot.settle(Outcome::Refused(reason.clone()));
        }
        if !matches!(queue.intake, Intake::Closed) {
            queue.intake = Intake::Failed(reason);
        }
        self.room.notify_waiters();
    }

    /// Why there is no answer from the maintenance thread.
    pub(crate) fn unanswered(&self) -> Error {
        if self.is_closed() { Error::StoreClosed } else { Error::StoreFailed { reason: DIED.into() } }
    }

    /// Waits while too many memtables wait for their flush.
    async fn wait_for_room(&self) -> Result<()> {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.views.load().frozen.len() < self.config.frozen_memtables {
                return Ok(());
            }
            self.queue.lock().intake.check()?;
            if let Some(failure) = self.flush_failure.lock().clone() {
                let source = std::io::Error::new(failure.kind, failure.reason);
                return Err(Error::io("making room in memory: flushing to", &self.config.path, source));
            }
            room.await;
        }
    }

    /// A flush succeeded (`None`) or did not: writers that wait go on or are told.
    pub(crate) fn flushed(&self, failure: Option<FlushFailure>) {
        *self.flush_failure.lock() = failure;
        self.room.notify_waiters();
    }

    /// Asks for a compaction and does not wait for it.
    pub(crate) fn compact_in_background(&self) {
        // Nobody listens once the store closes, and then there is nothing to compact.
        let _ = self.background.send(Command::Compact(CompactOptions::default(), None));
    }

    /// Makes what has been written durable; for [`Durability::Eventual`].
    pub(crate) fn sync(&self) {
        if let Err(e) = self.segment.load().sync() {
            self.fail(&e);
        }
    }

    /// Whether the store has been closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Writes what is queued, takes no more and makes the journal durable. A second call does nothing.
    pub(crate) fn close(&self) -> Result<()> {
        let mut log = self.log.lock();
        let mut queue = self.queue.lock();
        let intake = std::mem::replace(&mut queue.intake, Intake::Closed);
        self.closed.store(true, Ordering::Release);
        let group = std::mem::take(&mut queue.pending);
        drop(queue);
        let closed = match intake {
            Intake::Open => {
                if !group.is_empty() {
                    self.write_group(&mut log, group);
                }
                log.close()
            }
            Intake::Closed | Intake::Failed(_) => Ok(()),
        };
        self.room.notify_waiters();
        closed
    }
}

/// A commit in the queue, held by its owner.
struct Ticket<'a> {
    committer: &'a Committer,
    version: Version,
    slot: Arc<Slot>,
}

impl Ticket<'_> {
    async fn settled(self) -> Result<Option<Version>> {
        loop {
            if !self.slot.is_done() {
                // Also who is woken to lead waits: it runs before those that the last group has just settled.
                self.committer.gather().await;
                self.committer.drive(&self.slot);
            }
            match self.slot.outcome() {
                Some(Outcome::Committed) => return Ok(Some(self.version)),
                Some(Outcome::Unknown(reason)) => return Err(Error::CommitOutcomeUnknown { reason }),
                Some(Outcome::Refused(reason)) => return Err(Error::StoreFailed { reason }),
                None => self.slot.wake.notified().await,
            }
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.slot.is_done() {
            self.slot.abandoned.store(true, Ordering::Release);
            self.committer.hand_over();
        }
    }
}
