//! Each suite fails on the mutants that are meant for it: a suite that catches none proves nothing.

use crate::backend::{Backend, Settle};
use crate::level::Level;
use crate::model::{Disk, Mutant, Reference};
use crate::runner::failures;
use kv_api::{Capabilities, Durability, Isolation};
use parking_lot::Mutex;

/// Each mutant with the suites of which each must catch it.
const TABLE: &[(Mutant, &[&str])] = &[
    (
        Mutant::DirtyRead,
        &[
            "own_writes",
            "lifecycle",
            "snapshots",
            "provided",
            "isolation",
            "histories",
            "invariants",
            "changes",
            "property",
            "live",
        ],
    ),
    (Mutant::UnrepeatableRead, &["snapshots", "concurrency", "isolation", "histories", "invariants", "property"]),
    (Mutant::StaleSnapshot, &["points", "snapshots", "concurrency", "isolation", "histories", "property", "live"]),
    (Mutant::StaleScan, &["own_writes", "snapshots", "isolation", "histories", "invariants", "property", "live"]),
    (
        Mutant::LostUpdate,
        &[
            "conflicts",
            "read_checks",
            "serializable",
            "concurrency",
            "isolation",
            "histories",
            "invariants",
            "property",
        ],
    ),
    (Mutant::UncheckedLength, &["sizes", "property"]),
    (Mutant::CutValue, &["large", "property"]),
    (Mutant::CutCommit, &["sizes", "large", "property"]),
    (Mutant::LeakyDepth, &["sizes", "property"]),
    (Mutant::UncheckedDelete, &["conflicts", "isolation", "invariants", "property"]),
    (Mutant::ForgottenDelete, &["conflicts", "changes", "property"]),
    (Mutant::OpenAfterConflict, &["lifecycle", "property"]),
    (Mutant::UncheckedReads, &["serializable", "isolation", "histories", "invariants", "property"]),
    (Mutant::UncheckedMisses, &["serializable", "isolation", "histories", "property"]),
    (Mutant::Phantoms, &["serializable", "isolation", "histories", "property"]),
    (Mutant::ForgottenReads, &["serializable", "property"]),
    (Mutant::UncheckedGetu, &["read_checks", "property"]),
    (Mutant::GetuIsAWrite, &["read_checks", "property"]),
    (Mutant::GetuOfReaders, &["read_checks", "property"]),
    (Mutant::InclusiveEnd, &["ranges", "limits", "property"]),
    (Mutant::UnmergedScan, &["own_writes", "limits", "save_points", "provided", "property"]),
    (Mutant::HoggingScan, &["giving_way"]),
    (Mutant::SkipBeforeMerge, &["limits", "property"]),
    (Mutant::ByteLimitOffByOne, &["limits", "property"]),
    (Mutant::KeysChargeValues, &["limits", "property"]),
    (Mutant::ChargedSkips, &["limits", "property"]),
    (Mutant::ZeroIsOne, &["limits", "property"]),
    (Mutant::BackwardFromStart, &["ranges", "limits", "property"]),
    (Mutant::VisitPastBreak, &["visits", "property"]),
    (Mutant::UnmergedVisit, &["visits", "property"]),
    (Mutant::ForwardVisit, &["visits", "property"]),
    (Mutant::VisitOfValues, &["visits", "property"]),
    (Mutant::UncheckedVisit, &["visits"]),
    (Mutant::WildEstimate, &["estimates"]),
    (Mutant::OverlappingSplit, &["estimates"]),
    (Mutant::SplitWithGaps, &["estimates"]),
    (Mutant::LopsidedSplit, &["estimates"]),
    (Mutant::OneTooMany, &["estimates"]),
    (Mutant::TornSetm, &["many_keys"]),
    (Mutant::FirstOfSetm, &["many_keys", "property"]),
    (Mutant::ShyDelm, &["many_keys", "property"]),
    (Mutant::UnheededStamps, &["safe_timestamps"]),
    (Mutant::EarlyRelease, &["safe_timestamps"]),
    (Mutant::LateSafety, &["safe_timestamps"]),
    (Mutant::LeakedStamp, &["safe_timestamps"]),
    (Mutant::LastStamp, &["safe_timestamps"]),
    (Mutant::StampsOfReaders, &["safe_timestamps"]),
    (Mutant::UnerasedPoints, &["erasing", "live"]),
    (Mutant::UnerasedScans, &["erasing", "property"]),
    (Mutant::ErasesForAll, &["erasing", "property"]),
    (Mutant::LateErasure, &["erasing", "property"]),
    (Mutant::ErasedUntilSet, &["erasing", "property"]),
    (Mutant::ErasedUntilCompacted, &["erasing"]),
    (Mutant::ErasedUntilReopened, &["erasing"]),
    (Mutant::ShyErasure, &["erasing", "property"]),
    (Mutant::ErasesByPrefix, &["erasing", "property"]),
    (Mutant::SetUndoesClr, &["erasing", "property"]),
    (Mutant::StickyErasure, &["erasing"]),
    (Mutant::ClrcIsDelc, &["erasing"]),
    (Mutant::ClrrIsDelr, &["erasing", "property"]),
    (Mutant::ClrrOfTheVisible, &["erasing", "property"]),
    (Mutant::FeedOfErased, &["changes", "property"]),
    (Mutant::FeedWithoutErasures, &["changes", "property"]),
    (Mutant::LeakySavePoint, &["save_points", "changes", "property"]),
    (Mutant::GreedyRelease, &["save_points", "property"]),
    (Mutant::RefusedWrite, &["points", "conditionals", "lifecycle", "changes", "property"]),
    (Mutant::BlindCondition, &["points", "conditionals", "property"]),
    (Mutant::EmptyIsMissing, &["points", "large", "changes", "property", "live"]),
    (Mutant::VersionOffByOne, &["versions", "property", "live"]),
    (Mutant::UnclampedVersion, &["versions", "property"]),
    (Mutant::VersionedOwnWrites, &["versions", "property"]),
    (Mutant::TornCommit, &["versions", "invariants", "crash", "changes", "property", "live"]),
    (Mutant::LostLastCommit, &["persistence", "crash", "points", "isolation", "histories", "changes", "property"]),
    (Mutant::Resurrection, &["maintenance", "invariants", "crash", "cancellation", "changes", "property"]),
    (Mutant::WrongOrder, &["refusals"]),
    (Mutant::StoredCount, &["own_writes", "provided", "property"]),
    (Mutant::CancelCommits, &["lifecycle", "isolation", "histories", "cancellation", "changes", "property", "live"]),
    (Mutant::LongFork, &["isolation", "histories", "invariants"]),
    (Mutant::BackwardSnapshot, &["isolation", "histories", "invariants"]),
    (Mutant::PairwiseSkew, &["isolation", "histories"]),
    (Mutant::TornVisibility, &["isolation", "histories", "invariants", "cancellation", "changes"]),
    (Mutant::AbandonedLock, &["cancellation"]),
    (Mutant::LostFollowers, &["cancellation"]),
    (Mutant::LingeringHeir, &["cancellation"]),
    (Mutant::LateWrite, &["late_writes"]),
    (Mutant::EarlyConflict, &["storms"]),
    (Mutant::KeyInText, &["storms"]),
    (Mutant::ZombieCommit, &["cancellation", "safe_timestamps"]),
    (Mutant::OpenAfterDrop, &["cancellation"]),
    (Mutant::FinishedByDrop, &["cancellation"]),
    (Mutant::TornRollback, &["cancellation"]),
    (Mutant::LeakedPlace, &["cancellation"]),
    (Mutant::LostInFlush, &["histories", "invariants", "cancellation"]),
    (Mutant::StuckShutdown, &["cancellation"]),
    (Mutant::LostInCrash, &["crash", "persistence", "property"]),
    (Mutant::TornInCrash, &["crash", "persistence", "property"]),
    (Mutant::PastLostInCrash, &["crash", "persistence"]),
    (Mutant::RestoredInCrash, &["crash", "persistence", "property"]),
    (Mutant::UnheededTags, &["tags"]),
    (Mutant::LostTags, &["tags"]),
    (Mutant::RetakenTag, &["tags"]),
    (Mutant::LingeringTag, &["tags"]),
    (Mutant::DriftingTag, &["tags"]),
    (Mutant::TagOfTheFuture, &["tags"]),
    (Mutant::TagOfThePruned, &["tags"]),
    (Mutant::AnyTagName, &["tags"]),
    (Mutant::UntagOfNothing, &["tags"]),
    (Mutant::SharedPin, &["tags"]),
    (Mutant::UnerasedTags, &["tags"]),
    (Mutant::SharedBranch, &["branches"]),
    (Mutant::BranchWithoutLast, &["branches"]),
    (Mutant::BranchOfDeleted, &["branches"]),
    (Mutant::BranchOfNow, &["branches"]),
    (Mutant::BranchWithoutPast, &["branches"]),
    (Mutant::BranchWithTags, &["branches"]),
    (Mutant::BranchFromZero, &["branches"]),
    (Mutant::MovingReader, &["readers"]),
    (Mutant::StuckReader, &["readers"]),
    (Mutant::LaggingReader, &["readers"]),
    (Mutant::BackwardReader, &["readers"]),
    (Mutant::TornReader, &["readers"]),
    (Mutant::RefreshedSnapshot, &["readers"]),
    (Mutant::ReaderOfReplaced, &["readers"]),
    (Mutant::ReaderOfDeleted, &["readers"]),
    (Mutant::ReaderWithoutPast, &["readers"]),
    (Mutant::ReaderOfErased, &["readers"]),
    (Mutant::ReaderWithoutTags, &["readers"]),
    (Mutant::ReaderOfNothing, &["readers"]),
    (Mutant::SharedReader, &["readers"]),
    (Mutant::SharedShutdown, &["readers"]),
    (Mutant::WritingReader, &["readers"]),
    (Mutant::ObligingReader, &["readers"]),
    (Mutant::SafeReader, &["readers"]),
    (Mutant::TracingReader, &["readers"]),
    (Mutant::FeedGap, &["changes", "live"]),
    (Mutant::FeedRepeat, &["changes"]),
    (Mutant::InclusiveSince, &["changes"]),
    (Mutant::TornFeed, &["changes", "property", "live"]),
    (Mutant::FeedByKey, &["changes", "property", "live"]),
    (Mutant::FeedOfConflicts, &["changes", "live"]),
    (Mutant::NoTombstones, &["changes", "property", "live"]),
    (Mutant::UnfilteredFeed, &["changes", "live"]),
    (Mutant::EmptyBatches, &["changes"]),
    (Mutant::PrunedSilently, &["changes", "live"]),
    (Mutant::CompetingFeeds, &["changes"]),
    (Mutant::StallingFeed, &["changes"]),
    (Mutant::DeafFeed, &["changes", "live"]),
    (Mutant::LostByDrop, &["changes", "live"]),
    (Mutant::CutShort, &["changes", "live"]),
    (Mutant::EndlessFeed, &["changes", "live"]),
    (Mutant::FeedPastUntil, &["changes"]),
    (Mutant::FeedShortOfUntil, &["changes", "live"]),
];

