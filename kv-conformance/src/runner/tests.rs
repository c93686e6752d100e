//! Waivers, filters, hangs and the text of failures.

use super::{check, failures, run_with};
use crate::backend::{Backend, Settle};
use crate::level::Level;
use crate::model::{Mutant, Reference};
use kv_api::{Capabilities, Isolation};
use libtest_mimic::Arguments;
use std::time::Duration;

const CASE: &str = "points::the_empty_value_is_a_value";

fn sound() -> Backend {
    declaring(Backend::memory("store", || async { Ok(Reference::new()) }))
}

fn mutated() -> Backend {
    declaring(Backend::memory("store", || async { Ok(Reference::new().mutant(Mutant::EmptyIsMissing)) }))
}

fn declaring(backend: Backend) -> Backend {
    backend.capabilities(Capabilities::new(Isolation::Serializable).versioned_reads(true).read_checks(true))
}

/// Whether a run of one case passes.
fn passes(backend: Backend, case: &str) -> bool {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let logfile = log.path().to_str().map(str::to_owned);
    let arguments = Arguments { filter: Some(format!("store::{case}")), logfile, ..Arguments::default() };
    check(std::slice::from_ref(&backend)).is_ok() && run_with(&arguments, &[backend], Level::Quick)
}

#[test]
fn a_failed_case_fails_the_run() {
    assert!(passes(sound(), CASE));
    assert!(!passes(mutated(), CASE));
}

#[test]
fn a_waived_case_may_fail_and_must() {
    assert!(passes(mutated().waive(CASE, "issue 1"), CASE));
    assert!(!passes(sound().waive(CASE, "issue 1"), CASE));
}

#[test]
fn registrations_that_mean_nothing_are_refused() {
    assert!(check(&[sound()]).is_ok());
    assert!(check(&[sound(), sound()]).is_err());
    assert!(check(&[sound().waive("points::no_such_case", "issue 1")]).is_err());
    assert!(check(&[sound().settle(Settle::Reopen)]).is_err());
}

#[test]
fn a_run_of_nothing_fails_unless_a_filter_asked_for_it() {
    let quiet = Arguments { quiet: true, ..Arguments::default() };
    assert!(!run_with(&quiet, &[], Level::Quick));
    assert!(passes(sound(), "no_such_case"));
}

#[test]
fn a_hang_is_a_failure() {
    let hung = Backend::memory("store", std::future::pending::<kv_api::Result<Reference>>);
    assert!(!passes(hung.timeout(Duration::from_millis(50)), CASE));
    let blocked = Backend::memory("store", || async {
        std::thread::sleep(Duration::from_secs(1));
        Ok(Reference::new())
    });
    assert!(!passes(blocked.timeout(Duration::from_millis(50)), CASE));
}

#[test]
fn a_failure_says_where() {
    let failed = failures(&mutated(), "points", Level::Quick);
    assert!(failed[0].contains("contract/points.rs:"), "{failed:?}");
}

#[test]
fn a_failed_sequence_says_how_to_replay_it() {
    let failed = failures(&mutated(), "property", Level::Quick);
    assert!(failed[0].contains("KV_CONFORMANCE_SEED="), "{failed:?}");
    assert!(failed[0].contains("shrunk to "), "{failed:?}");
}
