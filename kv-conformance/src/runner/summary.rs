//! The matrix at the end of a run.

use parking_lot::Mutex;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
    Waived,
}

/// How many cases of each suite ended how, by backend.
#[derive(Debug, Default)]
pub(super) struct Summary {
    cells: Mutex<BTreeMap<(String, &'static str), Counts>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    waived: u64,
}

impl Summary {
    pub(super) fn note(&self, backend: &str, suite: &'static str, outcome: Outcome) {
        let mut cells = self.cells.lock();
        let counts = cells.entry((backend.to_owned(), suite)).or_default();
        match outcome {
            Outcome::Passed => counts.passed += 1,
            Outcome::Failed => counts.failed += 1,
            Outcome::Skipped => counts.skipped += 1,
            Outcome::Waived => counts.waived += 1,
        }
    }

    pub(super) fn waived(&self) -> u64 {
        self.cells.lock().values().map(|counts| counts.waived).sum()
    }

    pub(super) fn print(&self) {
        let cells = self.cells.lock();
        if cells.is_empty() {
            return;
        }
        let backends = cells.keys().map(|(backend, _)| backend.len()).max().unwrap_or(0);
        println!("{:backends$}  {:14} {:>7} {:>7} {:>7} {:>7}", "backend", "suite", "passed", "failed", "skipped", "waived");
        for ((backend, suite), counts) in cells.iter() {
            let Counts { passed, failed, skipped, waived } = counts;
            println!("{backend:backends$}  {suite:14} {passed:>7} {failed:>7} {skipped:>7} {waived:>7}");
        }
    }
}
