//! A pool of workers.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crew::Crew;
use super::observer::{MakeWatchdog, WorkerObserver};
use super::policy::{Choice, Policy};
use super::roster::{Ending, Roster};
use super::scaling::{Scaling, ScalingConfig};
use super::shutdown::{self, ShutdownReport};
use super::supervisor::{Supervision, Supervisor};
use super::{CpuSet, PoolFigures, PoolStats, Worker, WorkerOptions};
use crate::dispatcher::watchdog::RustWatchdog;
use crate::dispatcher::{Handle, Watchdog};
use crate::error::Error;

/// Makes a pool with other than the default settings.
///
/// ```
/// use mcp_event::{Policy, Pool, ScalingConfig};
///
/// let pool = Pool::builder()
///     .scaling(1, 4, ScalingConfig::default())
///     .policy(Policy::LeastLoaded)
///     .name_prefix("parser_")
///     .build()?;
/// assert_eq!(pool.worker(0)?.name(), "parser_0");
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[must_use]
#[derive(Clone)]
pub struct PoolBuilder {
    size: RangeInclusive<usize>,
    scaling: Option<ScalingConfig>,
    policy: Policy,
    recipe: Recipe,
}

impl PoolBuilder {
    /// This many workers, always; none is allowed. By default one for each processor.
    pub fn size(mut self, workers: usize) -> PoolBuilder {
        self.size = workers..=workers;
        self.scaling = None;
        self
    }

    /// At least `min` workers, which must not be 0, and at most `max`, as the load demands.
    pub fn scaling(mut self, min: usize, max: usize, config: ScalingConfig) -> PoolBuilder {
        self.size = min..=max;
        self.scaling = Some(config);
        self
    }

    /// How the next worker is chosen.
    pub fn policy(mut self, policy: Policy) -> PoolBuilder {
        self.policy = policy;
        self
    }

    /// What the names of the workers begin with; their numbers follow. By default `worker_`.
    pub fn name_prefix(mut self, prefix: impl Into<String>) -> PoolBuilder {
        self.recipe.name_prefix = prefix.into();
        self
    }

    /// The CPUs of each worker; if there are more workers than sets, the sets are given out again from the first.
    /// They replace those of the [`worker_options`](PoolBuilder::worker_options).
    pub fn affinity(mut self, sets: impl IntoIterator<Item = CpuSet>) -> PoolBuilder {
        self.recipe.affinity = Some(sets.into_iter().collect());
        self
    }

    /// The settings of each worker.
    pub fn worker_options(mut self, options: WorkerOptions) -> PoolBuilder {
        self.recipe.options = options;
        self
    }

    /// Makes the pool, none of whose workers is started.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for `min` above `max`, a `min` of 0, an affinity without sets, and as
    /// [`WorkerOptions::check`] and [`ScalingConfig::check`]; what [`Builder::build`](crate::Builder::build) refuses.
    pub fn build(self) -> Result<Pool, Error> {
        self.recipe.check()?;
        let scaling = self.scaling.map(|config| Scaling::new(self.size.clone(), config)).transpose()?;
        let workers = (0..*self.size.start()).map(|number| self.recipe.worker(number));
        let roster = Arc::new(Roster::new(workers.collect::<Result<_, Error>>()?, Choice::new(self.policy)));
        let supervisor = match scaling {
            Some(scaling) if self.size.start() < self.size.end() => {
                Some(Supervisor::new(Supervision::new(roster.clone(), self.recipe, scaling)?)?)
            }
            _ => None,
        };
        Ok(Pool { roster, supervisor })
    }
}

/// How the workers of a pool are made.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) name_prefix: String,
    pub(super) affinity: Option<Vec<CpuSet>>,
    pub(super) options: WorkerOptions,
}

