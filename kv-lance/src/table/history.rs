//! What has been superseded: rows that only reads of the past ask for, in runs of their own.
//!
//! Such a row says from which version on it is not what reads find any more. That may be later than the version of the row
//! that really followed, where that one lay in history before; never earlier. So of the rows that a read at a version finds
//! here and on the levels, whatever the order, the one with the greatest version is right.

use super::pins::Pins;
use super::run::Run;
use kv_api::Version;
use std::sync::Arc;

/// Runs of history, those that were written last first.
#[derive(Clone, Default)]
pub(crate) struct History {
    runs: Vec<Arc<Run>>,
    /// From this version on no row of them is read.
    max_superseded: Version,
}

impl History {
    pub(crate) fn new(runs: Vec<Arc<Run>>) -> Self {
        let max_superseded = runs.iter().map(|run| run.statistics().max_superseded).max().unwrap_or(0);
        Self { runs, max_superseded }
    }

    pub(crate) fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a read at `version` may find a row here: never one that begins now.
    pub(crate) fn concerns(&self, version: Version) -> bool {
        version < self.max_superseded
    }

    /// The runs in which it may.
    pub(crate) fn at(&self, version: Version) -> impl Iterator<Item = &Arc<Run>> {
        let runs = if self.concerns(version) { self.runs() } else { &[] };
        runs.iter().filter(move |run| {
            let statistics = run.statistics();
            (statistics.min_version..statistics.max_superseded).contains(&version)
        })
    }

    /// The same, those alone that can have `key`.
    pub(crate) fn holding(&self, key: &[u8], version: Version) -> impl Iterator<Item = &Arc<Run>> {
        self.at(version).filter(move |run| run.overlaps((key, key)))
    }

    /// Bytes of files.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.disk_bytes()).sum()
    }

    pub(super) fn only(&self, keep: impl Fn(&Arc<Run>) -> bool) -> Self {
        Self::new(self.runs.iter().filter(|run| keep(run)).cloned().collect())
    }

    /// With `new` in the place of `old`, or, where nothing is old, before all others.
    pub(super) fn replacing(&self, old: &Self, new: &[Arc<Run>]) -> Self {
        let is_old = |run: &&Arc<Run>| old.runs.iter().any(|old| Arc::ptr_eq(old, run));
        let place = self.runs.iter().position(|run| is_old(&run)).unwrap_or(0);
        let (before, behind) = self.runs.split_at(place);
        let behind = behind.iter().filter(|run| !is_old(run));
        Self::new(before.iter().chain(new).chain(behind).cloned().collect())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.runs.iter().map(|run| run.name.clone()).collect()
    }

    /// Whether the runs are the very same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.runs.len() == other.runs.len() && self.runs.iter().zip(&other.runs).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

/// Whether no row of a run of history is read from `floor` on, nor at a pin.
pub(crate) fn has_expired(run: &Run, floor: Version, pins: &Pins) -> bool {
    let statistics = run.statistics();
    statistics.max_superseded <= floor && !pins.any_in(statistics.min_version, statistics.max_superseded)
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.runs).finish()
    }
}
