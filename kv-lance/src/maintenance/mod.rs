//! Background work on threads of its own: one flushes frozen memtables, commits to the table and cleans up, and another
//! merges runs meanwhile.
//!
//! They have their own runtimes, so that the store does not depend on the caller's: neither on its kind nor on how long it
//! lives. The table is owned by the first; there is one commit to it at a time. Nothing here holds a lock that a commit
//! or a read waits for.

mod alarm;
mod branch;
mod compaction;
mod compactor;
mod flush;
mod history;
mod merge;
mod pass;
mod plan;
mod split;
mod tags;

use crate::config::Compression;
use crate::core::{Command, Core, Frozen};
use crate::files::OpenFiles;
use crate::journal::JournalDir;
use crate::lock::StoreLock;
use crate::table::{BlockCache, CommitFailure, Levels, Opened, RunLayout, Table, TableState, Tags};
use compaction::{Compactions, Request};
use compactor::{Compactor, Ended};
use kv_api::{Error, Result};
use parking_lot::Mutex;
use plan::Sizes;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::Instrument as _;

/// A flush that failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(1);

/// Old manifests are removed after this many commits to the table.
const CLEAN_UP_EVERY: u32 = 32;

/// Replaced files of fewer bytes stay in any case.
const SPARED: u64 = 256 << 20;

/// What a store says whose maintenance thread has panicked.
pub(crate) const DIED: &str = "the maintenance thread died; the journal holds what it had not flushed";

/// What it says whose compaction threads have.
const COMPACTOR_DIED: &str = "a compaction thread died; the table is as it was";

/// What the thread needs to open the table.
pub(crate) struct TablePlace {
    pub(crate) root: PathBuf,
    pub(crate) create: bool,
    pub(crate) cache: Arc<BlockCache>,
    pub(crate) files: Arc<OpenFiles>,
    pub(crate) runs: RunLayout,
}

/// What the table holds when it has been opened.
pub(crate) struct Contents {
    pub(crate) levels: Levels,
    pub(crate) state: TableState,
    pub(crate) tags: Tags,
    /// Bytes of files that only tags keep.
    pub(crate) tagged_bytes: u64,
}

/// The rest of the store, which is made from the table's contents.
pub(crate) struct Attachment {
    pub(crate) core: Arc<Core>,
    pub(crate) journal: JournalDir,
}

/// The running thread.
pub(crate) struct Maintenance {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    /// Closed when the thread has ended.
    stopped: watch::Receiver<()>,
    /// What the thread ended with, until somebody is told.
    left: Arc<Mutex<Option<Error>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Maintenance {
    /// Starts the thread, which opens the table and then waits for the rest of the store. `lock` is held until the thread ends.
    pub(crate) async fn start(
        place: TablePlace,
        lock: Arc<StoreLock>,
    ) -> Result<(Self, Contents, oneshot::Sender<Attachment>)> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (opened_tx, opened) = oneshot::channel();
        let (attach, attachment) = oneshot::channel();
        let (alive, stopped) = watch::channel(());
        let left = Arc::new(Mutex::new(None));
        let leave = left.clone();
        let path = place.root.clone();
        let failed = |e| Error::io("starting the maintenance thread of", &path, e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("kv-lance".into())
            .spawn(move || {
                *leave.lock() = runtime.block_on(run(place, inbox, opened_tx, attachment)).err();
                drop(runtime);
                drop(lock);
                drop(alive);
            })
            .map_err(failed)?;
        let died = || Error::backend("opening the table", "the maintenance thread died");
        match opened.await.map_err(|_| died()).and_then(|opened| opened) {
            Ok(contents) => Ok((Self { commands, stopped, left, thread }, contents, attach)),
            Err(e) => {
                // Its lock is gone when the caller hears of the error.
                ended(stopped).await;
                Err(e)
            }
        }
    }

    /// Ends the thread after what it is doing; the future waits for that up to `limit`. Dropping the future changes
    /// nothing, and another call waits again. Needs nothing of the runtime that polls it.
    pub(crate) fn stop(&self, limit: Duration) -> impl Future<Output = Result<()>> + Send + 'static {
        // A thread that has ended already hears nothing.
        let _ = self.commands.send(Command::Stop);
        let ended = ended(self.stopped.clone());
        let left = self.left.clone();
        async move {
            match alarm::before(limit, ended).await? {
                Some(()) => left.lock().take().map_or(Ok(()), Err),
                None => Err(Error::Timeout { operation: "the shutdown of background work", seconds: limit.as_secs() }),
            }
        }
    }

