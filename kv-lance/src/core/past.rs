//! The search for the row of a key at a version that history may have.

use crate::table::{RowPlace, Run};
use kv_api::Version;
use std::sync::Arc;

/// Where a run of the search lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Levels,
    History,
}

/// Says in which run to look next, and takes what was found there: so the search is the same from memory and from files.
pub(super) struct PastSearch<'a, Runs> {
    version: Version,
    /// Those that can have the key, on levels and then in history, each newest first.
    runs: Runs,
    /// Where is looked now.
    looking: Option<(Place, &'a Arc<Run>)>,
    /// The newest row on the levels is too new.
    is_superseded: bool,
    /// The run that has it is looked into once more.
    again: bool,
    found: Option<(Place, &'a Arc<Run>, RowPlace)>,
    is_over: bool,
}

impl<'a, Runs: Iterator<Item = (Place, &'a Arc<Run>)>> PastSearch<'a, Runs> {
    pub(super) fn new(version: Version, runs: Runs) -> Self {
        Self { version, runs, looking: None, is_superseded: false, again: false, found: None, is_over: false }
    }

    /// The next run to look into, for the newest row up to a version; `None` at the end.
    pub(super) fn next(&mut self) -> Option<(&'a Arc<Run>, Version)> {
        if self.is_over {
            return None;
        }
        if std::mem::take(&mut self.again) {
            return self.looking.map(|(_, run)| (run, self.version));
        }
        let is_settled = matches!(self.found, Some((Place::Levels, ..)));
        let runs = &mut self.runs;
        self.looking = runs.find(|(place, _)| *place == Place::History || !is_settled);
        let is_newest = |place| place == Place::Levels && !self.is_superseded;
        self.looking.map(|(place, run)| (run, if is_newest(place) { Version::MAX } else { self.version }))
    }

    /// Takes the row that was found in the run to look into.
    pub(super) fn take(&mut self, row: RowPlace) {
        let Some((place, run)) = self.looking else { return };
        match place {
            Place::Levels if row.version() > self.version => (self.is_superseded, self.again) = (true, true),
            Place::Levels => {
                // Nothing is newer than the newest row on the levels.
                self.is_over = !self.is_superseded;
                self.found = Some((place, run, row));
            }
            Place::History => {
                let is_newer = self.found.as_ref().is_none_or(|(.., other)| other.version() < row.version());
                if is_newer && row.keys.is_in_force(row.row, self.version) {
                    self.found = Some((place, run, row));
                }
            }
        }
    }

    /// What was found.
    pub(super) fn end(self) -> Option<(&'a Arc<Run>, RowPlace)> {
        self.found.map(|(_, run, row)| (run, row))
    }
}
