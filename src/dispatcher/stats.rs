//! What a loop counts and measures about itself, readable from any thread while it runs.

use std::iter::Sum;
use std::ops::AddAssign;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::Nanos;
use super::latency::{Latencies, LatencyHistogram, LatencySummary, Recorder};

/// A counter that many threads read.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// From any thread.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// From the loop's owner, for counters that nobody else adds to: no read-modify-write.
    pub(crate) fn add_here(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The loop's own counters and, once enabled, its two histograms.
pub(crate) struct Stats {
    pub(crate) iterations: Counter,
    pub(crate) file_events: Counter,
    pub(crate) timers_fired: Counter,
    pub(crate) scheduled_run: Counter,
    pub(crate) signals: Counter,
    pub(crate) posts_run: Counter,
    pub(crate) mail_run: Counter,
    pub(crate) posts_refused: Counter,
    pub(crate) deferred_deletes: Counter,
    pub(crate) wakes: Counter,
    pub(crate) registration_errors: Counter,
    pub(crate) slow_callbacks: Counter,
    spins: Counter,
    spins_paid: Counter,
    nanos_spun: Counter,
    latencies: OnceLock<Box<Recorders>>,
}

/// Written by the loop's owner alone.
struct Recorders {
    loop_duration: Recorder,
    poll_delay: Recorder,
}

impl Stats {
    pub(crate) fn new() -> Stats {
        Stats {
            iterations: Counter::default(),
            file_events: Counter::default(),
            timers_fired: Counter::default(),
            scheduled_run: Counter::default(),
            signals: Counter::default(),
            posts_run: Counter::default(),
            mail_run: Counter::default(),
            posts_refused: Counter::default(),
            deferred_deletes: Counter::default(),
            wakes: Counter::default(),
            registration_errors: Counter::default(),
            slow_callbacks: Counter::default(),
            spins: Counter::default(),
            spins_paid: Counter::default(),
            nanos_spun: Counter::default(),
            latencies: OnceLock::new(),
        }
    }

    /// Changes with every iteration and every callback, at its begin or its end.
    pub(crate) fn progress(&self) -> u64 {
        [
            &self.iterations,
            &self.file_events,
            &self.timers_fired,
            &self.scheduled_run,
            &self.signals,
            &self.posts_run,
            &self.mail_run,
            &self.deferred_deletes,
        ]
        .iter()
        .fold(0, |sum, counter| sum.wrapping_add(counter.get()))
    }

    pub(crate) fn enable(&self) {
        self.latencies.get_or_init(|| {
            Box::new(Recorders { loop_duration: Recorder::new(), poll_delay: Recorder::new() })
        });
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.latencies.get().is_some()
    }

    /// By the loop's owner.
    pub(crate) fn record_loop_duration(&self, nanos: Nanos) {
        if let Some(latencies) = self.latencies.get() {
            latencies.loop_duration.record(nanos);
        }
    }

    /// By the loop's owner.
    pub(crate) fn record_poll_delay(&self, nanos: Nanos) {
        if let Some(latencies) = self.latencies.get() {
            latencies.poll_delay.record(nanos);
        }
    }

    pub(crate) fn record_spin(&self, nanos: Nanos, paid: bool) {
        self.nanos_spun.add_here(nanos);
        self.spins.add_here(1);
        self.spins_paid.add_here(paid.into());
    }

    pub(crate) fn snapshot(&self, queue_depth: usize) -> LoopStats {
        let (loop_durations, poll_delays) = match self.latencies.get() {
            Some(latencies) => (latencies.loop_duration.read(), latencies.poll_delay.read()),
            None => Default::default(),
        };
        LoopStats {
            iterations: self.iterations.get(),
            file_events: self.file_events.get(),
            timers_fired: self.timers_fired.get(),
            scheduled_run: self.scheduled_run.get(),
            signals: self.signals.get(),
            posts_run: self.posts_run.get(),
            mail_run: self.mail_run.get(),
            posts_refused: self.posts_refused.get(),
            deferred_deletes: self.deferred_deletes.get(),
            wakes: self.wakes.get(),
            registration_errors: self.registration_errors.get(),
            slow_callbacks: self.slow_callbacks.get(),
            queue_depth: queue_depth as u64,
            loop_duration: loop_durations.summary(),
            poll_delay: poll_delays.summary(),
            time_spun: Duration::from_nanos(self.nanos_spun.get()),
            spins: self.spins.get(),
            spins_paid: self.spins_paid.get(),
            loop_durations,
            poll_delays,
        }
    }
}

/// The figures of a dispatcher, or of several together, at one moment. They can be added: counters as numbers,
/// histograms value by value, so that the quantiles of the sum are those of all that was recorded.
///
/// ```
/// use mcp_event::{Dispatcher, LoopStats};
///
/// let dispatchers = [Dispatcher::new("a")?, Dispatcher::new("b")?];
/// let both: LoopStats = dispatchers.iter().map(|dispatcher| dispatcher.stats()).sum();
/// assert_eq!(both.iterations, 0);
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LoopStats {
    /// Iterations of the loop.
    pub iterations: u64,
    /// Callbacks of file events.
    pub file_events: u64,
    /// Callbacks of timers.
    pub timers_fired: u64,
    /// Schedulable callbacks run.
    pub scheduled_run: u64,
    /// Callbacks of signal events.
    pub signals: u64,
    /// Posts run.
    pub posts_run: u64,
    /// Messages that the loop's own thread sent to its actors; those of other threads are posts.
    pub mail_run: u64,
    /// Posts refused: after a shutdown, over the bound, or in a forked child.
    pub posts_refused: u64,
    /// Objects destroyed by deferred deletion.
    pub deferred_deletes: u64,
    /// Wake-ups by other threads that cost a system call.
    pub wakes: u64,
    /// Changes of registrations that the system refused after the call that asked for them had returned.
    pub registration_errors: u64,
    /// Callbacks that took longer than the threshold of `set_slow_callback_threshold()`.
    pub slow_callbacks: u64,
    /// Posts waiting.
    pub queue_depth: u64,
    /// From after a poll to the next one, busy polls included. Recorded from `enable_stats()` on.
    pub loop_duration: LatencySummary,
    /// How late a poll returned past its timeout. Recorded from `enable_stats()` on.
    pub poll_delay: LatencySummary,
    /// How long the loop has spun instead of sleeping; see [`Builder::busy_poll`](super::Builder::busy_poll).
    pub time_spun: Duration,
    /// How many times it has.
    pub spins: u64,
    /// How many of these were ended by work, and not by a timer or the end of the budget.
    pub spins_paid: u64,
    pub(crate) loop_durations: Latencies,
    pub(crate) poll_delays: Latencies,
}

impl LoopStats {
    /// `loop_duration` in buckets.
    pub fn loop_duration_histogram(&self) -> LatencyHistogram {
        self.loop_durations.in_buckets()
    }

    /// `poll_delay` in buckets.
    pub fn poll_delay_histogram(&self) -> LatencyHistogram {
        self.poll_delays.in_buckets()
    }
}

impl AddAssign<&LoopStats> for LoopStats {
    fn add_assign(&mut self, other: &LoopStats) {
        // All by name: a figure that is added to the struct cannot be forgotten here.
        let LoopStats {
            iterations,
            file_events,
            timers_fired,
            scheduled_run,
            signals,
            posts_run,
            mail_run,
            posts_refused,
            deferred_deletes,
            wakes,
            registration_errors,
            slow_callbacks,
            queue_depth,
            loop_duration,
            poll_delay,
            time_spun,
            spins,
            spins_paid,
            loop_durations,
            poll_delays,
        } = self;
        for (sum, added) in [
            (iterations, other.iterations),
            (file_events, other.file_events),
            (timers_fired, other.timers_fired),
            (scheduled_run, other.scheduled_run),
            (signals, other.signals),
            (posts_run, other.posts_run),
            (mail_run, other.mail_run),
            (posts_refused, other.posts_refused),
            (deferred_deletes, other.deferred_deletes),
            (wakes, other.wakes),
            (registration_errors, other.registration_errors),
            (slow_callbacks, other.slow_callbacks),
            (queue_depth, other.queue_depth),
            (spins, other.spins),
            (spins_paid, other.spins_paid),
        ] {
            *sum = sum.saturating_add(added);
        }
        *time_spun = time_spun.saturating_add(other.time_spun);
        loop_durations.add(&other.loop_durations);
        poll_delays.add(&other.poll_delays);
        (*loop_duration, *poll_delay) = (loop_durations.summary(), poll_delays.summary());
    }
}

impl Sum for LoopStats {
    fn sum<I: Iterator<Item = LoopStats>>(all: I) -> LoopStats {
        all.fold(LoopStats::default(), |mut sum, stats| {
            sum += &stats;
            sum
        })
    }
}
