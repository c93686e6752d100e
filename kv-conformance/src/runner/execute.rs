//! Runs one case on a runtime of its own.

use super::case::Run;
use super::panics::guarded;
use crate::backend::Backend;
use crate::fixture::{Failure, Store, Verdict};
use crate::level::Level;
use futures::future::BoxFuture;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What the threads of cases are called.
pub(super) const THREAD: &str = "case";

/// How long a runtime may take to stop once its case has ended.
const STOP: Duration = Duration::from_secs(5);

/// What every failure ends with.
const REPLAY: &str = "to replay: ";

/// The failure as text, with a command that makes it happen again.
pub(super) fn execute(backend: &Backend, title: &str, run: Run, level: Level) -> Result<(), String> {
    let verdict = match run {
        Run::Once(case) => once(backend, case),
        Run::Many(case) => case(backend.clone(), title.to_owned(), level),
    };
    verdict.map_err(|failure| match failure.to_string() {
        // A case that draws its data says which.
        text if text.contains(REPLAY) => text,
        text => format!("{text}\n{}", replay("", title)),
    })
}

/// The line that replays a case; `variables` go before the command.
pub(crate) fn replay(variables: &str, title: &str) -> String {
    let program = std::env::current_exe().map_or_else(|_| "<this test>".into(), |path| path.display().to_string());
    format!("{REPLAY}{variables}{program} --exact {title}")
}

fn once(backend: &Backend, case: fn(Store) -> BoxFuture<'static, Verdict>) -> Verdict {
    let opening = backend.clone();
    limited(backend.timeout, async move {
        let store = Store::open(&opening).await?;
        case(store.clone()).await?;
        store.db().shutdown().await?;
        Ok(())
    })
}

/// Runs a future on two workers. The limit is kept by the calling thread, so that a case which blocks its
/// workers is noticed as well.
pub(crate) fn limited(limit: Duration, future: impl Future<Output = Verdict> + Send + 'static) -> Verdict {
    let runtime = runtime()?;
    let (sender, receiver) = channel();
    runtime.spawn(async move {
        // The receiver is gone where the limit has passed.
        let _ = sender.send(guarded(future).await);
    });
    match receiver.recv_timeout(limit) {
        Ok(verdict) => {
            runtime.shutdown_timeout(STOP);
            verdict
        }
        Err(RecvTimeoutError::Timeout) => {
            runtime.shutdown_background();
            Err(Failure::new(format!("still running after {} s: taken for hung", limit.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(Failure::new("the case was dropped before it ended")),
    }
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().thread_name(THREAD).build()?)
}
