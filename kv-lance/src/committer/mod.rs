//! The committer: conflict check, version, group commit, publication.
//!
//! A commit takes two locks. The *queue* is held for the check and the version, for microseconds.
//! The *log* is held by whoever leads: the leader takes everything that is queued, writes it with
//! one system call and one fdatasync, applies it to the memtable and publishes it. It runs on the
//! thread of the commit it belongs to: a hand-over to another thread and back costs 42 µs, a
//! quarter of the fdatasync; with `commit_on=thread` it is a [`thread`] of the store all the same.
//! While it writes, the next group gathers.
//!
//! A commit whose future is dropped is led to its end by the drop, or by another leader: it is
//! whole or absent. One whose future is alive and not polled holds up nobody: all in the queue are
//! woken when the log is free.

mod conflicts;
mod group;
mod older;
mod queue;
mod read_set;
mod refusal;
mod thread;

pub(crate) use read_set::ReadSet;

use crate::config::Durability;
use crate::core::{Core, Stamp};
use crate::journal::{Journal, MAX_PAYLOAD, RecordBuilder, SegmentFile};
use crate::write::Writes;
use arc_swap::ArcSwap;
use conflicts::Conflict;
use group::Log;
use kv_api::{Error, MvccSource, Result, Version};
use parking_lot::Mutex;
use queue::{Queue, Slot, Waiter};
use refusal::Losers;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// One per store.
pub(crate) struct Committer {
    core: Arc<Core>,
    source: Arc<dyn MvccSource>,
    queue: Mutex<Queue>,
    log: Mutex<Log>,
    losers: Losers,
    /// The thread that writes, where the configuration asks for one.
    writer: OnceLock<Thread>,
    /// The segment being written, for syncing it without the log.
    segment: ArcSwap<SegmentFile>,
}

/// What becomes of a commit that asks to be queued.
enum Admission<'a> {
    Queued(Ticket<'a>, Version),
    /// There is nothing to write, and what was read has not changed.
    NothingToWrite,
    Conflict(Conflict),
    /// It is older than the commits that are remembered.
    TooOld,
}

impl Committer {
    pub(crate) fn new(core: Arc<Core>, journal: Journal) -> Self {
        Self {
            source: core.config.version_source.clone(),
            core,
            queue: Mutex::default(),
            segment: ArcSwap::new(journal.file()),
            log: Mutex::new(Log::new(journal)),
            losers: Losers::default(),
            writer: OnceLock::new(),
        }
    }

    /// How many keys the conflict check remembers.
    pub(crate) fn recent_keys(&self) -> usize {
        self.queue.lock().recent.len()
    }

    /// Commits `writes` made on top of `snapshot`, if neither they nor `reads` conflict. The
    /// version; `None` where nothing was written. `stamp` is the transaction's timestamp, and goes
    /// when the outcome is known.
    pub(crate) async fn commit(
        &self,
        snapshot: Version,
        writes: Writes,
        mut reads: ReadSet,
        mut stamp: Option<Stamp>,
    ) -> Result<Option<Version>> {
        reads.sort();
        let mut record = None;
        if !writes.is_empty() {
            self.core.wait_for_room().await?;
            let size = RecordBuilder::size_of(writes.iter());
            if size > MAX_PAYLOAD {
                return Err(Error::TransactionTooLarge { size, limit: MAX_PAYLOAD });
            }
            record = Some(RecordBuilder::new(writes.iter(), size));
        }
        let mut since = snapshot;
        // What is rare is boxed: it would make the future of every commit larger, and dearer to ask
        // memory for.
        let refuse = |conflict| Box::pin(self.refuse(conflict, &writes, &reads));
        loop {
            match self.admit(since, &writes, &reads, (&mut record, &mut stamp))? {
                Admission::Queued(ticket, version) => return ticket.settled().await.map(|()| Some(version)),
                Admission::NothingToWrite => return Ok(None),
                Admission::Conflict(conflict) => return Err(refuse(conflict).await),
                Admission::TooOld => {
                    // All that is visible now is in the view; what comes later is among the recent
                    // commits.
                    let seen = self.core.snapshots.visible();
                    let view = self.core.views.load();
                    let older = Box::pin(older::conflict(&view, since, &writes, &reads));
                    if let Some(conflict) = older.await? {
                        return Err(refuse(conflict).await);
                    }
                    since = seen.max(since);
                }
            }
        }
    }

    /// Checks a commit and queues it.
    fn admit(
        &self,
        since: Version,
        writes: &Writes,
        reads: &ReadSet,
        (record, stamp): (&mut Option<RecordBuilder>, &mut Option<Stamp>),
    ) -> Result<Admission<'_>> {
        let mut queue = self.queue.lock();
        self.core.health.check()?;
        queue.recent.forget(self.core.snapshots.oldest_writer(), self.core.snapshots.visible());
        if !queue.recent.reaches(since) {
            return Ok(Admission::TooOld);
        }
        if let Some(conflict) = queue.recent.conflict(since, writes, reads) {
            return Ok(Admission::Conflict(conflict));
        }
        let Some(record) = record.take() else { return Ok(Admission::NothingToWrite) };
        let version = self.source.next()?;
        queue.recent.add(version, writes);
        Ok(Admission::Queued(self.queue_up(&mut queue, Some((version, record)), stamp.take()), version))
    }

    fn queue_up(
        &self,
        queue: &mut Queue,
        commit: Option<(Version, RecordBuilder)>,
        stamp: Option<Stamp>,
    ) -> Ticket<'_> {
        let slot = Arc::new(Slot::new(stamp));
        queue.waiting.push_back(Waiter { commit, slot: slot.clone() });
        Ticket { committer: self, slot }
    }

    /// Waits until the commits that are queued now are visible.
    async fn all_queued_visible(&self) -> Result<()> {
        let ticket = {
            let mut queue = self.queue.lock();
            self.core.health.check()?;
            self.queue_up(&mut queue, None, None)
        };
        ticket.settled().await
    }

    /// Lets other tasks of this thread join the group: the sync that they share takes a hundred
    /// times as long.
    async fn gather(&self) {
        if self.core.config.durability == Durability::Immediate {
            tokio::task::yield_now().await;
        }
    }

    /// Makes what has been written durable; for [`Durability::Eventual`].
    pub(crate) fn sync(&self) {
        if let Err(e) = self.segment.load().sync() {
            self.fail(&e);
        }
    }
}

/// A place in the queue, held by its owner.
struct Ticket<'a> {
    committer: &'a Committer,
    slot: Arc<Slot>,
}

impl Ticket<'_> {
    async fn settled(self) -> Result<()> {
        loop {
            if !self.slot.is_done() {
                // Also who is woken to lead waits: it runs before those that the last group has
                // just settled.
                self.committer.gather().await;
                self.committer.drive(&self.slot);
            }
            match self.slot.outcome() {
                Some(outcome) => return outcome.into_result(),
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