    /// Ends the thread after what it is doing and waits for that, outside of any runtime.
    pub(crate) fn stop_blocking(self) {
        let _ = self.commands.send(Command::Stop);
        if self.thread.join().is_err() {
            tracing::error!("{DIED}");
        }
    }
}

/// Waits for the end of the thread: its side of the channel goes with it, also in a panic.
async fn ended(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

/// The thread's life. The error says that what it leaves is not the store's table any more.
async fn run(
    place: TablePlace,
    inbox: mpsc::UnboundedReceiver<Command>,
    opened: oneshot::Sender<Result<Contents>>,
    attachment: oneshot::Receiver<Attachment>,
) -> Result<()> {
    let (table, state) = match Table::open(&place.root, place.create, place.cache, place.files, place.runs).await {
        Ok(Opened { table, levels, state }) => {
            let (tags, tagged_bytes) = (table.tags().clone(), table.tagged_bytes());
            if opened.send(Ok(Contents { levels, state, tags, tagged_bytes })).is_err() {
                return Ok(());
            }
            (table, state)
        }
        Err(e) => {
            let _ = opened.send(Err(e));
            return Ok(());
        }
    };
    // Without an attachment the rest of the store could not be opened.
    let Ok(Attachment { core, journal }) = attachment.await else { return Ok(()) };
    let compresses = core.config.compression != Compression::None;
    let sizes = Sizes { partition: core.config.partition_size(), compresses };
    let (threads, brake) = (core.config.compaction_threads, core.background.brake.clone());
    let compactor = match Compactor::start(&core.config.path, threads, brake) {
        Ok(compactor) => compactor,
        Err(e) => {
            core.fail(&e);
            return Err(e);
        }
    };
    let core = Arc::downgrade(&core);
    let _watch = DeathWatch(core.clone());
    let worker =
        Worker { table, state, core, journal, commits: 0, sizes, compactor, compactions: Compactions::default() };
    worker.work(inbox).await
}

/// Tells the store if the thread dies of a panic: writers would wait for its flushes for ever.
struct DeathWatch(Weak<Core>);

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(core) = self.0.upgrade()
        {
            core.fail(DIED);
        }
    }
}

/// The owner of the table.
struct Worker {
    table: Table,
    state: TableState,
    /// Weak: the store's end must not wait for its own background work.
    core: Weak<Core>,
    journal: JournalDir,
    /// Commits to the table since the last clean-up.
    commits: u32,
    sizes: Sizes,
    compactor: Compactor,
    compactions: Compactions,
}

/// What the worker does next.
enum Event {
    Command(Command),
    Merged(Option<Ended>),
    /// Something that failed can be tried again.
    Again,
    /// Nobody sends commands any more.
    End,
}

