//! Group commit: who leads, and what a leader does.

use super::Committer;
use super::queue::{Outcome, Slot, Waiter, WriteFailure};
use crate::config::Durability;
use crate::core::{Frozen, Listener};
use crate::journal::{Journal, JournalError, Record};
use crate::memtable::MemTable;
use kv_api::{Error, Result, Version};
use parking_lot::MutexGuard;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So many in the queue are led at once, rather than woken: to wake one of them costs a
/// microsecond, and a group of this size hardly grows by waiting.
const CROWD: usize = 64;

/// A leader goes on for this many groups, as its own commit is done long since.
const MOST_GROUPS: usize = 4;

/// Room for a group of this size is kept for the next.
const KEPT_CAPACITY: usize = 1024;

/// What the leader works with.
pub(super) struct Log {
    pub(super) journal: Journal,
    /// The group that is being written; empty between two.
    group: VecDeque<Waiter>,
    records: Vec<Record>,
}

impl Log {
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, group: VecDeque::new(), records: Vec::new() }
    }

    pub(super) fn settle(&self, outcome: &Outcome) {
        self.group.iter().for_each(|waiter| waiter.slot.settle(outcome.clone()));
    }

    /// The versions of the group, ascending.
    fn versions(&self) -> impl Iterator<Item = Version> {
        let waiting = self.group.iter().filter_map(|waiter| waiter.commit.as_ref());
        self.records.iter().map(|record| record.version).chain(waiting.map(|(version, _)| *version))
    }

    fn clear(&mut self) {
        self.group.clear();
        self.records.clear();
        if self.group.capacity() > KEPT_CAPACITY {
            self.group.shrink_to(KEPT_CAPACITY);
            self.records.shrink_to(KEPT_CAPACITY);
        }
    }
}

impl Committer {
    /// Leads groups until `slot` is settled, and a few more where a crowd has gathered, or returns
    /// where another leads or a thread of the store does.
    pub(super) fn drive(&self, slot: &Slot) {
        if self.wake_writer() {
            return;
        }
        let mut led = 0;
        while !slot.is_done() || (led < MOST_GROUPS && self.queue.lock().waiting.len() >= CROWD) {
            let Some(log) = self.log.try_lock() else { break };
            self.lead(log);
            led += 1;
        }
        if led > 0 {
            self.hand_over();
        }
    }

    /// Writes one group and lets the log go.
    pub(super) fn lead(&self, mut log: MutexGuard<'_, Log>) {
        std::mem::swap(&mut log.group, &mut self.queue.lock().waiting);
        self.write_group(&mut log);
    }

    /// Wakes the owners of all that is queued, so that one of them leads, or leads where all owners
    /// have gone. Everyone who has held the log calls this after letting it go: who was queued
    /// meanwhile waits for it. To wake one would not do: its future may be alive and never be
    /// polled again.
    pub(super) fn hand_over(&self) {
        if self.wake_writer() {
            return;
        }
        loop {
            {
                let queue = self.queue.lock();
                let mut owned = queue.waiting.iter().filter(|waiter| !waiter.slot.is_abandoned()).peekable();
                if owned.peek().is_some() || queue.waiting.is_empty() {
                    owned.for_each(|waiter| waiter.slot.wake.notify_one());
                    return;
                }
            }
            let Some(log) = self.log.try_lock() else { return };
            self.lead(log);
        }
    }

    /// Makes a group durable, as far as the configuration says, and then visible; says to each what
    /// has become of it.
    fn write_group(&self, log: &mut Log) {
        let _span = tracing::trace_span!(
            "commit_group",
            store = %self.core.config.path.display(),
            commits = log.group.iter().filter(|waiter| waiter.commit.is_some()).count(),
        )
        .entered();
        let outcome = match self.core.health.failure() {
            Some(reason) => Outcome::Refused(reason),
            None => match self.write(log) {
                Ok(()) => {
                    self.publish(&log.records);
                    Outcome::Done
                }
                Err(JournalError::Unchanged(e)) => {
                    self.queue.lock().recent.retract(log.versions());
                    Outcome::NotWritten(WriteFailure::new(&e, &self.core.config.path))
                }
                Err(JournalError::Failed(e)) => {
                    self.fail(&e);
                    Outcome::Unknown(e.to_string())
                }
            },
        };
        log.settle(&outcome);
        let written = matches!(outcome, Outcome::Done) && !log.records.is_empty();
        let bytes: usize = log.records.iter().map(|record| record.as_bytes().len()).sum();
        log.clear();
        if written && self.active_bytes() >= self.core.config.memtable_bytes {
            match self.freeze(&mut log.journal) {
                Ok(()) => {}
                // The next group tries again; the memtable may grow to twice its budget meanwhile.
                Err(JournalError::Unchanged(e)) => tracing::warn!(error = %e, "a full memtable goes on for now"),
                // The group is committed; what fails here fails the next one.
                Err(JournalError::Failed(e)) => self.fail(&e),
            }
        }
        if written {
            self.core.room.slow_down(bytes);
        }
    }

