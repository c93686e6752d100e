//! First committer wins: the recent commits, and the check against them.
//!
//! Recent means: within a budget of bytes. What a transaction is too old to be checked against
//! here, the memtables and the runs know ([`older`](super::older)).

use super::ReadSet;
use crate::write::Writes;
use kv_api::{Error, Key, Version};
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What the keys of recent commits may take, in bytes.
const BUDGET: usize = 8 << 20;

/// What a key takes beside its bytes: its places in the queue and in the map.
const KEY_OVERHEAD: usize = 160;

/// Room for this many keys is kept when most have been forgotten.
const KEPT_CAPACITY: usize = 1024;

/// A commit that came between a transaction's snapshot and its own commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) version: Version,
    key: Key,
    access: Access,
}

/// What a transaction had done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Written,
    Read,
    InRange,
}

impl Conflict {
    pub(super) fn new(version: Version, key: &[u8], access: Access) -> Self {
        Self { version, key: Key::copy_from_slice(key), access }
    }

    pub(super) fn into_error(self) -> Error {
        let reason = match self.access {
            Access::Written => "both wrote the same key",
            Access::Read => "a key that was read has changed",
            Access::InRange => "a key in a range that was read has changed",
        };
        Error::conflict_over(self.key, reason)
    }
}

/// The keys committed since the oldest open write transaction began, as far as the budget goes.
pub(super) struct RecentCommits {
    /// The newest commit of the keys that have a hash.
    newest: HashMap<u64, Version, BuildHasherDefault<AsItIs>>,
    /// In commit order.
    order: VecDeque<RecentKey>,
    bytes: usize,
    budget: usize,
    /// Commits up to here may have been forgotten.
    forgotten: Version,
    /// Of the hashes, so that nobody can choose keys that have the same.
    seed: u64,
}

struct RecentKey {
    version: Version,
    hash: u64,
    key: Key,
}

impl RecentKey {
    fn bytes(&self) -> usize {
        self.key.len() + KEY_OVERHEAD
    }
}

/// Hashes of hashes.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Default for RecentCommits {
    fn default() -> Self {
        Self::with_budget(BUDGET)
    }
}

impl RecentCommits {
    fn with_budget(budget: usize) -> Self {
        Self {
            newest: HashMap::default(),
            order: VecDeque::new(),
            bytes: 0,
            budget,
            forgotten: 0,
            seed: RandomState::new().hash_one(0),
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed)
    }

    /// Whether every commit after `since` is known.
    pub(super) fn reaches(&self, since: Version) -> bool {
        since >= self.forgotten
    }

    /// A commit after `since`, which this [reaches](Self::reaches), that changed what was written
    /// or read.
    pub(super) fn conflict(&self, since: Version, writes: &Writes, reads: &ReadSet) -> Option<Conflict> {
        // Where no other transaction is open, nothing has been committed since.
        if self.order.back().is_none_or(|newest| newest.version <= since) {
            return None;
        }
        let changed = |key: &Key, access| Some(Conflict::new(self.newest(key, since)?, key, access));
        let written = || writes.keys().find_map(|key| changed(key, Access::Written));
        let read = || reads.keys().find_map(|key| changed(key, Access::Read));
        let in_range = || {
            let mut recent = self.after(since).filter(|_| reads.has_ranges());
            recent
                .find(|recent| reads.covers(&recent.key))
                .map(|recent| Conflict::new(recent.version, &recent.key, Access::InRange))
        };
        written().or_else(read).or_else(in_range)
    }

    /// The keys committed after `since`, newest first.
    fn after(&self, since: Version) -> impl Iterator<Item = &RecentKey> {
        self.order.iter().rev().take_while(move |recent| recent.version > since)
    }

    /// The newest commit of `key` after `since`.
    fn newest(&self, key: &Key, since: Version) -> Option<Version> {
        let hash = self.hash(key);
        let newest = *self.newest.get(&hash).filter(|version| **version > since)?;
        let same = |recent: &&RecentKey| recent.hash == hash && recent.key == *key;
        let first = self.order.partition_point(|recent| recent.version < newest);
        let mut commit = self.order.range(first..).take_while(|recent| recent.version == newest);
        // Else a later commit of another key with the same hash stands before it.
        commit.find(same).or_else(|| self.after(since).find(same)).map(|recent| recent.version)
    }

    /// Adds a commit. Its keys are copied: the caller's may be slices of something large.
    pub(super) fn add(&mut self, version: Version, writes: &Writes) {
        let mut copy = Vec::with_capacity(writes.keys().map(Key::len).sum());
        writes.keys().for_each(|key| copy.extend_from_slice(key));
        let mut copy = Key::from(copy);
        for key in writes.keys() {
            let recent = RecentKey { version, hash: self.hash(key), key: copy.split_to(key.len()) };
            self.bytes += recent.bytes();
            self.newest.insert(recent.hash, version);
            self.order.push_back(recent);
        }
    }

    /// Takes commits back that came to nothing: who writes their keys would conflict with them for
    /// ever.
    pub(super) fn retract(&mut self, versions: impl Iterator<Item = Version>) {
        let versions: HashSet<Version> = versions.collect();
        self.order.retain(|recent| !versions.contains(&recent.version));
        self.newest = self.order.iter().map(|recent| (recent.hash, recent.version)).collect();
        self.bytes = self.order.iter().map(RecentKey::bytes).sum();
    }

