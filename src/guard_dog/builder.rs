//! A guard dog's settings.

use std::time::Duration;

use super::judge::Thresholds;
use super::{GuardDog, interrupt};
use crate::dispatcher::clock::Clock;
use crate::dispatcher::{Nanos, SimulatedClock, nanos};
use crate::error::Error;

/// Makes a [`GuardDog`] with settings of your own. A threshold of zero is none.
///
/// ```
/// use mcp_event::guard_dog::GuardDog;
/// use std::time::Duration;
///
/// let dog = GuardDog::builder()
///     .miss(Duration::from_millis(100))
///     .megamiss(Duration::from_secs(2))
///     .kill(Duration::from_secs(60))
///     .build()?;
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[must_use]
pub struct Builder {
    miss: Duration,
    megamiss: Duration,
    kill: Duration,
    multikill: Duration,
    multikill_share: f64,
    interval: Option<Duration>,
    clock: Clock,
    details: Details,
    abort: bool,
    kill_grace: Duration,
}

/// What a guard dog does besides counting.
#[derive(Clone, Copy)]
pub(super) struct Details {
    /// The signal that asks a thread for its backtrace; none, if none is wanted.
    pub(super) signal: Option<i32>,
    pub(super) tracked_objects: bool,
}

/// What comes out of it.
pub(super) struct Settings {
    pub(super) thresholds: Thresholds,
    pub(super) interval: Duration,
    pub(super) clock: Clock,
    pub(super) details: Details,
    pub(super) abort: bool,
    pub(super) kill_grace: Duration,
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder {
            miss: Duration::from_millis(200),
            megamiss: Duration::from_secs(1),
            kill: Duration::ZERO,
            multikill: Duration::ZERO,
            multikill_share: 0.5,
            interval: None,
            clock: Clock::Monotonic,
            details: Details { signal: Some(interrupt::SIGNAL), tracked_objects: true },
            abort: true,
            kill_grace: Duration::from_secs(10),
        }
    }

    /// How long a thread may stand still before that is a miss: 200 ms by default.
    pub fn miss(mut self, threshold: Duration) -> Builder {
        self.miss = threshold;
        self
    }

    /// Before it is a megamiss: one second by default.
    pub fn megamiss(mut self, threshold: Duration) -> Builder {
        self.megamiss = threshold;
        self
    }

    /// Before the process is killed for it: never, by default.
    pub fn kill(mut self, threshold: Duration) -> Builder {
        self.kill = threshold;
        self
    }

    /// Before the process is killed because the `share` of all threads stands still for longer than `threshold`;
    /// two of them at least. `share` is above 0 and up to 1. Never, by default.
    pub fn multikill(mut self, threshold: Duration, share: f64) -> Builder {
        (self.multikill, self.multikill_share) = (threshold, share);
        self
    }

    /// How often it looks: by default, twice in the smallest threshold. What stands still is found at most so much
    /// later than its threshold says.
    pub fn interval(mut self, interval: Duration) -> Builder {
        self.interval = Some(interval);
        self
    }

    /// A clock that tests move by hand. Then there is no thread: [`GuardDog::scan`] looks, and reports.
    pub fn clock(mut self, clock: &SimulatedClock) -> Builder {
        self.clock = Clock::Simulated(clock.clone());
        self
    }

    /// Whether a kill or multikill ends the process by `abort()` once its actions have run: true by default. If
    /// not, it is an event like the others.
    pub fn abort_on_kill(mut self, abort: bool) -> Builder {
        self.abort = abort;
        self
    }

    /// How long after a kill was found its report and its actions may take: ten seconds by default. Then the process
    /// is ended without them, unless [`abort_on_kill`](Self::abort_on_kill) is off.
    pub fn kill_grace(mut self, grace: Duration) -> Builder {
        self.kill_grace = grace;
        self
    }

    /// Whether reports have a backtrace, for which the stuck thread gets a signal: true by default.
    pub fn backtraces(mut self, wanted: bool) -> Builder {
        self.details.signal = wanted.then(|| self.details.signal.unwrap_or(interrupt::SIGNAL));
        self
    }

    /// The signal that asks for a backtrace: SIGURG by default. Whatever else handles or listens for it goes on as
    /// before; but its default action is taken no more, so it should be one that the program handles, or that is
    /// ignored by default.
    pub fn backtrace_signal(mut self, signal: i32) -> Builder {
        self.details.signal = Some(signal);
        self
    }

    /// Whether reports have the tracked objects of the stuck loop, for which the process is copied (by `clone`, without
    /// `atfork` handlers): true by default.
    pub fn tracked_objects(mut self, wanted: bool) -> Builder {
        self.details.tracked_objects = wanted;
        self
    }

    /// Makes it, and starts its threads.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for thresholds that are out of order or all zero, a share that is none, an
    /// interval of zero, a signal that cannot be handled; [`Error::Os`] when the system has no thread left.
    pub fn build(self) -> Result<GuardDog, Error> {
        let settings = self.settings()?;
        if let Some(signal) = settings.details.signal {
            interrupt::prepare(signal)?;
        }
        GuardDog::with_settings(settings)
    }

    fn settings(self) -> Result<Settings, Error> {
        let invalid = |why: String| Err(Error::InvalidArgument(why));
        let named = [("miss", self.miss), ("megamiss", self.megamiss), ("kill", self.kill)];
        let mut set = named.into_iter().filter(|(_, threshold)| !threshold.is_zero());
        let mut smallest = (!self.multikill.is_zero()).then_some(self.multikill);
        let mut former: Option<(&str, Duration)> = None;
        for (name, threshold) in &mut set {
            if let Some((former, shorter)) = former
                && shorter > threshold
            {
                return invalid(format!(
                    "the threshold of a {former}, {shorter:?}, is above that of a {name}, {threshold:?}"
                ));
            }
            former = Some((name, threshold));
            smallest = Some(smallest.map_or(threshold, |smallest| smallest.min(threshold)));
        }
        let Some(smallest) = smallest else {
            return invalid("all thresholds are zero: there is nothing to watch for".into());
        };
        if !(self.multikill_share > 0.0 && self.multikill_share <= 1.0) {
            return invalid(format!(
                "the share of threads for a multikill is {}; it must be above 0 and at most 1",
                self.multikill_share
            ));
        }
        let interval = self.interval.unwrap_or((smallest / 2).max(Duration::from_millis(1)));
        if interval.is_zero() {
            return invalid("the interval between two scans is zero".into());
        }
        let thresholds = Thresholds {
            miss: nanos(self.miss),
            megamiss: nanos(self.megamiss),
            kill: nanos(self.kill),
            multikill: nanos(self.multikill),
            multikill_share: self.multikill_share,
        };
        let Builder { clock, details, abort, kill_grace, .. } = self;
        Ok(Settings { thresholds, interval, clock, details, abort, kill_grace })
    }
}

impl Settings {
    pub(super) fn now(&self) -> Nanos {
        self.clock.now()
    }
}