impl Worker {
    async fn work(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) -> Result<()> {
        let mut retry = match self.core.upgrade() {
            Some(core) => !self.flush_in_background(&core, usize::MAX).await,
            None => return Ok(()),
        };
        loop {
            let looked_at = Instant::now();
            if let Some(core) = self.core.upgrade() {
                self.begin_compactions(&core).await;
            }
            let event = self.next(&mut inbox, retry, looked_at).await;
            let Some(core) = self.core.upgrade() else { return Ok(()) };
            match event {
                Event::End => return Ok(()),
                Event::Command(Command::Stop) => return self.check(&core).await,
                // One for each: else those who wait behind would wait for all that is frozen meanwhile.
                Event::Command(Command::Frozen) if !retry => retry = !self.flush_in_background(&core, 1).await,
                Event::Command(Command::Frozen) | Event::Again => {
                    retry = !self.flush_in_background(&core, usize::MAX).await;
                }
                Event::Command(Command::Flush(done)) => {
                    let flushed = match self.flush_frozen(&core, usize::MAX).await {
                        Ok(()) => self.check(&core).await,
                        failed => failed,
                    };
                    retry = flushed.is_err();
                    // Whoever asked may have gone; the work is done all the same.
                    let _ = done.send(flushed);
                }
                Event::Command(Command::Flushed(done)) => {
                    let flushed = self.flush_frozen(&core, usize::MAX).await;
                    retry = flushed.is_err();
                    // Whoever asked may have gone.
                    let _ = done.send(flushed.map(|()| (self.table.levels().clone(), self.state.last_version)));
                }
                Event::Command(Command::Tag(name, version, done)) => {
                    let tagged = self.tag(&core, name, version).await;
                    // Whoever asked may have gone; the tag is there all the same.
                    let _ = done.send(tagged);
                }
                Event::Command(Command::Untag(name, done)) => {
                    let untagged = self.untag(&core, &name).await;
                    let _ = done.send(untagged);
                }
                Event::Command(Command::Branch(into, tag, done)) => {
                    let branched = self.branch(&core, &into, tag.as_deref()).await;
                    let _ = done.send(branched);
                }
                Event::Command(Command::Paused) => {}
                Event::Command(Command::Compact(compaction, done)) => {
                    let request = Request { compaction, done };
                    match self.flush_frozen(&core, usize::MAX).await {
                        Ok(()) => self.compactions.asked.push_back(request),
                        Err(e) => request.answer(Err(e)),
                    }
                }
                Event::Merged(Some(ended)) => self.end_step(&core, ended).await,
                Event::Merged(None) => {
                    core.fail(COMPACTOR_DIED);
                    return Ok(());
                }
            }
        }
    }

    /// Waits for what comes next. Nothing keeps the store alive meanwhile.
    async fn next(&mut self, inbox: &mut mpsc::UnboundedReceiver<Command>, retry: bool, looked_at: Instant) -> Event {
        let flush_at = retry.then(|| Instant::now() + RETRY);
        let compact_at = self.compactions.not_before.filter(|_| !self.compactions.are_running());
        let expire_at = (!self.table.levels().history().is_empty()).then_some(self.compactions.look_for_expired_at);
        let again = soonest(looked_at, [flush_at, compact_at, expire_at]);
        tokio::select! {
            // What has been merged is taken in first: there is always another memtable to flush where writers are fast.
            biased;
            ended = self.compactor.ended(), if self.compactions.are_merging() => Event::Merged(ended),
            command = inbox.recv() => command.map_or(Event::End, Event::Command),
            () = tokio::time::sleep_until(again.unwrap_or(looked_at)), if again.is_some() => Event::Again,
        }
    }

    /// Flushes and tells the writers that wait; whether it went well.
    async fn flush_in_background(&mut self, core: &Core, most: usize) -> bool {
        match self.flush_frozen(core, most).await {
            Ok(()) => true,
            Err(e) => {
                tracing::error!(error = %e, "a flush failed and will be tried again; the journal holds the data");
                false
            }
        }
    }

    /// Flushes the memtables that are frozen at the call, oldest first, and at `most` so many: not what writers freeze
    /// meanwhile, which could go on for ever.
    async fn flush_frozen(&mut self, core: &Core, most: usize) -> Result<()> {
        let frozen: Vec<Arc<Frozen>> = core.views.load().frozen.iter().rev().take(most).cloned().collect();
        for oldest in &frozen {
            let span = tracing::debug_span!(
                "flush",
                store = %core.config.path.display(),
                rows = oldest.memtable.rows(),
                bytes = oldest.memtable.bytes(),
            );
            if let Err(e) = self.flush(core, oldest).instrument(span).await {
                core.room.flush_failed(&e);
                return Err(e);
            }
            core.room.flushed();
        }
        Ok(())
    }

    /// Looks whether the table is still the store's own.
    async fn check(&mut self, core: &Core) -> Result<()> {
        self.table.check().await.map_err(|e| told(core, e))
    }

    /// Removes old manifests now and then, and replaced files before they fill the disk.
    async fn clean_up_now_and_then(&mut self, core: &Core) {
        self.commits += 1;
        let grace = core.config.reader_grace;
        if self.commits >= CLEAN_UP_EVERY || self.grace_within_space(grace).is_zero() {
            self.clean_up(grace).await;
        }
    }

