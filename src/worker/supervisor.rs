//! The thread of a pool that lets it grow and shrink.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::pool::Recipe;
use super::roster::{Member, Roster};
use super::scaling::{Candidate, Scaling, Step};
use super::{Worker, WorkerOptions};
use crate::dispatcher::PeriodicTimer;
use crate::error::Error;
use crate::pressure::Gauge;

/// A loop on a thread of its own, whose timer does the work.
pub(super) struct Supervisor {
    worker: Worker,
    timer: PeriodicTimer,
    interval: Duration,
}

impl Supervisor {
    pub(super) fn new(mut supervision: Supervision) -> Result<Supervisor, Error> {
        let clock = supervision.recipe.options.clock.clone();
        let options = WorkerOptions { clock, ..WorkerOptions::default() };
        let worker = Worker::with_options("pool_supervisor", &options)?;
        let (handle, interval) = (worker.dispatcher().handle(), supervision.interval());
        let timer = worker
            .dispatcher()
            .create_periodic_timer(move || supervision.tick(handle.approximate_monotonic_time()));
        Ok(Supervisor { worker, timer, interval })
    }

    pub(super) fn start(&self) -> Result<(), Error> {
        self.timer.enable(self.interval);
        self.worker.start(None)
    }

    /// Tells it to end.
    pub(super) fn signal_stop(&self) {
        self.timer.disable();
        self.worker.signal_stop();
    }

    pub(super) fn stop(&self) {
        self.signal_stop();
        self.worker.stop();
    }

    /// Waits for its end no longer than it takes to notice that it does not come.
    pub(super) fn shutdown(&self) {
        self.signal_stop();
        // Refused only to itself and in a forked child, where there is nothing to wait for.
        let _ = self.worker.shutdown(Duration::ZERO);
    }
}

/// Watches the load of a pool, and does what [`Scaling`] decides.
pub(super) struct Supervision {
    roster: Arc<Roster>,
    recipe: Recipe,
    scaling: Scaling,
    /// One that shows no pressure.
    new_gauge: Gauge,
    gauges: HashMap<usize, Gauge>,
    last_tick: Option<Duration>,
}

impl Supervision {
    pub(super) fn new(roster: Arc<Roster>, recipe: Recipe, scaling: Scaling) -> Result<Supervision, Error> {
        let new_gauge = Gauge::new(scaling.config().pressure)?;
        Ok(Supervision { roster, recipe, scaling, new_gauge, gauges: HashMap::new(), last_tick: None })
    }

    fn interval(&self) -> Duration {
        self.scaling.config().pressure.interval
    }

    /// Measures, decides, and acts, at the time `now`. Waits for no thread that runs anything of a user's, but for
    /// the observers of a worker that joins.
    fn tick(&mut self, now: Duration) {
        let elapsed = self.last_tick.replace(now).map_or(self.interval(), |last| now.saturating_sub(last));
        let active = self.roster.active();
        let pressure = self.measure(&active, elapsed);
        let candidates: Vec<_> = active.iter().map(candidate).collect();
        // A worker that somebody holds does not retire to its end.
        drop(active);
        match self.scaling.step(pressure, &candidates, now) {
            Step::Keep => {}
            Step::Grow => self.grow(pressure),
            Step::Retire(number) => {
                tracing::info!(number, pressure, "a worker of a pool retires");
                self.roster.retire(number, now);
            }
        }
        for worker in self.roster.end_retiring(now, self.scaling.config().drain_limit) {
            bury(&worker);
        }
    }

    /// The mean of the workers' pressures.
    fn measure(&mut self, active: &[Member], elapsed: Duration) -> f64 {
        self.gauges.retain(|number, _| active.iter().any(|member| member.number == *number));
        let pressure = |member: &Member| {
            let gauge = self.gauges.entry(member.number).or_insert_with(|| self.new_gauge.clone());
            gauge.update(&member.worker.dispatcher().load(), [], elapsed)
        };
        active.iter().map(pressure).sum::<f64>() / active.len().max(1) as f64
    }

    fn grow(&self, pressure: f64) {
        if self.roster.call_back() {
            tracing::info!(pressure, "a worker of a pool that was to retire stays");
            return;
        }
        match self.hire() {
            Ok(number) => tracing::info!(number, pressure, "a pool has a new worker"),
            // The pressure lasts, so it is tried again.
            Err(error) => tracing::warn!(%error, "a pool cannot grow"),
        }
    }

    fn hire(&self) -> Result<usize, Error> {
        let over = || Error::InvalidState("it is stopped".into());
        let run = self.roster.run().ok_or_else(over)?;
        let number = self.roster.free_number();
        let member = self.roster.member(number, self.recipe.worker(number)?);
        member.worker.start(run.watchdog.clone())?;
        self.roster.join(member, &run).map_err(|member| {
            member.worker.stop();
            over()
        })?;
        Ok(number)
    }
}

fn candidate(member: &Member) -> Candidate {
    let dispatcher = member.worker.dispatcher();
    Candidate { number: member.number, ties: dispatcher.handle_count() + dispatcher.queue_depth() }
}

/// Says what a retired worker left over.
fn bury(worker: &Worker) {
    worker.stop();
    let dropped = worker.state.ended().unwrap_or_default();
    if dropped != Default::default() {
        tracing::warn!(
            worker = worker.name(),
            posts = dropped.posts,
            deferred = dropped.deferred,
            tasks = dropped.tasks,
            "a worker did not finish before it had to retire; this was dropped"
        );
    }
}
