//! What background work can be asked for, and how.

use super::Brake;
use crate::layout::Layout;
use crate::table::Levels;
use kv_api::{KeyRange, Result, Version};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a compaction keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactOptions {
    /// Keep the history that the store's retention asks for. Default = true.
    pub history: bool,
    /// How long outside readers of the table can go on reading a state that has been replaced; `None` is as long as the store
    /// [says](crate::LanceConfig::reader_grace). Default = `None`.
    pub reader_grace: Option<Duration>,
}

impl Default for CompactOptions {
    fn default() -> Self {
        Self { history: true, reader_grace: None }
    }
}

impl CompactOptions {
    /// Keeps one row per live key and frees the space at once: only what open transactions still
    /// read stays.
    pub fn no_history() -> Self {
        Self { history: false, reader_grace: Some(Duration::ZERO) }
    }
}

/// A compaction that somebody asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compaction {
    pub(crate) options: CompactOptions,
    /// The keys that it goes through.
    pub(crate) range: KeyRange,
}

/// Who asked, and waits for the end.
pub(crate) type Done = oneshot::Sender<Result<()>>;

/// The same, and waits for the version of a tag.
pub(crate) type DoneAt = oneshot::Sender<Result<Version>>;

/// What the maintenance thread is asked to do.
pub(crate) enum Command {
    /// A memtable has been frozen.
    Frozen,
    /// Flush the memtables that are frozen by now and say when that is done.
    Flush(Done),
    /// The same; the answer is what the table has then, up to which version.
    Flushed(oneshot::Sender<Result<(Levels, Version)>>),
    /// Compact, and say so to whoever waits.
    Compact(Compaction, Option<Done>),
    /// Flush the memtables that are frozen by now, and tag a version; without one, the newest that is flushed.
    Tag(String, Option<Version>, DoneAt),
    /// Remove a tag.
    Untag(String, DoneAt),
    /// Flush the memtables that are frozen by now, and have another store begin with what there is then, or with what is tagged.
    Branch(Box<Layout>, Option<String>, DoneAt),
    /// Compactions are paused, which nobody is to wait for, or are not any more.
    Paused,
    /// End.
    Stop,
}

/// The way to the maintenance thread.
pub(crate) struct Background {
    commands: mpsc::UnboundedSender<Command>,
    /// The keys of the compaction that has been asked for, that nobody waits for, and that has not begun.
    waiting: Mutex<Option<KeyRange>>,
    pub(crate) brake: Arc<Brake>,
}

impl Background {
    /// Compactions may read so many bytes a second; 0 is no limit.
    pub(crate) fn new(commands: mpsc::UnboundedSender<Command>, bytes_per_second: u64) -> Self {
        let brake = Arc::new(Brake::new(bytes_per_second));
        Self { commands, waiting: Mutex::new(None), brake }
    }

    /// Holds all compactions, or lets them go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.brake.pause(paused);
        // Nobody listens once the store closes.
        let _ = self.commands.send(Command::Paused);
    }

    /// Asks for something; an error where nobody listens any more.
    pub(crate) fn ask(&self, command: Command) -> Result<(), ()> {
        self.commands.send(command).map_err(drop)
    }

    /// Says that a memtable has been frozen.
    pub(crate) fn frozen(&self) {
        // Nobody listens once the store closes; the next open replays the journal.
        let _ = self.commands.send(Command::Frozen);
    }

    /// Asks for a compaction of the keys of a range and does not wait for it. One that has been asked for already and has
    /// not begun serves this call as well.
    pub(crate) fn compact(&self, range: KeyRange) {
        let mut waiting = self.waiting.lock();
        match &mut *waiting {
            Some(waiting) => {
                let KeyRange { start, end } = std::mem::take(waiting);
                let end = end.zip(range.end).map(|(a, b)| a.max(b));
                *waiting = KeyRange { start: start.min(range.start), end };
            }
            None => {
                *waiting = Some(range);
                // Nobody listens once the store closes, and then there is nothing to compact.
                let _ = self.commands.send(Command::Compact(Compaction::default(), None));
            }
        }
    }

    /// A compaction that nobody waits for begins, with these keys: what is asked for from now on needs another.
    pub(crate) fn compaction_begins(&self) -> KeyRange {
        self.waiting.lock().take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each call queued a rewrite of the whole store behind the ones before.
    #[test]
    fn compactions_that_nobody_waits_for_do_not_queue_up() {
        let (commands, mut inbox) = mpsc::unbounded_channel();
        let background = Background::new(commands, 0);
        let mut queued = || std::iter::from_fn(|| inbox.try_recv().ok()).count();
        background.compact(KeyRange::from("f".."k"));
        background.compact(KeyRange::from("b".."g"));
        assert_eq!(queued(), 1);
        assert_eq!(background.compaction_begins(), KeyRange::from("b".."k"));
        background.compact(KeyRange::from("f".."k"));
        background.compact(KeyRange::all());
        assert_eq!(queued(), 1);
        assert_eq!(background.compaction_begins(), KeyRange::all());
    }
}
