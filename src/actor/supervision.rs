//! How an actor looks after its children.

use std::time::Duration;

use crate::dispatcher::Nanos;
use crate::dispatcher::nanos;

/// Which children are started again when one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That one alone.
    #[default]
    OneForOne,
    /// All: the others are stopped, the last started first, and then all are started in their order.
    OneForAll,
    /// That one, and those that were started after it, likewise.
    RestForOne,
}

/// Whether an actor that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always, also when it stopped itself; but not when somebody else stopped it.
    Permanent,
    /// When it failed.
    #[default]
    Transient,
    /// Never.
    Temporary,
}

/// How long to wait before an actor is started again: longer with each failure that follows closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// Before the first restart. Zero: at once.
    pub initial: Duration,
    /// No wait is longer than this, jitter included.
    pub max: Duration,
    /// What each further wait is multiplied by; below 1 counts as 1.
    pub factor: f64,
    /// The share of the wait, 0 to 1, that is random, so that many that failed together do not come back
    /// together: with 0.25, a wait of 1 s is between 0.75 and 1.25 s.
    pub jitter: f64,
    /// An actor that lived so long since its last start is at the first wait again.
    pub reset_after: Duration,
}

impl Backoff {
    /// No wait at all.
    pub const NONE: Backoff = Backoff {
        initial: Duration::ZERO,
        max: Duration::ZERO,
        factor: 1.0,
        jitter: 0.0,
        reset_after: Duration::ZERO,
    };

    /// Doubles from `initial` to `max`, with a quarter of jitter, and begins anew after a life of `max`.
    pub const fn exponential(initial: Duration, max: Duration) -> Backoff {
        Backoff { initial, max, factor: 2.0, jitter: 0.25, reset_after: max }
    }

    /// The wait before restart number `attempt`, counted from 0; `random` is between 0 and 1.
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let factor = if self.factor > 1.0 { self.factor } else { 1.0 };
        let jitter = if self.jitter.is_nan() { 0.0 } else { self.jitter.clamp(0.0, 1.0) };
        let exact = self.initial.as_secs_f64() * factor.powi(attempt.min(1_000) as i32);
        let jittered = exact.min(self.max.as_secs_f64()) * (1.0 + jitter * (2.0 * random - 1.0));
        // Infinite and huge waits are the longest one.
        Duration::try_from_secs_f64(jittered).unwrap_or(self.max).min(self.max)
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::NONE
    }
}

/// How an actor looks after its children: whom it starts again together, how often, and how fast.
///
/// ```
/// use mcp_event::actor::{Backoff, Strategy, Supervision};
/// use std::time::Duration;
///
/// let supervision = Supervision::new(Strategy::RestForOne)
///     .intensity(3, Duration::from_secs(5))
///     .backoff(Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Supervision {
    pub(crate) strategy: Strategy,
    pub(crate) max_restarts: Option<u32>,
    pub(crate) window: Nanos,
    pub(crate) backoff: Backoff,
}

impl Supervision {
    /// Up to three restarts within five seconds, without a wait; one more makes the actor itself fail.
    pub fn new(strategy: Strategy) -> Supervision {
        Supervision {
            strategy,
            max_restarts: Some(3),
            window: nanos(Duration::from_secs(5)),
            backoff: Backoff::NONE,
        }
    }

    /// Up to `restarts` within `window`; one more makes the supervising actor itself fail, for its own
    /// supervisor to decide.
    #[must_use]
    pub fn intensity(mut self, restarts: u32, window: Duration) -> Supervision {
        self.max_restarts = Some(restarts);
        self.window = nanos(window);
        self
    }

    /// As many restarts as it takes, for ever. Best with a [`backoff`](Supervision::backoff).
    #[must_use]
    pub fn unlimited(mut self) -> Supervision {
        self.max_restarts = None;
        self
    }

    /// How long to wait before each restart, unless the child has a backoff of its own.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Supervision {
        self.backoff = backoff;
        self
    }
}

impl Default for Supervision {
    fn default() -> Supervision {
        Supervision::new(Strategy::OneForOne)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backoff_grows_to_its_limit_and_jitters_around_it() {
        let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1));
        let middle: Vec<_> = (0..6).map(|attempt| backoff.delay(attempt, 0.5).as_millis()).collect();
        assert_eq!(middle, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.delay(0, 0.0).as_millis(), 75);
        assert_eq!(backoff.delay(0, 1.0).as_millis(), 125);
        assert_eq!(backoff.delay(u32::MAX, 1.0), Duration::from_secs(1));
    }

    #[test]
    fn a_backoff_of_odd_numbers_is_still_a_wait() {
        let odd = Backoff {
            initial: Duration::MAX,
            max: Duration::MAX,
            factor: f64::NAN,
            jitter: f64::INFINITY,
            reset_after: Duration::ZERO,
        };
        assert!(odd.delay(7, 1.0) <= Duration::MAX);
        let backwards = Backoff {
            factor: -3.0,
            jitter: f64::NAN,
            ..Backoff::exponential(Duration::from_secs(1), Duration::from_secs(9))
        };
        assert_eq!(backwards.delay(3, 0.9), Duration::from_secs(1));
        assert_eq!(Backoff::NONE.delay(5, 0.5), Duration::ZERO);
    }
}
