//! Keys as YCSB draws them: some far more often than others, and the popular ones spread over the key space.

use crate::numbers::{Numbers, mixed};

/// The skew that YCSB uses.
const THETA: f64 = 0.99;

/// Ranks below `items`, rank 0 most often (Gray et al.: "Quickly generating billion-record synthetic databases", 1994).
#[derive(Debug, Clone)]
pub struct Zipfian {
    items: u64,
    alpha: f64,
    zeta: f64,
    eta: f64,
}

impl Zipfian {
    /// Takes time in proportion to `items`, once.
    pub fn new(items: u64) -> Self {
        let items = items.max(1);
        let zeta = zeta(items);
        let eta = (1.0 - (2.0 / items as f64).powf(1.0 - THETA)) / (1.0 - self::zeta(2) / zeta);
        Self { items, alpha: 1.0 / (1.0 - THETA), zeta, eta }
    }

    /// A rank.
    pub fn rank(&self, numbers: &mut Numbers) -> u64 {
        let u = numbers.unit();
        let uz = u * self.zeta;
        if uz < 1.0 {
            return 0;
        }
        if uz < 1.0 + 0.5f64.powf(THETA) {
            return 1.min(self.items - 1);
        }
        let rank = self.items as f64 * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.items - 1)
    }

    /// An item: a rank, spread over all items, so that popular items are not neighbours.
    pub fn scrambled(&self, numbers: &mut Numbers) -> u64 {
        mixed(self.rank(numbers)) % self.items
    }
}

fn zeta(items: u64) -> f64 {
    (1..=items).map(|i| (i as f64).powf(-THETA)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 200_000;

    fn share(zipfian: &Zipfian, of: impl Fn(u64) -> bool) -> f64 {
        let mut numbers = Numbers::new(1);
        let hits = (0..DRAWS).filter(|_| of(zipfian.rank(&mut numbers))).count();
        hits as f64 / f64::from(DRAWS)
    }

    #[test]
    fn ranks_are_as_frequent_as_the_distribution_says() {
        let zipfian = Zipfian::new(1000);
        let zeta = zeta(1000);
        for rank in [0, 1] {
            let wanted = ((rank + 1) as f64).powf(-THETA) / zeta;
            let found = share(&zipfian, |r| r == rank);
            assert!((found - wanted).abs() < 0.01, "rank {rank}: {found}, not {wanted}");
        }
        // The formula is an approximation beyond the first two.
        let wanted = (1..=100).map(|i| f64::from(i).powf(-THETA)).sum::<f64>() / zeta;
        let found = share(&zipfian, |r| r < 100);
        assert!((found - wanted).abs() < 0.03, "the first hundred: {found}, not {wanted}");
    }

    #[test]
    fn items_stay_within_their_number() {
        for items in [1, 2, 3, 1000] {
            let zipfian = Zipfian::new(items);
            let mut numbers = Numbers::new(2);
            assert!((0..10_000).all(|_| zipfian.rank(&mut numbers) < items));
            assert!((0..10_000).all(|_| zipfian.scrambled(&mut numbers) < items));
        }
    }

    #[test]
    fn the_most_popular_items_are_not_neighbours() {
        let first = mixed(0) % 1000;
        let second = mixed(1) % 1000;
        assert!(first.abs_diff(second) > 1);
    }
}
