//! Timestamps of transactions that have not finished, and what is safe because of them.

use super::history::History;
use super::mutant::Mutant;
use super::reference::Shared;
use super::transaction::ReferenceTransaction;
use kv_api::{Error, Result, Transactable as _, Version};

impl Shared {
    /// What is safe for a snapshot taken now, under the lock of the history.
    pub(super) fn safe(&self, history: &History) -> Version {
        let first = self.stamps.lock().first().copied().filter(|_| !self.is(Mutant::UnheededStamps));
        first.map_or(history.newest(), |first| history.newest().min(first.saturating_sub(1)))
    }
}

impl ReferenceTransaction {
    /// Issues a timestamp, under the lock of the history, so that it falls between two commits.
    pub(super) fn stamp(&self) -> Result<Version> {
        let mut state = self.state.lock();
        if state.finished {
            return Err(Error::TransactionFinished);
        }
        if self.store.read_alone {
            return Err(Error::Unsupported { operation: "timestamp" });
        }
        let _history = self.store.history.lock();
        let stamp = self.store.source.next()?;
        if self.store.is(Mutant::LastStamp)
            && let Some(before) = state.stamp.take()
        {
            self.store.stamps.lock().remove(&before);
        }
        let counts = self.writeable() || self.store.is(Mutant::StampsOfReaders);
        if counts && state.stamp.is_none() {
            state.stamp = Some(stamp);
            self.store.stamps.lock().insert(stamp);
        }
        Ok(stamp)
    }

    /// The transaction has finished.
    pub(super) fn end_stamp(&self) {
        let mut state = self.state.lock();
        let _history = self.store.history.lock();
        if let Some(stamp) = state.stamp.take() {
            self.store.stamps.lock().remove(&stamp);
        }
    }

    pub(super) fn safe_timestamp(&self) -> Result<Version> {
        if self.closed() {
            return Err(Error::TransactionFinished);
        }
        if !self.store.capabilities.safe_timestamps {
            return Err(Error::Unsupported { operation: "safe_timestamp" });
        }
        match self.store.is(Mutant::LateSafety) {
            true => Ok(self.store.safe(&self.store.history.lock())),
            false => Ok(self.safe),
        }
    }
}

impl Drop for ReferenceTransaction {
    fn drop(&mut self) {
        if !self.store.is(Mutant::LeakedStamp) {
            self.end_stamp();
        }
    }
}