/// The mutants that are wrong of what has been pruned.
const PRUNED: &[Mutant] =
    &[Mutant::PrunedSilently, Mutant::UnheededTags, Mutant::LingeringTag, Mutant::TagOfThePruned, Mutant::SharedPin];

/// Names one mutant, to try it alone while its case is being written.
const ONLY: &str = "KV_CONFORMANCE_MUTANT";

/// How often a suite may try to catch a mutant. On a machine that is busy three were once too few.
const ATTEMPTS: usize = 10;

fn declared() -> Capabilities {
    Capabilities::new(Isolation::Serializable)
        .versioned_reads(true)
        .read_checks(true)
        .erases_history(true)
        .change_feed(true)
        .safe_timestamps(true)
        .tags(true)
        .branches(true)
        .readers(true)
        .durability(Durability::ProcessCrash)
}

/// A store "on disk" with a bug, so that persistence can be tested.
fn mutated(mutant: Option<Mutant>) -> Backend {
    let disk = Disk::default();
    Backend::persistent("mutant", move |dir| {
        let prunes = mutant.is_some_and(|mutant| PRUNED.contains(&mutant));
        let new = || {
            mutant
                .into_iter()
                .fold(Reference::new().capabilities(declared()).prune_on_compact(prunes), Reference::mutant)
        };
        let opened = disk.open(&dir, new);
        async move { Ok(opened) }
    })
    .capabilities(declared())
    .settle(Settle::Reopen)
    .timeout(std::time::Duration::from_secs(10))
    .dies_in_process()
}

