//! kv-lance beside the engines that people would pick instead: workloads, driver and report.
//!
//! | what | where |
//! |---|---|
//! | which rows and which numbers | [`dataset`], [`numbers`], [`zipf`] |
//! | what is measured | [`workload`], [`operation`] |
//! | how | [`driver`], [`paced`], [`steady`], [`natively`], in a [`worker`] process for each engine and workload |
//! | what an engine offers beside the trait | [`native`] calls, its files as a table for a [`query`] |
//! | what the machine can do | [`limits`], [`machine`], [`process`] |
//! | what comes out | [`results`], [`series`], [`summary`], [`report`] |
//!
//! The library knows no engine but by [name](engine): the binary has kv-lance and the merge-insert baseline, and
//! `peers-worker`, a workspace of its own, has the others.

mod cpu;
pub mod dataset;
pub mod driver;
pub mod engine;
pub mod limits;
pub mod machine;
pub mod native;
pub mod natively;
pub mod numbers;
pub mod operation;
pub mod paced;
pub mod process;
pub mod query;
pub mod report;
pub mod results;
pub mod series;
pub mod steady;
pub mod summary;
pub mod worker;
pub mod workload;
pub mod zipf;

/// The program of the workspace's README compiles; kv-lance's own package has another one.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
