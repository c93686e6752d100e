//! What background work can be asked for, and how.

use kv_api::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Outside readers of a state that was replaced less than this long ago can finish reading it.
pub(crate) const READER_GRACE: Duration = Duration::from_secs(10 * 60);

/// What a compaction keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactOptions {
    /// Keep the history that the store's retention asks for. Default = true.
    pub history: bool,
    /// How long outside readers of the table can go on reading a state that has been replaced; the
    /// space of replaced files is free only after that, or once they take more than 256 MiB and than what is live.
    /// Default = 10 minutes.
    pub reader_grace: Duration,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self { history: true, reader_grace: READER_GRACE }
    }
}

impl CompactOptions {
    /// Keeps one row per live key and frees the space at once: only what open transactions still
    /// read stays.
    pub fn no_history() -> Self {
        Self { history: false, reader_grace: Duration::ZERO }
    }
}

/// Who asked, and waits for the end.
pub(crate) type Done = oneshot::Sender<Result<()>>;

/// What the maintenance thread is asked to do.
pub(crate) enum Command {
    /// A memtable has been frozen.
    Frozen,
    /// Flush the memtables that are frozen by now and say when that is done.
    Flush(Done),
    /// Compact, and say so to whoever waits.
    Compact(CompactOptions, Option<Done>),
    /// End.
    Stop,
}

/// The way to the maintenance thread.
pub(crate) struct Background {
    commands: mpsc::UnboundedSender<Command>,
    /// A compaction that nobody waits for has been asked for and has not begun.
    compaction_waits: AtomicBool,
}

impl Background {
    pub(crate) fn new(commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { commands, compaction_waits: AtomicBool::new(false) }
    }

    /// Says that a memtable has been frozen.
    pub(crate) fn frozen(&self) {
        // Nobody listens once the store closes; the next open replays the journal.
        let _ = self.commands.send(Command::Frozen);
    }

    /// Asks for a compaction and does not wait for it. One that has been asked for already and has
    /// not begun serves this call as well.
    pub(crate) fn compact(&self) {
        if !self.compaction_waits.swap(true, Ordering::AcqRel) {
            // Nobody listens once the store closes, and then there is nothing to compact.
            let _ = self.commands.send(Command::Compact(CompactOptions::default(), None));
        }
    }

    /// A compaction that nobody waits for begins: what is asked for from now on needs another.
    pub(crate) fn compaction_begins(&self) {
        self.compaction_waits.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each call queued a rewrite of the whole store behind the ones before.
    #[test]
    fn compactions_that_nobody_waits_for_do_not_queue_up() {
        let (commands, mut inbox) = mpsc::unbounded_channel();
        let background = Background::new(commands);
        let mut queued = || std::iter::from_fn(|| inbox.try_recv().ok()).count();
        background.compact();
        background.compact();
        assert_eq!(queued(), 1);
        background.compaction_begins();
        background.compact();
        background.compact();
        assert_eq!(queued(), 1);
    }
}
