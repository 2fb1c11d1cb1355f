//! Busy polling: a loop that spins for a while before it sleeps.
//!
//! Who wakes a sleeping loop pays a system call, and the loop some ten microseconds until it runs; a spinning
//! loop is awake, and sees what comes at once. [`Policy`] says whether to spin; a spin ends with whatever would
//! end a sleep, and a sleep that follows is announced as always, so no wake is lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::{Nanos, nanos};
use super::core::OnLoop;
use super::look_out;
use crate::error::Error;
use crate::poller::WaitError;

/// How a loop spins before it sleeps; see [`Builder::busy_poll`](super::Builder::busy_poll).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusyPoll {
    budget: Duration,
    adaptive: bool,
}

impl BusyPoll {
    /// The largest budget.
    pub const MAX_BUDGET: Duration = Duration::from_secs(1);

    /// Spins for up to `budget` while that pays: while what the loop waits for mostly comes within the budget.
    /// A loop that stays idle stops after a few waits.
    pub const fn adaptive(budget: Duration) -> BusyPoll {
        BusyPoll { budget, adaptive: true }
    }

    /// Spins for up to `budget` in every wait.
    pub const fn always(budget: Duration) -> BusyPoll {
        BusyPoll { budget, adaptive: false }
    }

    /// How long a spin lasts at most.
    pub const fn budget(&self) -> Duration {
        self.budget
    }

    /// Whether the loop spins only while that pays.
    pub const fn is_adaptive(&self) -> bool {
        self.adaptive
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        let wrong = match self.budget {
            Duration::ZERO => "must be more than zero",
            budget if budget > Self::MAX_BUDGET => "must be one second at most",
            _ => return Ok(()),
        };
        Err(Error::InvalidArgument(format!("busy polling for {:?}: the budget {wrong}", self.budget)))
    }
}

/// What a loop is told about busy polling, from any thread.
pub(crate) struct Setting(AtomicU64);

impl Setting {
    pub(crate) fn off() -> Setting {
        Setting(AtomicU64::new(0))
    }

    /// A checked one: the budget fits, and is not zero.
    pub(crate) fn set(&self, busy_poll: Option<BusyPoll>) {
        let word = busy_poll.map_or(0, |on| nanos(on.budget) << 1 | u64::from(on.adaptive));
        self.0.store(word, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<BusyPoll> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            word => Some(BusyPoll { budget: Duration::from_nanos(word >> 1), adaptive: word & 1 != 0 }),
        }
    }
}

/// Says wait by wait whether to spin, and learns from each. It reads no clock.
///
/// A wait pays if work comes within the budget; a timer's end is no work. Of waits that were not spun it learns
/// too, so that it spins again as soon as work comes quickly again. But then the loop has slept, and where two
/// loops answer each other, so has the other: their waits may be longer than the budget for that reason alone.
/// So now and then it tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    setting: BusyPoll,
    /// How many spins in vain it still takes to give up; 0 when it has.
    score: u8,
    /// Waits since the last spin.
    slept: u8,
}

impl Policy {
    /// So many spins in vain, at most, until an idle loop spins no more.
    const MAX_SCORE: u8 = 4;
    /// After so many waits without a spin it tries again.
    const RETRY: u8 = 64;

    /// Begins in good hope.
    pub(crate) fn new(setting: BusyPoll) -> Policy {
        Policy { setting, score: Self::MAX_SCORE, slept: 0 }
    }

    /// Whether to spin in the wait that begins now.
    pub(crate) fn spins(&self) -> bool {
        !self.setting.adaptive || self.score > 0 || self.slept >= Self::RETRY
    }

    /// A spin has ended: was it by work?
    pub(crate) fn spun(&mut self, paid: bool) {
        self.slept = 0;
        self.score = if paid { self.raised() } else { self.score.saturating_sub(1) };
    }

