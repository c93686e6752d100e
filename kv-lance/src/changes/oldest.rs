//! The oldest commits among rows that come in any order, within a budget.

use kv_api::Version;

/// Something that belongs to a commit.
pub(super) trait OfCommit {
    fn version(&self) -> Version;

    /// What it takes of the budget.
    fn cost(&self) -> usize;
}

/// Keeps the first commits whole, and forgets those that the budget has no room for.
pub(super) struct Oldest<T> {
    items: Vec<T>,
    cost: usize,
    budget: usize,
    /// When there is this much, what is over the budget goes.
    cut_at: usize,
    /// Nothing after this version is kept.
    last: Version,
    is_cut: bool,
}

impl<T: OfCommit> Oldest<T> {
    /// Of commits up to `last`.
    pub(super) fn new(budget: usize, last: Version) -> Self {
        Self { items: Vec::new(), cost: 0, budget, cut_at: budget.saturating_mul(2), last, is_cut: false }
    }

    /// The last version that may still be kept.
    pub(super) fn last(&self) -> Version {
        self.last
    }

    pub(super) fn push(&mut self, item: T) {
        if item.version() > self.last {
            return;
        }
        self.cost += item.cost();
        self.items.push(item);
        if self.cost > self.cut_at {
            self.cut();
        }
    }

    /// Forgets the commits behind those that the budget has room for, which is one at least.
    fn cut(&mut self) {
        self.items.sort_unstable_by_key(T::version);
        let (mut kept, mut kept_cost) = (0, 0);
        for commit in self.items.chunk_by(|a, b| a.version() == b.version()) {
            let cost = commit.iter().map(T::cost).sum::<usize>();
            if kept > 0 && kept_cost + cost > self.budget {
                break;
            }
            (kept, kept_cost) = (kept + commit.len(), kept_cost + cost);
        }
        if kept < self.items.len()
            && let Some(last) = kept.checked_sub(1).and_then(|last| self.items.get(last))
        {
            (self.last, self.is_cut) = (last.version(), true);
            self.items.truncate(kept);
        }
        self.cost = kept_cost;
        self.cut_at = kept_cost.max(self.budget).saturating_mul(2);
    }

    /// What has been kept, in the order of versions, and the version up to which that is all there was.
    pub(super) fn finish(mut self) -> (Vec<T>, Version) {
        self.cut();
        (self.items, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl OfCommit for (Version, usize) {
        fn version(&self) -> Version {
            self.0
        }

        fn cost(&self) -> usize {
            self.1
        }
    }

    /// The versions that are kept of rows with a cost of one, and up to where they are all.
    fn kept(budget: usize, last: Version, rows: impl IntoIterator<Item = Version>) -> (Vec<Version>, Version) {
        let mut oldest = Oldest::new(budget, last);
        let mut most = 0;
        for version in rows {
            oldest.push((version, 1));
            most = most.max(oldest.items.len());
        }
        assert!(most <= 2 * budget.max(7) + 1, "{most} are in memory");
        let (items, last) = oldest.finish();
        (items.into_iter().map(|(version, _)| version).collect(), last)
    }

    #[test]
    fn the_oldest_commits_are_kept_whole() {
        // Two rows of each version, in an order of keys that has nothing to do with theirs.
        let rows = |step: u64| (0..200).map(move |n| 1 + n * step % 100);
        for step in [1, 7, 37, 99] {
            let expected: Vec<Version> = (1..=5).flat_map(|version| [version, version]).collect();
            assert_eq!(kept(10, 1000, rows(step)), (expected.clone(), 5), "{step}");
            assert_eq!(kept(11, 1000, rows(step)), (expected, 5), "{step}");
            assert_eq!(kept(10, 3, rows(step)), ([1, 1, 2, 2, 3, 3].to_vec(), 3), "{step}");
            assert_eq!(kept(1000, 1000, rows(step)).1, 1000, "{step}");
        }
    }

    #[test]
    fn a_commit_that_is_larger_than_the_budget_is_kept_whole() {
        let rows = [9, 3, 3, 3, 5, 3, 3, 3, 9, 3, 9, 9, 9, 9, 9, 9, 9, 9];
        assert_eq!(kept(2, 100, rows), (vec![3; 7], 3));
        assert_eq!(kept(7, 100, rows), (vec![3; 7], 3));
        assert_eq!(kept(8, 100, rows), (vec![3, 3, 3, 3, 3, 3, 3, 5], 5));
        assert_eq!(kept(2, 100, []), (vec![], 100));
    }
}
