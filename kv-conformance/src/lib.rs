//! Conformance suites for any backend of [`kv_api`]: what a store declares must work, and what it does not declare must
//! be refused with the typed error.
//!
//! # From nothing to a verdict
//!
//! Two entries in the backend's `Cargo.toml`. The test has a `main` of its own:
//!
//! ```toml
//! [dev-dependencies]
//! kv-conformance = { path = "../kv-lance/kv-conformance" }
//!
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! One file, `tests/conformance.rs`:
//!
//! ```no_run
//! # use kv_conformance::Reference as MyStore;
//! use kv_api::{Capabilities, Isolation};
//! use kv_conformance::Backend;
//!
//! fn main() -> std::process::ExitCode {
//!     kv_conformance::run([Backend::memory("mystore", || async { Ok(MyStore::new()) })
//!         .capabilities(Capabilities::new(Isolation::Serializable).versioned_reads(true).read_checks(true))])
//! }
//! ```
//!
//! `cargo test --test conformance` runs every case on it. A store that keeps its data in files is a [`Backend::persistent`], which
//! is opened in a directory, shut down or dropped, and opened again; several configurations of one store are
//! several backends. The examples `backend`, a whole one in some 150 lines, and `broken`, the same with a fault, can be run from here.
//!
//! # What it says
//!
//! Cases are named `{backend}::{suite}::{case}`. Each of them has one of four outcomes:
//!
//! | outcome | when |
//! |---|---|
//! | passed | |
//! | failed | it did not hold, hung longer than [`Backend::timeout`], or is waived and passes |
//! | skipped | it is about something that the backend does not declare, or does; the reason says which |
//! | waived | it failed, and [`Backend::waive`] says why that is known |
//!
//! A failure names the line of the case, what was found there, and a command that runs the case alone. A run ends with a matrix,
//! a suite in each line and a backend in each column, and passes where nothing failed and something ran.
//!
//! The same is in a file for programs: `conformance.json` beside the test's executable in Cargo's target directory (a test of another
//! name writes a file of that name), or what `KV_CONFORMANCE_REPORT` names.
//!
//! ```json
//! { "suite_version": "0.1.0", "seed": 0, "level": "quick",
//!   "backends": [{ "name": "mystore", "capabilities": { "isolation": "snapshot" },
//!     "cases": [{ "name": "points::set_overwrites", "outcome": "passed", "reason": null, "millis": 1 }] }] }
//! ```
//!
//! # What to declare
//!
//! [`Capabilities`](kv_api::Capabilities) is what the store promises, and it must report the same. Declare too little, and the
//! cases that want a refusal fail; too much, and the others do. A fault that is known is no capability: waive the case, with a
//! reason. Once it passes, the run fails until the waiver is gone.
//!
//! [`Settle`] says what happens to a case's data before it is checked: nothing, a flush to the files at rest, or a shutdown and
//! another start. Register the backend once for each that it has a path for; most faults of a store on disk are in the second and third.
//!
//! A store on disk that declares to survive the end of its process is put to it: the suite `crash` kills children, which are the
//! test once more, while they write; see [`crash`]. A store whose files can be made to fail, or to lose what was not synced,
//! can be put into a [`simulation`], which is a function to call from a test of its own.
//!
//! # How thorough
//!
//! | variable | what |
//! |---|---|
//! | `KV_CONFORMANCE` | `quick` (default: under 3 minutes for a backend, the same sequences every time), `full` (under 30, sequences of its own every time) or `soak` (as long as one lets it run) |
//! | `KV_CONFORMANCE_SEED` | replays one sequence of the property suite, or the plans of the crash suite, as its failure says |
//! | `KV_CONFORMANCE_REPORT` | where the report goes; empty for none |
//!
//! [`Backend::sequences`] scales the random part for a store that is slow to open. A run that takes long says every ten seconds on
//! standard error what it is at.
//!
//! # Under nextest
//!
//! `cargo nextest run` works: it asks for the list of cases and runs each in a process of its own. What the process of one case cannot
//! know is left out: there is no matrix and no report, and a skip is shown without its reason.
//!
//! # From inside
//!
//! Modules lie in floors, and none imports from a higher one: `backend` and `level`; `fixture` and `model`; `case`; the suites; the list
//! of them in `suites`; `runner`; `selftest`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "asserting is what this crate is for"
)]

mod backend;
mod cancellation;
mod case;
mod contract;
pub mod crash;
mod fixture;
mod isolation;
mod level;
mod model;
mod property;
mod runner;
#[cfg(test)]
mod selftest;
pub mod simulation;
mod suites;

pub use backend::{Backend, Settle};
pub use level::Level;
pub use model::{Disk, Mutant, Reference};
pub use runner::run;

/// The program of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
