//! How every case ended, and the matrix at the end of a run.

use parking_lot::Mutex;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
    Waived,
}

/// How one case ended on one backend.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) backend: String,
    pub(super) suite: &'static str,
    /// `suite::case`
    pub(super) case: String,
    pub(super) outcome: Outcome,
    /// Why, unless it passed.
    pub(super) reason: Option<String>,
    pub(super) millis: u64,
}

/// Collects the records of a run. Each has a place, because cases end in any order.
#[derive(Debug, Default)]
pub(super) struct Summary {
    records: Mutex<BTreeMap<usize, Record>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    waived: u64,
}

impl Summary {
    pub(super) fn note(&self, place: usize, record: Record) {
        self.records.lock().insert(place, record);
    }

    /// All records, in the order in which the cases are registered.
    pub(super) fn records(&self) -> Vec<Record> {
        self.records.lock().values().cloned().collect()
    }

    pub(super) fn waived(&self) -> u64 {
        self.records.lock().values().filter(|record| record.outcome == Outcome::Waived).count() as u64
    }

    /// A line for each suite, a column for each backend.
    pub(super) fn matrix(&self, suites: &[&'static str], backends: &[&str]) -> String {
        let mut cells: BTreeMap<(&str, String), Counts> = BTreeMap::new();
        for record in self.records.lock().values() {
            let counts = cells.entry((record.suite, record.backend.clone())).or_default();
            *match record.outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Waived => &mut counts.waived,
            } += 1;
        }
        let width = backends.iter().map(|backend| backend.len()).max().unwrap_or(0).max(14) + 2;
        let header: String = backends.iter().map(|backend| format!("{backend:>width$}")).collect();
        let mut lines = vec!["passed (s = skipped, w = waived, F = FAILED)".into(), format!("{:14}{header}", "")];
        for suite in suites {
            let row = backends.iter().map(|backend| cells.get(&(*suite, (*backend).to_owned())));
            lines.push(format!("{suite:14}{}", row.map(|cell| format!("{:>width$}", shown(cell))).collect::<String>()));
        }
        lines.join("\n")
    }
}

fn shown(counts: Option<&Counts>) -> String {
    let Some(Counts { passed, failed, skipped, waived }) = counts else { return "-".into() };
    let marked = [(skipped, "s"), (waived, "w"), (failed, "F")];
    let marks = marked.iter().filter(|(count, _)| **count > 0).map(|(count, mark)| format!(" {count}{mark}"));
    format!("{passed}{}", marks.collect::<String>())
}
