//! Waivers, filters, hangs and the text of failures.

use super::{check, failures, run_with};
use crate::backend::{Backend, Settle};
use crate::case::replay;
use crate::level::Level;
use crate::model::{Mutant, Reference};
use kv_api::{Capabilities, Isolation};
use libtest_mimic::Arguments;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const CASE: &str = "points::the_empty_value_is_a_value";

fn sound() -> Backend {
    declaring(Backend::memory("store", || async { Ok(Reference::new()) }))
}

fn mutated() -> Backend {
    declaring(Backend::memory("store", || async { Ok(Reference::new().mutant(Mutant::EmptyIsMissing)) }))
}

fn declaring(backend: Backend) -> Backend {
    let declared = Capabilities::new(Isolation::Serializable)
        .versioned_reads(true)
        .read_checks(true)
        .change_feed(true)
        .safe_timestamps(true)
        .tags(true)
        .branches(true)
        .readers(true);
    backend.capabilities(declared)
}

/// Whether a run of one case passes.
fn passes(backend: Backend, case: &str) -> bool {
    reported(&[backend], case, None)
}

/// Whether a run of one case on several backends passes, and perhaps a report of it.
fn reported(backends: &[Backend], case: &str, report: Option<&Path>) -> bool {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let logfile = log.path().to_str().map(str::to_owned);
    let arguments = Arguments { filter: Some(format!("::{case}")), logfile, ..Arguments::default() };
    check(backends).is_ok() && run_with(&arguments, backends, Level::Quick, report)
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
    let unversioned = Capabilities::new(Isolation::Snapshot).change_feed(true);
    assert!(check(&[sound().capabilities(unversioned)]).is_err());
    let unversioned = Capabilities::new(Isolation::Snapshot).tags(true);
    assert!(check(&[sound().capabilities(unversioned)]).is_err());
}

#[test]
fn a_run_of_nothing_fails_unless_a_filter_asked_for_it() {
    let quiet = Arguments { quiet: true, ..Arguments::default() };
    assert!(!run_with(&quiet, &[], Level::Quick, None));
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
fn a_failure_says_how_to_replay_it() {
    let failed = failures(&mutated(), "points", Level::Quick);
    assert!(failed[0].ends_with(&format!("--exact {CASE}")), "{failed:?}");
    assert!(replay("", "a::b").starts_with("to replay: "));
}

#[test]
fn a_failed_sequence_says_how_to_replay_it() {
    let failed = failures(&mutated(), "property", Level::Quick);
    assert!(failed[0].contains("KV_CONFORMANCE_SEED="), "{failed:?}");
    assert!(failed[0].contains("shrunk to "), "{failed:?}");
    assert_eq!(failed[0].matches("to replay: ").count(), 1, "{failed:?}");
}

fn named(mut backend: Backend, name: &str) -> Backend {
    backend.name = name.into();
    backend
}

#[test]
fn a_report_holds_every_backend_and_how_its_cases_ended() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("made/conformance.json");
    let least = Capabilities::new(Isolation::Snapshot);
    let unversioned = least.clone();
    let plain = Backend::memory("plain", move || {
        let declared = unversioned.clone();
        async move { Ok(Reference::new().capabilities(declared)) }
    });
    let backends = [
        named(sound(), "sound"),
        named(mutated(), "broken"),
        named(mutated(), "known").waive(CASE, "issue 1"),
        named(sound(), "mended").waive(CASE, "issue 1"),
        plain.capabilities(least),
    ];
    assert!(!reported(&backends, CASE, Some(&path)));
    let report: Value = serde_json::from_slice(&std::fs::read(&path).expect("a report")).expect("JSON");
    assert_eq!(report["suite_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&report["level"], &report["seed"]), (&"quick".into(), &0.into()));
    let case = |backend: usize| &report["backends"][backend]["cases"][0];
    for (index, (name, outcome)) in
        [("sound", "passed"), ("broken", "failed"), ("known", "waived"), ("mended", "failed")].into_iter().enumerate()
    {
        assert_eq!(report["backends"][index]["name"], name);
        assert_eq!(report["backends"][index]["cases"].as_array().map(Vec::len), Some(1));
        assert_eq!((&case(index)["name"], &case(index)["outcome"]), (&CASE.into(), &outcome.into()), "{name}");
        assert!(case(index)["millis"].is_u64());
    }
    assert_eq!((&case(0)["reason"], &case(2)["reason"]), (&Value::Null, &"issue 1".into()));
    assert!(case(1)["reason"].as_str().is_some_and(|reason| reason.contains("contract/points.rs:")));
    assert_eq!(report["backends"][0]["capabilities"]["isolation"], "serializable");
    assert_eq!(report["backends"][4]["capabilities"]["versioned_reads"], false);

    assert!(reported(&backends, "versions::an_empty_store_is_at_version_0", Some(&path)));
    let report: Value = serde_json::from_slice(&std::fs::read(&path).expect("a report")).expect("JSON");
    let skipped = &report["backends"][4]["cases"][0];
    assert_eq!(
        (&skipped["outcome"], &skipped["reason"]),
        (&"skipped".into(), &"versioned reads are not declared".into())
    );
}

#[test]
fn a_report_that_cannot_be_written_fails_the_run() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    assert!(!reported(&[sound()], CASE, Some(&file.path().join("conformance.json"))));
}
