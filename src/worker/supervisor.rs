//! The thread of a pool that lets it grow and shrink.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::pool::Recipe;
use super::roster::{Member, Roster};
use super::scaling::{Candidate, Scaling, Step};
use super::{Worker, WorkerOptions, shutdown};
use crate::dispatcher::PeriodicTimer;
use crate::error::Error;
use crate::pressure::Gauge;

/// A loop on a thread of its own, whose timer does the work.
pub(super) struct Supervisor {
    pub(super) worker: Worker,
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

    /// Tells it to end. The number of its thread, if it has one.
    pub(super) fn begin_stop(&self) -> Option<u64> {
        self.timer.disable();
        self.worker.state.begin_drain()
    }

    /// Waits for the end of this thread no longer than it takes to notice that it does not come.
    pub(super) fn finish(&self, thread: u64) {
        shutdown::finish(&[(&self.worker, Some(thread))], Duration::ZERO);
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
        // What is submitted waits for all of them.
        let share = self.roster.crew.waiting() / active.len().max(1);
        let pressure = |member: &Member| {
            let mut load = member.worker.dispatcher().load();
            load.queue_depth += share;
            let gauge = self.gauges.entry(member.number).or_insert_with(|| self.new_gauge.clone());
            gauge.update(&load, [], elapsed)
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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};
    use std::thread;

    use super::super::observer::WorkerObserver;
    use super::super::panics::set_worker_panic_handler;
    use super::super::policy::{Choice, Policy};
    use super::super::scaling::ScalingConfig;
    use super::*;
    use crate::dispatcher::{Handle, SimulatedClock};
    use crate::pressure::{PressureConfig, Thresholds};

    const SECOND: Duration = Duration::from_secs(1);

    /// Grows and retires after a second, rests none; a queue is all the pressure there is, since how late a loop is
    /// depends here on when its thread sees that time has passed.
    fn config() -> ScalingConfig {
        let never = Thresholds::new(Duration::MAX - Duration::from_nanos(1), Duration::MAX);
        ScalingConfig {
            high: 0.4,
            low: 0.1,
            grow_after: SECOND,
            retire_after: SECOND,
            cool_down: Duration::ZERO,
            drain_limit: 10 * SECOND,
            pressure: PressureConfig {
                loop_lag: never,
                poll_delay: never,
                queue_depth: Thresholds::new(4, 8),
                smoothing: Duration::ZERO,
                hysteresis: 0.0,
                ..PressureConfig::default()
            },
        }
    }

    /// A pool that is scaled by hand, in simulated time.
    struct Stage {
        roster: Arc<Roster>,
        supervision: Supervision,
        clock: SimulatedClock,
    }

    impl Stage {
        fn new(min: usize, max: usize) -> Stage {
            let clock = SimulatedClock::new();
            let options = WorkerOptions { clock: Some(clock.clone()), ..WorkerOptions::default() };
            let recipe = Recipe { name_prefix: "w".into(), affinity: None, options };
            let workers: Result<_, _> = (0..min).map(|number| recipe.worker(number)).collect();
            let roster = Arc::new(Roster::new(workers.unwrap(), Choice::new(Policy::default())));
            let scaling = Scaling::new(min..=max, config()).unwrap();
            let supervision = Supervision::new(roster.clone(), recipe, scaling).unwrap();
            for member in roster.begin_run(None).1 {
                member.worker.start(None).unwrap();
            }
            Stage { roster, supervision, clock }
        }

        /// Of two workers, one of which will retire, for all are idle.
        fn grown() -> Stage {
            let mut stage = Stage::new(1, 2);
            stage.grow();
            stage
        }

        /// Worker 0 is busy until another one has joined.
        fn grow(&mut self) {
            let free = keep_busy(&self.worker(0));
            self.pass(2);
            drop(free);
            wait_until_idle(&self.worker(0));
        }

        /// Ticks once a second.
        fn pass(&mut self, seconds: usize) {
            for _ in 0..seconds {
                self.clock.advance(SECOND);
                self.supervision.tick(self.clock.now());
            }
        }

        fn numbers(&self) -> Vec<usize> {
            self.roster.active().iter().map(|member| member.number).collect()
        }

        fn worker(&self, number: usize) -> Arc<Worker> {
            self.roster.get(number).unwrap()
        }

        fn retiring(&self) -> usize {
            self.roster.retiring().len()
        }

        /// Ticks without moving time until nobody retires any more.
        fn wait_for_end(&mut self) {
            while self.retiring() > 0 {
                self.supervision.tick(self.clock.now());
                thread::yield_now();
            }
        }
    }

    impl Drop for Stage {
        fn drop(&mut self) {
            self.roster.end_run(|_| ()).workers.iter().for_each(|worker| worker.stop());
        }
    }

    /// A worker is inside a callback, with posts behind it, until the sender is dropped.
    fn keep_busy(worker: &Worker) -> mpsc::Sender<()> {
        let (busy, is_busy) = mpsc::channel();
        let (free, is_free) = mpsc::channel::<()>();
        let callback = move || {
            busy.send(()).unwrap();
            let _ = is_free.recv();
        };
        worker.dispatcher().post(callback).unwrap();
        is_busy.recv().unwrap();
        (0..8).for_each(|_| worker.dispatcher().post(|| ()).unwrap());
        free
    }

    fn wait_until_idle(worker: &Worker) {
        while worker.backlog() > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn it_grows_to_its_maximum_and_shrinks_to_its_minimum() {
        let mut stage = Stage::new(1, 3);
        let free = keep_busy(&stage.worker(0));
        stage.pass(1);
        assert_eq!(stage.numbers(), [0]);
        stage.pass(1);
        assert_eq!(stage.numbers(), [0, 1]);
        assert!(stage.worker(1).dispatcher().is_running());
        assert_eq!(stage.worker(1).name(), "w1");
        // Half of the workers are under pressure, then a third.
        stage.pass(9);
        assert_eq!(stage.numbers(), [0, 1, 2]);
        drop(free);
        wait_until_idle(&stage.worker(0));
        stage.pass(9);
        assert_eq!(stage.numbers(), [0]);
        stage.wait_for_end();
    }

    #[test]
    fn a_worker_that_retires_while_its_panic_is_handled_ends() {
        let mut stage = Stage::grown();
        let tied = stage.worker(0).dispatcher().create_timer(|| ());
        let ((panicked, has_panicked), (go, may_go)) = (mpsc::channel(), mpsc::channel::<()>());
        let may_go = Mutex::new(may_go);
        set_worker_panic_handler(move |_, _| {
            panicked.send(()).unwrap();
            let _ = may_go.lock().unwrap().recv();
        });
        stage.worker(1).dispatcher().post(|| panic!("to be handled")).unwrap();
        has_panicked.recv().unwrap();
        // Nobody runs its loop now.
        stage.pass(2);
        assert_eq!((stage.numbers(), stage.retiring()), (vec![0], 1));
        drop(go);
        stage.wait_for_end();
        drop(tied);
    }

    #[test]
    fn a_retiring_worker_keeps_what_it_has_and_gets_no_more() {
        let mut stage = Stage::grown();
        let tied = stage.worker(0).dispatcher().create_timer(|| ());
        let (holder, timer) = (stage.worker(1), stage.worker(1).dispatcher().create_timer(|| ()));
        // Of two with one tie each the younger one goes.
        stage.pass(2);
        assert_eq!((stage.numbers(), stage.retiring()), (vec![0], 1));
        assert!((0..10u8).all(|key| stage.roster.for_key(&[key]).unwrap().name() == "w0"));
        assert!((0..10).all(|_| stage.roster.next().unwrap().name() == "w0"));
        // It still runs what it is given by those who have it.
        let (done, is_done) = mpsc::channel();
        holder.dispatcher().post(move || done.send(()).unwrap()).unwrap();
        is_done.recv().unwrap();
        wait_until_idle(&holder);
        stage.pass(1);
        drop(timer);
        stage.pass(1);
        assert_eq!(stage.retiring(), 1);
        let posts = holder.dispatcher().stats().posts_run;
        assert_eq!(stage.roster.figures.stats().workers.len(), 2);
        drop(holder);
        stage.wait_for_end();
        assert_eq!(stage.numbers(), [0]);
        // What it has counted stays in the pool's sums.
        let figures = stage.roster.figures.stats();
        assert_eq!((figures.workers.len(), figures.workers[0].name.as_str()), (1, "w0"));
        assert!(posts >= 1 && figures.retired.posts_run >= posts);
        assert_eq!(figures.total.posts_run, figures.workers[0].stats.posts_run + figures.retired.posts_run);
        drop(tied);
    }

    #[test]
    fn at_its_limit_a_retiring_worker_ends_with_what_it_has() {
        let mut stage = Stage::grown();
        let tied = stage.worker(0).dispatcher().create_timer(|| ());
        let timer = stage.worker(1).dispatcher().create_timer(|| ());
        stage.pass(2);
        let handle = stage.roster.retiring()[0].dispatcher().handle();
        stage.pass(9);
        assert!(handle.is_running());
        stage.pass(1);
        stage.wait_for_end();
        assert!(!handle.is_running() && handle.post(|| ()).is_err());
        // The handle lives on, and does nothing.
        timer.enable(Duration::ZERO);
        drop((timer, tied));
    }

    #[test]
    fn a_retiring_worker_is_called_back_before_a_new_one_is_made() {
        let mut stage = Stage::grown();
        let held = stage.worker(1);
        stage.pass(2);
        assert_eq!((stage.numbers(), stage.retiring()), (vec![0], 1));
        let _free = keep_busy(&stage.worker(0));
        stage.pass(2);
        assert_eq!((stage.numbers(), stage.retiring()), (vec![0, 1], 0));
        assert!(Arc::ptr_eq(&held, &stage.worker(1)));
    }

    #[test]
    fn a_keys_worker_changes_with_those_that_come_and_go_alone() {
        let mut stage = Stage::new(2, 3);
        let owners = |stage: &Stage| -> Vec<_> {
            (0..200u8).map(|key| stage.roster.for_key(&[key]).unwrap().name().to_owned()).collect()
        };
        let before = owners(&stage);
        let free = [keep_busy(&stage.worker(0)), keep_busy(&stage.worker(1))];
        stage.pass(2);
        let between = owners(&stage);
        assert_eq!(stage.numbers(), [0, 1, 2]);
        assert!(between.iter().any(|owner| owner == "w2"));
        assert!(before.iter().zip(&between).all(|(before, after)| before == after || after == "w2"));
        drop(free);
        (0..2).for_each(|number| wait_until_idle(&stage.worker(number)));
        stage.pass(2);
        assert_eq!(stage.numbers(), [0, 1]);
        assert_eq!(owners(&stage), before);
    }

    #[test]
    fn observers_learn_of_workers_that_come_and_go() {
        #[derive(Default)]
        struct Notes(Mutex<Vec<String>>);
        impl WorkerObserver for Notes {
            fn on_join(&self, worker: &Handle) {
                self.0.lock().unwrap().push(format!("+{}", worker.name()));
            }

            fn on_leave(&self, worker: &Handle) {
                self.0.lock().unwrap().push(format!("-{}", worker.name()));
            }
        }
        let (mut stage, notes) = (Stage::new(1, 2), Arc::new(Notes::default()));
        stage.roster.hooks.add(notes.clone());
        stage.grow();
        stage.pass(2);
        stage.wait_for_end();
        assert_eq!(*notes.0.lock().unwrap(), ["+w1", "-w1"]);
    }

    #[test]
    fn a_worker_that_comes_when_the_pool_has_stopped_goes_again() {
        let stage = Stage::new(1, 2);
        let run = stage.roster.run().unwrap();
        let member = stage.roster.member(1, stage.supervision.recipe.worker(1).unwrap());
        stage.roster.end_run(|_| ()).workers.iter().for_each(|worker| worker.stop());
        assert!(stage.roster.join(member, &run).is_err());
        assert!(stage.supervision.hire().is_err());
        stage.roster.begin_run(None);
        let member = stage.roster.member(1, stage.supervision.recipe.worker(1).unwrap());
        assert!(stage.roster.join(member, &run).is_err());
        assert_eq!(stage.numbers(), [0]);
    }
}
