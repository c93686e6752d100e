//! The thread that merges, beside the one that flushes and commits.

use super::merge::merge;
use super::plan::Plan;
use super::split::{Split, SplitWriter};
use kv_api::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;
use tracing::Instrument as _;

/// A merge to be done.
pub(super) struct Job {
    pub(super) plan: Plan,
    pub(super) writer: SplitWriter,
}

/// A merge that has ended.
pub(super) struct Ended {
    pub(super) plan: Plan,
    pub(super) merged: Result<Split>,
}

/// The running thread.
pub(super) struct Compactor {
    /// `None` when it has been stopped.
    jobs: Option<std::sync::mpsc::Sender<Job>>,
    ended: mpsc::UnboundedReceiver<Ended>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Compactor {
    /// Starts the thread; `path` is the store's, for errors.
    pub(super) fn start(path: &Path) -> Result<Self> {
        let failed = |e| Error::io("starting the compaction thread of", path, e);
        let (jobs, inbox) = std::sync::mpsc::channel::<Job>();
        let (outbox, ended) = mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let store = path.to_path_buf();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("kv-lance-merge".into())
            .spawn(move || {
                for Job { plan, writer } in inbox {
                    let span = tracing::debug_span!(
                        "compaction",
                        store = %store.display(),
                        level = plan.to,
                        runs = plan.inputs.runs().count(),
                        bytes = plan.inputs.disk_bytes(),
                    );
                    let merge = merge(&plan.inputs, writer, &stopped);
                    let merged = runtime.block_on(merge.instrument(span));
                    // Nobody waits for it where the store has been closed.
                    let _ = outbox.send(Ended { plan, merged });
                }
            })
            .map_err(failed)?;
        Ok(Self { jobs: Some(jobs), ended, stop, thread: Some(thread) })
    }

    /// Hands over a merge. Whether there is a thread that takes it.
    pub(super) fn begin(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok())
    }

    /// Waits for a merge to end; `None` where the thread has died.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        self.ended.recv().await
    }
}

impl Drop for Compactor {
    /// Breaks off what is being merged, and waits for the thread.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the compaction thread died; the table is as it was");
        }
    }
}
