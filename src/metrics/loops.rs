//! The figures of loops and of pools, by the names that they are shown with.

use super::exposition::{Exposition, Kind, Label};
use crate::dispatcher::{LatencyHistogram, LoopStats};
use crate::worker::PoolStats;

/// A counter of a loop: how its name ends, its help, where it is.
type Counter = (&'static str, &'static str, fn(&LoopStats) -> u64);

pub(super) const COUNTERS: [Counter; 12] = [
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
    ("slow_callbacks_total", "Callbacks that took longer than the threshold.", |stats| stats.slow_callbacks),
];

pub(super) const QUEUE_DEPTH: (&str, &str) = ("queue_depth", "Posts waiting.");

/// A histogram of a loop, likewise.
type Histogram = (&'static str, &'static str, fn(&LoopStats) -> LatencyHistogram);

const HISTOGRAMS: [Histogram; 2] = [
    ("duration_seconds", "From after a poll to the next one.", LoopStats::loop_duration_histogram),
    ("poll_delay_seconds", "How late a poll returned past its timeout.", LoopStats::poll_delay_histogram),
];

impl LoopStats {
    /// Adds the figures to a page, as those of the dispatcher of this name. Their names begin with
    /// `mcp_event_loop_`; times are in seconds.
    pub fn write_to(&self, page: &mut Exposition, dispatcher: &str) {
        write(page, "mcp_event_loop_", &[("dispatcher", &dispatcher)], self);
    }
}

impl PoolStats {
    /// Adds the figures to a page, as those of the pool of this name: of each worker, with names that begin with
    /// `mcp_event_loop_`, and of all together, also those that have left, with `mcp_event_pool_`.
    pub fn write_to(&self, page: &mut Exposition, pool: &str) {
        for worker in &self.workers {
            let labels: [Label<'_>; 2] = [("pool", &pool), ("dispatcher", &worker.name)];
            write(page, "mcp_event_loop_", &labels, &worker.stats);
        }
        let labels: [Label<'_>; 1] = [("pool", &pool)];
        write(page, "mcp_event_pool_", &labels, &self.total);
        let workers = self.workers.len() as f64;
        page.put(Kind::Gauge, "mcp_event_pool_workers", "Workers of the pool.", &labels, workers);
    }
}

fn write(page: &mut Exposition, prefix: &str, labels: &[Label<'_>], stats: &LoopStats) {
    for (name, help, value) in COUNTERS {
        page.put(Kind::Counter, &format!("{prefix}{name}"), help, labels, value(stats) as f64);
    }
    let (name, help) = QUEUE_DEPTH;
    page.put(Kind::Gauge, &format!("{prefix}{name}"), help, labels, stats.queue_depth as f64);
    for (name, help, histogram) in HISTOGRAMS {
        page.put_histogram(&format!("{prefix}{name}"), help, labels, &histogram(stats));
    }
}