    /// Appends the group's commits to the journal and makes them durable as far as the
    /// configuration says.
    fn write(&self, log: &mut Log) -> Result<(), JournalError> {
        if log.group.iter().all(|waiter| waiter.commit.is_none()) {
            return Ok(());
        }
        if self.active_bytes() >= self.core.config.memtable_bytes.saturating_mul(2) {
            self.freeze(&mut log.journal)?;
        }
        // A record names the segment that it lies in, which the freeze has changed.
        let (segment, synced) = (log.journal.segment(), log.journal.synced());
        let commits = log.group.iter_mut().filter_map(|waiter| waiter.commit.take());
        log.records.extend(commits.map(|(version, record)| record.finish(version, segment, synced)));
        log.journal.append(&log.records)?;
        if self.core.config.durability == Durability::Immediate {
            log.journal.sync().map_err(JournalError::Failed)?;
        }
        Ok(())
    }

    /// Makes records visible that have been written.
    fn publish(&self, records: &[Record]) {
        let Some(last) = records.last() else { return };
        let memtable = self.core.views.guard().active.clone();
        let before = self.core.snapshots.visible();
        let mut bytes = 0;
        for record in records {
            for (key, val) in record.writes().flatten() {
                memtable.insert(key, record.version, val);
            }
            bytes += record.as_bytes().len();
        }
        self.core.snapshots.publish(last.version);
        if self.core.feeds.are_heard() {
            self.core.feeds.publish(records, memtable.max_erasing() > before);
        }
        let figures = &self.core.figures;
        figures.commits.fetch_add(records.len() as u64, Ordering::Relaxed);
        figures.groups.fetch_add(1, Ordering::Relaxed);
        figures.journal_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of memory that the active memtable holds, about.
    fn active_bytes(&self) -> u64 {
        self.core.views.guard().active.bytes() as u64
    }

    /// Freezes the active memtable with the journal segment that belongs to it.
    fn freeze(&self, log: &mut Journal) -> Result<(), JournalError> {
        let journal_through = log.segment();
        log.rotate()?;
        self.segment.store(log.file());
        self.core.views.edit(|view| {
            let memtable = std::mem::replace(&mut view.active, Arc::new(MemTable::new()));
            view.frozen.insert(0, Arc::new(Frozen { memtable, journal_through }));
        });
        self.core.background.frozen();
        Ok(())
    }

    /// Begins to listen for the commits after a version. Waits for the group that is being written, if nobody has listened
    /// so far: whoever writes the next knows of it.
    pub(crate) fn listen(&self, since: Version) -> Listener {
        let mut has_held_the_log = false;
        let listener = self.core.feeds.listen(since, || {
            let _log = self.log.lock();
            self.core.feeds.begin(self.core.snapshots.visible());
            has_held_the_log = true;
        });
        if has_held_the_log {
            self.hand_over();
        }
        listener
    }

    /// Freezes the active memtable unless it is empty.
    pub(crate) fn freeze_active(&self) -> Result<()> {
        let frozen = self.freeze_unless_empty(&mut self.log.lock().journal);
        self.hand_over();
        frozen
    }

    fn freeze_unless_empty(&self, log: &mut Journal) -> Result<()> {
        self.core.health.check()?;
        if self.core.views.guard().active.is_empty() {
            return Ok(());
        }
        self.freeze(log).map_err(|error| {
            if let JournalError::Failed(e) = &error {
                self.fail(e);
            }
            error.into()
        })
    }

    /// Takes no more writes: what is queued behind the failed write is refused.
    pub(super) fn fail(&self, reason: impl std::fmt::Display) {
        let reason = reason.to_string();
        self.core.fail(&reason);
        for waiter in std::mem::take(&mut self.queue.lock().waiting) {
            waiter.slot.settle(Outcome::Refused(reason.clone()));
        }
    }

    /// Writes what is queued, takes no more and makes the journal durable. A second call does
    /// nothing.
    ///
    /// # Errors
    /// What the journal's end failed of, and `StoreFailed` where the last group could not be
    /// written: nothing is written behind it.
    pub(crate) fn close(&self) -> Result<()> {
        let mut log = self.log.lock();
        let mut queue = self.queue.lock();
        let was_open = self.core.close();
        std::mem::swap(&mut log.group, &mut queue.waiting);
        drop(queue);
        self.write_group(&mut log);
        self.core.feeds.end();
        match self.core.health.failure() {
            _ if !was_open => Ok(()),
            Some(reason) => Err(Error::StoreFailed { reason }),
            None => log.journal.close(),
        }
    }
}
