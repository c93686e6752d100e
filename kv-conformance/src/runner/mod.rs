//! Runs suites over backends; `libtest-mimic` owns the command line.

mod execute;
mod report;
mod summary;
#[cfg(test)]
mod tests;

use crate::backend::{Backend, Settle};
use crate::case::{Case, INTERVAL, Run, Running, Suite, Ticker, install_hook, seed};
use crate::crash;
use crate::level::Level;
use crate::suites::suites;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use summary::{Outcome, Record, Summary};

/// Runs every suite over every backend, as the process's arguments say (those of `cargo test`). The answer is
/// the process's exit code; a failed case, a waiver whose case passes and a run without a single case fail.
pub fn run(backends: impl IntoIterator<Item = Backend>) -> ExitCode {
    let backends: Vec<Backend> = backends.into_iter().collect();
    if let Some(ended) = crash::child(&backends) {
        return ended;
    }
    let arguments = Arguments::from_args();
    match Level::from_env().and_then(|level| check(&backends).map(|()| level)) {
        Ok(level) => {
            let report = report::destination(&arguments, filtered(&arguments));
            match run_with(&arguments, &backends, level, report.as_deref()) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(problem) => {
            eprintln!("kv-conformance: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Refuses registrations that could not mean anything.
fn check(backends: &[Backend]) -> Result<(), String> {
    let suites = suites();
    let known = |name: &str| suites.iter().any(|suite| suite.cases.iter().any(|case| suite.case_name(case) == name));
    for (index, backend) in backends.iter().enumerate() {
        let name = &backend.name;
        if backends[..index].iter().any(|other| other.name == *name) {
            return Err(format!("two backends are called '{name}'"));
        }
        if backend.settle == Settle::Reopen && !backend.persistent {
            return Err(format!("'{name}' is in memory and cannot settle by being opened again"));
        }
        if backend.declared.change_feed && !backend.declared.versioned_reads {
            return Err(format!("'{name}' declares a change feed and no versions for it to speak of"));
        }
        if backend.declared.tags && !backend.declared.versioned_reads {
            return Err(format!("'{name}' declares tags and no versions for them to speak of"));
        }
        if let Some((case, _)) = backend.waived.iter().find(|(case, _)| !known(case)) {
            return Err(format!("'{name}' waives '{case}', and there is no such case"));
        }
    }
    Ok(())
}

fn filtered(arguments: &Arguments) -> bool {
    arguments.filter.is_some() || !arguments.skip.is_empty() || arguments.ignored
}

/// Whether the run passed.
fn run_with(arguments: &Arguments, backends: &[Backend], level: Level, report: Option<&Path>) -> bool {
    install_hook();
    let summary = Arc::new(Summary::default());
    let mut trials = Vec::new();
    for backend in backends {
        for suite in suites() {
            for case in &suite.cases {
                trials.push(trial(arguments, backend, &suite, case, level, (trials.len(), &summary)));
            }
        }
    }
    let ticker = Ticker::start(INTERVAL, |line| eprintln!("kv-conformance: {line}"));
    let conclusion = libtest_mimic::run(arguments, trials);
    drop(ticker);
    if arguments.list {
        return true;
    }
    let records = summary.records();
    if !arguments.exact && !records.is_empty() {
        let names: Vec<&str> = backends.iter().map(|backend| backend.name.as_str()).collect();
        println!("{}\n", summary.matrix(&suites().iter().map(|suite| suite.name).collect::<Vec<_>>(), &names));
    }
    if let Some(path) = report.filter(|_| !records.is_empty()) {
        let report = report::report(backends, level, seed(level), &records);
        if let Err(error) = report::write(path, &report) {
            eprintln!("kv-conformance: writing the report {}: {error}", path.display());
            return false;
        }
        println!("report: {}", path.display());
    }
    // A filter may be meant for another test binary of the same `cargo test`.
    if conclusion.num_passed + conclusion.num_failed + summary.waived() == 0 && !filtered(arguments) {
        eprintln!("kv-conformance: not a single case was run");
        return false;
    }
    !conclusion.has_failed()
}

/// The cases of one suite that fail, up to the first.
#[cfg(test)]
pub(crate) fn failures(backend: &Backend, suite: &str, level: Level) -> Vec<String> {
    install_hook();
    let suite = suites().into_iter().find(|known| known.name == suite).expect("there is such a suite");
    let applies = |case: &&Case| case.needs.iter().all(|need| need.unmet(backend).is_none());
    let fails = |case: &Case| {
        let name = suite.case_name(case);
        execute::execute(backend, &name, case.run, level).err().map(|failure| format!("{name}: {failure}"))
    };
    suite.cases.iter().filter(applies).find_map(fails).into_iter().collect()
}

fn trial(
    arguments: &Arguments,
    backend: &Backend,
    suite: &Suite,
    case: &Case,
    level: Level,
    (place, summary): (usize, &Arc<Summary>),
) -> Trial {
    let name = suite.case_name(case);
    let unmet = case.needs.iter().find_map(|need| need.unmet(backend));
    let waiver = backend.waiver(&name).map(str::to_owned);
    let title = format!("{}::{name}", backend.name);
    // A runner that starts one process per case asks for the list first: there a skip is the ignored
    // flag. In a run of our own it is the outcome, because only that has a reason.
    let flagged = unmet.is_some() && (arguments.list || arguments.exact);
    let (backend, suite, run, summary) = (backend.clone(), suite.name, case.run, summary.clone());
    Trial::ignorable_test(title.clone(), move || {
        let started = Instant::now();
        let (outcome, reason) = match unmet {
            Some(reason) => (Outcome::Skipped, Some(reason.to_owned())),
            None => judged(&backend, &title, run, level, waiver),
        };
        let millis = started.elapsed().as_millis() as u64;
        let record =
            Record { backend: backend.name.clone(), suite, case: name, outcome, reason: reason.clone(), millis };
        summary.note(place, record);
        let reason = reason.unwrap_or_default();
        match outcome {
            Outcome::Passed => Ok(Completion::Completed),
            Outcome::Failed => Err(Failed::from(reason)),
            Outcome::Skipped => Ok(Completion::ignored_with(reason)),
            Outcome::Waived => Ok(Completion::ignored_with(format!("waived: {reason}"))),
        }
    })
    .with_ignored_flag(flagged)
}

/// Runs a case and says how it ended, and why unless it passed.
fn judged(backend: &Backend, title: &str, run: Run, level: Level, waiver: Option<String>) -> (Outcome, Option<String>) {
    let _running = Running::new(title);
    match (execute::execute(backend, title, run, level), waiver) {
        (Ok(()), None) => (Outcome::Passed, None),
        (Ok(()), Some(reason)) => {
            (Outcome::Failed, Some(format!("waived ({reason}), and it passes: take the waiver away")))
        }
        (Err(_), Some(reason)) => (Outcome::Waived, Some(reason)),
        (Err(failure), None) => (Outcome::Failed, Some(failure)),
    }
}
