//! Whether a commit conflicts.

use super::history::History;
use super::pending::Scope;
use super::reads::Reads;
use kv_api::{Isolation, Version};

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
    history: &History,
    snapshot: Version,
    isolation: Isolation,
    scope: &Scope,
    reads: &Reads,
) -> Verdict {
    let mut owned = scope.writes.keys().chain(&scope.checked);
    if owned.any(|key| history.wrote(key, snapshot)) {
        return Verdict::Conflicts;
    }
    let serializable = isolation == Isolation::Serializable;
    let newest = history.newest();
    let changed = reads.needed.iter().any(|r| history.range(r, snapshot, snapshot) != history.range(r, newest, newest));
    // A transaction that only read is in order at its snapshot.
    if serializable && changed && !scope.writes.is_empty() {
        return Verdict::Conflicts;
    }
    let near = serializable && reads.touched.iter().any(|range| history.wrote_range(range, snapshot));
    if near || reads.once_checked.iter().any(|key| history.wrote(key, snapshot)) {
        return Verdict::Either;
    }
    Verdict::Succeeds
}
