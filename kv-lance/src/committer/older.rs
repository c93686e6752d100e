//! The conflict check of a transaction that is older than what is remembered of recent commits:
//! memtables and runs know the newest version of each key.

use super::ReadSet;
use super::conflicts::{Access, Conflict};
use crate::core::View;
use crate::table::hash;
use crate::write::Writes;
use kv_api::{Key, Result, Version};

/// A commit in `view` after `since` that changed what was written or read.
pub(super) async fn conflict(
    view: &View,
    since: Version,
    writes: &Writes,
    reads: &ReadSet,
) -> Result<Option<Conflict>> {
    let keys = || writes.keys().map(|key| (key, Access::Written)).chain(reads.keys().map(|key| (key, Access::Read)));
    for (key, access) in keys() {
        tokio::task::consume_budget().await;
        if let Some(version) = newest(view, since, key).await? {
            return Ok(Some(Conflict::new(version, key, access)));
        }
    }
    for range in reads.ranges() {
        for memtable in view.memtables().filter(|memtable| memtable.max_version() > since) {
            if let Some((key, version)) = memtable.changed(range, since) {
                return Ok(Some(Conflict::new(version, &key, Access::InRange)));
            }
        }
        for run in view.levels.runs().filter(|run| run.statistics().max_version > since) {
            if let Some((key, version)) = run.changed(range, since).await? {
                return Ok(Some(Conflict::new(version, &key, Access::InRange)));
            }
        }
    }
    Ok(None)
}

/// The newest version of `key`, where that is after `since`.
async fn newest(view: &View, since: Version, key: &Key) -> Result<Option<Version>> {
    for memtable in view.memtables().filter(|memtable| memtable.max_version() > since) {
        if let Some(version) = memtable.newest(key) {
            return Ok(Some(version).filter(|version| *version > since));
        }
    }
    let hash = hash(key);
    for run in view.levels.holding(key, Version::MAX).filter(|run| run.statistics().max_version > since) {
        if let Some(version) = run.newest(key, hash).await? {
            return Ok(Some(version).filter(|version| *version > since));
        }
    }
    Ok(None)
}
