//! Tags: names for versions, which stay readable for as long as the names are there.
//!
//! A store may prune history with each compaction, or never: what is not tagged is read rightly or said to be gone.

mod kept;
mod names;
mod reopened;

use crate::case::{Case, Need, Suite};
use crate::fixture::{Failure, Store, Verdict};
use kv_api::{Error, Version};

pub(crate) fn suite() -> Suite {
    let needing = |need, mut cases: Vec<Case>| {
        cases.iter_mut().for_each(|case| case.needs.push(need));
        cases
    };
    Suite::new("tags", Vec::new())
        .needing(Need::Tags, names::cases())
        .needing(Need::Tags, kept::cases())
        .needing(Need::Tags, needing(Need::Erasing, kept::erasing_cases()))
        .needing(Need::Tags, needing(Need::Persistent, reopened::cases()))
}

/// Asserts what is read at a tag.
async fn keeps(store: &Store, name: &str, expected: &str) -> Verdict {
    let version = store.db().tagged(name).await?;
    let found = store.read().await?.all_at(version).await?;
    assert_eq!(found, expected, "at the tag '{name}', version {version}");
    Ok(())
}

/// What is read at a version; `None` where that is rightly said not to be retained.
async fn read_or_pruned(store: &Store, version: Version) -> Result<Option<String>, Failure> {
    match store.read().await?.all_at(version).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::VersionNotRetained { requested, oldest }) => {
            assert_eq!(requested, version, "what was asked for");
            assert!(version < oldest && oldest <= store.version().await?, "{oldest} is retained, {version} is not");
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}

/// Writes everything to the files at rest, and drops what nobody keeps.
async fn compacted(store: &Store) -> Verdict {
    store.db().flush().await?;
    store.db().compact().await?;
    store.settle().await?;
    Ok(())
}

/// The names of all tags.
async fn names(store: &Store) -> Result<Vec<String>, Failure> {
    Ok(store.db().tags().await?.into_iter().map(|tag| tag.name).collect())
}
