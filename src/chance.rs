//! Random numbers that any thread takes, for choices that need no secrecy.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A row of random numbers. SplitMix64: a walk by a constant, and a mix of each step; so that threads share the
/// walk by one atomic addition.
pub(crate) struct Chance(AtomicU64);

impl Chance {
    /// A row that differs from process to process, and from one `Chance` to the next.
    pub(crate) fn new() -> Chance {
        Chance(AtomicU64::new(RandomState::new().hash_one(std::process::id())))
    }

    pub(crate) fn bits(&self) -> u64 {
        mixed(self.0.fetch_add(STEP, Ordering::Relaxed))
    }

    /// Between 0 and 1.
    pub(crate) fn share(&self) -> f64 {
        self.bits() as f64 / u64::MAX as f64
    }

    /// From 0 to below `bound`, which is not 0.
    pub(crate) fn below(&self, bound: usize) -> usize {
        // The high half of the product: without the division of a remainder, and as good as even for small bounds.
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's mix: each bit of the result depends on all.
pub(crate) fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_bound_is_every_number_below_it() {
        let chance = Chance(AtomicU64::new(7));
        for bound in 1..20 {
            let mut seen = vec![false; bound];
            (0..1000).for_each(|_| seen[chance.below(bound)] = true);
            assert!(seen.iter().all(|seen| *seen), "{bound}: {seen:?}");
        }
    }

    #[test]
    fn a_share_is_between_nothing_and_all() {
        let chance = Chance(AtomicU64::new(7));
        let shares: Vec<_> = (0..1000).map(|_| chance.share()).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(shares.iter().any(|share| *share < 0.1) && shares.iter().any(|share| *share > 0.9));
    }
}
