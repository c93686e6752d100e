//! Numbers that are the same in every run.

/// A small generator of 64-bit numbers (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of one stream, such as a client, of `seed`.
    pub fn stream(seed: u64, stream: u64) -> Self {
        Self(mixed(seed ^ mixed(stream.wrapping_add(1))))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of a product: no division, and no bias that a benchmark could see.
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to, and without, 1.
    pub fn unit(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The generator's finalizer: a bijection that spreads neighbouring numbers.
pub fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut numbers = Numbers::new(1_234_567);
        assert_eq!([numbers.draw(), numbers.draw()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut numbers = Numbers::new(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            seen.insert(numbers.below(10));
            assert!((0.0..1.0).contains(&numbers.unit()));
        }
        assert!(seen.into_iter().eq(0..10));
        assert_eq!(numbers.below(0), 0);
    }

    #[test]
    fn streams_differ() {
        assert_ne!(Numbers::stream(1, 0).draw(), Numbers::stream(1, 1).draw());
        assert_eq!(Numbers::stream(1, 1).draw(), Numbers::stream(1, 1).draw());
    }
}
