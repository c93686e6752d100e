//! Panics with the place where they happened, as the text of a failure.

use crate::fixture::{Failure, Verdict};
use futures::FutureExt;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes panics instead of printing them: the failure of the case says it.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without a message");
        let place = info.location().map_or_else(String::new, |location| format!("{location}: "));
        let text = format!("{place}{message}");
        if std::thread::current().name().is_none_or(|name| !name.starts_with(super::limit::THREAD)) {
            // Not a thread that a case runs on: nobody would ever see it.
            eprintln!("panic at {text}");
        }
        LAST.set(Some(text));
    }));
}

/// Runs a future and makes a failure of its panic.
pub(crate) async fn guarded(future: impl Future<Output = Verdict>) -> Verdict {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(verdict) => verdict,
        // The panic was in this poll, so on this thread.
        Err(_) => Err(Failure::new(LAST.take().unwrap_or_else(|| "a panic passed on from another thread".into()))),
    }
}