impl Recipe {
    fn check(&self) -> Result<(), Error> {
        match &self.affinity {
            Some(sets) if sets.is_empty() => {
                let ours = CpuSet::available()?;
                Err(Error::InvalidArgument(format!("an affinity without any set of CPUs: {ours} are ours")))
            }
            Some(sets) => sets.iter().try_for_each(CpuSet::check),
            None => Ok(()),
        }?;
        self.options.check()
    }

    /// The worker of this number, not started. The settings were checked: here the calling thread may be one that
    /// is bound itself, and so know fewer CPUs.
    pub(super) fn worker(&self, number: usize) -> Result<Worker, Error> {
        let own = self.affinity.as_ref().map(|sets| sets[number % sets.len()].clone());
        let options =
            WorkerOptions { cpus: own.or_else(|| self.options.cpus.clone()), ..self.options.clone() };
        Worker::make(&format!("{}{number}", self.name_prefix), &options)
    }
}

/// Workers, of which one is chosen for each piece of work.
///
/// Their number is fixed, or follows the load. A worker that the pool gave out, and that somebody holds, does not
/// retire to its end before its time limit; whoever keeps only a [`Handle`] finds it shut down one day.
///
/// All functions may be called from any thread. Dropping a pool stops it.
///
/// ```
/// use mcp_event::Pool;
///
/// let pool = Pool::new(4)?;
/// pool.start(None)?;
/// pool.next_worker()?.dispatcher().post(|| println!("hello")).unwrap();
/// pool.stop();
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct Pool {
    roster: Arc<Roster>,
    supervisor: Option<Supervisor>,
}

impl Pool {
    /// A pool of `size` workers, none of them started.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no file descriptor left.
    pub fn new(size: usize) -> Result<Pool, Error> {
        Pool::builder().size(size).build()
    }

    /// A pool with settings of your own.
    pub fn builder() -> PoolBuilder {
        let size = std::thread::available_parallelism().map_or(1, usize::from);
        let recipe =
            Recipe { name_prefix: "worker_".into(), affinity: None, options: WorkerOptions::default() };
        PoolBuilder { size: size..=size, scaling: None, policy: Policy::default(), recipe }
    }

    /// A pool of the user's own workers.
    ///
    /// # Errors
    /// The first that comes instead of a worker.
    pub fn with_workers(workers: impl IntoIterator<Item = Result<Worker, Error>>) -> Result<Pool, Error> {
        let workers = workers.into_iter().collect::<Result<_, _>>()?;
        Ok(Pool { roster: Arc::new(Roster::new(workers, Choice::new(Policy::default()))), supervisor: None })
    }

    /// Starts all workers; each touches `watchdog`, also those that join later. If one fails, those started are
    /// stopped again. Where it meets a stop or a shutdown on another thread, the one that comes later decides for all
    /// workers. A worker that is still ending is waited for, however long its present callback takes.
    ///
    /// # Errors
    /// The failure of that one; also when a shutdown on another thread ends it, and on the thread of a worker that is about
    /// to end.
    pub fn start(&self, watchdog: Option<Arc<dyn Watchdog>>) -> Result<(), Error> {
        self.roster.check_fork()?;
        let (run, active) = self.roster.begin_run(watchdog.clone());
        let mut result = active.iter().try_for_each(|member| member.worker.start(watchdog.clone()));
        if let (Ok(()), Some(supervisor)) = (&result, &self.supervisor) {
            result = supervisor.start();
        }
        if result.is_err() && self.roster.is_present(&run) {
            self.stop();
        }
        // Who stopped it meanwhile may have passed some before they were started.
        if self.roster.is_over() {
            self.end(active.iter().map(|member| &*member.worker));
        }
        result
    }

