//! Workers: a dispatcher each, on a thread of its own.

mod cpu_set;
mod crew;
mod figures;
mod observer;
mod options;
mod panics;
mod policy;
mod pool;
mod roster;
mod scaling;
mod shutdown;
mod submit;
mod submitted;
mod supervisor;
mod thread;

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use cpu_set::CpuSet;
pub(crate) use figures::PoolFigures;
pub use figures::{PoolStats, WorkerStats};
pub use observer::WorkerObserver;
pub use options::WorkerOptions;
pub use panics::set_worker_panic_handler;
pub use policy::Policy;
pub use pool::{Pool, PoolBuilder};
pub use scaling::ScalingConfig;
pub use shutdown::{ShutdownReport, WorkerReport};
pub use submit::SubmitError;

use self::thread::{State, thread_name};
use crate::dispatcher::shutdown::Dropped;
use crate::dispatcher::{Dispatcher, Watchdog};
use crate::error::Error;

/// How often a worker's loop touches its watchdog when nothing else happens.
const TOUCH_INTERVAL: Duration = Duration::from_secs(5);

/// A dispatcher with a thread that runs it from `start` to `stop`. The worker's thread and its dispatcher have one
/// name, `worker_<index>` if nothing else is said; of a name that is too long for the system the thread gets the
/// beginning and the number at the end.
///
/// All functions may be called from any thread. Dropping a worker stops it. Two workers must not stop each
/// other from their callbacks: each would wait for the other.
///
/// ```
/// use mcp_event::Worker;
///
/// let worker = Worker::new(0)?;
/// worker.start(None)?;
/// worker.dispatcher().post(|| println!("on {:?}", std::thread::current().name())).unwrap();
/// worker.stop();
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct Worker {
    state: Arc<State>,
    stack_size: Option<usize>,
    cpus: Option<CpuSet>,
    /// Held while a thread starts or ends, so never taken on the worker's own thread.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// A worker that is not started.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no file descriptor left.
    pub fn new(index: usize) -> Result<Worker, Error> {
        Worker::with_options(&format!("worker_{index}"), &WorkerOptions::default())
    }

    /// A worker with a name and settings of your own.
    ///
    /// # Errors
    /// As [`WorkerOptions::check`] and [`Builder::build`](crate::Builder::build).
    pub fn with_options(name: &str, options: &WorkerOptions) -> Result<Worker, Error> {
        options.check()?;
        Worker::make(name, options)
    }

    /// For options that were checked.
    fn make(name: &str, options: &WorkerOptions) -> Result<Worker, Error> {
        let mut worker = Worker::with_dispatcher(options.dispatcher(name)?);
        worker.stack_size = options.stack_size;
        worker.cpus = options.cpus.clone();
        Ok(worker)
    }

    /// A worker for a dispatcher made with settings of your own; the thread takes the dispatcher's name.
    pub fn with_dispatcher(dispatcher: Dispatcher) -> Worker {
        Worker {
            state: Arc::new(State::new(dispatcher)),
            stack_size: None,
            cpus: None,
            thread: Mutex::new(None),
        }
    }

    /// The worker's dispatcher.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.state.dispatcher
    }

    /// The name of its dispatcher.
    pub fn name(&self) -> &str {
        self.dispatcher().name()
    }

    /// How much it has to do: the posts that wait, and one more while it does something. Cheap, and a guess while
    /// others post.
    pub fn backlog(&self) -> usize {
        self.dispatcher().core().backlog()
    }

    /// Starts the thread, and returns once it owns the loop, before posts run. Nothing, if it is started
    /// already. The watchdog, if any, is touched at least every five seconds. A former thread that was told to stop is
    /// waited for, however long its present callback takes.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no thread left, or does not give it the CPUs any more;
    /// [`Error::InvalidState`] while a former thread, left behind by a [`shutdown`](Worker::shutdown), is still inside
    /// a callback, and on the worker's own thread once that is to end; what [`Dispatcher::run`] refuses.
    pub fn start(&self, watchdog: Option<Arc<dyn Watchdog>>) -> Result<(), Error> {
        // The thread, if there was one, stayed in the parent.
        self.dispatcher().core().check_fork()?;
        if self.is_own_thread() {
            if self.state.is_ending() {
                let text = format!("{} is about to end: another thread can start it again", self.name());
                return Err(Error::InvalidState(text));
            }
            return Ok(());
        }
        let dispatcher = self.dispatcher();
        let mut thread = self.lock();
        let is_living = thread.as_ref().is_some_and(|thread| !thread.is_finished());
        if is_living && self.state.is_left_behind() {
            return Err(Error::InvalidState(format!(
                "{} was shut down, but its thread is still inside a callback",
                self.name()
            )));
        }
        if is_living && !self.state.is_ending() {
            return Ok(());
        }
        join(thread.take());
        self.state.begin();
        let is_guarded = watchdog.is_some();
        if let Some(watchdog) = watchdog {
            dispatcher.register_watchdog(watchdog, TOUCH_INTERVAL);
        }
        let (entered, has_entered) = mpsc::channel();
        let (state, cpus) = (self.state.clone(), self.cpus.clone());
        let mut builder = std::thread::Builder::new().name(thread_name(self.name()));
        if let Some(stack_size) = self.stack_size {
            builder = builder.stack_size(stack_size);
        }
        match builder.spawn(move || state.work(cpus.as_ref(), is_guarded, &entered)) {
            Ok(spawned) => *thread = Some(spawned),
            Err(source) => {
                self.state.end(Dropped::default());
                return Err(Error::os("starting a worker's thread", source));
            }
        }
        let failed = |_: mpsc::RecvError| {
            Err(Error::InvalidState("the worker's thread ended before it entered its loop".into()))
        };
        let result = has_entered.recv().unwrap_or_else(failed);
        if result.is_err() {
            join(thread.take());
        }
        result
    }

    /// Makes the loop leave, after what was posted before, and waits for the thread to end; on the worker's
    /// own thread, does not wait. What is still queued dies on the worker's thread. Nothing, if not started.
    pub fn stop(&self) {
        self.stop_if(|| true);
    }

    /// Likewise, if `is_over` says so once no other thread starts or ends it.
    fn stop_if(&self, is_over: impl Fn() -> bool) {
        let dispatcher = self.dispatcher();
        if self.is_own_thread() {
            if !is_over() {
                return;
            }
            self.state.ending.store(true, Ordering::Release);
            dispatcher.exit();
            return;
        }
        if dispatcher.core().is_forked() {
            // The thread stayed in the parent.
            std::mem::forget(self.lock().take());
            return;
        }
        let mut thread = self.lock();
        if !is_over() {
            return;
        }
        let is_finished = thread.as_ref().is_none_or(JoinHandle::is_finished);
        if !is_finished && self.state.is_left_behind() {
            // It ends by itself, and keeps alive until then what it uses.
            return;
        }
        if thread.is_some() {
            dispatcher.exit();
            join(thread.take());
        }
    }

    /// Lets the worker finish: what is queued runs, also what is posted meanwhile, until nothing is left or `limit`
    /// has passed. Then it has to leave after its present callback, and what is still queued dies on its thread.
    /// If that callback does not return within a second, the thread is left behind. Time is real here, whatever the
    /// dispatcher's clock.
    ///
    /// What is queued to a worker that is not started is dropped. Afterwards the worker can be started again, but
    /// for a stuck one.
    ///
    /// # Errors
    /// [`Error::InvalidState`] on the worker's own thread; [`Error::Forked`] in a forked child.
    pub fn shutdown(&self, limit: Duration) -> Result<WorkerReport, Error> {
        shutdown::check(self)?;
        let mut reports = shutdown::finish(&[(self, self.state.begin_drain())], limit);
        Ok(reports.pop().unwrap_or_default())
    }

    fn is_own_thread(&self) -> bool {
        self.state.is_own_thread()
    }

    /// The end of a shutdown: waits until `deadline` at most for the thread of this number, if there was one.
    fn conclude(&self, thread: Option<u64>, deadline: Option<Instant>) -> WorkerReport {
        let ended = match thread {
            Some(number) => self.state.end_or_leave_behind(number, deadline),
            None => Some(self.state.drop_queued()),
        };
        let dropped = ended.unwrap_or_default();
        WorkerReport {
            name: self.name().to_owned(),
            posts_dropped: dropped.posts,
            deferred_destroyed: dropped.deferred,
            tasks_dropped: dropped.tasks,
            handles_alive: self.dispatcher().handle_count(),
            is_stuck: ended.is_none(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    // A worker's thread catches what callbacks panic with; nothing else of it can.
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}
