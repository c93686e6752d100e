//! What a client will do, before it does it.

use super::Workload;
use crate::case::mixed;

/// Pseudo-random numbers that a seed decides.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(mixed(seed))
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        (mixed(self.0) % limit.max(1) as u64) as usize
    }

    /// True `percent` times of a hundred.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Reads a key.
    Read(usize),
    /// Reads all keys from this one, as many as there are in use at once.
    Scan(usize),
    /// Appends to a key, or overwrites it.
    Write(usize),
}

/// A transaction.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) read_only: bool,
    pub(super) cancel: bool,
    pub(super) steps: Vec<Step>,
}

impl Plan {
    /// One to five steps with the keys from `base` on. A fifth of the transactions only read, one in twenty is cancelled.
    pub(super) fn draw(random: &mut Random, workload: &Workload, base: usize) -> Self {
        let read_only = random.chance(20);
        let steps = (0..=random.below(5))
            .map(|_| match random.below(20) {
                0..=2 => Step::Scan(base),
                3..=9 => Step::Read(base + random.below(workload.keys)),
                _ if read_only => Step::Read(base + random.below(workload.keys)),
                _ => Step::Write(base + random.below(workload.keys)),
            })
            .collect();
        Self { read_only, cancel: !read_only && random.chance(5), steps }
    }
}

/// The name of a key.
pub(super) fn key(n: usize) -> String {
    format!("k{n:04}")
}
