//! One look at a loop from another thread: whether it gets on. The loop does nothing for it.

use std::sync::atomic::Ordering;

use super::activity::{Activity, Doing};
use super::core::Core;

/// How a loop stands at one moment. Two that differ in `progress` or `doing` have a piece of work between them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pulse {
    /// Changes with every iteration and every callback.
    pub(crate) progress: u64,
    /// What the loop is doing.
    pub(crate) doing: Doing,
    /// Nothing is expected of it: nobody runs it, or it waits and nothing is due.
    pub(crate) is_idle: bool,
    /// The thread inside the loop, by the system's number for it; 0 for none.
    pub(crate) thread: i32,
}

impl Core {
    pub(crate) fn pulse(&self) -> Pulse {
        let doing = self.activity.get();
        let is_idle = match doing.activity {
            Activity::NotRunning => true,
            Activity::Waiting => {
                self.queued_posts() == 0
                    && !self.has_commands()
                    && self.load.poll_delay(&self.clock).is_zero()
            }
            _ => false,
        };
        let (progress, thread) = (self.stats.progress(), self.runner.load(Ordering::Relaxed));
        Pulse { progress, doing, is_idle, thread }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dispatcher::{Dispatcher, SimulatedClock, nanos};

    /// A loop that says it waits, and its clock.
    fn waiting() -> (Dispatcher, SimulatedClock) {
        let clock = SimulatedClock::new();
        let dispatcher = Dispatcher::builder("test").clock(&clock).build().unwrap();
        dispatcher.core().activity.begin(Activity::Waiting);
        dispatcher.core().load.fall_asleep(None);
        (dispatcher, clock)
    }

    #[test]
    fn a_loop_that_nobody_runs_is_idle() {
        let dispatcher = Dispatcher::new("test").unwrap();
        dispatcher.post(|| ()).unwrap();
        assert!(dispatcher.core().pulse().is_idle);
    }

    #[test]
    fn a_loop_that_waits_is_idle_until_its_timer_is_due() {
        let (dispatcher, clock) = waiting();
        assert!(dispatcher.core().pulse().is_idle);
        let deadline = clock.now() + Duration::from_secs(1);
        dispatcher.core().load.fall_asleep(Some(nanos(deadline)));
        clock.advance(Duration::from_secs(1));
        assert!(dispatcher.core().pulse().is_idle);
        clock.advance(Duration::from_nanos(1));
        assert!(!dispatcher.core().pulse().is_idle, "it has overslept");
    }

    #[test]
    fn a_loop_that_sleeps_over_a_post_is_not_idle() {
        let (dispatcher, _clock) = waiting();
        dispatcher.post(|| ()).unwrap();
        assert!(!dispatcher.core().pulse().is_idle);
    }

    #[test]
    fn every_callback_is_progress() {
        let dispatcher = Dispatcher::new("test").unwrap();
        let before = dispatcher.core().pulse();
        dispatcher.post(|| ()).unwrap();
        dispatcher.run(crate::RunType::NonBlock).unwrap();
        assert!(dispatcher.core().pulse() != before);
    }
}
