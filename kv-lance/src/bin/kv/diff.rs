//! `kv diff`: what has changed between two points.

use crate::args::Diff;
use crate::failure::Outcome;
use crate::output::Output;
use crate::read::key_range;
use crate::session::{Store, with_store};
use futures::TryStreamExt;
use kv_api::Datastore;

pub(crate) async fn diff(store: Store<'_>, args: &Diff, out: &mut Output) -> Outcome {
    let range = key_range(&args.range, out.format)?;
    with_store(store, async |store| {
        let from = args.from_point.version(store).await?;
        let to = match &args.to_point {
            Some(point) => point.version(store).await?,
            None => store.current_version().await?,
        };
        let mut differences = store.diff(from, to, range)?;
        while let Some(found) = differences.try_next().await? {
            out.difference(&found.key, found.old.as_deref(), found.new.as_deref())?;
        }
        // While the store is open, so that a reader who left is noticed before the shutdown.
        Ok(out.flush()?)
    })
    .await
}
