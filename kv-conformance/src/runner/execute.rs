//! Runs one case.

use crate::backend::Backend;
use crate::case::{REPLAY, Run, limited, replay};
use crate::fixture::{Store, Verdict};
use crate::level::Level;
use futures::future::BoxFuture;

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

fn once(backend: &Backend, case: fn(Store) -> BoxFuture<'static, Verdict>) -> Verdict {
    let opening = backend.clone();
    limited(backend.timeout, async move {
        let store = Store::open(&opening).await?;
        case(store.clone()).await?;
        store.db().shutdown().await?;
        Ok(())
    })
}