    /// Waits until the tasks that were [submitted](Pool::submit) have begun, but not on the thread of a worker; then
    /// asks all workers to stop, and waits for each. Nothing in a forked child.
    pub fn stop(&self) {
        if self.roster.check_fork().is_err() {
            return;
        }
        self.crew().close();
        self.crew().wait_until_drained(None);
        let Ending { workers, closing, .. } = self.roster.end_run(|workers| {
            workers.iter().for_each(|worker| worker.state.begin_stop());
            self.supervisor.as_ref().and_then(Supervisor::begin_stop)
        });
        self.end(workers.iter().map(|worker| &**worker));
        if !self.crew().is_own_thread() {
            self.crew().discard(closing);
        }
        self.roster.settle_figures(&workers);
    }

    /// Lets all workers finish, as [`Worker::shutdown`] does one, all at once and within one limit. What they did not
    /// get done is in the report. The pool can be started again, unless a worker is stuck.
    ///
    /// # Errors
    /// [`Error::InvalidState`] on the thread of one of its workers; [`Error::Forked`] in a forked child.
    pub fn shutdown(&self, limit: Duration) -> Result<ShutdownReport, Error> {
        self.roster.check_fork()?;
        self.everybody().iter().try_for_each(|worker| shutdown::check(worker))?;
        let (crew, begun) = (self.crew(), Instant::now());
        let dropped_before = crew.dropped();
        let closing = crew.close();
        crew.wait_until_drained(Some(limit));
        crew.discard(closing);
        let limit = limit.saturating_sub(begun.elapsed());
        let Ending { workers, told: (threads, supervisor_thread), closing } =
            self.roster.end_run(|workers| {
                let threads: Vec<_> = workers.iter().map(|worker| worker.state.begin_drain()).collect();
                (threads, self.supervisor.as_ref().and_then(Supervisor::begin_stop))
            });
        let each: Vec<_> = workers.iter().map(|worker| &**worker).zip(threads).collect();
        shutdown::wait_or_cut_off(&each, limit);
        // A start meanwhile may have let in more.
        crew.discard(closing);
        let reports = shutdown::conclude(&each);
        // What a worker had in its hands then.
        crew.discard(closing);
        self.roster.settle_figures(&workers);
        if let Some((supervisor, thread)) = self.supervisor.as_ref().zip(supervisor_thread) {
            supervisor.finish(thread);
        }
        Ok(ShutdownReport { workers: reports, submitted_dropped: crew.dropped() - dropped_before })
    }

