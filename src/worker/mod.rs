//! Workers: a dispatcher each, on a thread of its own.

mod figures;
mod pool;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) use figures::PoolFigures;
pub use figures::{PoolStats, WorkerStats};
pub use pool::Pool;

use crate::dispatcher::closure::panic_message;
use crate::dispatcher::{Dispatcher, RunType, Watchdog};
use crate::error::Error;

/// How often a worker's loop touches its watchdog when nothing else happens.
const TOUCH_INTERVAL: Duration = Duration::from_secs(5);

type PanicHandler = Arc<dyn Fn(&str, Box<dyn Any + Send>) + Send + Sync>;

static PANIC_HANDLER: RwLock<Option<PanicHandler>> = RwLock::new(None);

/// Sets what is called, on the worker's thread, with the worker's name and the payload, when a callback on it
/// panics. When it returns, the worker goes on with what is queued.
///
/// Without one, the panic is logged and the process aborted, as for an uncaught C++ exception: a worker that
/// silently stopped would be worse.
pub fn set_worker_panic_handler(handler: impl Fn(&str, Box<dyn Any + Send>) + Send + Sync + 'static) {
    *PANIC_HANDLER.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Arc::new(handler));
}

fn report_panic(worker: &str, payload: Box<dyn Any + Send>) {
    let handler = PANIC_HANDLER.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    match handler {
        Some(handler) => {
            if catch_unwind(AssertUnwindSafe(|| handler(worker, payload))).is_err() {
                terminate(worker, "the handler of worker panics panicked itself");
            }
        }
        None => {
            let text = panic_message(&*payload);
            terminate(worker, &format!("a callback panicked, and no handler is set: {text}"));
        }
    }
}

fn terminate(worker: &str, why: &str) -> ! {
    tracing::error!(worker, "{why}");
    eprintln!("mcp_event: {worker}: {why}");
    std::process::abort();
}

thread_local! {
    /// The worker, by the address of its state, whose thread this is.
    static OWN: Cell<*const State> = const { Cell::new(std::ptr::null()) };
}

/// What a worker shares with its thread.
struct State {
    dispatcher: Dispatcher,
    /// The thread leaves its loop, or is about to.
    ending: AtomicBool,
}

impl State {
    fn is_own_thread(&self) -> bool {
        std::ptr::eq(OWN.get(), self)
    }
}

/// A dispatcher with a thread that runs it from `start` to `stop`. The worker's thread and its dispatcher are
/// both named `worker_<index>`.
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
    /// Held while a thread starts or ends, so never taken on the worker's own thread.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// A worker that is not started.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no file descriptor left.
    pub fn new(index: usize) -> Result<Worker, Error> {
        Ok(Worker::with_dispatcher(Dispatcher::new(format!("worker_{index}"))?))
    }

    /// A worker for a dispatcher made with settings of your own; the thread takes the dispatcher's name.
    pub fn with_dispatcher(dispatcher: Dispatcher) -> Worker {
        let state = Arc::new(State { dispatcher, ending: AtomicBool::new(false) });
        Worker { state, thread: Mutex::new(None) }
    }

    /// The worker's dispatcher.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.state.dispatcher
    }

    /// Starts the thread, and returns once it owns the loop, before posts run. Nothing, if it is started
    /// already. The watchdog, if any, is touched at least every five seconds.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no thread left; what [`Dispatcher::run`] refuses.
    pub fn start(&self, watchdog: Option<Arc<dyn Watchdog>>) -> Result<(), Error> {
        // The thread, if there was one, stayed in the parent.
        self.dispatcher().core().check_fork()?;
        if self.state.is_own_thread() {
            return Ok(());
        }
        let dispatcher = self.dispatcher();
        let mut thread = self.lock();
        let ending = self.state.ending.load(Ordering::Acquire) || dispatcher.has_exit();
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) && !ending {
            return Ok(());
        }
        join(thread.take());
        self.state.ending.store(false, Ordering::Release);
        dispatcher.clear_exit();
        if let Some(watchdog) = watchdog {
            dispatcher.register_watchdog(watchdog, TOUCH_INTERVAL);
        }
        let (entered, has_entered) = mpsc::channel();
        let state = self.state.clone();
        let spawned = thread::Builder::new()
            .name(dispatcher.name().replace('\0', "?"))
            .spawn(move || work(&state, entered))
            .map_err(|source| Error::os("starting a worker's thread", source))?;
        *thread = Some(spawned);
        match has_entered.recv() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                join(thread.take());
                Err(error)
            }
            Err(mpsc::RecvError) => {
                join(thread.take());
                Err(Error::InvalidState("the worker's thread ended before it entered its loop".into()))
            }
        }
    }

    /// Makes the loop leave, after what was posted before, and waits for the thread to end; on the worker's
    /// own thread, does not wait. What is still queued dies on the worker's thread. Nothing, if not started.
    pub fn stop(&self) {
        let dispatcher = self.dispatcher();
        if self.state.is_own_thread() {
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
        if thread.is_some() {
            dispatcher.exit();
            join(thread.take());
        }
    }

    /// Makes the loop leave without waiting for it.
    fn signal_stop(&self) {
        if self.dispatcher().is_running() {
            self.dispatcher().exit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    // A worker's thread catches what callbacks panic with; nothing else of it can.
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

/// The life of a worker's thread.
fn work(state: &State, entered: mpsc::Sender<Result<(), Error>>) {
    OWN.set(state);
    let dispatcher = &state.dispatcher;
    loop {
        let report = || drop(entered.send(Ok(())));
        match catch_unwind(AssertUnwindSafe(|| dispatcher.run_with(RunType::RunUntilExit, report))) {
            Ok(Ok(true)) => break,
            // Another thread ran it until now.
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                tracing::error!(worker = dispatcher.name(), %error, "the loop failed");
                // Nobody listens any more if it had entered.
                let _ = entered.send(Err(error));
                break;
            }
            Err(payload) => report_panic(dispatcher.name(), payload),
        }
    }
    state.ending.store(true, Ordering::Release);
    // Closures that were queued to this thread die on it (O1); the next start opens the queue again.
    dispatcher.shutdown();
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}