/// Whether `suite` fails on `mutant`. Where threads race, chance decides which transactions meet: it gets some attempts.
fn catches(suite: &str, mutant: Mutant) -> bool {
    (0..ATTEMPTS).any(|_| !failures(&mutated(Some(mutant)), suite, Level::Quick).is_empty())
}

#[test]
fn every_suite_catches_its_mutants() {
    let only = std::env::var(ONLY).ok();
    let tried = |mutant: &Mutant| only.as_ref().is_none_or(|only| *only == format!("{mutant:?}"));
    let table = TABLE.iter().filter(|(mutant, _)| tried(mutant));
    let pairs = table.flat_map(|(mutant, suites)| suites.iter().map(move |suite| (*mutant, *suite)));
    let (pairs, missed) = (Mutex::new(pairs), Mutex::new(Vec::new()));
    // Some wait for what hangs.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((mutant, suite)) = pairs.lock().next() else { return };
                    if !catches(suite, mutant) {
                        missed.lock().push(format!("{suite} misses {mutant:?}"));
                    }
                }
            });
        }
    });
    let missed = missed.into_inner();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_mutant_is_meant_for_a_suite() {
    let listed: Vec<Mutant> =
        TABLE.iter().filter(|(_, suites)| !suites.is_empty()).map(|(mutant, _)| *mutant).collect();
    let survivors: Vec<&Mutant> = Mutant::ALL.iter().filter(|mutant| !listed.contains(mutant)).collect();
    assert!(survivors.is_empty(), "no suite is meant to catch {survivors:?}");
    assert_eq!(listed.len(), Mutant::ALL.len(), "a mutant is listed twice");
}

