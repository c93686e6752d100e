//! Whether a commit conflicts.

use super::history::History;
use super::mutant::Mutant;
use super::pending::Scope;
use super::reads::Reads;
use super::reference::Shared;
use kv_api::{Isolation, KeyRange, Version};

/// What the contract says of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It must succeed.
    Succeeds,
    /// It conflicts.
    Conflicts,
    /// The contract lets a store be careful: it may refuse.
    Either,
}

/// Judges the commit of a transaction begun at `snapshot`.
pub(crate) fn judge(
    store: &Shared,
    history: &History,
    snapshot: Version,
    isolation: Isolation,
    scope: &Scope,
    reads: &Reads,
) -> Verdict {
    if store.is(Mutant::LostUpdate) {
        return Verdict::Succeeds;
    }
    let checks = |key: &[u8]| !(store.is(Mutant::UncheckedLength) && (24..32).contains(&key.len()));
    let written = scope.writes.iter().filter(|(_, write)| !write.incidental);
    let written = written.filter(|(_, write)| write.val.is_some() || !store.is(Mutant::UncheckedDelete));
    let checked = scope.checked.iter().filter(|_| !store.is(Mutant::UncheckedGetu));
    let mut owned = written.map(|(key, _)| key).chain(checked).filter(|key| checks(key));
    if owned.any(|key| history.wrote(key, snapshot)) {
        return Verdict::Conflicts;
    }
    let serializable = isolation == Isolation::Serializable && !store.is(Mutant::UncheckedReads);
    let newest = history.newest();
    let changed = reads.needed.iter().any(|range| {
        let (mut before, mut after) = (history.range(range, snapshot, snapshot), history.range(range, newest, newest));
        if store.is(Mutant::UncheckedMisses) && before.is_empty() && *range == KeyRange::single(range.start.clone()) {
            after.clear();
        }
        if store.is(Mutant::Phantoms) && *range != KeyRange::single(range.start.clone()) {
            after.retain(|key, _| before.contains_key(key));
            before.retain(|key, _| after.contains_key(key));
        }
        before != after
    });
    let mut written = scope.writes.keys();
    let changed = changed && (!store.is(Mutant::PairwiseSkew) || written.any(|key| store.bugs.was_read(key, snapshot)));
    // A transaction that only read is in order at its snapshot.
    if serializable && changed && !scope.writes.is_empty() {
        return Verdict::Conflicts;
    }
    let near = serializable && reads.touched.iter().any(|range| history.wrote_range(range, snapshot));
    let incidental = scope.writes.iter().filter(|(_, write)| write.incidental).map(|(key, _)| key);
    let unsure = incidental.chain(&reads.once_checked).chain(&scope.unsure);
    if near || unsure.clone().any(|key| history.wrote(key, snapshot)) {
        return Verdict::Either;
    }
    let keys = scope.writes.keys().chain(&scope.checked).chain(unsure);
    let ranges = reads.touched.iter().filter(|_| serializable).cloned();
    let mut touched = keys.map(|key| KeyRange::single(key.to_vec())).chain(ranges);
    if touched.any(|range| history.may_have_written(&range, snapshot)) {
        return Verdict::Either;
    }
    Verdict::Succeeds
}