    /// Ends the supervisor and these, but for those that the pool, started anew meanwhile, has use for.
    fn end<'a>(&'a self, workers: impl Iterator<Item = &'a Worker>) {
        let supervisor = self.supervisor.iter().map(|supervisor| &supervisor.worker);
        supervisor.chain(workers).for_each(|worker| worker.stop_if(|| self.roster.is_over()));
    }

    /// How many workers there are, those that retire not counted.
    pub fn len(&self) -> usize {
        self.roster.len()
    }

    /// Whether there is no worker at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The worker number `index`. In a pool that scales, the numbers are not always those from 0 to `len() - 1`, and
    /// one that retired may be another's later.
    ///
    /// # Errors
    /// [`Error::OutOfRange`].
    pub fn worker(&self, index: usize) -> Result<Arc<Worker>, Error> {
        let missing = || Error::OutOfRange(format!("worker {index} of a pool of {}", self.len()));
        self.roster.get(index).ok_or_else(missing)
    }

    /// All workers, by number, without those that retire.
    pub fn workers(&self) -> Vec<Arc<Worker>> {
        self.roster.active().into_iter().map(|member| member.worker).collect()
    }

    /// The workers that take no new work, and end when what they have is done.
    pub fn retiring(&self) -> Vec<Arc<Worker>> {
        self.roster.retiring()
    }

    /// The next worker, by the [`policy`](Pool::policy).
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an empty pool.
    pub fn next_worker(&self) -> Result<Arc<Worker>, Error> {
        self.roster.next().ok_or_else(no_workers)
    }

    /// The worker for all that has this key. When a worker retires, its keys go to all the others; when one joins, it
    /// takes its share from each; no other key moves. From one pool to the next, keys may differ.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an empty pool.
    pub fn worker_for(&self, key: impl AsRef<[u8]>) -> Result<Arc<Worker>, Error> {
        self.roster.for_key(key.as_ref()).ok_or_else(no_workers)
    }

    /// The figures of all workers, each and together. From any thread; no loop is stopped for it.
    pub fn stats(&self) -> PoolStats {
        self.roster.figures.stats()
    }

    /// Where they come from.
    pub(crate) fn figures(&self) -> &Arc<PoolFigures> {
        &self.roster.figures
    }

    /// How the next worker is chosen.
    pub fn policy(&self) -> Policy {
        self.roster.choice.policy()
    }

    /// Chooses otherwise from now on.
    pub fn set_policy(&self, policy: Policy) {
        self.roster.choice.set_policy(policy);
    }

    /// Gives all workers this watchdog, also those that start or join later; but not one that is started with
    /// another. See [`Handle::register_watchdog`].
    pub fn register_watchdog(&self, watchdog: Arc<dyn Watchdog>, interval: Duration) {
        self.register_watchdogs(move |_| watchdog.clone(), interval);
    }

    /// Gives each worker a watchdog of its own, which `make` makes for it: here for those that run, for others on
    /// their threads when they begin to.
    pub fn register_watchdogs(
        &self,
        make: impl Fn(&Handle) -> Arc<dyn Watchdog> + Send + Sync + 'static,
        interval: Duration,
    ) {
        self.guard(Arc::new(move |worker| Arc::new(RustWatchdog(make(worker)))), interval);
    }

    /// As [`register_watchdogs`](Pool::register_watchdogs), for watchdogs of any language.
    pub(crate) fn guard(&self, make: MakeWatchdog, interval: Duration) {
        self.roster.hooks.set_watchdog(Some((make.clone(), interval)));
        self.for_running(|worker| worker.core().register_watchdog(Some(make(worker)), interval));
    }

    /// Lets the watchdogs of all workers go.
    pub fn unregister_watchdogs(&self) {
        self.roster.hooks.set_watchdog(None);
        self.for_running(Handle::unregister_watchdog);
    }

    /// Has `observer` learn of all workers that come and go, and, each on its thread, of those that run already.
    pub fn observe(&self, observer: Arc<dyn WorkerObserver>) {
        self.roster.hooks.add(observer.clone());
        self.everybody().iter().for_each(|worker| worker.state.introduce(observer.clone()));
    }

    /// Calls `observer` no more; a call that is under way is not waited for.
    pub fn remove_observer(&self, observer: &Arc<dyn WorkerObserver>) {
        self.roster.hooks.remove(observer);
    }

    pub(super) fn crew(&self) -> &Arc<Crew> {
        &self.roster.crew
    }

    fn for_running(&self, work: impl Fn(&Handle)) {
        for worker in self.everybody().iter().filter(|worker| worker.state.is_alive()) {
            work(worker.dispatcher());
        }
    }

    /// All workers, the retiring ones last.
    fn everybody(&self) -> Vec<Arc<Worker>> {
        let mut workers = self.workers();
        workers.extend(self.retiring());
        workers
    }
}

