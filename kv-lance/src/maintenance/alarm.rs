//! A time limit that needs no runtime's timers: the runtime that closes a store may have none.

use futures::future::{Either, select};
use kv_api::{Error, Result};
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Waits for `future` up to `limit`; `None` where the time is over.
pub(super) async fn before<T>(limit: Duration, future: impl Future<Output = T>) -> Result<Option<T>> {
    let (rings, alarm) = oneshot::channel();
    // Dropped when the future ends, which ends the thread.
    let (_waits, waits_no_more) = mpsc::channel::<()>();
    let ring = move || {
        if waits_no_more.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Nobody waits any more.
            let _ = rings.send(());
        }
    };
    std::thread::Builder::new()
        .name("kv-lance-limit".into())
        .spawn(ring)
        .map_err(|e| Error::backend("starting a thread for a time limit", e))?;
    Ok(match select(pin!(future), alarm).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use std::time::Instant;

    /// A store's shutdown panicked on a runtime without timers.
    #[test]
    fn a_limit_holds_without_a_runtime() {
        assert!(matches!(block_on(before(Duration::from_secs(3600), async { 1 })), Ok(Some(1))));
        let began = Instant::now();
        let never = std::future::pending::<()>();
        assert!(matches!(block_on(before(Duration::from_millis(20), never)), Ok(None)));
        assert!(began.elapsed() >= Duration::from_millis(20));
    }
}
