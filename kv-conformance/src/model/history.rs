//! Every value that every key ever had.

use super::mutant::Mutant;
use super::pending::{Scope, Write, Writes};
use super::tags::Tags;
use kv_api::{Key, KeyRange, Val, Version};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The committed state at every version. Nothing is ever taken out: pruning and erasing only hide.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    keys: BTreeMap<Key, Changes>,
    newest: Version,
    oldest: Version,
    pub(super) tags: Tags,
    /// Of a mutant: how often files were merged.
    pub(super) compactions: u64,
    pub(super) bug: Option<Mutant>,
}

/// What a commit did to a key.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: Version,
    pub(super) key: Key,
    /// `None` = taken away.
    pub(super) val: Option<Val>,
}

#[derive(Debug, Clone, Default)]
struct Changes {
    /// Version and value (`None` = taken away), ascending.
    values: Vec<(Version, Option<Val>)>,
    /// Versions, ascending: transactions begun at one of them or later do not see what the key was
    /// before it.
    erasures: Vec<Version>,
    /// Versions of commits that may have written the key or not.
    unsure: Vec<Version>,
    /// Of a mutant: those that come into force once files are merged.
    due: Vec<Version>,
}

impl Changes {
    /// What a transaction begun at `snapshot` sees of the key began with this version.
    fn erased(&self, snapshot: Version) -> Version {
        self.erasures.iter().rfind(|version| **version <= snapshot).copied().unwrap_or(0)
    }

    /// Those after `version`, erased ones apart.
    fn after(&self, version: Version, bug: Option<Mutant>) -> impl DoubleEndedIterator<Item = &(Version, Option<Val>)> {
        let erased = match (bug, self.erased(Version::MAX)) {
            (Some(Mutant::FeedOfErased), _) => 0,
            (Some(Mutant::FeedWithoutErasures), erased) if erased > 0 => erased + 1,
            (_, erased) => erased,
        };
        self.values.iter().filter(move |(at, _)| *at > version && *at >= erased)
    }

    fn at(&self, at: Version, snapshot: Version, bug: Option<Mutant>) -> Option<&Val> {
        let erased = match bug {
            Some(Mutant::ErasesForAll) => self.erased(Version::MAX),
            Some(Mutant::UnerasedPoints | Mutant::UnerasedScans | Mutant::UnerasedTags) => 0,
            _ => self.erased(snapshot),
        };
        if at < erased {
            return None;
        }
        let last = self.values.iter().rev().find(|(version, _)| *version <= at)?;
        last.1.as_ref()
    }

    /// Erases, or not, as a write made at `version` says.
    fn note(&mut self, version: Version, write: &Write, had_one: bool, bug: Option<Mutant>) {
        match bug {
            Some(Mutant::ErasedUntilSet) if !write.erase && write.val.is_some() => self.erasures.clear(),
            Some(Mutant::LateErasure) if write.erase => self.due.push(version),
            Some(Mutant::ShyErasure) if !had_one => {}
            _ if write.erase => self.erasures.push(version),
            _ => {}
        }
    }
}

impl History {
    /// The version of the newest commit.
    pub(crate) fn newest(&self) -> Version {
        self.newest
    }

    /// The oldest version that can be read.
    pub(crate) fn oldest(&self) -> Version {
        self.oldest
    }

    /// The value of `key` at `at`, as a transaction begun at `snapshot` sees it.
    pub(crate) fn get(&self, key: &[u8], at: Version, snapshot: Version) -> Option<Val> {
        let bug = self.bug_at(at).filter(|bug| *bug != Mutant::UnerasedScans);
        self.keys.get(key)?.at(at, snapshot, bug).cloned()
    }

    /// What `range` held at `at`, as a transaction begun at `snapshot` sees it.
    pub(crate) fn range(&self, range: &KeyRange, at: Version, snapshot: Version) -> BTreeMap<Key, Val> {
        let bug = self.scan_bug(at);
        let seen = |(key, changes): (&Key, &Changes)| Some((key.clone(), changes.at(at, snapshot, bug)?.clone()));
        self.changes(range).filter_map(seen).collect()
    }

    /// As [`range`](Self::range), of the first `step` keys, into `held`. The answer is what is left of the range.
    pub(super) fn range_step(
        &self,
        range: &KeyRange,
        at: Version,
        snapshot: Version,
        step: usize,
        held: &mut BTreeMap<Key, Val>,
    ) -> Option<KeyRange> {
        let mut changes = self.changes(range);
        for (key, changes) in changes.by_ref().take(step) {
            held.extend(changes.at(at, snapshot, self.scan_bug(at)).map(|val| (key.clone(), val.clone())));
        }
        let (next, _) = changes.next()?;
        Some(KeyRange { start: next.clone(), end: range.end.clone() })
    }

    /// Whether a commit after `snapshot` wrote `key`, even with the value that it had.
    pub(crate) fn wrote(&self, key: &[u8], snapshot: Version) -> bool {
        self.wrote_range(&KeyRange::single(key.to_vec()), snapshot)
    }

    /// Whether a commit after `snapshot` wrote a key of `range`.
    pub(crate) fn wrote_range(&self, range: &KeyRange, snapshot: Version) -> bool {
        self.changes(range).any(|(_, changes)| changes.values.iter().any(|(version, _)| *version > snapshot))
    }

    /// The first commit after `version` that wrote a key of `range`: what it did there, by key. Empty where there is none.
    pub(super) fn commit_after(&self, version: Version, range: &KeyRange) -> Vec<Change> {
        let first =
            self.changes(range).filter_map(|(_, changes)| Some(changes.after(version, self.bug).next()?.0)).min();
        let of_first = |(key, changes): (&Key, &Changes)| {
            let (version, val) = changes.after(version, self.bug).rfind(|(at, _)| Some(*at) == first)?;
            Some(Change { version: *version, key: key.clone(), val: val.clone() })
        };
        self.changes(range).filter_map(of_first).collect()
    }

