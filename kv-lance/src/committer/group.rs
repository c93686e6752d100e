//! Group commit: who leads, and what a leader does.

use super::Committer;
use super::queue::{Outcome, Pending, Slot, WriteFailure};
use crate::config::Durability;
use crate::core::Frozen;
use crate::journal::{Journal, JournalError, Record, RecordBuilder};
use crate::memtable::MemTable;
use kv_api::{Error, Result, Version};
use parking_lot::MutexGuard;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So many in the queue are led at once, rather than woken: to wake one of them costs a microsecond, and a group of this
/// size hardly grows by waiting.
const CROWD: usize = 64;

/// A leader goes on for this many groups, as its own commit is done long since.
const MOST_GROUPS: usize = 4;

impl Committer {
    /// Leads groups until `slot` is settled, and a few more where a crowd has gathered, or returns where another leads.
    pub(super) fn drive(&self, slot: &Slot) {
        let mut led = 0;
        while !slot.is_done() || (led < MOST_GROUPS && self.queue.lock().pending.len() >= CROWD) {
            let Some(log) = self.log.try_lock() else { break };
            self.lead(log);
            led += 1;
        }
        if led > 0 {
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

    /// Wakes the owners of all that is queued, so that one of them leads, or leads where all owners have gone. Everyone
    /// who has held the log calls this after letting it go: who was queued meanwhile waits for it. To wake one would not
    /// do: its future may be alive and never be polled again.
    pub(super) fn hand_over(&self) {
        loop {
            {
                let queue = self.queue.lock();
                let mut owned = queue.pending.iter().filter(|pending| !pending.slot.is_abandoned()).peekable();
                if owned.peek().is_some() || queue.pending.is_empty() {
                    owned.for_each(|pending| pending.slot.wake.notify_one());
                    return;
                }
            }
            let Some(log) = self.log.try_lock() else { return };
            self.lead(log);
        }
    }

    /// Makes a group durable, as far as the configuration says, and then visible. Whether the journal is as sound as before.
    fn write_group(&self, log: &mut Journal, group: VecDeque<Pending>) -> bool {
        let (commits, slots): (Vec<_>, Vec<Arc<Slot>>) = group.into_iter().map(|p| (p.commit, p.slot)).unzip();
        let settle = |outcome: Outcome| slots.iter().for_each(|slot| slot.settle(outcome.clone()));
        if let Some(reason) = self.core.health.failure() {
            settle(Outcome::Refused(reason));
            return false;
        }
        let commits: Vec<_> = commits.into_iter().flatten().collect();
        let versions: Vec<Version> = commits.iter().map(|(version, _)| *version).collect();
        let Some(last) = versions.last().copied() else {
            settle(Outcome::Done);
            return true;
        };
        let records = match self.write(log, commits) {
            Ok(records) => records,
            Err(JournalError::Unchanged(e)) => {
                self.queue.lock().recent.retract(versions.into_iter());
                settle(Outcome::NotWritten(WriteFailure::new(&e, &self.core.config.path)));
                return true;
            }
            Err(JournalError::Failed(e)) => {
                self.fail(&e);
                settle(Outcome::Unknown(e.to_string()));
                return false;
            }
        };
        let memtable = self.core.views.guard().active.clone();
        for record in &records {
            for (key, write) in record.writes().flatten() {
                memtable.insert(key, record.version, write);
            }
        }
        self.core.snapshots.publish(last);
        let bytes: usize = records.iter().map(|r| r.as_bytes().len()).sum();
        let figures = &self.core.figures;
        figures.commits.fetch_add(records.len() as u64, Ordering::Relaxed);
        figures.groups.fetch_add(1, Ordering::Relaxed);
        figures.journal_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        settle(Outcome::Done);
        if memtable.bytes() as u64 >= self.core.config.memtable_bytes {
            match self.freeze(log) {
                Ok(()) => {}
                // The next group tries again; the memtable may grow to twice its budget meanwhile.
                Err(JournalError::Unchanged(e)) => tracing::warn!(error = %e, "a full memtable goes on for now"),
                // The group is committed; what fails here fails the next one.
                Err(JournalError::Failed(e)) => self.fail(&e),
            }
        }
        true
    }

    /// Appends commits to the journal and makes them durable as far as the configuration says.
    fn write(&self, log: &mut Journal, commits: Vec<(Version, RecordBuilder)>) -> Result<Vec<Record>, JournalError> {
        if self.core.views.guard().active.bytes() as u64 >= self.core.config.memtable_bytes.saturating_mul(2) {
            self.freeze(log)?;
        }
        // A record names the segment that it lies in, which the freeze has changed.
        let (segment, synced) = (log.segment(), log.synced());
        let records: Vec<Record> =
            commits.into_iter().map(|(version, record)| record.finish(version, segment, synced)).collect();
        log.append(records.iter())?;
        if self.core.config.durability == Durability::Immediate {
            log.sync().map_err(JournalError::Failed)?;
        }
        Ok(records)
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

    /// Freezes the active memtable unless it is empty.
    pub(crate) fn freeze_active(&self) -> Result<()> {
        let frozen = self.freeze_unless_empty(&mut self.log.lock());
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
        for pending in std::mem::take(&mut self.queue.lock().pending) {
            pending.slot.settle(Outcome::Refused(reason.clone()));
        }
    }

    /// Writes what is queued, takes no more and makes the journal durable. A second call does nothing.
    ///
    /// # Errors
    /// What the journal's end failed of, and `StoreFailed` where the last group could not be written: nothing is
    /// written behind it.
    pub(crate) fn close(&self) -> Result<()> {
        let mut log = self.log.lock();
        let mut queue = self.queue.lock();
        let was_open = self.core.close();
        let group = std::mem::take(&mut queue.pending);
        drop(queue);
        let sound = group.is_empty() || self.write_group(&mut log, group);
        match self.core.health.failure() {
            _ if !was_open => Ok(()),
            Some(reason) if !sound => Err(Error::StoreFailed { reason }),
            _ => log.close(),
        }
    }
}
