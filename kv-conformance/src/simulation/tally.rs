//! How much has been tried.

use std::fmt;
use std::ops::AddAssign;

/// What a simulation, or several, have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Steps taken.
    pub steps: u64,
    /// Commits that were acknowledged.
    pub commits: u64,
    /// Commits that conflicted.
    pub conflicts: u64,
    /// Flushes and compactions that were asked for and have ended.
    pub chores: u64,
    /// Stores that were shut down.
    pub shutdowns: u64,
    /// Stores that ended without a shutdown, with the power on.
    pub kills: u64,
    /// Losses of power.
    pub power_losses: u64,
    /// Those of them that came in the midst of an operation, at an operation on the files.
    pub midway: u64,
    /// Operations that failed.
    pub failures: u64,
    /// Commits of which nobody knew, and those of them that were there when the store was opened again.
    pub doubts: (u64, u64),
    /// Comparisons of everything at one version.
    pub comparisons: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.commits += other.commits;
        self.conflicts += other.conflicts;
        self.chores += other.chores;
        self.shutdowns += other.shutdowns;
        self.kills += other.kills;
        self.power_losses += other.power_losses;
        self.midway += other.midway;
        self.failures += other.failures;
        self.doubts.0 += other.doubts.0;
        self.doubts.1 += other.doubts.1;
        self.comparisons += other.comparisons;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} steps, {} commits, {} conflicts, {} flushes and compactions, {} shutdowns, {} kills, {} losses of power, \
             {} of them midway, {} operations that failed, {} commits in doubt of which {} were there, {} comparisons",
            self.steps,
            self.commits,
            self.conflicts,
            self.chores,
            self.shutdowns,
            self.kills,
            self.power_losses,
            self.midway,
            self.failures,
            self.doubts.0,
            self.doubts.1,
            self.comparisons
        )
    }
}
