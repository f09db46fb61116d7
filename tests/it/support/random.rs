//! Random numbers that can be repeated: a failing test prints its seed.

use std::hash::{BuildHasher, RandomState};

/// A generator of random numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    /// A seed that differs from run to run, unless `TEST_SEED` fixes it.
    pub fn fresh_seed() -> u64 {
        let fixed = std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok());
        fixed.unwrap_or_else(|| RandomState::new().hash_one(0))
    }

    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` - 1; 0 for an empty range.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// True that many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }
}