fn no_workers() -> Error {
    Error::OutOfRange("the pool has no workers".into())
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError, mpsc};
    use std::thread;

    use super::*;

    /// Does something when a worker joins or leaves, once, on its thread.
    struct Once<F> {
        /// What is waited for: `+` or `-`, and the worker.
        event: &'static str,
        action: Mutex<Option<F>>,
    }

    impl<F: FnOnce() + Send> Once<F> {
        fn take_note(&self, sign: char, worker: &Handle) {
            if self.event.strip_prefix(sign) == Some(worker.name()) {
                let action = self.action.lock().unwrap_or_else(PoisonError::into_inner).take();
                action.into_iter().for_each(|action| action());
            }
        }
    }

    impl<F: FnOnce() + Send + 'static> WorkerObserver for Once<F> {
        fn on_join(&self, worker: &Handle) {
            self.take_note('+', worker);
        }

        fn on_leave(&self, worker: &Handle) {
            self.take_note('-', worker);
        }
    }

    fn once(pool: &Pool, event: &'static str, action: impl FnOnce() + Send + 'static) {
        pool.observe(Arc::new(Once { event, action: Mutex::new(Some(action)) }));
    }

    fn running(pool: &Pool) -> Vec<bool> {
        let workers = pool.workers();
        let supervisor = pool.supervisor.iter().map(|supervisor| &supervisor.worker);
        let all = workers.iter().map(|worker| &**worker).chain(supervisor);
        all.map(|worker| worker.dispatcher().is_running()).collect()
    }

    /// Two workers, and a supervisor.
    fn pool() -> Arc<Pool> {
        Arc::new(Pool::builder().scaling(2, 3, ScalingConfig::default()).build().unwrap())
    }

    #[test]
    fn o3_a_stop_in_the_middle_of_a_start_leaves_nobody_running() {
        let pool = pool();
        let inside = pool.clone();
        // The second worker is not started yet, so the stop finds nothing to do there.
        once(&pool, "+worker_0", move || inside.stop());
        pool.start(None).unwrap();
        assert_eq!(running(&pool), [false; 3]);
        assert!(pool.execute(|| ()).is_err());
        pool.start(None).unwrap();
        assert_eq!(running(&pool), [true; 3]);
    }

    #[test]
    fn o6_a_shutdown_in_the_middle_of_a_start_leaves_nobody_running() {
        let pool = pool();
        let (inside, ended) = (pool.clone(), Arc::new(Mutex::new(None)));
        let ending = ended.clone();
        once(&pool, "+worker_0", move || {
            let shutting = inside.clone();
            *ending.lock().unwrap() = Some(thread::spawn(move || shutting.shutdown(Duration::MAX)));
            wait_until(|| inside.roster.is_over());
        });
        pool.start(None).unwrap();
        assert!(ended.lock().unwrap().take().unwrap().join().unwrap().unwrap().is_drained());
        assert_eq!(running(&pool), [false; 3]);
        assert!(pool.execute(|| ()).is_err());
    }

    #[test]
    fn o3_a_start_in_the_middle_of_a_stop_finds_nobody_stopped_after_it() {
        let pool = pool();
        pool.start(None).unwrap();
        let (inside, started) = (pool.clone(), Arc::new(Mutex::new(None)));
        let starting = started.clone();
        once(&pool, "-worker_0", move || {
            let starter = inside.clone();
            *starting.lock().unwrap() = Some(thread::spawn(move || starter.start(None)));
            wait_until(|| !inside.roster.is_over());
        });
        pool.stop();
        started.lock().unwrap().take().unwrap().join().unwrap().unwrap();
        assert_eq!(running(&pool), [true; 3]);
        assert!(pool.execute(|| ()).is_ok());
    }

    #[test]
    fn o3_of_many_starts_and_stops_the_last_one_decides_for_all_workers() {
        let pool = pool();
        thread::scope(|scope| {
            for thread in 0..3 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..30 {
                        match (round + thread) % 3 {
                            0 => pool.stop(),
                            // Refused, it may be, while another thread ends it.
                            1 => drop(pool.start(None)),
                            _ => drop(pool.shutdown(Duration::MAX).unwrap()),
                        }
                    }
                });
            }
        });
        assert_eq!(running(&pool), [!pool.roster.is_over(); 3]);
        assert_eq!(pool.execute(|| ()).is_ok(), !pool.roster.is_over());
    }

    /// A callback on a worker's loop that goes on until what this gives is dropped.
    fn keep_busy(worker: &Worker) -> mpsc::Sender<()> {
        let ((inside, is_inside), (free, is_free)) = (mpsc::channel(), mpsc::channel());
        let callback = move || {
            inside.send(()).unwrap();
            let _ = is_free.recv();
        };
        worker.dispatcher().post(callback).unwrap();
        is_inside.recv().unwrap();
        free
    }

    fn wait_until(what: impl Fn() -> bool) {
        while !what() {
            thread::yield_now();
        }
    }

    #[test]
    fn o6_a_start_in_the_middle_of_a_shutdown_keeps_whom_it_started() {
        let pool = Pool::with_workers([Worker::new(0), Worker::new(1)]).unwrap();
        let (idle, busy) = (pool.worker(0).unwrap(), pool.worker(1).unwrap());
        busy.start(None).unwrap();
        let free = keep_busy(&busy);
        thread::scope(|scope| {
            scope.spawn(|| pool.shutdown(Duration::MAX).unwrap());
            wait_until(|| busy.state.is_ending());
            let starting = scope.spawn(|| pool.start(None));
            wait_until(|| idle.dispatcher().is_running());
            drop(free);
            starting.join().unwrap().unwrap();
        });
        assert_eq!(running(&pool), [true; 2]);
        assert!(idle.dispatcher().post(|| ()).is_ok());
    }

    #[test]
    fn o6_a_start_in_the_middle_of_a_shutdown_leaves_it_its_limit() {
        let pool = Pool::new(1).unwrap();
        pool.start(None).unwrap();
        let free = keep_busy(&pool.worker(0).unwrap());
        (0..10).for_each(|_| pool.execute(|| unreachable!()).unwrap());
        let report = thread::scope(|scope| {
            let shutting = scope.spawn(|| pool.shutdown(Duration::from_millis(20)).unwrap());
            wait_until(|| pool.crew().check_open().is_err());
            // It waits for the worker if it comes late; whoever comes first, the tasks are those of before the end.
            scope.spawn(|| pool.start(None));
            wait_until(|| pool.crew().waiting() == 0);
            drop(free);
            shutting.join().unwrap()
        });
        assert_eq!((report.submitted_dropped, report.stuck()), (10, 0));
    }

    #[test]
    fn o1_a_worker_that_is_about_to_end_is_not_started_on_its_own_thread() {
        let pool = Arc::new(Pool::new(2).unwrap());
        pool.start(None).unwrap();
        let (inside, (told, hears)) = (pool.clone(), mpsc::channel());
        let restart = move || {
            inside.stop();
            told.send(inside.start(None)).unwrap();
        };
        let first = pool.worker(0).unwrap();
        first.dispatcher().post(restart).unwrap();
        assert!(matches!(hears.recv().unwrap(), Err(Error::InvalidState(_))));
        wait_until(|| !first.state.is_alive());
        assert_eq!(running(&pool), [false; 2]);
        pool.start(None).unwrap();
        assert_eq!(running(&pool), [true; 2]);
    }

    #[test]
    fn o6_a_shutdown_drops_no_task_of_a_later_start() {
        let pool = Pool::new(1).unwrap();
        pool.start(None).unwrap();
        let free = keep_busy(&pool.worker(0).unwrap());
        thread::scope(|scope| {
            let shutting = scope.spawn(|| pool.shutdown(Duration::ZERO).unwrap());
            wait_until(|| pool.roster.is_over());
            let starting = scope.spawn(|| pool.start(None));
            wait_until(|| !pool.roster.is_over());
            let mut task = pool.submit(|| ()).unwrap();
            let stopping = scope.spawn(|| pool.stop());
            wait_until(|| pool.crew().check_open().is_err());
            // It has left the worker behind, which is busy.
            assert_eq!(shutting.join().unwrap().submitted_dropped, 0);
            drop(free);
            let _ = starting.join().unwrap();
            stopping.join().unwrap();
            assert!(task.wait().is_ok());
        });
    }
}
