//! The thread that writes, where the configuration asks for one: it spares the callers' threads the
//! fdatasync and costs each commit a hand-over, there and back.

use super::Committer;
use super::queue::Outcome;
use kv_api::{Error, Result};
use std::sync::{Arc, Weak};

/// What a store says whose commit thread has panicked.
const DIED: &str = "the commit thread died";

impl Committer {
    /// Has commits written by a thread of the store from now on, instead of by those who commit.
    ///
    /// # Errors
    /// [`Io`](Error::Io) where no thread can be started.
    pub(crate) fn write_on_a_thread(self: &Arc<Self>) -> Result<()> {
        let committer = Arc::downgrade(self);
        let started = std::thread::Builder::new()
            .name("kv-lance-commit".into())
            .spawn(move || while write_when_woken(&committer) {});
        let thread = started.map_err(|e| Error::io("starting the commit thread of", &self.core.config.path, e))?;
        // Nobody starts a second one.
        let _ = self.writer.set(thread.thread().clone());
        Ok(())
    }

    /// Wakes the thread that writes; whether there is one.
    pub(super) fn wake_writer(&self) -> bool {
        self.writer.get().inspect(|writer| writer.unpark()).is_some()
    }

    /// Writes all that is queued.
    fn lead_all(&self) {
        let _watch = DeathWatch(self);
        while !self.queue.lock().waiting.is_empty() {
            self.lead(self.log.lock());
        }
    }
}

/// Whether the store is still there.
fn write_when_woken(committer: &Weak<Committer>) -> bool {
    // Who wakes it before it sleeps has it go on at once.
    std::thread::park();
    committer.upgrade().inspect(|committer| committer.lead_all()).is_some()
}

impl Drop for Committer {
    fn drop(&mut self) {
        // The thread sees that the store has gone, and ends.
        self.wake_writer();
    }
}

/// Tells those who wait if the thread dies of a panic.
struct DeathWatch<'a>(&'a Committer);

impl Drop for DeathWatch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(DIED);
            self.0.log.lock().settle(&Outcome::Unknown(DIED.into()));
        }
    }
}
