//! The guard dog: watches many loops, and tells who is stuck, for how long, with what, and where.
//!
//! ```
//! use mcp_event::guard_dog::{Event, GuardDog};
//! use mcp_event::Worker;
//!
//! let worker = Worker::new(0)?;
//! let dog = GuardDog::new()?;
//! dog.watch(worker.dispatcher())?;
//! dog.on(Event::Megamiss, |report| eprintln!("{} is stuck", report.threads[0].name));
//! worker.start(None)?;
//! # Ok::<(), mcp_event::Error>(())
//! ```
//!
//! A loop is watched from outside, by what it counts anyway: it pays nothing. It gets on if it has begun or ended an
//! iteration or a callback since the last scan; and one that nobody runs, or that waits while nothing is due, is not
//! stuck. Anything else is watched by touches ([`GuardDog::watch_touched`]).
//!
//! The default report goes to the log (`tracing`): a miss as a warning, a recovery as an information, all else as an
//! error.

mod backtrace;
mod builder;
mod figures;
pub(crate) mod interrupt;
mod judge;
mod report;
mod scan;
mod shared;
mod signals_blocked;
mod snapshot;
mod watched;

use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread::{self, JoinHandle};
use std::{fmt, mem};

pub use self::backtrace::{Backtrace, Frame};
pub use self::builder::Builder;
pub use self::figures::{Figures, ThreadFigures};
pub use self::report::{Report, StuckThread};
pub use self::watched::TouchedWatch;

use self::builder::Settings;
use self::shared::{Action, SCANS_WAITING, Shared};
use crate::dispatcher::Handle;
use crate::dispatcher::closure::guarded;
use crate::error::Error;
use crate::fork;
use crate::worker::{Pool, WorkerObserver};

/// What a guard dog tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A thread has stood still for longer than the threshold of a kill; the process is about to be killed.
    Kill,
    /// So many threads have, for longer than the threshold of a multikill.
    Multikill,
    /// A thread has stood still for longer than the threshold of a megamiss.
    Megamiss,
    /// A thread has stood still for longer than the threshold of a miss.
    Miss,
    /// A thread of which one of the others was told gets on again.
    Recovered,
}

impl Event {
    /// All there are, in the order in which those of one scan are told.
    pub const ALL: [Event; 5] =
        [Event::Kill, Event::Multikill, Event::Megamiss, Event::Miss, Event::Recovered];

    fn is_kill(self) -> bool {
        matches!(self, Event::Kill | Event::Multikill)
    }
}

/// "megamiss".
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Event::Kill => "kill",
            Event::Multikill => "multikill",
            Event::Megamiss => "megamiss",
            Event::Miss => "miss",
            Event::Recovered => "recovered",
        })
    }
}

/// Watches loops and other threads, from threads of its own. Dropping it stops it.
///
/// All functions may be called from any thread, also by its own actions.
pub struct GuardDog {
    shared: Arc<Shared>,
    /// None: it is stopped, or on simulated time.
    threads: Mutex<Option<Threads>>,
    /// Tells of workers that join a pool which is watched.
    newcomers: Arc<dyn WorkerObserver>,
    fork_generation: u32,
}

/// Has the workers that join a pool watched.
struct Newcomers(Weak<Shared>);

impl WorkerObserver for Newcomers {
    fn on_join(&self, worker: &Handle) {
        if let Some(shared) = self.0.upgrade() {
            // Refused only by a guard dog that is stopped.
            let _ = shared.watch(worker);
        }
    }
}

struct Threads {
    scanner: JoinHandle<()>,
    reporter: JoinHandle<()>,
}

impl GuardDog {
    /// A guard dog with the default settings: a miss after 200 ms, a megamiss after one second, and no kill.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no thread left.
    pub fn new() -> Result<GuardDog, Error> {
        GuardDog::builder().build()
    }

