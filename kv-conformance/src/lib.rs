//! Conformance suites for any backend of [`kv_api`].
//!
//! A backend's author writes one test file with `harness = false` and gets a verdict:
//!
//! ```no_run
//! use kv_api::{Capabilities, Isolation};
//! use kv_conformance::{Backend, Reference};
//!
//! fn main() -> std::process::ExitCode {
//!     kv_conformance::run([Backend::memory("reference", || async { Ok(Reference::new()) })
//!         .capabilities(Capabilities::new(Isolation::Serializable).versioned_reads(true).read_checks(true))])
//! }
//! ```
//!
//! Cases are named `{backend}::{suite}::{case}`. What a backend declares must work; what it does not declare must be
//! refused with the typed error.
//!
//! | variable | what |
//! |---|---|
//! | `KV_CONFORMANCE` | `quick` (default), `full` or `soak`: how many sequences the property suite runs |
//! | `KV_CONFORMANCE_SEED` | replays one sequence of the property suite, as printed by its failure |
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "asserting is what this crate is for"
)]

mod backend;
mod cancellation;
mod contract;
mod fixture;
mod isolation;
mod level;
mod model;
mod property;
mod runner;
#[cfg(test)]
mod selftest;

pub use backend::{Backend, Settle};
pub use level::Level;
pub use model::{Mutant, Reference};
pub use runner::run;