    /// A wait without a spin has ended after this time: was it by work?
    pub(crate) fn slept(&mut self, wait: Nanos, by_work: bool) {
        self.slept = self.slept.saturating_add(1);
        if by_work && wait < nanos(self.setting.budget) {
            self.score = self.raised();
        }
    }

    fn raised(&self) -> u8 {
        (self.score + 1).min(Self::MAX_SCORE)
    }
}

impl OnLoop<'_> {
    /// A poll that may wait, and spins first where the policy says so.
    #[inline(never)]
    pub(crate) fn poll_busily(self, setting: BusyPoll) -> Result<(), WaitError> {
        if self.has_injected_work() {
            return self.poll_once(false);
        }
        let former = self.spin_policy.get().filter(|policy| policy.setting == setting);
        let mut policy = former.unwrap_or_else(|| Policy::new(setting));
        let began = self.core.clock.now();
        let spins = policy.spins();
        let paid = spins && self.spin(setting, began)?;
        if !paid {
            self.poll_once(true)?;
        }
        if spins {
            policy.spun(paid);
        } else {
            policy.slept(self.core.clock.now().saturating_sub(began), self.has_news());
        }
        self.spin_policy.set(Some(policy));
        Ok(())
    }

    /// Looks for work, without sleeping, until the budget is spent or a timer is due. Whether it found some.
    fn spin(self, setting: BusyPoll, began: Nanos) -> Result<bool, WaitError> {
        // The spin is no work of the loop's: its duration ends here, as with any poll.
        let recorded = self.end_loop_duration();
        let budget_end = began.saturating_add(nanos(setting.budget));
        let end = || self.wheel.earliest().map_or(budget_end, |deadline| deadline.min(budget_end));
        let mut now = began;
        let mut paid = false;
        self.begin_to_wait();
        // The file descriptors first: however quickly posts follow each other, each iteration polls once.
        while !paid && now < end() && self.core.busy_poll.get() == Some(setting) {
            self.gather_ready(Some(0))?;
            // A foreign loop's handlers may have run in it.
            self.stop_if_failed().map_err(WaitError::Handler)?;
            self.settle();
            paid = self.has_news() || look_out(|| self.core.has_arrivals());
            now = self.core.clock.now();
        }
        if paid {
            self.end_poll(recorded, None);
        }
        self.core.stats.record_spin(now.saturating_sub(began), paid);
        Ok(paid)
    }

    /// Whether the poll, another thread, or a handler of the foreign loop in which it waits brought something to do.
    fn has_news(self) -> bool {
        self.has_queued_work() || self.core.has_arrivals()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dispatcher;
    use super::super::core::Entered;
    use super::super::owner_word::Purpose;
    use super::*;
    use proptest::prelude::*;

    const BUDGET: Duration = Duration::from_micros(50);
    const SHORT: Nanos = 49_999;
    const LONG: Nanos = 50_000;

    /// One wait that work ends after `wait`. Whether it was spun.
    fn wait_for_work(policy: &mut Policy, wait: Nanos) -> bool {
        let spins = policy.spins();
        if spins {
            policy.spun(wait < nanos(policy.setting.budget));
        } else {
            policy.slept(wait, true);
        }
        spins
    }

    fn given_up() -> Policy {
        let mut policy = Policy::new(BusyPoll::adaptive(BUDGET));
        while policy.spins() {
            policy.spun(false);
        }
        policy
    }

    #[test]
    fn an_idle_loop_stops_to_spin_and_tries_now_and_then() {
        let mut policy = Policy::new(BusyPoll::adaptive(BUDGET));
        let spins = |policy: &mut Policy, waits| (0..waits).filter(|_| wait_for_work(policy, LONG)).count();
        assert_eq!(spins(&mut policy, 4), 4);
        assert_eq!(spins(&mut policy, 64), 0);
        assert_eq!(spins(&mut policy, 65), 1);
        assert_eq!(spins(&mut policy, 65), 1);
    }

    #[test]
    fn it_spins_again_as_soon_as_work_comes_quickly() {
        let mut policy = given_up();
        assert!(!wait_for_work(&mut policy, SHORT));
        assert!(wait_for_work(&mut policy, SHORT));
    }

    #[test]
    fn a_trial_that_pays_is_followed() {
        let mut policy = given_up();
        assert_eq!((0..64).filter(|_| wait_for_work(&mut policy, LONG)).count(), 0);
        assert!(wait_for_work(&mut policy, SHORT));
        assert!(policy.spins());
    }

    #[test]
    fn a_timer_that_ends_a_short_wait_is_no_work() {
        let mut policy = given_up();
        (0..63).for_each(|_| policy.slept(SHORT, false));
        assert!(!policy.spins());
    }

    #[test]
    fn the_budget_is_checked() {
        for budget in [Duration::ZERO, BusyPoll::MAX_BUDGET + Duration::from_nanos(1), Duration::MAX] {
            assert!(
                matches!(BusyPoll::adaptive(budget).check(), Err(Error::InvalidArgument(_))),
                "{budget:?}"
            );
        }
        for budget in [Duration::from_nanos(1), BusyPoll::MAX_BUDGET] {
            assert!(BusyPoll::always(budget).check().is_ok(), "{budget:?}");
        }
    }

    #[test]
    fn a_spin_ends_when_the_setting_changes() {
        let dispatcher = Dispatcher::new("told otherwise").unwrap();
        dispatcher.set_busy_poll(Some(BusyPoll::always(BUDGET))).unwrap();
        let Entered::Running(running) = dispatcher.core().enter(Purpose::Run) else { panic!("it runs") };
        let now = dispatcher.core().clock.now();
        let paid = running.on_loop().spin(BusyPoll::always(BusyPoll::MAX_BUDGET), now).unwrap();
        let stats = dispatcher.stats();
        assert_eq!((paid, stats.spins, stats.time_spun), (false, 1, Duration::ZERO));
    }

    proptest! {
        #[test]
        fn the_setting_gives_back_what_it_was_told(budget in 1..=1_000_000_000u64, adaptive: bool) {
            let setting = Setting::off();
            prop_assert_eq!(setting.get(), None);
            let busy_poll = BusyPoll { budget: Duration::from_nanos(budget), adaptive };
            setting.set(Some(busy_poll));
            prop_assert_eq!(setting.get(), Some(busy_poll));
            setting.set(None);
            prop_assert_eq!(setting.get(), None);
        }

        /// Each spin in vain was earned by a spin that paid, a short wait, a trial, or the hope at first.
        #[test]
        fn spins_in_vain_are_bounded(waits in proptest::collection::vec(0..2 * LONG, 0..500)) {
            let mut policy = Policy::new(BusyPoll::adaptive(BUDGET));
            let mut in_vain = 0;
            let short = waits.iter().filter(|wait| **wait < LONG).count();
            for wait in &waits {
                in_vain += usize::from(wait_for_work(&mut policy, *wait) && *wait >= LONG);
            }
            prop_assert!(in_vain <= 4 + short + waits.len() / 64);
        }

        #[test]
        fn dense_work_is_spun_for_whatever_came_before(waits in proptest::collection::vec(0..2 * LONG, 0..200)) {
            let mut policy = Policy::new(BusyPoll::adaptive(BUDGET));
            for wait in &waits {
                wait_for_work(&mut policy, *wait);
            }
            wait_for_work(&mut policy, SHORT);
            prop_assert!((0..100).all(|_| wait_for_work(&mut policy, SHORT)));
        }

        #[test]
        fn the_other_kind_always_spins(waits in proptest::collection::vec(0..2 * LONG, 0..200)) {
            let mut policy = Policy::new(BusyPoll::always(BUDGET));
            prop_assert!(waits.iter().all(|wait| wait_for_work(&mut policy, *wait)));
        }
    }
}
