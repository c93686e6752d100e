//! Which run lies on which level: the order of precedence.

use super::history::{History, has_expired};
use super::pins::Pins;
use super::run::Run;
use kv_api::{Error, Result, Version};
use std::path::Path;
use std::sync::Arc;

/// Runs by level. Level 0 has what flushes wrote, newest first; its runs may have keys in common. The runs of a lower
/// level have none, and lie in the order of their keys. Of one key, the newest row of a level is newer than those of any
/// level below, but for the same one again. What has been superseded is apart, in no such order.
#[derive(Clone, Default)]
pub(crate) struct Levels {
    levels: Vec<Vec<Arc<Run>>>,
    history: History,
}

impl Levels {
    pub(crate) fn new(levels: Vec<Vec<Arc<Run>>>, history: History) -> Self {
        let mut levels = Self { levels, history };
        levels.trim();
        levels
    }

    fn trim(&mut self) {
        while self.levels.last().is_some_and(Vec::is_empty) {
            self.levels.pop();
        }
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// How many levels there are, down to the lowest that has a run.
    pub(crate) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Whether there is no run, nor history.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty() && self.history.is_empty()
    }

    /// The runs of a level.
    pub(crate) fn level(&self, level: usize) -> &[Arc<Run>] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// The runs of level 0.
    pub(crate) fn flushed(&self) -> &[Arc<Run>] {
        self.level(0)
    }

    /// The levels below it, each sorted.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = &[Arc<Run>]> {
        self.levels.iter().skip(1).map(Vec::as_slice)
    }

    /// Every run on a level, in the order of precedence.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.levels.iter().flatten()
    }

    /// The same, and those of history.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.runs().chain(self.history.runs())
    }

    /// The runs that can have rows of `key` up to `version`, in the order of precedence.
    pub(crate) fn holding(&self, key: &[u8], version: Version) -> impl Iterator<Item = &Arc<Run>> {
        let below = self.sorted().filter_map(move |runs| {
            let behind = runs.partition_point(|run| run.key_bounds().0 <= key);
            runs.get(behind.checked_sub(1)?)
        });
        self.flushed().iter().chain(below).filter(move |run| run.statistics().min_version <= version)
    }

    /// The runs of a level that can have keys from `first` to `last`.
    pub(crate) fn overlapping(&self, level: usize, first: &[u8], last: &[u8]) -> impl Iterator<Item = &Arc<Run>> {
        self.level(level).iter().filter(move |run| run.overlaps((first, last)))
    }

    /// The least and the greatest key.
    pub(crate) fn key_bounds(&self) -> Option<(&[u8], &[u8])> {
        let first = self.runs().map(|run| run.key_bounds().0).min()?;
        let last = self.runs().map(|run| run.key_bounds().1).max()?;
        Some((first, last))
    }

    /// Looks whether the runs of each sorted level lie in the order of their keys and have none in common.
    ///
    /// # Errors
    /// `Corruption` with the first run that does not.
    pub(crate) fn check_order(&self) -> Result<()> {
        for level in self.sorted() {
            for (run, next) in level.iter().zip(level.iter().skip(1)) {
                if run.key_bounds().1 >= next.key_bounds().0 {
                    return Err(keys_in_common(&next.path, &run.name));
                }
            }
        }
        Ok(())
    }

    /// Bytes of files, without history.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.runs().map(|run| run.disk_bytes()).sum()
    }

    /// These levels without the runs that `keep` does not hold for.
    pub(crate) fn only(&self, keep: impl Fn(&Arc<Run>) -> bool) -> Self {
        Self { history: self.history.only(&keep), ..self.of_levels(|_, run| keep(run)) }
    }

    /// The runs that `keep` holds for, by their levels, without history.
    pub(crate) fn of_levels(&self, keep: impl Fn(usize, &Arc<Run>) -> bool) -> Self {
        let kept =
            |(level, runs): (usize, &Vec<Arc<Run>>)| runs.iter().filter(|run| keep(level, run)).cloned().collect();
        Self::new(self.levels.iter().enumerate().map(kept).collect(), History::default())
    }

    /// Puts a run onto a level, where its keys or, on level 0, its age belong.
    pub(crate) fn insert(&mut self, level: usize, run: Arc<Run>) {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Vec::new());
        }
        if let Some(runs) = self.levels.get_mut(level) {
            let at = if level == 0 { 0 } else { runs.partition_point(|r| r.key_bounds().0 < run.key_bounds().0) };
            runs.insert(at, run);
        }
    }

    /// These levels with `new` on one of them in the place of `old`, and `history` in that of what is old of that.
    pub(crate) fn replacing(&self, old: &Self, new: &[Arc<Run>], level: usize, history: &[Arc<Run>]) -> Self {
        let is_old = |run: &Arc<Run>| old.runs().any(|old| Arc::ptr_eq(old, run));
        let kept = |runs: &Vec<Arc<Run>>| runs.iter().filter(|run| !is_old(run)).cloned().collect();
        let history = self.history.replacing(&old.history, history);
        let mut levels = Self { levels: self.levels.iter().map(kept).collect(), history };
        new.iter().rev().for_each(|run| levels.insert(level, run.clone()));
        levels.trim();
        levels
    }

    /// Whether all of some runs are here, but for history: that goes as soon as nobody can read it.
    pub(super) fn contain(&self, runs: &Self) -> bool {
        runs.runs().all(|run| self.runs().any(|own| Arc::ptr_eq(own, run)))
    }

    /// These levels without the history that nobody reads from `floor` on, nor at a pin.
    pub(crate) fn without_expired(mut self, floor: Version, pins: &Pins) -> Self {
        self.history = self.history.only(|run| !has_expired(run, floor, pins));
        self
    }

    /// These runs alone, of history.
    pub(crate) fn of_history(runs: Vec<Arc<Run>>) -> Self {
        Self::new(Vec::new(), History::new(runs))
    }

    /// The same levels with these runs as their history.
    pub(crate) fn with_history(mut self, runs: Vec<Arc<Run>>) -> Self {
        self.history = History::new(runs);
        self
    }

    /// The names of the files, level by level.
    pub(super) fn names(&self) -> Vec<Vec<String>> {
        self.levels.iter().map(|runs| runs.iter().map(|run| run.name.clone()).collect()).collect()
    }
}