    /// Appends a commit.
    pub(crate) fn install(&mut self, version: Version, writes: &Writes) {
        for (key, write) in writes {
            let changes = self.keys.entry(key.clone()).or_default();
            let had_one = changes.values.last().is_some_and(|(_, val)| val.is_some());
            changes.values.push((version, write.val.clone()));
            changes.note(version, write, had_one, self.bug);
            if write.erase && self.bug == Some(Mutant::ErasesByPrefix) {
                self.changes_mut(key).for_each(|changes| changes.erasures.push(version));
            }
        }
        self.newest = version;
    }

    /// Notes the keys that a commit may have written besides. Where it wrote nothing else it has no version of its own, and
    /// counts as one to come.
    pub(super) fn note_unsure(&mut self, scope: &Scope) {
        let version = if scope.writes.is_empty() { self.newest.saturating_add(1) } else { self.newest };
        for key in &scope.unsure {
            self.keys.entry(key.clone()).or_default().unsure.push(version);
        }
    }

    /// Whether a commit after `snapshot` may have written a key of `range`, and nothing says that it did.
    pub(super) fn may_have_written(&self, range: &KeyRange, snapshot: Version) -> bool {
        self.changes(range).any(|(_, changes)| changes.unsure.iter().any(|version| *version > snapshot))
    }

    fn changes_mut(&mut self, prefix: &Key) -> impl Iterator<Item = &mut Changes> {
        self.keys.iter_mut().filter(|(key, _)| key.starts_with(prefix)).map(|(_, changes)| changes)
    }

    /// The keys of `range` without a value at `snapshot`: those that had one which is not erased,
    /// and the others that were ever written.
    pub(super) fn without_value(&self, range: &KeyRange, snapshot: Version) -> (Vec<Key>, Vec<Key>) {
        let known = |changes: &Changes| changes.values.iter().any(|(version, _)| *version <= snapshot);
        let gone = |changes: &Changes| known(changes) && changes.at(snapshot, snapshot, None).is_none();
        let left = |changes: &Changes| {
            let since = changes.erased(snapshot);
            let mut left = changes.values.iter().filter(|(version, _)| (since..=snapshot).contains(version));
            left.any(|(_, val)| val.is_some())
        };
        let (left, others): (Vec<_>, Vec<_>) =
            self.changes(range).filter(|(_, changes)| gone(changes)).partition(|(_, changes)| left(changes));
        let keys = |of: Vec<(&Key, &Changes)>| of.into_iter().map(|(key, _)| key.clone()).collect();
        (keys(left), keys(others))
    }

    pub(super) fn set_bug(&mut self, bug: Mutant) {
        self.bug = Some(bug);
    }

    fn scan_bug(&self, at: Version) -> Option<Mutant> {
        self.bug_at(at).filter(|bug| *bug != Mutant::UnerasedPoints)
    }

    /// Of reads at a version.
    fn bug_at(&self, at: Version) -> Option<Mutant> {
        self.bug.filter(|bug| *bug != Mutant::UnerasedTags || self.is_tagged(at))
    }

    /// Forgets what was erased, for a mutant.
    pub(super) fn restore_erased(&mut self) {
        self.keys.values_mut().for_each(|changes| changes.erasures.clear());
    }

    /// Erases what is due, for a mutant.
    pub(super) fn erase_at_last(&mut self) {
        self.keys.values_mut().for_each(|changes| changes.erasures.append(&mut changes.due));
    }

    /// Hides all versions before the newest.
    pub(crate) fn prune(&mut self) {
        self.oldest = self.newest;
    }

    /// Forgets the commits after `version`, as a loss of power does where they were not durable.
    pub(super) fn cut_back(&mut self, version: Version) {
        for changes in self.keys.values_mut() {
            changes.values.retain(|(at, _)| *at <= version);
            changes.erasures.retain(|at| *at <= version);
            changes.unsure.retain(|at| *at <= version);
        }
        self.newest = self.newest.min(version);
    }

    /// Forgets the newest commit, for a mutant.
    pub(super) fn lose_last(&mut self) {
        for changes in self.keys.values_mut() {
            changes.values.retain(|(version, _)| *version < self.newest);
        }
    }

    /// What a crash does to a mutant that does not bear it.
    pub(super) fn crash(&mut self, mutant: Mutant) {
        match mutant {
            Mutant::LostInCrash => self.lose_last(),
            Mutant::TornInCrash => {
                let newest = self.newest;
                let of_newest = |changes: &&mut Changes| changes.values.last().is_some_and(|(at, _)| *at == newest);
                for changes in self.keys.values_mut().filter(of_newest).step_by(2) {
                    changes.values.pop();
                }
            }
            Mutant::PastLostInCrash => {
                for changes in self.keys.values_mut().filter(|changes| changes.values.len() > 1) {
                    changes.values.remove(changes.values.len() - 2);
                }
            }
            Mutant::RestoredInCrash => self.resurrect(),
            _ => {}
        }
    }

    /// Forgets the newest value of every key that has none, for a mutant.
    pub(super) fn resurrect(&mut self) {
        for changes in self.keys.values_mut() {
            changes.values.pop_if(|(_, val)| val.is_none());
        }
    }

    fn changes(&self, range: &KeyRange) -> impl Iterator<Item = (&Key, &Changes)> {
        let end = range.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = (!range.is_empty()).then_some((Bound::Included(range.start.as_ref()), end));
        bounds.map(|bounds| self.keys.range::<[u8], _>(bounds)).into_iter().flatten()
    }
}