    /// A guard dog with settings of your own.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn with_settings(settings: Settings) -> Result<GuardDog, Error> {
        fork::watch();
        let is_simulated = settings.clock.is_simulated();
        let shared = Arc::new(Shared::new(settings));
        let threads = if is_simulated { None } else { Some(Threads::start(&shared)?) };
        let newcomers = Arc::new(Newcomers(Arc::downgrade(&shared)));
        Ok(GuardDog { shared, threads: Mutex::new(threads), newcomers, fork_generation: fork::generation() })
    }

    /// Watches a dispatcher, until it is gone; nothing, if it is watched already.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if the dispatcher is gone already, or the guard dog is stopped; [`Error::Forked`] in a
    /// forked child.
    pub fn watch(&self, dispatcher: &Handle) -> Result<(), Error> {
        self.check_fork()?;
        self.shared.watch(dispatcher)
    }

    /// Watches all workers of a pool, also those that join it later.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub fn watch_pool(&self, pool: &Pool) -> Result<(), Error> {
        self.check_fork()?;
        // Only once for each pool.
        pool.remove_observer(&self.newcomers);
        pool.observe(self.newcomers.clone());
        pool.workers().iter().try_for_each(|worker| self.watch(worker.dispatcher()))
    }

    /// Watches something else: it is to touch what this returns at least so often as the thresholds ask for. Its time
    /// begins now; to be touched while it waits is its own business. The watch ends when what this returns is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if the guard dog is stopped; [`Error::Forked`] in a forked child.
    pub fn watch_touched(&self, name: &str) -> Result<Arc<TouchedWatch>, Error> {
        self.check_fork()?;
        self.shared.watch_touched(name)
    }

    fn check_fork(&self) -> Result<(), Error> {
        if self.is_forked() { Err(Error::Forked) } else { Ok(()) }
    }

    /// Watches the dispatcher no more. False, if it was not watched.
    pub fn unwatch(&self, dispatcher: &Handle) -> bool {
        if self.is_forked() {
            return false;
        }
        let mut pack = self.shared.pack();
        let before = pack.watched.len();
        pack.watched.retain(|watched| !watched.subject.is_loop(dispatcher));
        pack.watched.len() < before
    }

    /// Has `action` called for each `event` from now on, after the log was written, and after the actions that were
    /// given before. One that panics costs only itself.
    ///
    /// Actions run on a thread of the guard dog's, one after another. One that takes long delays later reports, not
    /// the scans; but those that come while it runs are dropped when too many wait (`dropped_events`), and a kill
    /// waits for ten seconds at most.
    pub fn on(&self, event: Event, action: impl Fn(&Report) + Send + Sync + 'static) {
        self.on_outcome(event, Arc::new(move |report| guarded(|| action(report))));
    }

    pub(crate) fn on_outcome(&self, event: Event, action: Action) {
        self.shared.add_action(event, action);
    }

    /// Looks at all that is watched now, and tells what it finds, on this thread, before it returns. For tests, on a
    /// [`SimulatedClock`](crate::SimulatedClock); otherwise it looks by itself.
    pub fn scan(&self) {
        if !self.is_forked() {
            let scan = self.shared.look(0);
            self.shared.report(&scan);
        }
    }

    /// The figures so far; none in a forked child.
    pub fn figures(&self) -> Figures {
        if self.is_forked() {
            return Figures::default();
        }
        let now = self.shared.settings.now();
        let threads = self.shared.pack().watched.iter().map(|watched| watched.figures(now)).collect();
        self.shared.totals.figures(threads)
    }

    /// Those of one dispatcher; none, if it is not watched.
    pub fn figures_of(&self, dispatcher: &Handle) -> Option<ThreadFigures> {
        if self.is_forked() {
            return None;
        }
        let now = self.shared.settings.now();
        let pack = self.shared.pack();
        let watched = pack.watched.iter().find(|watched| watched.subject.is_loop(dispatcher))?;
        Some(watched.figures(now))
    }

    /// Watches no more, for good. What was found is told before this returns; but an action that calls it is not
    /// waited for. Nothing, if it is stopped already.
    pub fn stop(&self) {
        if self.is_forked() {
            // The threads stayed in the parent, and may have locked anything.
            if let Ok(mut threads) = self.threads.try_lock() {
                mem::forget(threads.take());
            }
            return;
        }
        self.shared.stop();
        let threads = self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(threads) = threads {
            threads.join();
        }
    }

    fn is_forked(&self) -> bool {
        fork::generation() != self.fork_generation
    }
}

impl Drop for GuardDog {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Threads {
    fn start(shared: &Arc<Shared>) -> Result<Threads, Error> {
        let (sender, scans) = mpsc::sync_channel(SCANS_WAITING);
        let reporter = start("guard_dog_tells", {
            let shared = shared.clone();
            move || shared.report_all(&scans)
        })?;
        let scanner = start("guard_dog", {
            let shared = shared.clone();
            move || shared.scan_until_stopped(&sender)
        })?;
        Ok(Threads { scanner, reporter })
    }

    /// The reporter ends after the scanner, which holds the way to it.
    fn join(self) {
        // Neither can panic but by a bug of ours.
        let _ = self.scanner.join();
        if self.reporter.thread().id() != thread::current().id() {
            let _ = self.reporter.join();
        }
    }
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|source| Error::os("starting a guard dog's thread", source))
}
