//! Pseudo-random numbers that a seed decides.

use super::mixed;

/// A sequence of them.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence that these numbers decide together.
    pub(crate) fn of(seeds: &[u64]) -> Self {
        Self(seeds.iter().fold(0, |all, seed| mixed(all ^ mixed(*seed))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mixed(self.0)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// True `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}