    /// Forgets the commits up to `version`, which no transaction needs, and where they are more
    /// than the budget also later ones up to `visible`: those are in the memtables or in runs.
    pub(super) fn forget(&mut self, version: Version, visible: Version) {
        while let Some(oldest) = self.order.front() {
            if oldest.version > version {
                if self.bytes <= self.budget || oldest.version > visible {
                    break;
                }
                self.forgotten = oldest.version;
            }
            self.bytes -= oldest.bytes();
            if let Entry::Occupied(newest) = self.newest.entry(oldest.hash)
                && *newest.get() == oldest.version
            {
                newest.remove();
            }
            self.order.pop_front();
        }
        if self.order.capacity() > KEPT_CAPACITY && self.order.len() < self.order.capacity() / 8 {
            self.order.shrink_to(KEPT_CAPACITY);
            self.newest.shrink_to(KEPT_CAPACITY);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Write;
    use kv_api::KeyRange;

    fn writes(keys: &[&str]) -> Writes {
        keys.iter().map(|key| (Key::copy_from_slice(key.as_bytes()), Write::delete())).collect()
    }

    fn reads(keys: &[&str], ranges: &[(&str, &str)]) -> ReadSet {
        let mut reads = ReadSet::default();
        keys.iter().for_each(|key| reads.add_key(key.as_bytes()));
        for (start, end) in ranges {
            let range = KeyRange { start: start.to_string().into(), end: Some(end.to_string().into()) };
            reads.add_scan(range, kv_api::Direction::Forward, None);
        }
        reads.sort();
        reads
    }

    #[test]
    fn a_commit_since_the_snapshot_conflicts_with_what_was_written_or_read() {
        let mut recent = RecentCommits::default();
        recent.add(5, &writes(&["a", "c"]));
        recent.add(7, &writes(&["e"]));
        let none = ReadSet::default();
        let found =
            |since, w: &[&str], r: &ReadSet| recent.conflict(since, &writes(w), r).map(|c| (c.version, c.access));
        assert_eq!(found(4, &["a"], &none), Some((5, Access::Written)));
        assert_eq!(found(5, &["a"], &none), None);
        assert_eq!(found(4, &["b"], &none), None);
        assert_eq!(found(6, &["b"], &reads(&["e", "f"], &[])), Some((7, Access::Read)));
        let ranges = [("x", "z"), ("d", "e"), ("b", "d"), ("bb", "c")];
        assert_eq!(found(4, &[], &reads(&[], &ranges)), Some((5, Access::InRange)));
        assert_eq!(found(5, &[], &reads(&[], &ranges)), None);
    }

    /// Four million keys of any length were remembered, with the buffers that callers had cut them
    /// from.
    #[test]
    fn what_is_remembered_has_a_budget_in_bytes_and_spares_what_is_not_visible() {
        let mut recent = RecentCommits::with_budget(10 * (1 + KEY_OVERHEAD));
        for version in 1..=100 {
            recent.add(version, &writes(&["k"]));
            recent.forget(0, version);
        }
        assert_eq!(recent.len(), 10);
        assert!(recent.reaches(90) && !recent.reaches(89));
        for version in 101..=200 {
            recent.add(version, &writes(&["k"]));
            recent.forget(0, 100);
        }
        assert_eq!(recent.len(), 100, "what is being written is in no memtable yet");
        recent.forget(200, 200);
        assert_eq!((recent.len(), recent.bytes, recent.newest.len()), (0, 0, 0));
    }

    /// Two keys with the same hash: the later one stands before the other.
    #[test]
    fn keys_with_one_hash_are_told_apart() {
        let mut recent = RecentCommits::default();
        recent.add(5, &writes(&["a"]));
        recent.add(7, &writes(&["b"]));
        let hash = recent.hash(b"a");
        recent.order.iter_mut().for_each(|recent| recent.hash = hash);
        recent.newest = [(hash, 7)].into_iter().collect();
        assert_eq!(recent.newest(&"a".into(), 4), Some(5));
        assert_eq!(recent.newest(&"a".into(), 5), None);
        recent.forget(5, 7);
        assert_eq!((recent.newest(&"a".into(), 4), recent.newest.len()), (None, 1));
        recent.forget(7, 7);
        assert_eq!((recent.newest.len(), recent.bytes), (0, 0));
    }

    #[test]
    fn a_commit_that_came_to_nothing_conflicts_with_nobody() {
        let mut recent = RecentCommits::default();
        for version in [5, 6, 7] {
            recent.add(version, &writes(&["a"]));
        }
        recent.retract([6, 7].into_iter());
        let found = |since| recent.conflict(since, &writes(&["a"]), &ReadSet::default()).map(|c| c.version);
        assert_eq!((found(4), found(5)), (Some(5), None));
    }

    #[test]
    fn memory_for_many_keys_is_given_back() {
        let mut recent = RecentCommits::default();
        let many = (0..100_000u32).map(|i| (Key::copy_from_slice(&i.to_be_bytes()), Write::delete())).collect();
        recent.add(1, &many);
        recent.forget(1, 1);
        assert!(recent.order.capacity() <= 2 * KEPT_CAPACITY, "{}", recent.order.capacity());
        assert!(recent.newest.capacity() <= 4 * KEPT_CAPACITY, "{}", recent.newest.capacity());
    }
}
