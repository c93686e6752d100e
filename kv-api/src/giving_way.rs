//! Lets other tasks of a thread run, on any runtime.

use std::future::poll_fn;
use std::task::Poll;

/// Ends when it is polled again, for which it asks at once.
pub(crate) async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn it_is_pending_once_and_asks_to_be_polled() {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let (waker, mut giving) = (woken.clone().into(), pin!(give_way()));
        assert!(giving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(giving.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }
}
