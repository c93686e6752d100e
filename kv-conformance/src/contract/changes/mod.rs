//! The change feed: every commit once, whole and in order, from history and then live.
//!
//! That nothing comes is shown by a commit that comes next, or by the end.

mod cancelled;
mod commits;
mod concurrent;
mod filter;
mod history;
mod live;
mod pruned;
mod reopened;
mod shutdown;
mod subscribers;
mod until;

pub(super) use concurrent::write_all;

use crate::case::{Need, Suite};
use crate::fixture::{Commit, Failure, Feed, Store, replay, show_contents};
use kv_api::{Error, Result, Version};
use std::collections::BTreeMap;

pub(crate) fn suite() -> Suite {
    let cases = [
        history::cases(),
        commits::cases(),
        filter::cases(),
        live::cases(),
        subscribers::cases(),
        pruned::cases(),
        until::cases(),
        shutdown::cases(),
        cancelled::cases(),
        concurrent::cases(),
    ];
    let needing = |need, mut cases: Vec<crate::case::Case>| {
        cases.iter_mut().for_each(|case| case.needs.push(need));
        cases
    };
    Suite::new("changes", Vec::new())
        .needing(Need::ChangeFeed, cases.into_iter().flatten().collect())
        .needing(Need::ChangeFeed, needing(Need::Erasing, commits::erasing_cases()))
        .needing(Need::ChangeFeed, needing(Need::Persistent, reopened::cases()))
}

/// Commits each of the scripts, the rows of which are in order. The answer is what a feed gives.
pub(super) async fn commit_all<S: AsRef<str>>(
    store: &Store,
    scripts: impl IntoIterator<Item = S>,
) -> Result<Vec<(Version, String)>> {
    let mut given = Vec::new();
    for script in scripts {
        given.push((store.commit(script.as_ref()).await?, script.as_ref().to_owned()));
    }
    Ok(given)
}

/// A feed of everything from `since`. `None` where the history after it is gone, which then has to be said rightly, and what
/// is left has to lead to what the store holds.
async fn feed_or_pruned(store: &Store, since: Version) -> Result<Option<Feed>, Failure> {
    let (requested, oldest) = match store.changes(since, ..).await {
        Ok(feed) => return Ok(Some(feed)),
        Err(Error::VersionNotRetained { requested, oldest }) => (requested, oldest),
        Err(other) => return Err(other.into()),
    };
    assert_eq!(requested, since, "what was asked for");
    assert!(since < oldest && oldest <= store.version().await?, "{oldest} is retained, {since} is not");
    follow(store, oldest).await?;
    Ok(None)
}

/// Asserts that the store at `since` and the commits after it make what the store holds now. Leaves the key `~` in it.
async fn follow(store: &Store, since: Version) -> Result<(), Failure> {
    let mut feed = store.changes(since, ..).await?;
    let mut contents = contents_at(store, since).await?;
    store.commit("~=end").await?;
    replay(&mut contents, &feed.until("~").await?);
    assert_eq!(show_contents(&contents), store.all().await?, "what was at {since} and the commits after it");
    Ok(())
}

async fn contents_at(store: &Store, version: Version) -> Result<BTreeMap<kv_api::Key, kv_api::Val>> {
    let rows = store.read().await?.scan((..).into(), u32::MAX.into(), 0, Some(version)).await?;
    Ok(rows.into_iter().collect())
}

/// Commits as `commit_all` answers them.
fn told(commits: &[Commit]) -> Vec<(Version, String)> {
    commits.iter().map(|commit| (commit.version, commit.to_string())).collect()
}
