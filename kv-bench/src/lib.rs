//! kv-lance beside the engines that people would pick instead: workloads, driver and report.
//!
//! | what | where |
//! |---|---|
//! | which rows and which numbers | [`dataset`], [`numbers`], [`zipf`] |
//! | what is measured | [`workload`], [`operation`] |
//! | how | [`driver`], in a [`worker`] process for each engine and workload |
//! | what the machine can do | [`limits`], [`machine`], [`process`] |
//! | what comes out | [`results`], [`summary`], [`report`] |
//!
//! The library knows no engine but by [name](engine): the binary has kv-lance and the design that it replaces, and
//! `peers-worker`, a workspace of its own, has the others.

pub mod dataset;
pub mod driver;
pub mod engine;
pub mod limits;
pub mod machine;
pub mod numbers;
pub mod operation;
pub mod process;
pub mod report;
pub mod results;
pub mod summary;
pub mod worker;
pub mod workload;
pub mod zipf;
