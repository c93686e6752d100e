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

/// How many cases of each suite and backend ended how.
#[derive(Debug, Default)]
pub(super) struct Summary {
    cells: Mutex<BTreeMap<(&'static str, String), Counts>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    waived: u64,
}

impl Summary {
    pub(super) fn note(&self, suite: &'static str, backend: &str, outcome: Outcome) {
        let mut cells = self.cells.lock();
        let counts = cells.entry((suite, backend.to_owned())).or_default();
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

    /// A line for each suite, a column for each backend.
    pub(super) fn print(&self, suites: &[&'static str], backends: &[&str]) {
        let cells = self.cells.lock();
        if cells.is_empty() {
            return;
        }
        let width = backends.iter().map(|backend| backend.len()).max().unwrap_or(0).max(14) + 2;
        let header: String = backends.iter().map(|backend| format!("{backend:>width$}")).collect();
        println!("passed (s = skipped, w = waived, F = FAILED)\n{:14}{header}", "");
        for suite in suites {
            let row = backends.iter().map(|backend| cells.get(&(*suite, (*backend).to_owned())));
            println!("{suite:14}{}", row.map(|cell| format!("{:>width$}", shown(cell))).collect::<String>());
        }
        println!();
    }
}

fn shown(counts: Option<&Counts>) -> String {
    let Some(Counts { passed, failed, skipped, waived }) = counts else { return "-".into() };
    let marked = [(skipped, "s"), (waived, "w"), (failed, "F")];
    let marks = marked.iter().filter(|(count, _)| **count > 0).map(|(count, mark)| format!(" {count}{mark}"));
    format!("{passed}{}", marks.collect::<String>())
}
