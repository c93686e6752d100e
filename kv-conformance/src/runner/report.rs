//! `conformance.json`: what a run found, for programs.

use super::summary::{Outcome, Record};
use crate::backend::Backend;
use crate::level::Level;
use kv_api::{Capabilities, Durability, Isolation};
use libtest_mimic::Arguments;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const VARIABLE: &str = "KV_CONFORMANCE_REPORT";

/// Where a run writes its report: to what `KV_CONFORMANCE_REPORT` names, else beside the test's executable in Cargo's target
/// directory, under the name of the test. A run with a filter writes one only where it is told to. A process that runs a
/// single case for another runner, or lists them, writes none: it could only overwrite the reports of its siblings.
pub(super) fn destination(arguments: &Arguments, filtered: bool) -> Option<PathBuf> {
    if arguments.list || arguments.exact {
        return None;
    }
    match std::env::var_os(VARIABLE) {
        Some(path) if path.is_empty() => None,
        Some(path) => Some(path.into()),
        None if filtered => None,
        None => beside(&std::env::current_exe().ok()?),
    }
}

/// `target/debug/deps/conformance-0123456789abcdef` gives `target/debug/conformance.json`; an executable that is not
/// where Cargo puts tests and examples gives nothing.
fn beside(executable: &Path) -> Option<PathBuf> {
    let dir = executable.parent()?;
    if !["deps", "examples"].iter().any(|name| dir.ends_with(name)) {
        return None;
    }
    let stem = executable.file_stem()?.to_str()?;
    let name = match stem.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => stem,
    };
    Some(dir.parent()?.join(format!("{name}.json")))
}

/// Writes a report as a whole or not at all.
pub(super) fn write(path: &Path, report: &Value) -> std::io::Result<()> {
    let partial = path.with_extension("json.partial");
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(&partial, format!("{report:#}\n"))?;
    std::fs::rename(partial, path)
}

pub(super) fn report(backends: &[Backend], level: Level, seed: u64, records: &[Record]) -> Value {
    let backends: Vec<Value> = backends
        .iter()
        .map(|backend| {
            let own = records.iter().filter(|record| record.backend == backend.name);
            json!({
                "name": backend.name,
                "capabilities": capabilities(&backend.declared),
                "cases": own.map(case).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "suite_version": env!("CARGO_PKG_VERSION"),
        "seed": seed,
        "level": level.name(),
        "backends": backends,
    })
}

fn case(record: &Record) -> Value {
    let outcome = match record.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
        Outcome::Waived => "waived",
    };
    json!({ "name": record.case, "outcome": outcome, "reason": record.reason, "millis": record.millis })
}

fn capabilities(declared: &Capabilities) -> Value {
    let isolation = match declared.isolation {
        Isolation::Snapshot => "snapshot",
        Isolation::Serializable => "serializable",
        _ => "other",
    };
    let durability = match declared.durability {
        Durability::Volatile => "volatile",
        Durability::ProcessCrash => "process crash",
        Durability::PowerLoss => "power loss",
        _ => "other",
    };
    json!({
        "isolation": isolation,
        "durability": durability,
        "versioned_reads": declared.versioned_reads,
        "read_checks": declared.read_checks,
        "erases_history": declared.erases_history,
        "change_feed": declared.change_feed,
        "safe_timestamps": declared.safe_timestamps,
        "tags": declared.tags,
        "branches": declared.branches,
        "readers": declared.readers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_place_is_cargos_and_named_after_the_test() {
        let at = |path: &str| beside(Path::new(path)).map(|path| path.display().to_string());
        assert_eq!(at("/t/debug/deps/conformance-0123456789abcdef").as_deref(), Some("/t/debug/conformance.json"));
        assert_eq!(at("/t/debug/deps/my-store").as_deref(), Some("/t/debug/my-store.json"));
        assert_eq!(at("/t/debug/examples/minimal").as_deref(), Some("/t/debug/minimal.json"));
        assert_eq!(at("/usr/bin/kv-soak"), None, "nobody asked for a file there");
    }

    #[test]
    fn runs_of_single_cases_write_nothing() {
        let exact = Arguments { exact: true, ..Arguments::default() };
        assert_eq!(destination(&exact, true), None);
        assert_eq!(destination(&Arguments { list: true, ..Arguments::default() }, false), None);
        if std::env::var_os(VARIABLE).is_none() {
            assert_eq!(destination(&Arguments::default(), true), None);
            let default = destination(&Arguments::default(), false).expect("tests are in Cargo's directory");
            assert!(default.ends_with("kv_conformance.json"), "{default:?}");
        }
    }
}
