//! Time, as a parameter: the system's monotonic clock, or a simulated one that tests move by hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::Core;

/// A point of monotonic time in nanoseconds. The real clock's is that of `std::chrono::steady_clock`, on most systems
/// `CLOCK_MONOTONIC`; zero never occurs.
pub(crate) type Nanos = u64;

/// A duration in nanoseconds; what does not fit (584 years) saturates.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Clone)]
pub(crate) enum Clock {
    Monotonic,
    Simulated(SimulatedClock),
}

impl Clock {
    pub(crate) fn now(&self) -> Nanos {
        match self {
            Clock::Monotonic => monotonic_now(),
            Clock::Simulated(clock) => clock.inner.now.load(Ordering::SeqCst),
        }
    }

    /// A simulated clock wakes the loops that wait for it.
    pub(crate) fn attach(&self, core: &Arc<Core>) {
        if let Clock::Simulated(clock) = self {
            clock.lock().push(Arc::downgrade(core));
        }
    }

    pub(crate) fn is_simulated(&self) -> bool {
        matches!(self, Clock::Simulated(_))
    }
}

#[cfg(unix)]
fn monotonic_now() -> Nanos {
    // What libc++ takes for its steady clock there.
    #[cfg(target_vendor = "apple")]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_RAW;
    #[cfg(not(target_vendor = "apple"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; the clock id always exists.
    unsafe { libc::clock_gettime(CLOCK, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(windows)]
fn monotonic_now() -> Nanos {
    use std::sync::OnceLock;
    use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

    static FREQUENCY: OnceLock<u64> = OnceLock::new();
    let frequency = *FREQUENCY.get_or_init(|| {
        let mut frequency = 0;
        // SAFETY: valid for writing; it always succeeds.
        unsafe { QueryPerformanceFrequency(&mut frequency) };
        frequency as u64
    });
    let mut count = 0;
    // SAFETY: as above.
    unsafe { QueryPerformanceCounter(&mut count) };
    let (seconds, rest) = (count as u64 / frequency, count as u64 % frequency);
    // Never zero, also on a machine that has just begun to count.
    (seconds * 1_000_000_000 + rest * 1_000_000_000 / frequency).max(1)
}

/// A clock that stands still until it is told to move, so that timers can be tested exactly and in no time.
///
/// Give it to [`Builder::clock`](super::Builder::clock). Clones are the same clock. Moving it wakes every loop
/// that runs on it; a loop on a simulated clock never waits for time to pass, only for fds and wake-ups.
///
/// ```
/// use mcp_event::{Dispatcher, RunType, SimulatedClock};
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
/// use std::time::Duration;
///
/// let clock = SimulatedClock::new();
/// let dispatcher = Dispatcher::builder("test").clock(&clock).build()?;
/// let fired = Arc::new(AtomicBool::new(false));
/// let timer = dispatcher.create_timer({ let fired = fired.clone(); move || fired.store(true, Ordering::Relaxed) });
/// timer.enable(Duration::from_secs(3600));
/// clock.advance(Duration::from_secs(3599));
/// dispatcher.run(RunType::NonBlock)?;
/// assert!(!fired.load(Ordering::Relaxed));
/// clock.advance(Duration::from_secs(1));
/// dispatcher.run(RunType::NonBlock)?;
/// assert!(fired.load(Ordering::Relaxed));
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct SimulatedClock {
    inner: Arc<Simulated>,
}

struct Simulated {
    now: AtomicU64,
    loops: Mutex<Vec<Weak<Core>>>,
}

impl Default for Simulated {
    fn default() -> Simulated {
        // Not zero: a deadline of zero means "disarmed".
        Simulated { now: AtomicU64::new(1_000_000_000), loops: Mutex::new(Vec::new()) }
    }
}

impl SimulatedClock {
    /// A clock that stands at one second.
    pub fn new() -> SimulatedClock {
        SimulatedClock::default()
    }

    /// Moves time forward and wakes the loops on this clock. From any thread.
    pub fn advance(&self, by: Duration) {
        // The add saturates: a clock that wrapped would make every timer early.
        let _ = self.inner.now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(now.saturating_add(nanos(by)).min(super::timer::NEVER - 1))
        });
        let loops: Vec<_> = {
            let mut loops = self.lock();
            loops.retain(|core| core.strong_count() > 0);
            loops.iter().filter_map(Weak::upgrade).collect()
        };
        loops.iter().for_each(|core| core.wake());
    }

    /// The time since the clock's own beginning.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.inner.now.load(Ordering::Acquire))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Core>>> {
        self.inner.loops.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