/// The table as `docs/testing.md` has it.
fn table() -> String {
    let pairs: usize = TABLE.iter().map(|(_, suites)| suites.len()).sum();
    let mut text = format!(
        "{} mutants of the reference, and for each the suites that must fail on it: {pairs} pairs, each checked\n\
         by the self-test.\n\n| mutant | what is wrong | must be caught by |\n|---|---|---|\n",
        TABLE.len()
    );
    for mutant in Mutant::ALL {
        let suites: Vec<&str> =
            TABLE.iter().filter(|(listed, _)| listed == mutant).flat_map(|(_, suites)| *suites).copied().collect();
        text.push_str(&format!("| `{mutant:?}` | {} | {} |\n", mutant.what(), suites.join(", ")));
    }
    text
}

#[test]
fn the_documentation_shows_the_table() {
    // As the test runs, not as it was built: checkouts may share a target folder.
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let file = format!("{package}/../docs/testing.md");
    const UPDATE: &str = "KV_CONFORMANCE_UPDATE_DOCS";
    let (begin, end) = ("<!-- mutants -->\n", "<!-- /mutants -->");
    let text = std::fs::read_to_string(&file).expect("docs/testing.md is there");
    let (before, rest) = text.split_once(begin).expect("docs/testing.md marks where the table begins");
    let (shown, after) = rest.split_once(end).expect("docs/testing.md marks where the table ends");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&file, format!("{before}{begin}{}{end}{after}", table())).expect("docs/testing.md is writable");
    } else {
        assert_eq!(shown, table(), "the table in docs/testing.md is out of date: run the tests with {UPDATE}=1");
    }
}

/// The matrix of `docs/conformance.md` is made of reports: this tells when those are older than the suites.
#[test]
fn the_documented_matrix_has_every_case() {
    let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let text =
        std::fs::read_to_string(format!("{package}/../docs/conformance.md")).expect("docs/conformance.md is there");
    let matrix = text.split_once("<!-- matrix -->").and_then(|(_, rest)| rest.split_once("<!-- /matrix -->"));
    let (matrix, _) = matrix.expect("docs/conformance.md marks where the matrix is");
    for suite in crate::suites::suites() {
        let row = matrix.lines().find(|line| line.starts_with(&format!("| {} |", suite.name)));
        let cell = row.and_then(|row| row.split('|').nth(2)).unwrap_or_default();
        let counts = cell.split_whitespace().map(|count| count.trim_end_matches(['s', 'w', 'F']).parse::<usize>());
        let shown: usize = counts.map(|count| count.expect("a number of cases")).sum();
        assert_eq!(shown, suite.cases.len(), "{} in docs/conformance.md: see scripts/conformance-matrix", suite.name);
    }
}

#[test]
fn no_suite_fails_without_a_mutant() {
    let suites: std::collections::BTreeSet<&str> = TABLE.iter().flat_map(|(_, suites)| *suites).copied().collect();
    for suite in suites {
        assert_eq!(failures(&mutated(None), suite, Level::Quick), Vec::<String>::new());
    }
}
