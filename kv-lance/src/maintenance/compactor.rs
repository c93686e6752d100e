//! The threads that merge, beside the one that flushes and commits.

use super::merge::merge;
use super::pass::Step;
use super::split::{Split, SplitWriter};
use crate::core::Brake;
use kv_api::{Error, Result};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::sync::mpsc;
use tracing::Instrument as _;

/// Of 100; on Linux it is a niceness of 10.
const LOW_PRIORITY: u8 = 22;

/// A step to be merged.
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) step: Step,
    pub(super) writer: SplitWriter,
}

/// A step that has ended.
pub(super) struct Ended {
    pub(super) number: u64,
    pub(super) step: Step,
    pub(super) merged: Result<Split>,
}

/// The running threads.
pub(super) struct Compactor {
    /// `None` when they have been stopped.
    jobs: Option<Sender<Job>>,
    /// `None` of a thread that died.
    ended: mpsc::UnboundedReceiver<Option<Ended>>,
    brake: Arc<Brake>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Compactor {
    /// Starts so many threads; `path` is the store's, for errors.
    pub(super) fn start(path: &Path, threads: usize, brake: Arc<Brake>) -> Result<Self> {
        let (jobs, inbox) = channel();
        let (outbox, ended) = mpsc::unbounded_channel();
        let inbox = Arc::new(Mutex::new(inbox));
        let mut compactor = Self { jobs: Some(jobs), ended, brake, threads: Vec::new() };
        let failed = |e| Error::io("starting a compaction thread of", path, e);
        for _ in 0..threads {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            let (inbox, outbox, brake) = (inbox.clone(), outbox.clone(), compactor.brake.clone());
            let store = path.to_path_buf();
            let work = move || {
                give_way(&store);
                let outbox = Outbox(outbox);
                while let Some(Job { number, step, writer }) = next(&inbox) {
                    let span = tracing::debug_span!(
                        "compaction",
                        store = %store.display(),
                        level = step.plan.to,
                        runs = step.plan.inputs.all().count(),
                        bytes = step.plan.inputs.disk_bytes(),
                    );
                    let merged = runtime.block_on(merge(&step, writer, &brake).instrument(span));
                    // Nobody waits for it where the store has been closed.
                    let _ = outbox.0.send(Some(Ended { number, step, merged }));
                }
            };
            let thread = std::thread::Builder::new().name("kv-lance-merge".into()).spawn(work).map_err(failed)?;
            compactor.threads.push(thread);
        }
        Ok(compactor)
    }

    /// Hands over a step. Whether there is a thread that takes it.
    pub(super) fn begin(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok())
    }

    /// Waits for a step to end; `None` where a thread has died.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        self.ended.recv().await.flatten()
    }
}

/// Lets every other thread of the machine go first. Without that, a reader waits for a processor
/// behind compactions; what they fall behind by then holds back writers, not readers.
fn give_way(store: &Path) {
    let lowered = ThreadPriority::try_from(LOW_PRIORITY).map(set_current_thread_priority);
    if !matches!(lowered, Ok(Ok(()))) {
        tracing::debug!(store = %store.display(), ?lowered, "a compaction thread keeps its priority");
    }
}

/// Says so where the thread that has it dies: the step that it was at will never end.
struct Outbox(mpsc::UnboundedSender<Option<Ended>>);

impl Drop for Outbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody waits for it where the store has been closed.
            let _ = self.0.send(None);
        }
    }
}

/// Waits for a job; `None` where there will be no more.
fn next(inbox: &Mutex<Receiver<Job>>) -> Option<Job> {
    inbox.lock().recv().ok()
}

impl Drop for Compactor {
    /// Breaks off what is being merged, and waits for the threads.
    fn drop(&mut self) {
        self.brake.stop();
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a compaction thread died; the table is as it was");
            }
        }
    }
}
