//! Runs suites over backends; `libtest-mimic` owns the command line.

mod case;
mod execute;
mod panics;
mod summary;
#[cfg(test)]
mod tests;

pub(crate) use case::{Case, Need, Run, Suite, cases};
pub(crate) use execute::limited;
pub(crate) use panics::guarded;

use crate::backend::{Backend, Settle};
use crate::level::Level;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;
use summary::{Outcome, Summary};

/// Runs every suite over every backend, as the process's arguments say (those of `cargo test`). The answer is
/// the process's exit code; a failed case, a waiver whose case passes and a run without a single case fail.
pub fn run(backends: impl IntoIterator<Item = Backend>) -> ExitCode {
    let arguments = Arguments::from_args();
    let backends: Vec<Backend> = backends.into_iter().collect();
    match Level::from_env().and_then(|level| check(&backends).map(|()| level)) {
        Ok(level) if run_with(&arguments, &backends, level) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("kv-conformance: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Every suite, in the order in which a backend's author wants to see them fail.
fn suites() -> Vec<Suite> {
    let mut suites = crate::contract::suites();
    suites.extend(crate::isolation::suites());
    suites.push(crate::property::suite());
    suites
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
        if let Some((case, _)) = backend.waived.iter().find(|(case, _)| !known(case)) {
            return Err(format!("'{name}' waives '{case}', and there is no such case"));
        }
    }
    Ok(())
}

/// Whether the run passed.
fn run_with(arguments: &Arguments, backends: &[Backend], level: Level) -> bool {
    panics::install_hook();
    let summary = Arc::new(Summary::default());
    let mut trials = Vec::new();
    for backend in backends {
        for suite in suites() {
            trials.extend(suite.cases.iter().map(|case| trial(arguments, backend, &suite, case, level, &summary)));
        }
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    if arguments.list {
        return true;
    }
    let filtered = arguments.filter.is_some() || !arguments.skip.is_empty() || arguments.ignored;
    if !arguments.exact {
        let names: Vec<&str> = backends.iter().map(|backend| backend.name.as_str()).collect();
        summary.print(&suites().iter().map(|suite| suite.name).collect::<Vec<_>>(), &names);
    }
    // A filter may be meant for another test binary of the same `cargo test`.
    if conclusion.num_passed + conclusion.num_failed + summary.waived() == 0 && !filtered {
        eprintln!("kv-conformance: not a single case was run");
        return false;
    }
    !conclusion.has_failed()
}

/// The cases of one suite that fail, up to the first.
#[cfg(test)]
pub(crate) fn failures(backend: &Backend, suite: &str, level: Level) -> Vec<String> {
    panics::install_hook();
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
    summary: &Arc<Summary>,
) -> Trial {
    let name = suite.case_name(case);
    let unmet = case.needs.iter().find_map(|need| need.unmet(backend));
    let waiver = backend.waiver(&name).map(str::to_owned);
    let full_name = format!("{}::{name}", backend.name);
    // A runner that starts one process per case asks for the list first: there a skip is the ignored
    // flag. In a run of our own it is the outcome, because only that has a reason.
    let flagged = unmet.is_some() && (arguments.list || arguments.exact);
    let (backend, suite, run, summary) = (backend.clone(), suite.name, case.run, summary.clone());
    let title = full_name.clone();
    Trial::ignorable_test(full_name, move || {
        let note = |outcome| summary.note(suite, &backend.name, outcome);
        if let Some(reason) = unmet {
            note(Outcome::Skipped);
            return Ok(Completion::ignored_with(reason));
        }
        match (execute::execute(&backend, &title, run, level), waiver) {
            (Ok(()), None) => {
                note(Outcome::Passed);
                Ok(Completion::Completed)
            }
            (Ok(()), Some(reason)) => {
                note(Outcome::Failed);
                Err(Failed::from(format!("waived ({reason}), and it passes: take the waiver away")))
            }
            (Err(_), Some(reason)) => {
                note(Outcome::Waived);
                Ok(Completion::ignored_with(format!("waived: {reason}")))
            }
            (Err(failure), None) => {
                note(Outcome::Failed);
                Err(Failed::from(failure))
            }
        }
    })
    .with_ignored_flag(flagged)
}
