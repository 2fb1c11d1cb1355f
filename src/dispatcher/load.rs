//! How late the loop is at this moment, for any thread to read while it runs.
//!
//! The loop's owner writes, with a few relaxed stores an iteration; the four words need no order among each other:
//! a reader that mixes two iterations sees figures of either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::clock::{Clock, Nanos};
use super::timer::NEVER;

/// Its cache line is its own: the loop writes it, and others may read it, in every iteration.
pub(crate) struct LoadMeter(CachePadded<Words>);

struct Words {
    /// When the iteration that is under way began; [`ASLEEP`] during a poll that may wait, and outside `run()`.
    awake_since: AtomicU64,
    /// When the poll that waits is to return, or [`NEVER`].
    poll_due: AtomicU64,
    /// How late the last poll returned.
    poll_delay: AtomicU64,
    /// How late the first of the timers that expired in this iteration was.
    timer_delay: AtomicU64,
}

const ASLEEP: Nanos = 0;

impl LoadMeter {
    pub(crate) fn new() -> LoadMeter {
        LoadMeter(CachePadded::new(Words {
            awake_since: AtomicU64::new(ASLEEP),
            poll_due: AtomicU64::new(NEVER),
            poll_delay: AtomicU64::new(0),
            timer_delay: AtomicU64::new(0),
        }))
    }

    /// The loop waits until `due`, or for events alone.
    pub(crate) fn fall_asleep(&self, due: Option<Nanos>) {
        self.0.poll_due.store(due.unwrap_or(NEVER), Ordering::Relaxed);
        self.0.awake_since.store(ASLEEP, Ordering::Relaxed);
    }

    /// An iteration begins; `expired` is the earliest deadline among the timers that it finds due.
    pub(crate) fn wake_up(&self, now: Nanos, expired: Option<Nanos>) {
        let words = &*self.0;
        let due = words.poll_due.load(Ordering::Relaxed);
        words.poll_due.store(NEVER, Ordering::Relaxed);
        words.poll_delay.store(now.saturating_sub(due), Ordering::Relaxed);
        words.timer_delay.store(now.saturating_sub(expired.unwrap_or(now)), Ordering::Relaxed);
        words.awake_since.store(now, Ordering::Relaxed);
    }

    pub(crate) fn loop_lag(&self, clock: &Clock) -> Duration {
        let lag = match self.0.awake_since.load(Ordering::Relaxed) {
            ASLEEP => 0,
            since => clock.now().saturating_sub(since).max(self.0.timer_delay.load(Ordering::Relaxed)),
        };
        Duration::from_nanos(lag)
    }

    pub(crate) fn poll_delay(&self, clock: &Clock) -> Duration {
        let delay = match self.0.awake_since.load(Ordering::Relaxed) {
            ASLEEP => clock.now().saturating_sub(self.0.poll_due.load(Ordering::Relaxed)),
            _ => self.0.poll_delay.load(Ordering::Relaxed),
        };
        Duration::from_nanos(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::{SimulatedClock, nanos};
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct Loop {
        meter: LoadMeter,
        time: SimulatedClock,
        clock: Clock,
    }

    impl Loop {
        fn new() -> Loop {
            let time = SimulatedClock::new();
            Loop { meter: LoadMeter::new(), clock: Clock::Simulated(time.clone()), time }
        }

        fn seen(&self) -> (Duration, Duration) {
            (self.meter.loop_lag(&self.clock), self.meter.poll_delay(&self.clock))
        }

        fn now(&self) -> Nanos {
            self.clock.now()
        }
    }

    #[test]
    fn sleeping_is_not_being_late() {
        let sleeper = Loop::new();
        sleeper.time.advance(100 * MS);
        assert_eq!(sleeper.seen(), (Duration::ZERO, Duration::ZERO));
        sleeper.meter.wake_up(sleeper.now(), None);
        sleeper.meter.fall_asleep(None);
        sleeper.time.advance(100 * MS);
        assert_eq!(sleeper.seen(), (Duration::ZERO, Duration::ZERO));
        sleeper.meter.wake_up(sleeper.now(), None);
        assert_eq!(sleeper.seen(), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn a_poll_is_late_from_its_end_on_and_until_the_next_one() {
        let sleeper = Loop::new();
        let due = sleeper.now() + nanos(10 * MS);
        sleeper.meter.fall_asleep(Some(due));
        sleeper.time.advance(10 * MS);
        assert_eq!(sleeper.seen(), (Duration::ZERO, Duration::ZERO));
        sleeper.time.advance(3 * MS);
        assert_eq!(sleeper.seen(), (Duration::ZERO, 3 * MS));
        sleeper.meter.wake_up(sleeper.now(), Some(due));
        assert_eq!(sleeper.seen(), (3 * MS, 3 * MS));
        // A poll that does not wait.
        sleeper.meter.wake_up(sleeper.now(), None);
        assert_eq!(sleeper.seen(), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn of_a_late_timer_and_a_long_iteration_the_worse_counts() {
        let busy = Loop::new();
        busy.meter.wake_up(busy.now(), Some(busy.now() - nanos(5 * MS)));
        busy.time.advance(4 * MS);
        assert_eq!(busy.seen(), (5 * MS, Duration::ZERO));
        busy.time.advance(2 * MS);
        assert_eq!(busy.seen(), (6 * MS, Duration::ZERO));
    }
}