/// What is wrong with a run that has keys of another of its level.
pub(super) fn keys_in_common(run: &Path, other: &str) -> Error {
    Error::corruption(run, format!("it has keys in common with {other}, on the same level"))
}

impl std::fmt::Debug for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Levels").field("levels", &self.levels).field("history", &self.history).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::run::testing;
    use super::*;

    #[tokio::test]
    async fn runs_of_a_sorted_level_have_no_keys_in_common() {
        let dir = tempfile::tempdir().unwrap();
        let run = async |keys: [u8; 2]| {
            let rows = keys.map(|key| (vec![key], 1, Some(vec![]), false, None));
            let dir = dir.path().join(format!("{keys:?}"));
            std::fs::create_dir_all(&dir).unwrap();
            Arc::new(testing::open(&testing::write(&dir, 256, &rows).await, 1 << 20).await.unwrap())
        };
        let (low, high, over) = (run([1, 3]).await, run([4, 6]).await, run([3, 5]).await);
        let check = |level, runs: [&Arc<Run>; 2]| {
            let mut levels = vec![vec![]; level];
            levels.push(runs.map(Arc::clone).to_vec());
            Levels::new(levels, History::default()).check_order()
        };
        assert!(check(1, [&low, &high]).is_ok() && check(0, [&low, &over]).is_ok());
        for (level, runs) in [(1, [&low, &over]), (2, [&over, &high]), (1, [&high, &low])] {
            let refused = check(level, runs).unwrap_err().to_string();
            assert!(refused.contains("on the same level"), "{refused}");
        }
    }
}
