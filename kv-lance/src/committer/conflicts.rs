//! First committer wins: the recent commits, and the check against them.

use crate::transaction::{ReadSet, Writes};
use kv_api::{Error, Key, Result, Version};
use std::collections::{HashMap, VecDeque};

/// More keys than this are not remembered: a transaction so old that it would need them conflicts.
const MAX_KEYS: usize = 4 << 20;

/// Every key committed since the oldest open write transaction began.
#[derive(Default)]
pub(super) struct RecentCommits {
    newest: HashMap<Key, Version>,
    /// In commit order.
    order: VecDeque<(Version, Key)>,
    /// Commits up to here may have been forgotten.
    forgotten: Version,
}

impl RecentCommits {
    /// Fails if a key written or read by a transaction at `snapshot` has been committed since.
    pub(super) fn check(&self, snapshot: Version, writes: &Writes, reads: &ReadSet) -> Result<()> {
        let conflict_over = |key: &Key, reason: &str| Err(Error::conflict_over(key.clone(), reason));
        if snapshot < self.forgotten {
            return Err(Error::conflict("it is older than the commits that can be checked"));
        }
        // Where no other transaction is open, nothing has been committed since.
        if self.order.back().is_none_or(|(version, _)| *version <= snapshot) {
            return Ok(());
        }
        let changed = |key: &Key| self.newest.get(key).is_some_and(|version| *version > snapshot);
        if let Some(key) = writes.keys().find(|key| changed(key)) {
            return conflict_over(key, "both wrote the same key");
        }
        if let Some(key) = reads.keys.iter().find(|key| changed(key)) {
            return conflict_over(key, "a key that was read has changed");
        }
        if !reads.ranges.is_empty() {
            let since = self.order.iter().rev().take_while(|(version, _)| *version > snapshot);
            for (_, key) in since {
                if reads.ranges.iter().any(|range| range.contains(key)) {
                    return conflict_over(key, "a key in a range that was read has changed");
                }
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, version: Version, writes: &Writes) {
        for key in writes.keys() {
            self.newest.insert(key.clone(), version);
            self.order.push_back((version, key.clone()));
        }
    }

    /// Forgets the commits up to `version`, and more where there are too many.
    pub(super) fn forget_through(&mut self, version: Version) {
        while let Some((oldest, key)) = self.order.front() {
            if *oldest > version {
                if self.order.len() <= MAX_KEYS {
                    break;
                }
                self.forgotten = *oldest;
            }
            if self.newest.get(key) == Some(oldest) {
                self.newest.remove(key);
            }
            self.order.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
