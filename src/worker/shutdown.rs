//! The end with a time limit, and what it cost.

use std::time::{Duration, Instant};

use super::Worker;
use crate::error::Error;

/// How long a worker that was cut off may take to leave its present callback and to drop what is queued, before it
/// counts as stuck.
const GRACE: Duration = Duration::from_secs(1);

/// How a worker ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The worker's name.
    pub name: String,
    /// Posts that were dropped without having run, messages of actors included.
    pub posts_dropped: usize,
    /// Objects of deferred deletion that were destroyed at the very end.
    pub deferred_destroyed: usize,
    /// Tasks that were dropped before they were done.
    pub tasks_dropped: usize,
    /// Handles that live on and do nothing; see [`Handle::handle_count`](crate::Handle::handle_count).
    pub handles_alive: usize,
    /// A callback did not return. The thread was left behind: it ends when the callback returns, and drops then what
    /// is queued. What it uses lives as long.
    pub is_stuck: bool,
}

impl WorkerReport {
    /// Whether all that was queued has run.
    pub fn is_drained(&self) -> bool {
        !self.is_stuck && self.posts_dropped == 0 && self.deferred_destroyed == 0 && self.tasks_dropped == 0
    }
}

/// How the workers of a pool ended, in their order; retiring ones last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// One for each worker.
    pub workers: Vec<WorkerReport>,
    /// Tasks [submitted](crate::Pool::submit) to the pool that no worker had begun.
    pub submitted_dropped: usize,
}

impl ShutdownReport {
    /// Whether all that was queued has run, on all workers.
    pub fn is_drained(&self) -> bool {
        self.submitted_dropped == 0 && self.workers.iter().all(WorkerReport::is_drained)
    }

    /// Posts that were dropped, by all workers.
    pub fn posts_dropped(&self) -> usize {
        self.workers.iter().map(|worker| worker.posts_dropped).sum()
    }

    /// How many workers are stuck in a callback.
    pub fn stuck(&self) -> usize {
        self.workers.iter().filter(|worker| worker.is_stuck).count()
    }
}

/// Whether the calling thread can end this worker and wait for it.
pub(super) fn check(worker: &Worker) -> Result<(), Error> {
    worker.dispatcher().core().check_fork()?;
    if worker.is_own_thread() {
        let text = format!("{} cannot wait on its own thread until it has ended", worker.name());
        return Err(Error::InvalidState(text));
    }
    Ok(())
}

/// Workers that were told to finish, each with the number of its thread, if it has one.
type Finishing<'a> = [(&'a Worker, Option<u64>)];

/// Ends them. The limit is one for all.
pub(super) fn finish(workers: &Finishing<'_>, limit: Duration) -> Vec<WorkerReport> {
    wait_or_cut_off(workers, limit);
    conclude(workers)
}

/// The first half: when it returns, they have ended, or have to leave after their present callbacks.
pub(super) fn wait_or_cut_off(workers: &Finishing<'_>, limit: Duration) {
    // None: a limit beyond all time.
    let deadline = Instant::now().checked_add(limit);
    for (worker, thread) in workers {
        if let Some(thread) = thread {
            worker.state.end_or_cut_off(*thread, deadline);
        }
    }
}

/// The second half: who does not end now is left behind.
pub(super) fn conclude(workers: &Finishing<'_>) -> Vec<WorkerReport> {
    let last = Instant::now().checked_add(GRACE);
    workers.iter().map(|(worker, thread)| worker.conclude(*thread, last)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn at_the_limit_nothing_of_what_is_queued_begins() {
        let worker = Worker::new(0).unwrap();
        worker.start(None).unwrap();
        let (busy, is_busy) = mpsc::channel();
        let (free, is_free) = mpsc::channel::<()>();
        let dispatcher = worker.dispatcher();
        let present = move || {
            busy.send(()).unwrap();
            let _ = is_free.recv();
        };
        dispatcher.post(present).unwrap();
        is_busy.recv().unwrap();
        (0..50).for_each(|_| dispatcher.post(|| unreachable!()).unwrap());
        dispatcher.deferred_delete(Box::new(1));
        let report = thread::scope(|scope| {
            let ending = scope.spawn(|| worker.shutdown(Duration::ZERO).unwrap());
            while !dispatcher.core().is_cut_off() {
                thread::yield_now();
            }
            drop(free);
            ending.join().unwrap()
        });
        assert_eq!((report.posts_dropped, report.deferred_destroyed, report.is_stuck), (50, 1, false));
        assert!(!dispatcher.core().is_cut_off());
    }
}
