//! Bugs that can be switched on, to see that the suites find them.

/// One bug of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Mutant {
    /// Writes are visible before their commit.
    DirtyRead,
    /// Point reads look at the newest commit instead of the snapshot.
    UnrepeatableRead,
    /// A snapshot lags one commit behind.
    StaleSnapshot,
    /// Scans look at the newest commit instead of the snapshot.
    StaleScan,
    /// Commits are not checked at all.
    LostUpdate,
    /// Two transactions that delete the same key both commit.
    UncheckedDelete,
    /// A delete of a missing key does nothing.
    ForgottenDelete,
    /// A conflict leaves the transaction open.
    OpenAfterConflict,
    /// A serializable transaction is checked like any other.
    UncheckedReads,
    /// What was read and not found is not checked.
    UncheckedMisses,
    /// Ranges are not checked, the keys found in them are.
    Phantoms,
    /// A rollback forgets what was read.
    ForgottenReads,
    /// `getu` is a `get`.
    UncheckedGetu,
    /// The end of a range is in it.
    InclusiveEnd,
    /// Own writes do not show in scans.
    UnmergedScan,
    /// `skip` counts what is stored, before own writes are merged in.
    SkipBeforeMerge,
    /// A byte limit that is just reached admits one more.
    ByteLimitOffByOne,
    /// `keys` charges the values as well.
    KeysChargeValues,
    /// Skipped entries are charged.
    ChargedSkips,
    /// A limit of zero entries gives one.
    ZeroIsOne,
    /// A backward scan takes the first entries and reverses them.
    BackwardFromStart,
    /// A rollback takes back only the keys that were new.
    LeakySavePoint,
    /// A release closes the outer save points as well.
    GreedyRelease,
    /// A refused `put` is in the write set.
    RefusedWrite,
    /// Conditions look past own writes.
    BlindCondition,
    /// An empty value is none.
    EmptyIsMissing,
    /// A read at a version does not see the commit of that version.
    VersionOffByOne,
    /// A read at a version sees past the snapshot.
    UnclampedVersion,
    /// A scan at a version merges own writes in.
    VersionedOwnWrites,
    /// The second half of a commit gets a version of its own.
    TornCommit,
    /// The last commit is gone once the store has been opened again.
    LostLastCommit,
    /// A compaction brings deleted keys back.
    Resurrection,
    /// A read-only transaction checks its arguments first.
    WrongOrder,
    /// `count` does not see own writes.
    StoredCount,
    /// A cancel commits.
    CancelCommits,
}
