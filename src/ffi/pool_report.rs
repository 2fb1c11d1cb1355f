//! What the end of a pool cost, as C reads it.

use super::status::{Result, check_size};
use crate::worker::{ShutdownReport, WorkerReport};

/// What `mcp_event_pool_shutdown()` dropped, of all workers together.
#[repr(C)]
pub struct mcp_event_pool_report {
    /// The size of this struct as the caller knows it; set it before the call.
    pub size: usize,
    /// Posts that had not run, messages of actors included.
    pub posts_dropped: usize,
    /// Closures that `mcp_event_pool_execute()` took and no worker had begun.
    pub submitted_dropped: usize,
    /// Futures on the workers' loops that were not done.
    pub tasks_dropped: usize,
    /// Objects of deferred deletion that were destroyed at the very end.
    pub deferred_destroyed: usize,
    /// Handles that live on and do nothing.
    pub handles_alive: usize,
    /// Workers inside a callback that did not return.
    pub workers_stuck: usize,
    /// Whether all that was queued has run.
    pub is_drained: bool,
}

impl mcp_event_pool_report {
    pub(crate) fn check(&self) -> Result {
        check_size::<Self>(self.size, "report")
    }

    pub(crate) fn fill(&mut self, report: &ShutdownReport) {
        let sum = |count: fn(&WorkerReport) -> usize| report.workers.iter().map(count).sum();
        self.posts_dropped = report.posts_dropped();
        self.submitted_dropped = report.submitted_dropped;
        self.tasks_dropped = sum(|worker| worker.tasks_dropped);
        self.deferred_destroyed = sum(|worker| worker.deferred_destroyed);
        self.handles_alive = sum(|worker| worker.handles_alive);
        self.workers_stuck = report.stuck();
        self.is_drained = report.is_drained();
    }
}
