//! Each suite fails on the mutants that are meant for it: a suite that catches none proves nothing.

use crate::backend::{Backend, Settle};
use crate::level::Level;
use crate::model::{Mutant, Reference};
use crate::runner::failures;
use kv_api::{Capabilities, Isolation};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Each mutant with the suites of which each must catch it.
const TABLE: &[(Mutant, &[&str])] = &[
    (Mutant::DirtyRead, &["own_writes", "lifecycle", "snapshots", "provided", "property"]),
    (Mutant::UnrepeatableRead, &["snapshots", "concurrency", "property"]),
    (Mutant::StaleSnapshot, &["points", "snapshots", "concurrency", "property"]),
    (Mutant::StaleScan, &["own_writes", "snapshots", "property"]),
    (Mutant::LostUpdate, &["conflicts", "read_checks", "serializable", "concurrency", "property"]),
    (Mutant::UncheckedDelete, &["conflicts", "property"]),
    (Mutant::ForgottenDelete, &["conflicts", "property"]),
    (Mutant::OpenAfterConflict, &["lifecycle", "property"]),
    (Mutant::UncheckedReads, &["serializable", "property"]),
    (Mutant::UncheckedMisses, &["serializable", "property"]),
    (Mutant::Phantoms, &["serializable", "property"]),
    (Mutant::ForgottenReads, &["serializable", "property"]),
    (Mutant::UncheckedGetu, &["read_checks", "property"]),
    (Mutant::InclusiveEnd, &["ranges", "limits", "property"]),
    (Mutant::UnmergedScan, &["own_writes", "limits", "save_points", "provided", "property"]),
    (Mutant::SkipBeforeMerge, &["limits", "property"]),
    (Mutant::ByteLimitOffByOne, &["limits", "property"]),
    (Mutant::KeysChargeValues, &["limits", "property"]),
    (Mutant::ChargedSkips, &["limits", "property"]),
    (Mutant::ZeroIsOne, &["limits", "property"]),
    (Mutant::BackwardFromStart, &["ranges", "limits", "property"]),
    (Mutant::LeakySavePoint, &["save_points", "property"]),
    (Mutant::GreedyRelease, &["save_points", "property"]),
    (Mutant::RefusedWrite, &["points", "conditionals", "lifecycle", "property"]),
    (Mutant::BlindCondition, &["points", "conditionals", "property"]),
    (Mutant::EmptyIsMissing, &["points", "large", "property"]),
    (Mutant::VersionOffByOne, &["versions", "property"]),
    (Mutant::UnclampedVersion, &["versions", "property"]),
    (Mutant::VersionedOwnWrites, &["versions", "property"]),
    (Mutant::TornCommit, &["versions", "property"]),
    (Mutant::LostLastCommit, &["persistence", "points", "property"]),
    (Mutant::Resurrection, &["maintenance", "property"]),
    (Mutant::WrongOrder, &["refusals"]),
    (Mutant::StoredCount, &["own_writes", "provided", "property"]),
    (Mutant::CancelCommits, &["lifecycle", "property"]),
];

/// A store "on disk" with a bug, so that persistence can be tested.
fn mutated(mutant: Option<Mutant>) -> Backend {
    let disk: Arc<Mutex<HashMap<PathBuf, Reference>>> = Arc::default();
    let declared = Capabilities::new(Isolation::Serializable).versioned_reads(true).read_checks(true);
    Backend::persistent("mutant", move |dir| {
        let new = || mutant.into_iter().fold(Reference::new(), Reference::mutant);
        let opened = match disk.lock().entry(dir) {
            std::collections::hash_map::Entry::Vacant(vacant) => vacant.insert(new()).clone(),
            std::collections::hash_map::Entry::Occupied(occupied) => occupied.get().reopened(),
        };
        async move { Ok(opened) }
    })
    .capabilities(declared)
    .settle(Settle::Reopen)
    .timeout(std::time::Duration::from_secs(10))
}

#[test]
fn every_suite_catches_its_mutants() {
    let missed: Vec<String> = TABLE
        .iter()
        .flat_map(|(mutant, suites)| suites.iter().map(move |suite| (*mutant, *suite)))
        .filter(|(mutant, suite)| failures(&mutated(Some(*mutant)), suite, Level::Quick).is_empty())
        .map(|(mutant, suite)| format!("{suite} misses {mutant:?}"))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn no_suite_fails_without_a_mutant() {
    let suites: std::collections::BTreeSet<&str> = TABLE.iter().flat_map(|(_, suites)| *suites).copied().collect();
    for suite in suites {
        assert_eq!(failures(&mutated(None), suite, Level::Quick), Vec::<String>::new());
    }
}
