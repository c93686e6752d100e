//! `report.md`, the plots, and the table of the README.

mod chart;
mod excerpt;
mod limit;
mod markdown;
mod plots;
mod steady;

pub use excerpt::excerpt;
pub use markdown::markdown;
pub use plots::plots;
pub use steady::{flatness, plot as by_second};

use crate::engine::Engine;
use crate::results::Results;
use crate::series::Series;
use crate::workload::Workload;

/// What a report is made from.
pub struct Input<'a> {
    /// The measurements.
    pub results: &'a Results,
    /// The engines that were asked for.
    pub engines: &'a [Engine],
    /// The workloads that ran.
    pub workloads: &'a [Workload],
    /// What was looked at second by second.
    pub series: &'a [Series],
}

/// The engine that the others are compared with.
const OURS: &str = "kv-lance";

/// The same without history, which the others keep none of.
const OURS_UNVERSIONED: &str = "kv-lance-unversioned";

/// The engine that users are used to.
const USUAL: &str = "rocksdb";
