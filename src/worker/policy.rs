//! Which worker is next.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crate::chance::{Chance, mixed};

/// How a pool chooses its next worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Policy {
    /// One after the other: the same number for each, whatever it costs them.
    #[default]
    RoundRobin,
    /// The one with the least to do: looks at all, so for pools that are not large.
    LeastLoaded,
    /// The less loaded of two that chance picks: nearly as even as the least loaded, at the cost of two looks; and
    /// many threads that choose at once do not all choose the same.
    PowerOfTwoChoices,
}

/// Chooses among workers by their positions. From any thread, at any time.
pub(super) struct Choice {
    policy: AtomicU8,
    turn: AtomicUsize,
    chance: Chance,
    keys: RandomState,
}

impl Choice {
    pub(super) fn new(policy: Policy) -> Choice {
        Choice {
            policy: AtomicU8::new(policy as u8),
            turn: AtomicUsize::new(0),
            chance: Chance::new(),
            keys: RandomState::new(),
        }
    }

    pub(super) fn policy(&self) -> Policy {
        match self.policy.load(Ordering::Relaxed) {
            1 => Policy::LeastLoaded,
            2 => Policy::PowerOfTwoChoices,
            _ => Policy::RoundRobin,
        }
    }

    pub(super) fn set_policy(&self, policy: Policy) {
        self.policy.store(policy as u8, Ordering::Relaxed);
    }

    /// The next of `len` workers, whose backlogs `backlog` tells; `None` without any.
    pub(super) fn next(&self, len: usize, backlog: impl Fn(usize) -> usize) -> Option<usize> {
        match (len, self.policy()) {
            (0, _) => None,
            (1, _) => Some(0),
            (_, Policy::RoundRobin) => Some(self.next_turn(len)),
            (_, Policy::LeastLoaded) => {
                // Whose turn it would be is looked at first, so that workers with nothing to do take turns.
                let first = self.next_turn(len);
                (first..len).chain(0..first).min_by_key(|position| backlog(*position))
            }
            (_, Policy::PowerOfTwoChoices) => {
                let one = self.chance.below(len);
                // Any but that one.
                let other = (one + 1 + self.chance.below(len - 1)) % len;
                Some(if backlog(other) < backlog(one) { other } else { one })
            }
        }
    }

    fn next_turn(&self, len: usize) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % len
    }

    /// The position of the worker, of those with these numbers, that has `key`.
    ///
    /// By rendezvous: each worker bids for the key, as its number and the key decide, and the highest bid has it. So
    /// a worker that goes leaves its keys to all the others, one that comes takes its share from each, and no other
    /// key moves.
    pub(super) fn for_key(&self, key: &[u8], numbers: impl IntoIterator<Item = usize>) -> Option<usize> {
        let hash = self.keys.hash_one(key);
        let bid = |number: usize| mixed(hash ^ mixed(number as u64 + 1));
        numbers.into_iter().map(bid).enumerate().max_by_key(|(_, bid)| *bid).map(|(position, _)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    fn chosen(choice: &Choice, rounds: usize, backlogs: &[usize]) -> Vec<usize> {
        let mut times = vec![0; backlogs.len()];
        (0..rounds).for_each(|_| times[choice.next(backlogs.len(), |at| backlogs[at]).unwrap()] += 1);
        times
    }

    #[test]
    fn o5_the_policy_may_change_at_any_time() {
        let choice = Choice::new(Policy::default());
        for policy in [Policy::PowerOfTwoChoices, Policy::LeastLoaded, Policy::RoundRobin] {
            choice.set_policy(policy);
            assert_eq!(choice.policy(), policy);
        }
        assert_eq!(choice.next(0, |_| 0), None);
        assert_eq!(chosen(&choice, 9, &[5, 0, 0]), [3, 3, 3]);
    }

    #[test]
    fn o5_the_least_loaded_are_chosen_in_turn() {
        let choice = Choice::new(Policy::LeastLoaded);
        assert_eq!(chosen(&choice, 10, &[3, 1, 2]), [0, 10, 0]);
        let times = chosen(&choice, 12, &[0, 7, 0, 0]);
        assert!(times[1] == 0 && times.iter().filter(|times| **times > 0).count() == 3, "{times:?}");
    }

    #[test]
    fn o5_the_most_loaded_is_never_the_better_of_two() {
        let choice = Choice::new(Policy::PowerOfTwoChoices);
        let times = chosen(&choice, 1000, &[9, 0, 1, 2]);
        assert!(times[0] == 0 && times[1..].iter().all(|times| *times > 0), "{times:?}");
        let idle = chosen(&choice, 1000, &[0; 4]);
        assert!(idle.iter().all(|times| *times > 0), "{idle:?}");
    }

    proptest! {
        #[test]
        fn o5_a_key_moves_only_with_its_worker(
            numbers in btree_set(0usize..1000, 2..20),
            gone in any::<prop::sample::Index>(),
            keys in vec(vec(any::<u8>(), 0..12), 1..200),
        ) {
            let choice = Choice::new(Policy::RoundRobin);
            let all: Vec<_> = numbers.into_iter().collect();
            let gone = all[gone.index(all.len())];
            let rest: Vec<_> = all.iter().copied().filter(|number| *number != gone).collect();
            let mut orphans = 0;
            for key in &keys {
                let before = all[choice.for_key(key, all.iter().copied()).unwrap()];
                let after = rest[choice.for_key(key, rest.iter().copied()).unwrap()];
                // Read the other way round: who comes takes keys, and no key moves between the others.
                prop_assert!(before == after || before == gone);
                orphans += usize::from(before == gone);
            }
            let again = keys.iter().filter(|key| all[choice.for_key(key, all.iter().copied()).unwrap()] == gone);
            prop_assert_eq!(again.count(), orphans);
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn o5_each_worker_has_about_as_many_keys(workers in 2usize..12, first in any::<u32>()) {
            let choice = Choice::new(Policy::RoundRobin);
            let mut keys = vec![0usize; workers];
            for key in 0..1000 * workers as u32 {
                let key = first.wrapping_add(key).to_le_bytes();
                keys[choice.for_key(&key, 0..workers).unwrap()] += 1;
            }
            // A share of 1000, give or take ten standard deviations.
            prop_assert!(keys.iter().all(|keys| (690..1310).contains(keys)), "{keys:?}");
        }
    }
}
