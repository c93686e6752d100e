//! Change feeds: what the engine does with the rows of commits must not be seen in them.

mod far_behind;
mod maintained;
mod refused;

use super::*;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use kv_api::{ChangeFeed, ChangeFilter};
use std::time::Duration;
use tokio::time::timeout;

/// The rows of a commit: key, and value unless that is a tombstone.
type Commit = (Version, Vec<(String, Option<String>)>);

/// The commits of a batch.
fn commits(batch: &RecordBatch) -> Vec<Commit> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let versions = batch.column(0).as_primitive::<UInt64Type>();
    let (keys, vals) = (batch.column(1).as_binary::<i32>(), batch.column(2).as_binary::<i32>());
    let mut commits: Vec<Commit> = Vec::new();
    for row in 0..batch.num_rows() {
        let version = versions.value(row);
        if commits.last().is_none_or(|last| last.0 != version) {
            commits.push((version, Vec::new()));
        }
        let val = (!vals.is_null(row)).then(|| text(vals.value(row)));
        commits.last_mut().unwrap().1.push((text(keys.value(row)), val));
    }
    commits
}

async fn changes(store: &LanceDatastore, since: Version) -> Result<Box<dyn ChangeFeed>> {
    store.changes(since, ChangeFilter::default()).await
}

/// Takes what comes up to a version.
async fn take(feed: &mut dyn ChangeFeed, until: Version) -> Result<Vec<Commit>> {
    let mut taken: Vec<Commit> = Vec::new();
    while taken.last().is_none_or(|last| last.0 < until) {
        let next = timeout(Duration::from_secs(60), feed.next()).await.unwrap()?;
        taken.extend(commits(&next.unwrap()));
    }
    Ok(taken)
}
