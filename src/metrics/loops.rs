//! The figures of loops and of pools, by the names that they are shown with.

use super::exposition::{Exposition, Kind, Label};
use crate::dispatcher::LoopStats;
use crate::dispatcher::latency::Latencies;
use crate::worker::PoolStats;

/// A counter of a loop: how its name ends, its help, where it is.
type Counter = (&'static str, &'static str, fn(&LoopStats) -> u64);

pub(super) const COUNTERS: [Counter; 14] = [
    ("iterations_total", "Iterations of the loop.", |stats| stats.iterations),
    ("file_events_total", "Callbacks of file events.", |stats| stats.file_events),
    ("timers_fired_total", "Callbacks of timers.", |stats| stats.timers_fired),
    ("scheduled_run_total", "Schedulable callbacks run.", |stats| stats.scheduled_run),
    ("signals_total", "Callbacks of signal events.", |stats| stats.signals),
    ("posts_run_total", "Posts run.", |stats| stats.posts_run),
    ("mail_run_total", "Messages that the loop's own thread sent to its actors.", |stats| stats.mail_run),
    ("posts_refused_total", "Posts refused.", |stats| stats.posts_refused),
    ("deferred_deletes_total", "Objects destroyed by deferred deletion.", |stats| stats.deferred_deletes),
    ("wakes_total", "Wake-ups that cost a system call.", |stats| stats.wakes),
    ("registration_errors_total", "Changes of what is watched that the system refused.", |stats| {
        stats.registration_errors
    }),
    ("spins_total", "Times that the loop spun instead of sleeping.", |stats| stats.spins),
    ("spins_paid_total", "Spins that were ended by work.", |stats| stats.spins_paid),
    ("slow_callbacks_total", "Callbacks that took longer than the threshold.", |stats| stats.slow_callbacks),
];

/// A counter that is no whole number.
pub(super) const TIME_SPUN: (&str, &str) =
    ("spin_seconds_total", "How long the loop spun instead of sleeping.");

/// Its gauge.
pub(super) const QUEUE_DEPTH: (&str, &str) = ("queue_depth", "Posts waiting.");

/// A histogram of a loop, as a counter.
type Histogram = (&'static str, &'static str, fn(&LoopStats) -> &Latencies);

pub(super) const HISTOGRAMS: [Histogram; 2] = [
    ("duration_seconds", "From after a poll to the next one.", |stats| &stats.loop_durations),
    ("poll_delay_seconds", "How late a poll returned past its timeout.", |stats| &stats.poll_delays),
];

/// The gauge of a pool.
pub(super) const POOL_WORKERS: (&str, &str) = ("mcp_event_pool_workers", "Workers of the pool.");

/// How the names of a loop's figures begin, and of those of a pool's loops together.
#[cfg(feature = "metrics")]
pub(super) const PREFIXES: [&str; 2] = [LOOP, POOL];
const LOOP: &str = "mcp_event_loop_";
const POOL: &str = "mcp_event_pool_";

/// The figures of one loop, or of several together, and whose they are.
pub(super) struct Series<'a> {
    pub(super) prefix: &'static str,
    pub(super) labels: Vec<(&'static str, &'a str)>,
    pub(super) stats: &'a LoopStats,
}

impl<'a> Series<'a> {
    pub(super) fn of_dispatcher(name: &'a str, stats: &'a LoopStats) -> Series<'a> {
        Series { prefix: LOOP, labels: vec![("dispatcher", name)], stats }
    }

    /// Those of each worker, and those of all, also of workers that have left.
    pub(super) fn of_pool(name: &'a str, pool: &'a PoolStats) -> impl Iterator<Item = Series<'a>> {
        let workers = pool.workers.iter().map(move |worker| Series {
            prefix: LOOP,
            labels: vec![("pool", name), ("dispatcher", &worker.name)],
            stats: &worker.stats,
        });
        workers.chain([Series { prefix: POOL, labels: vec![("pool", name)], stats: &pool.total }])
    }

    fn write(&self, page: &mut Exposition) {
        let Series { prefix, labels, stats } = self;
        let labels: Vec<Label<'_>> = labels.iter().map(|(name, value)| (*name, value as _)).collect();
        for (name, help, value) in COUNTERS {
            page.put(Kind::Counter, &format!("{prefix}{name}"), help, &labels, value(stats) as f64);
        }
        let (name, help) = TIME_SPUN;
        page.put(Kind::Counter, &format!("{prefix}{name}"), help, &labels, stats.time_spun.as_secs_f64());
        let (name, help) = QUEUE_DEPTH;
        page.put(Kind::Gauge, &format!("{prefix}{name}"), help, &labels, stats.queue_depth as f64);
        for (name, help, latencies) in HISTOGRAMS {
            page.put_histogram(&format!("{prefix}{name}"), help, &labels, &latencies(stats).in_buckets());
        }
    }
}

impl LoopStats {
    /// Adds the figures to a page, as those of the dispatcher of this name. Their names begin with
    /// `mcp_event_loop_`; times are in seconds.
    pub fn write_to(&self, page: &mut Exposition, dispatcher: &str) {
        Series::of_dispatcher(dispatcher, self).write(page);
    }
}

impl PoolStats {
    /// Adds the figures to a page, as those of the pool of this name: of each worker, with names that begin with
    /// `mcp_event_loop_`, and of all together, also those that have left, with `mcp_event_pool_`.
    pub fn write_to(&self, page: &mut Exposition, pool: &str) {
        Series::of_pool(pool, self).for_each(|series| series.write(page));
        let (name, help) = POOL_WORKERS;
        page.put(Kind::Gauge, name, help, &[("pool", &pool)], self.workers.len() as f64);
    }
}
