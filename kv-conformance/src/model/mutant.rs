//! Bugs that can be switched on, to see that the suites find them.

/// Declares [`Mutant`], with the first lines of the docs as what it answers of itself.
macro_rules! mutants {
    ($($(#[doc = $what:literal])+ $name:ident,)*) => {
        /// One bug of a store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Mutant {
            $($(#[doc = $what])+ $name,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What is wrong with the store, in a sentence.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($what),+).trim_ascii(),)*
                }
            }
        }
    };
}

mutants! {
    /// Writes are visible before their commit.
    DirtyRead,
    /// Point reads look at the newest commit instead of the snapshot.
    UnrepeatableRead,
    /// A snapshot lags one commit behind.
    StaleSnapshot,
    /// Scans look at the newest commit instead of the snapshot.
    StaleScan,
    /// Of the snapshots of readers, each looks at every other key as it was two commits before.
    LongFork,
    /// Every third snapshot is older than those before it.
    BackwardSnapshot,
    /// Commits are not checked at all.
    LostUpdate,
    /// Commits are not checked for keys of 24 to 31 bytes.
    UncheckedLength,
    /// A value of 4096 bytes loses the last of them.
    CutValue,
    /// A commit of more than 128 writes loses the last of them.
    CutCommit,
    /// The 17th save point does not take back what was written in it.
    LeakyDepth,
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
    /// Of serializable transactions that depend on each other in a circle, only two are noticed.
    PairwiseSkew,
    /// A rollback forgets what was read.
    ForgottenReads,
    /// `getu` is a `get`.
    UncheckedGetu,
    /// Of two transactions that read a key by `getu`, the second conflicts.
    GetuIsAWrite,
    /// `getu` answers a read-only transaction, which will check nothing.
    GetuOfReaders,
    /// The end of a range is in it.
    InclusiveEnd,
    /// Own writes do not show in scans.
    UnmergedScan,
    /// A scan keeps its thread until it ends.
    HoggingScan,
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
    /// A visit shows one more row after the visitor broke.
    VisitPastBreak,
    /// Own writes do not show in visits.
    UnmergedVisit,
    /// A backward visit goes forward.
    ForwardVisit,
    /// A visit without values shows them.
    VisitOfValues,
    /// What was visited does not count as read.
    UncheckedVisit,
    /// An estimate counts the whole store, whatever the range.
    WildEstimate,
    /// The parts of a range overlap by a key.
    OverlappingSplit,
    /// The last key of each part of a range is in none.
    SplitWithGaps,
    /// All parts of a range but the last hold one key.
    LopsidedSplit,
    /// A range is split into one part too many.
    OneTooMany,
    /// A refused `setm` has written what came before the entry that it was refused for.
    TornSetm,
    /// Of a key that `setm` is given twice the first value stays.
    FirstOfSetm,
    /// `delm` leaves keys alone that have no value.
    ShyDelm,
    /// `safe_timestamp` is the snapshot's version, whoever has not finished.
    UnheededStamps,
    /// A transaction's timestamp counts as finished before its commit is visible.
    EarlyRelease,
    /// `safe_timestamp` is that of the moment in which it is asked for.
    LateSafety,
    /// The timestamp of a transaction that is dropped counts as unfinished for ever.
    LeakedStamp,
    /// Of several timestamps of a transaction the last counts.
    LastStamp,
    /// Timestamps of read-only transactions count.
    StampsOfReaders,
    /// Point reads at a version find what was erased.
    UnerasedPoints,
    /// Scans at a version find what was erased.
    UnerasedScans,
    /// What is erased is hidden from transactions that are open as well.
    ErasesForAll,
    /// What is erased is hidden once the files have been merged, and not before.
    LateErasure,
    /// What was erased is back once its key is set again.
    ErasedUntilSet,
    /// What was erased is back once the files have been merged.
    ErasedUntilCompacted,
    /// What was erased is back once the store has been opened again.
    ErasedUntilReopened,
    /// A clear of a key without a value erases nothing.
    ShyErasure,
    /// A clear erases the history of every key that begins with the cleared one.
    ErasesByPrefix,
    /// A write of a key that its transaction has cleared takes the erasing back.
    SetUndoesClr,
    /// A rollback gives a key its pending value back, and what was erased meanwhile stays erased.
    StickyErasure,
    /// `clrc` erases nothing.
    ClrcIsDelc,
    /// `clrr` and `clrp` erase nothing.
    ClrrIsDelr,
    /// `clrr` and `clrp` erase nothing of keys that have no value any more.
    ClrrOfTheVisible,
    /// A feed gives values that were erased.
    FeedOfErased,
    /// A feed leaves out the commit that erased.
    FeedWithoutErasures,
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
    /// The first half of a commit is visible before the second.
    TornVisibility,
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
    /// A commit whose future is dropped leaves the store locked.
    AbandonedLock,
    /// Commits that wait for one whose future is dropped are acknowledged and lost.
    LostFollowers,
    /// A commit whose future is dropped is written some time later, unchecked.
    ZombieCommit,
    /// A commit whose future is dropped has written, and the transaction is still open.
    OpenAfterDrop,
    /// A commit lets the next in the queue go first, also where that one is not polled.
    LingeringHeir,
    /// A write that waits while its transaction commits is acknowledged and lost.
    LateWrite,
    /// A conflict with a commit that is not visible yet is reported at once.
    EarlyConflict,
    /// The text of a conflict shows the key.
    KeyInText,
    /// A read whose future is dropped finishes the transaction.
    FinishedByDrop,
    /// A rollback whose future is dropped has closed the save point and kept the writes.
    TornRollback,
    /// A begin whose future is dropped keeps one of eight places.
    LeakedPlace,
    /// A flush whose future is dropped loses what it was writing.
    LostInFlush,
    /// After a shutdown whose future is dropped the next one waits for ever.
    StuckShutdown,
    /// A crash loses the newest commit, although it was acknowledged.
    LostInCrash,
    /// A crash leaves half of the newest commit.
    TornInCrash,
    /// A crash loses what every key was before its newest value.
    PastLostInCrash,
    /// A crash brings back what was deleted last.
    RestoredInCrash,
    /// A compaction drops what a tag keeps.
    UnheededTags,
    /// Tags are gone once the store has been opened again.
    LostTags,
    /// A name can be given again, and then stands for the new version.
    RetakenTag,
    /// A tag that has been removed still keeps its version.
    LingeringTag,
    /// A tag stands for the newest version, whichever that is when it is asked for.
    DriftingTag,
    /// A version can be tagged that is in the future.
    TagOfTheFuture,
    /// A version can be tagged that is not retained.
    TagOfThePruned,
    /// Names of tags are not checked.
    AnyTagName,
    /// A tag that is not there can be removed.
    UntagOfNothing,
    /// Of two tags of a version the removal of one takes what both keep.
    SharedPin,
    /// What has been erased is found at a tag.
    UnerasedTags,
    /// What is committed in a branch is in its origin as well.
    SharedBranch,
    /// A branch lacks the last commit before it.
    BranchWithoutLast,
    /// A branch holds again what was deleted last.
    BranchOfDeleted,
    /// A branch from a tag begins with what the store holds now.
    BranchOfNow,
    /// A branch has no history.
    BranchWithoutPast,
    /// A branch has the tags of its origin.
    BranchWithTags,
    /// The commits of a branch begin with version 1 again.
    BranchFromZero,
    /// A reader sees each commit at once, without having been refreshed.
    MovingReader,
    /// A reader stays where it was opened, however often it is refreshed.
    StuckReader,
    /// A reader lacks the newest commit that was flushed.
    LaggingReader,
    /// Every other refresh takes a reader back by a commit.
    BackwardReader,
    /// A reader sees half of the newest commit.
    TornReader,
    /// A refresh takes the transactions along that have begun.
    RefreshedSnapshot,
    /// A reader lacks what a compaction of the store has replaced since.
    ReaderOfReplaced,
    /// A reader holds again what was deleted last.
    ReaderOfDeleted,
    /// A reader has no history.
    ReaderWithoutPast,
    /// A reader finds what was erased.
    ReaderOfErased,
    /// A reader has no tags.
    ReaderWithoutTags,
    /// A store without a commit has no readers.
    ReaderOfNothing,
    /// All readers of a store are at one state.
    SharedReader,
    /// A reader is shut down with its store, and the store with it.
    SharedShutdown,
    /// A reader takes writes.
    WritingReader,
    /// A reader answers what would write, and does nothing.
    ObligingReader,
    /// A reader says which timestamps are safe.
    SafeReader,
    /// A reader leaves a file in the store's directory.
    TracingReader,
    /// A feed loses the commits made while it reads history.
    FeedGap,
    /// A feed gives the last commit of history again when it goes live.
    FeedRepeat,
    /// A feed begins with the commit of `since`.
    InclusiveSince,
    /// A feed gives a commit in two batches.
    TornFeed,
    /// A feed gives what there is in the order of the keys.
    FeedByKey,
    /// A feed gives commits that were refused for a conflict.
    FeedOfConflicts,
    /// A feed has no tombstones.
    NoTombstones,
    /// A feed ignores its filter.
    UnfilteredFeed,
    /// A feed gives an empty batch for a commit without a key that it asks for.
    EmptyBatches,
    /// A feed skips the history that was pruned.
    PrunedSilently,
    /// What one feed has given the others do not give.
    CompetingFeeds,
    /// Commits wait for a feed that is not read.
    StallingFeed,
    /// A feed that waits does not notice a commit.
    DeafFeed,
    /// A feed whose `next` is dropped loses what it would have given.
    LostByDrop,
    /// After a shutdown a feed ends, whatever it has not given.
    CutShort,
    /// A feed does not end after a shutdown.
    EndlessFeed,
    /// A feed that is to end behind a version gives the commit after it as well.
    FeedPastUntil,
    /// A feed that is to end behind a version lacks the commit of that version.
    FeedShortOfUntil,
}
