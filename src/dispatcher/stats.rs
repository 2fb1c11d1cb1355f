//! What a loop counts and measures about itself, readable from any thread while it runs.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::clock::Nanos;

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
    spins: Counter,
    spins_paid: Counter,
    nanos_spun: Counter,
    recording: AtomicBool,
    latencies: Mutex<Option<Latencies>>,
}

struct Latencies {
    loop_duration: Recorder,
    poll_delay: Recorder,
}

/// A histogram of microseconds with two significant digits, up to an hour.
struct Recorder {
    histogram: Histogram<u64>,
    sum: u64,
}

impl Recorder {
    fn new() -> Option<Recorder> {
        Some(Recorder { histogram: Histogram::new_with_bounds(1, 3_600_000_000, 2).ok()?, sum: 0 })
    }

    fn record(&mut self, nanos: Nanos) {
        let micros = nanos / 1_000;
        self.sum = self.sum.saturating_add(micros);
        self.histogram.saturating_record(micros);
    }

    fn summary(&self) -> LatencySummary {
        let micros = |value| Duration::from_micros(value);
        LatencySummary {
            count: self.histogram.len(),
            sum: micros(self.sum),
            p50: micros(self.histogram.value_at_quantile(0.50)),
            p90: micros(self.histogram.value_at_quantile(0.90)),
            p99: micros(self.histogram.value_at_quantile(0.99)),
            max: micros(self.histogram.max()),
        }
    }
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
            spins: Counter::default(),
            spins_paid: Counter::default(),
            nanos_spun: Counter::default(),
            recording: AtomicBool::new(false),
            latencies: Mutex::new(None),
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
        let mut latencies = self.latencies.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if latencies.is_none() {
            *latencies = Recorder::new()
                .zip(Recorder::new())
                .map(|(loop_duration, poll_delay)| Latencies { loop_duration, poll_delay });
            self.recording.store(true, Ordering::Release);
        }
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    pub(crate) fn record_loop_duration(&self, nanos: Nanos) {
        self.with_latencies(|latencies| latencies.loop_duration.record(nanos));
    }

    pub(crate) fn record_poll_delay(&self, nanos: Nanos) {
        self.with_latencies(|latencies| latencies.poll_delay.record(nanos));
    }

    pub(crate) fn record_spin(&self, nanos: Nanos, paid: bool) {
        self.nanos_spun.add_here(nanos);
        self.spins.add_here(1);
        self.spins_paid.add_here(paid.into());
    }

    fn with_latencies<R>(&self, f: impl FnOnce(&mut Latencies) -> R) -> Option<R> {
        self.latencies.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_mut().map(f)
    }

    pub(crate) fn snapshot(&self, queue_depth: usize) -> LoopStats {
        let latencies = self
            .with_latencies(|latencies| (latencies.loop_duration.summary(), latencies.poll_delay.summary()));
        let (loop_duration, poll_delay) = latencies.unwrap_or_default();
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
            queue_depth: queue_depth as u64,
            loop_duration,
            poll_delay,
            time_spun: Duration::from_nanos(self.nanos_spun.get()),
            spins: self.spins.get(),
            spins_paid: self.spins_paid.get(),
        }
    }
}

/// A dispatcher's figures at one moment.
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
}

/// A histogram in short, of whole microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatencySummary {
    /// How many were recorded.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
    /// The median.
    pub p50: Duration,
    /// The 90th percentile.
    pub p90: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The largest.
    pub max: Duration,
}

impl fmt::Display for LatencySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "count={} sum={}us p50={}us p90={}us p99={}us max={}us",
            self.count,
            self.sum.as_micros(),
            self.p50.as_micros(),
            self.p90.as_micros(),
            self.p99.as_micros(),
            self.max.as_micros()
        )
    }
}
