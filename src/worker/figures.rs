//! The figures of a pool: of each worker, and of all together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dispatcher::{Handle, LoopStats};

/// The figures of a pool at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Of all workers together, also of those that have left the pool. Counters and histograms never go back.
    pub total: LoopStats,
    /// Of each worker in the pool.
    pub workers: Vec<WorkerStats>,
    /// Of those that have left, as they were then.
    pub retired: LoopStats,
}

/// The figures of one worker of a pool.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerStats {
    /// The name of its dispatcher.
    pub name: String,
    /// Its figures.
    pub stats: LoopStats,
}

/// Who is in a pool, and what those have counted who were.
#[derive(Default)]
pub(crate) struct PoolFigures {
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    present: Vec<Handle>,
    retired: LoopStats,
}

impl PoolFigures {
    /// A worker joins the pool.
    pub(crate) fn join(&self, worker: Handle) {
        self.lock().present.push(worker);
    }

    /// A worker, which has run for the last time, leaves the pool: what it counted stays in the sums. Nothing, if it
    /// is not there.
    pub(crate) fn leave(&self, worker: &Handle) {
        let mut members = self.lock();
        let index = members.present.iter().position(|present| Arc::ptr_eq(present.core(), worker.core()));
        if let Some(index) = index {
            // What it still has queued is not the pool's any more.
            let last = LoopStats { queue_depth: 0, ..members.present.remove(index).stats() };
            members.retired += &last;
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let members = self.lock();
        let worker = |present: &Handle| WorkerStats { name: present.name().into(), stats: present.stats() };
        let workers: Vec<_> = members.present.iter().map(worker).collect();
        let retired = members.retired.clone();
        drop(members);
        let mut total = retired.clone();
        workers.iter().for_each(|worker| total += &worker.stats);
        PoolStats { total, workers, retired }
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dispatcher::{Dispatcher, RunType, SimulatedClock};

    /// A dispatcher that has run `posts` posts of one millisecond each.
    fn busy(name: &str, posts: u64) -> Dispatcher {
        let clock = SimulatedClock::new();
        let dispatcher = Dispatcher::builder(name).clock(&clock).build().unwrap();
        dispatcher.enable_stats();
        for _ in 0..posts {
            let clock = clock.clone();
            dispatcher.post(move || clock.advance(Duration::from_millis(1))).unwrap();
            dispatcher.run(RunType::NonBlock).unwrap();
        }
        dispatcher
    }

    #[test]
    fn q3_what_a_worker_counted_stays_in_the_sums_when_it_leaves() {
        let figures = PoolFigures::default();
        let (one, other) = (busy("one", 3), busy("other", 4));
        figures.join(one.handle());
        figures.join(other.handle());
        let before = figures.stats();
        let counts: Vec<_> =
            before.workers.iter().map(|worker| (worker.name.as_str(), worker.stats.posts_run)).collect();
        assert_eq!(counts, [("one", 3), ("other", 4)]);
        assert_eq!((before.total.posts_run, before.retired.posts_run), (7, 0));

        one.post(|| ()).unwrap();
        figures.leave(&one);
        figures.leave(&one);
        let after = figures.stats();
        assert_eq!((after.workers.len(), after.retired.posts_run, after.total.posts_run), (1, 3, 7));
        assert_eq!(after.total.queue_depth, 0);
        assert_eq!(after.total.loop_duration, before.total.loop_duration);
    }

    #[test]
    fn q1_the_quantiles_of_a_sum_are_those_of_all_that_was_recorded() {
        let figures = PoolFigures::default();
        let slow = Duration::from_millis(100);
        for (name, durations) in [("fast", vec![Duration::from_millis(1); 98]), ("slow", vec![slow; 2])] {
            let clock = SimulatedClock::new();
            let dispatcher = Dispatcher::builder(name).clock(&clock).build().unwrap();
            dispatcher.enable_stats();
            for duration in durations {
                let clock = clock.clone();
                let timer = dispatcher.create_timer(move || clock.advance(duration));
                timer.enable(Duration::ZERO);
                dispatcher.exit();
                dispatcher.run(RunType::Block).unwrap();
            }
            figures.join(dispatcher.handle());
        }
        let total = figures.stats().total.loop_duration;
        assert_eq!((total.count, total.sum), (100, Duration::from_millis(298)));
        // An average of the two loops' quantiles would be fifty times that.
        assert!(total.p90 < Duration::from_millis(2) && total.p99 >= slow && total.max >= slow, "{total}");
    }
}
