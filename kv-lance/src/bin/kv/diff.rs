//! `kv diff`: what has changed between two points.

use crate::args::Diff;
use crate::failure::Outcome;
use crate::output::Output;
use crate::point::Point;
use crate::read::key_range;
use crate::session::{Store, with_store};
use futures::TryStreamExt;
use kv_api::Datastore;
use kv_lance::{LanceConfig, LanceDatastore};

pub(crate) async fn diff(store: Store<'_>, args: &Diff, out: &mut Output) -> Outcome {
    let range = key_range(&args.range, out.format)?;
    with_store(store, async |store| {
        let other = match &args.with {
            Some(url) => Some(LanceDatastore::open(LanceConfig::from_url(url)?.create(false)).await?),
            None => None,
        };
        let version = async |point: &Option<Point>| match point {
            Some(point) => point.version(store).await,
            None => store.current_version().await,
        };
        let mut differences = match &other {
            Some(other) => store.diff_with(other, range)?,
            None => store.diff(version(&args.from_point).await?, version(&args.to_point).await?, range)?,
        };
        while let Some(found) = differences.try_next().await? {
            out.difference(&found.key, found.old.as_deref(), found.new.as_deref())?;
        }
        drop(differences);
        if let Some(other) = other {
            other.shutdown().await?;
        }
        // While the store is open, so that a reader who left is noticed before the shutdown.
        Ok(out.flush()?)
    })
    .await
}
