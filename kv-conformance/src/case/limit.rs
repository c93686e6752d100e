//! Runs a future on a runtime of its own, within a limit.

use super::panics::guarded;
use crate::fixture::{Failure, Verdict};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use tokio::runtime::Builder;

/// What the threads of cases are called.
pub(super) const THREAD: &str = "case";

/// How long a runtime may take to stop once its case has ended.
const STOP: Duration = Duration::from_secs(5);

/// Runs a future on two workers. The limit is kept by the calling thread, so that a case which blocks its
/// workers is noticed as well.
pub(crate) fn limited(limit: Duration, future: impl Future<Output = Verdict> + Send + 'static) -> Verdict {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().thread_name(THREAD).build()?;
    let (sender, receiver) = channel();
    runtime.spawn(async move {
        // The receiver is gone where the limit has passed.
        let _ = sender.send(guarded(future).await);
    });
    let verdict = in_time(limit, &receiver);
    match verdict {
        Some(_) => runtime.shutdown_timeout(STOP),
        None => runtime.shutdown_background(),
    }
    verdict.unwrap_or_else(|| hung(limit))
}

/// Runs a future on one thread, which it shares with all that it spawns.
pub(crate) fn limited_on_one_thread(
    limit: Duration,
    future: impl Future<Output = Verdict> + Send + 'static,
) -> Verdict {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (sender, receiver) = channel();
    std::thread::Builder::new().name(THREAD.into()).spawn(move || {
        // As above.
        let _ = sender.send(runtime.block_on(guarded(future)));
        runtime.shutdown_timeout(STOP);
    })?;
    in_time(limit, &receiver).unwrap_or_else(|| hung(limit))
}

/// What is sent within `limit`.
fn in_time(limit: Duration, receiver: &Receiver<Verdict>) -> Option<Verdict> {
    match receiver.recv_timeout(limit) {
        Ok(verdict) => Some(verdict),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => Some(Err(Failure::new("the case was dropped before it ended"))),
    }
}

fn hung(limit: Duration) -> Verdict {
    Err(Failure::new(format!("still running after {} s: taken for hung", limit.as_secs())))
}