    fn grace_within_space(&self, grace: Duration) -> Duration {
        let levels = self.table.levels();
        grace_within_space(grace, self.table.replaced_bytes(), levels.disk_bytes() + levels.history().disk_bytes())
    }

    /// Removes what was replaced longer than `grace` ago, or sooner where it takes too much space.
    async fn clean_up(&mut self, grace: Duration) {
        let grace = self.grace_within_space(grace);
        self.commits = 0;
        match self.table.clean_up(grace).await {
            Ok(true) => {}
            // Files that are still read go after the next commit.
            Ok(false) => self.commits = CLEAN_UP_EVERY,
            // What is left takes space and does no other harm; the next clean-up removes it.
            Err(e) => tracing::warn!(error = %e, "cleaning up the table failed"),
        }
    }
}

/// When to look again. What was due when somebody last looked has had its turn, and waits for something else: for a merge
/// under way, or for somebody to ask.
fn soonest(looked_at: Instant, times: [Option<Instant>; 3]) -> Option<Instant> {
    times.into_iter().flatten().filter(|time| *time > looked_at).min()
}

/// How long replaced files stay for outside readers: not at all where they take as much space as what is live, else a busy
/// store would keep ten minutes of all that its compactions write.
fn grace_within_space(grace: Duration, replaced: u64, live: u64) -> Duration {
    if replaced > live.max(SPARED) { Duration::ZERO } else { grace }
}

/// The error of a commit to the table. One whose outcome nobody knows ends the writing: to try again could write twice.
fn told(core: &Core, failure: CommitFailure) -> Error {
    match failure {
        CommitFailure::NotCommitted(e) => e,
        CommitFailure::Unknown(e) => {
            core.fail(format!("a commit to the table has an unknown outcome: {e}"));
            e
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committer::{Committer, ReadSet};
    use crate::config::LanceConfig;
    use crate::core::{Background, View};
    use crate::files::LocalFiles;
    use crate::journal::Journal;
    use crate::memtable::MemTable;
    use crate::write::{Write, Writes};

    /// A store without a table.
    fn core(dir: &std::path::Path) -> Arc<Core> {
        let view = View::of(MemTable::new());
        Arc::new(Core::new(LanceConfig::new(dir), view, 0, Background::new(mpsc::unbounded_channel().0, 0)))
    }

    /// The thread spun for as long as a merge ran, and for ever where none was to: the time to look for expired history was past.
    #[test]
    fn a_time_that_is_past_wakes_nobody() {
        let now = Instant::now();
        let (past, soon, late) = (now.checked_sub(RETRY), now + RETRY, now + 2 * RETRY);
        assert_eq!(soonest(now, [None, past, Some(now)]), None);
        assert_eq!(soonest(now, [Some(late), past, Some(soon)]), Some(soon));
    }

    #[test]
    fn replaced_files_take_no_more_space_than_what_is_live() {
        let grace = |replaced, live| grace_within_space(RETRY, replaced, live);
        assert_eq!(grace(SPARED, 0), RETRY);
        assert_eq!(grace(SPARED + 1, 0), Duration::ZERO);
        assert_eq!(grace(2 * SPARED, 2 * SPARED), RETRY);
        assert_eq!(grace(2 * SPARED + 1, 2 * SPARED), Duration::ZERO);
    }

    /// Writers waited for ever for room that a dead thread would have made.
    #[tokio::test]
    async fn a_panic_of_the_thread_fails_the_store() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let core = core(dir.path());
        let journal = Journal::create(&JournalDir::new(Arc::new(LocalFiles), dir.path()), 1)?;
        let committer = Committer::new(core.clone(), journal);
        let watched = Arc::downgrade(&core);
        let thread = std::thread::spawn(move || {
            let _watch = DeathWatch(watched);
            std::panic::resume_unwind(Box::new("as if Lance had panicked"));
        });
        assert!(thread.join().is_err());
        let writes = Writes::from([("a".into(), Write::set("1".into()))]);
        let refused = committer.commit(0, writes, ReadSet::default(), None).await;
        assert!(matches!(refused, Err(Error::StoreFailed { .. })), "{refused:?}");
        Ok(())
    }
}
