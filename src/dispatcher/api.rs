//! What a Rust program holds: the dispatcher itself, and handles to it.

use std::ffi::c_void;
use std::panic::resume_unwind;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::{fmt, io};

use super::clock::{Clock, SimulatedClock};
use super::closure::Failure;
use super::core::{Core, CoreOptions, thread_number};
use super::deferred::Deferred;
use super::post::{LabelledJob, RustJob};
use super::scaled::Scaling;
use super::spin::BusyPoll;
use super::tracked::Scope;
use super::watchdog::RustWatchdog;
use super::{
    Doing, FileEvent, Label, LoopStats, PeriodicTimer, RunError, ScaledTimer, ScaledTimerMinimum,
    ScaledTimerRange, ScaledTimerType, SchedulableCallback, SignalEvent, Timer, TrackedObject, Watchdog, run,
};
use crate::error::{Error, PostError};
use crate::fork;
use crate::poller::{self, FileReady, ForeignLoop, OsFd, RustLoop, Trigger, Turn};
use crate::pressure::Load;

/// How long `run()` goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunType {
    /// Until `exit()`.
    Block,
    /// Never waits: handles what is ready, and what that adds, within a budget.
    NonBlock,
    /// Until `exit()`; the same as `Block`.
    RunUntilExit,
}

/// Makes a dispatcher with other than the default settings.
///
/// ```
/// # use mcp_event::Dispatcher;
/// let dispatcher = Dispatcher::builder("bounded").queue_bound(10_000).build()?;
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[must_use]
pub struct Builder {
    name: String,
    backend: Option<String>,
    event_base: Option<EventBase>,
    clock: Clock,
    queue_bound: Option<usize>,
    busy_poll: Option<BusyPoll>,
    scaling: Scaling,
    foreign: Option<Box<dyn ForeignLoop>>,
}

/// An `event_base` of the user's.
struct EventBase(NonNull<c_void>);

// SAFETY: who gave it promised that the thread that runs the dispatcher may use it, whichever that is.
unsafe impl Send for EventBase {}
// SAFETY: a builder only keeps it.
unsafe impl Sync for EventBase {}

impl Builder {
    /// The poller to use, by name: one of [`backends`](crate::backends), or `"auto"`, the best that works here. By
    /// default the one that the environment variable `MCP_EVENT_BACKEND` names, else the best.
    pub fn backend(mut self, name: impl Into<String>) -> Builder {
        self.backend = Some(name.into());
        self
    }

    /// Runs on this libevent `event_base`: `run()` drives it, so that events of the program's own on it fire in the same
    /// loop, and between runs it is as it was. It stays the caller's. The backend is `"libevent"`.
    ///
    /// # Safety
    /// `base` is an `event_base *` of the copy of libevent that this process has loaded. It is living until the
    /// dispatcher is dropped, and, if that is inside its own `run()`, until that returns. While a thread is inside
    /// `run()` no other touches the base, unless it was made after `evthread_use_pthreads()`.
    pub unsafe fn libevent_base(mut self, base: NonNull<c_void>) -> Builder {
        self.event_base = Some(EventBase(base));
        self
    }

    /// Waits in a loop of another library, of this name, so that one thread serves both: each iteration takes one
    /// `turn` of that loop where it would wait. The dispatcher's own poller is the best that works here.
    ///
    /// A turn gets an fd, always the same, and a timeout, none for ever. It waits until the fd is readable, the
    /// timeout is over, or a handler of the loop's own has run. It runs the handlers that are due, but no endless
    /// row of them, and does not go on waiting after one: what a handler asked of the dispatcher is seen when the
    /// turn returns. To return early is harmless. [`Turn::Stopped`] ends the run as [`Handle::exit`] does; an error
    /// ends it with [`Error::Os`], a panic by going on from it.
    ///
    /// ```
    /// use mcp_event::{Dispatcher, RunType, Turn};
    /// use std::time::Duration;
    ///
    /// // A loop that has nothing to do but to wait for ours.
    /// let dispatcher = Dispatcher::builder("main")
    ///     .foreign_loop(Label::new("poll")?, |fd, timeout| {
    ///         let mut watched = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    ///         let limit = timeout.map_or(-1, |timeout| timeout.as_millis() as i32 + 1);
    ///         // SAFETY: one entry, which lives through the call.
    ///         unsafe { libc::poll(&mut watched, 1, limit) };
    ///         Ok(Turn::Over)
    ///     })
    ///     .build()?;
    /// let handle = dispatcher.handle();
    /// let timer = dispatcher.create_timer(move || handle.exit());
    /// timer.enable(Duration::from_micros(50));
    /// dispatcher.run(RunType::Block)?;
    /// assert_eq!(dispatcher.backend(), "poll");
    /// # use mcp_event::Label;
    /// # Ok::<(), mcp_event::Error>(())
    /// ```
    pub fn foreign_loop(
        self,
        name: Label,
        turn: impl Fn(OsFd, Option<Duration>) -> io::Result<Turn> + Send + Sync + 'static,
    ) -> Builder {
        self.nested_in(Box::new(RustLoop::new(name, turn)))
    }

    pub(crate) fn nested_in(mut self, foreign: Box<dyn ForeignLoop>) -> Builder {
        self.foreign = Some(foreign);
        self
    }

    /// A clock that tests move by hand.
    pub fn clock(mut self, clock: &SimulatedClock) -> Builder {
        self.clock = Clock::Simulated(clock.clone());
        self
    }

    /// Refuse posts while this many wait. By default the queue grows as it must.
    pub fn queue_bound(mut self, posts: usize) -> Builder {
        self.queue_bound = Some(posts);
        self
    }

    /// Spins for a while before the loop sleeps, so that what comes meanwhile is seen at once. By default it
    /// sleeps at once. See [`Handle::set_busy_poll`].
    pub fn busy_poll(mut self, busy_poll: BusyPoll) -> Builder {
        self.busy_poll = Some(busy_poll);
        self
    }

    /// The minimum of the scaled timers of a type; by default all of the maximum, so that they are not scaled.
    pub fn scaled_timer_minimum(self, of: ScaledTimerType, minimum: ScaledTimerMinimum) -> Builder {
        self.scaling.set_minimum(of, minimum);
        self
    }

    /// Makes the dispatcher.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a backend nobody knows, for more than one of a backend, a
    /// [`libevent_base`](Self::libevent_base) and a [`foreign_loop`](Self::foreign_loop) (but `"libevent"` may be named
    /// beside its base), and for a busy polling budget of zero or above one second; [`Error::InvalidState`] for an
    /// `event_base` that has a dispatcher already; [`Error::Unavailable`] for a backend that is not there; [`Error::Os`]
    /// when the system has no file descriptor left.
    pub fn build(self) -> Result<Dispatcher, Error> {
        fork::watch();
        let poller = match (self.event_base, self.foreign, self.backend.as_deref()) {
            (None, None, None) => poller::create_default()?,
            (None, None, Some(name)) => poller::create(name)?,
            (Some(EventBase(base)), None, None | Some("libevent")) => {
                // SAFETY: the promise given to `libevent_base`.
                unsafe { poller::adopt_event_base(base) }?
            }
            (None, Some(foreign), None) => poller::create_in(foreign)?,
            (event_base, foreign, backend) => {
                let places: Vec<String> = [
                    event_base.map(|_| "in an event_base".into()),
                    foreign.map(|foreign| format!("in the foreign loop {:?}", foreign.name())),
                    backend.map(|name| format!("on the backend \"{name}\"")),
                ]
                .into_iter()
                .flatten()
                .collect();
                return Err(Error::InvalidArgument(format!(
                    "the dispatcher is to wait {}: it can do one of these",
                    places.join(" and ")
                )));
            }
        };
        let core = Core::new(CoreOptions {
            name: self.name,
            clock: self.clock,
            poller,
            post_bound: self.queue_bound,
            scaling: self.scaling,
        });
        let dispatcher = Dispatcher { handle: Handle { core } };
        dispatcher.set_busy_poll(self.busy_poll)?;
        Ok(dispatcher)
    }
}

/// An event loop: file descriptors, timers, signals, callbacks, and closures posted from any thread.
///
/// All functions may be called from any thread, before, while and after the loop runs; callbacks run on the
/// thread inside [`run`](Dispatcher::run). Handles may outlive the dispatcher, and are inert then. Dropping a
/// dispatcher drops what is queued without running it; if another thread runs it, that one is made to leave
/// first.
///
/// ```
/// use mcp_event::{Dispatcher, RunType};
/// use std::time::Duration;
///
/// let dispatcher = Dispatcher::new("main")?;
/// let handle = dispatcher.handle();
/// let timer = dispatcher.create_timer(move || handle.exit());
/// timer.enable(Duration::from_micros(50));
/// dispatcher.run(RunType::Block)?;
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct Dispatcher {
    handle: Handle,
}

/// Reaches a dispatcher from anywhere: to post, to create, to exit. Cheap to clone; it does not keep the loop
/// alive, only its memory: once the dispatcher is gone, posts are refused and handles do nothing.
#[derive(Clone)]
pub struct Handle {
    core: Arc<Core>,
}

impl std::ops::Deref for Dispatcher {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.handle.core.destroy();
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("name", &self.core.name)
            .field("backend", &self.backend())
            .field("running", &self.core.is_running())
            .finish()
    }
}

impl Dispatcher {
    /// A dispatcher with the default settings. The name is for logs and statistics.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no file descriptor left.
    pub fn new(name: impl Into<String>) -> Result<Dispatcher, Error> {
        Dispatcher::builder(name).build()
    }

    /// A dispatcher with settings of your own.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            backend: None,
            event_base: None,
            clock: Clock::Monotonic,
            queue_bound: None,
            busy_poll: None,
            scaling: Scaling::new(),
            foreign: None,
        }
    }

    /// A handle that can be cloned and sent to other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs the loop on this thread. With [`RunType::Block`], if another thread runs it already, waits until
    /// that one leaves, runs nothing, and returns.
    ///
    /// # Errors
    /// [`Error::InvalidState`] inside a callback of this dispatcher, and for `NonBlock` while another thread
    /// runs it; [`Error::Forked`] in a forked child; [`Error::Os`] when the poll fails.
    ///
    /// # Panics
    /// When a callback panics, the loop stops after it, keeps what is queued for the next run, and the panic
    /// goes on from here.
    pub fn run(&self, how: RunType) -> Result<(), Error> {
        match self.run_with(how, || ()) {
            Ok(_ran) => Ok(()),
            Err(RunError::Refused(error)) => Err(error),
            Err(RunError::Callback(failure)) => match *failure {
                Failure::Panic(payload) => resume_unwind(payload),
                other => Err(Error::InvalidState(other.describe())),
            },
        }
    }

    /// Like [`run`](Dispatcher::run), and calls `entered` once this thread owns the loop, before anything runs.
    /// False if another thread ran it. What a callback ended with is handed over, not raised.
    pub(crate) fn run_with(&self, how: RunType, entered: impl FnOnce()) -> Result<bool, RunError> {
        run(&self.handle.core, how, entered)
    }
}

impl Handle {
    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The poller it runs on, e.g. `"epoll"`.
    pub fn backend(&self) -> &'static str {
        // Names are ASCII.
        self.core.poller.name().to_str().unwrap_or_default()
    }

    /// The libevent `event_base *` that it waits in, for events of the program's own: they fire on the loop's thread, in
    /// the poll of each iteration. `None` unless the backend is `"libevent"`, and once the dispatcher is gone.
    ///
    /// It is the dispatcher's, or the user's who gave it; nobody else frees it. Free events on it before the dispatcher.
    /// While the loop runs, only its thread may touch the base, unless that was made after `evthread_use_pthreads()`.
    pub fn libevent_base(&self) -> Option<NonNull<c_void>> {
        NonNull::new(self.core.poller.event_base())
    }

    /// Runs `closure` on the loop, after all that was posted before. It is destroyed right after it ran.
    ///
    /// # Errors
    /// Gives the closure back after [`shutdown`](Handle::shutdown), when the queue is full, or in a forked
    /// child.
    pub fn post<F: FnOnce() + Send + 'static>(&self, closure: F) -> Result<(), PostError<F>> {
        self.core.post(RustJob(closure)).map_err(|(refusal, RustJob(closure))| PostError { refusal, closure })
    }

    /// As [`post`](Self::post), and names the closure in reports.
    ///
    /// # Errors
    /// As `post`.
    pub fn post_labelled<F: FnOnce() + Send + 'static>(
        &self,
        label: Label,
        closure: F,
    ) -> Result<(), PostError<F>> {
        self.core
            .post(LabelledJob(label, RustJob(closure)))
            .map_err(|(refusal, LabelledJob(_, RustJob(closure)))| PostError { refusal, closure })
    }

    /// Posts that wait to be run.
    pub fn queue_depth(&self) -> usize {
        self.core.queued_posts()
    }

    /// Handles of it that live: timers, file events, schedulable callbacks, signal events, tasks, actors that have
    /// not ended, and systems of actors that keep their time here. A task counts until its
    /// [`Task`](crate::task::Task) and its wakers are dropped, too; what is destroyed by another thread, from then
    /// on not any more.
    pub fn handle_count(&self) -> usize {
        self.core.handle_count()
    }

    /// Destroys `object` on the loop, at the tail of the iteration, never inside this call.
    pub fn deferred_delete<T: Send + 'static>(&self, object: Box<T>) {
        self.core.defer(Deferred::new(object));
    }

    /// Destroys now what was deferred; nothing, when called by one of those destructors. While another thread
    /// runs the loop, that thread does it, in its next tail.
    pub fn clear_deferred_delete_list(&self) {
        self.core.clear_deferred();
    }

    /// Makes a timer, not armed.
    pub fn create_timer(&self, callback: impl FnMut() + Send + 'static) -> Timer {
        Timer::new(&self.core, callback)
    }

    /// Makes a timer that fires again and again, not started.
    pub fn create_periodic_timer(&self, callback: impl FnMut() + Send + 'static) -> PeriodicTimer {
        PeriodicTimer::new(&self.core, callback)
    }

    /// Makes a timer that fires the earlier the more load there is, not armed. Its minimum is that of a
    /// [`ScaledTimerType`], or a [`ScaledTimerMinimum`] of its own.
    ///
    /// ```
    /// use mcp_event::{Dispatcher, ScaledTimerMinimum, ScaledTimerType};
    /// use std::time::Duration;
    ///
    /// let dispatcher = Dispatcher::new("main")?;
    /// let half = ScaledTimerMinimum::share(0.5)?;
    /// dispatcher.set_scaled_timer_minimum(ScaledTimerType::HttpConnectionManagerNewStream, half);
    /// let by_type = dispatcher.create_scaled_timer(ScaledTimerType::HttpConnectionManagerNewStream, || ());
    /// let own = ScaledTimerMinimum::absolute(Duration::from_secs(5));
    /// let by_minimum = dispatcher.create_scaled_timer(own, || ());
    /// dispatcher.set_timer_scale_factor(0.2)?;
    /// by_type.enable(Duration::from_secs(10)); // Fires after 5 s + 0.2 * 5 s.
    /// by_minimum.enable(Duration::from_secs(10)); // So does this one.
    /// # Ok::<(), mcp_event::Error>(())
    /// ```
    pub fn create_scaled_timer(
        &self,
        range: impl Into<ScaledTimerRange>,
        callback: impl FnMut() + Send + 'static,
    ) -> ScaledTimer {
        ScaledTimer::new(&self.core, range.into(), callback)
    }

    /// Sets the minimum of the scaled timers of a type, from when they are enabled the next time.
    pub fn set_scaled_timer_minimum(&self, of: ScaledTimerType, minimum: ScaledTimerMinimum) {
        self.core.scaling.set_minimum(of, minimum);
    }

    /// Sets how much of the time between their minimum and their maximum the scaled timers wait: all with 1, as at
    /// first, nothing with 0. At once, also for those that have waited their minimum already.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] unless it is a number from 0 to 1.
    pub fn set_timer_scale_factor(&self, factor: f64) -> Result<(), Error> {
        self.core.set_scale_factor(factor)
    }

    /// The factor that is set.
    pub fn timer_scale_factor(&self) -> f64 {
        self.core.scaling.factor()
    }

    /// Watches `fd` for `events`.
    ///
    /// # Errors
    /// [`Error::Os`] when the fd cannot be watched: it is closed, a regular file, or there are too many.
    pub fn create_file_event(
        &self,
        fd: OsFd,
        trigger: Trigger,
        events: FileReady,
        callback: impl FnMut(FileReady) + Send + 'static,
    ) -> Result<FileEvent, Error> {
        FileEvent::new(&self.core, fd, trigger, events, callback)
    }

    /// Makes a callback that can be scheduled for this iteration or the next.
    pub fn create_schedulable_callback(
        &self,
        callback: impl FnMut() + Send + 'static,
    ) -> SchedulableCallback {
        SchedulableCallback::new(&self.core, callback)
    }

    /// Listens for a signal.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a number that is no signal, cannot be caught (9, 19), or is a fault of
    /// the program (SIGSEGV, SIGBUS, SIGFPE, SIGILL).
    pub fn listen_for_signal(
        &self,
        signal: i32,
        callback: impl FnMut() + Send + 'static,
    ) -> Result<SignalEvent, Error> {
        SignalEvent::new(&self.core, signal, callback)
    }

    /// Asks the loop to leave `run()`. What was posted, deferred and scheduled for the current iteration before
    /// this call still runs. Remembered if nobody runs the loop: the next blocking run then makes one pass.
    pub fn exit(&self) {
        self.core.exit();
    }

    /// Whether an `exit()` waits for a run to obey it.
    pub(crate) fn has_exit(&self) -> bool {
        self.core.exit_at.load(Ordering::SeqCst) != 0
    }

    /// Forgets an `exit()` that no run has obeyed yet.
    pub(crate) fn clear_exit(&self) {
        self.core.exit_at.store(0, Ordering::SeqCst);
    }

    /// Refuses posts from now on, until the next `run()`, and drops what is queued without running it: posts,
    /// deferred objects, tasks, the watchdog. Handles stay armed. If another thread runs the loop, it is made to leave
    /// first.
    pub fn shutdown(&self) {
        self.core.shut_down();
    }

    /// Whether this thread is the one that runs the loop, or was the last to run it.
    pub fn is_thread_safe(&self) -> bool {
        self.core.last_runner.load(Ordering::Relaxed) == thread_number()
    }

    /// Whether some thread is inside `run()`.
    pub fn is_running(&self) -> bool {
        self.core.is_running()
    }

    /// What the loop is doing right now.
    pub fn doing(&self) -> Doing {
        self.core.doing()
    }

    /// Tells `watchdog` before every callback, and every `interval` (never by time alone, if that is zero),
    /// that the loop lives. Replaces the one before.
    pub fn register_watchdog(&self, watchdog: Arc<dyn Watchdog>, interval: Duration) {
        self.core.register_watchdog(Some(Arc::new(RustWatchdog(watchdog))), interval);
    }

    /// Lets the watchdog go.
    pub fn unregister_watchdog(&self) {
        self.core.register_watchdog(None, Duration::ZERO);
    }

    /// Spins before each sleep as `busy_poll` says, from the next wait on; with `None`, sleeps at once. A spin
    /// ends with whatever would end the sleep; nothing comes later because of it, timers included. It takes a
    /// processor of its own while it lasts.
    ///
    /// A loop on a simulated clock does not spin, nor does one in a process that, now that this is called, has
    /// only one processor to run on; and never a [`RunType::NonBlock`] run.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a budget of zero, or above [`BusyPoll::MAX_BUDGET`].
    pub fn set_busy_poll(&self, busy_poll: Option<BusyPoll>) -> Result<(), Error> {
        busy_poll.map_or(Ok(()), BusyPoll::check)?;
        let can_pay = |_: &BusyPoll| !self.core.clock.is_simulated() && poller::several_processors();
        self.core.busy_poll.set(busy_poll.filter(can_pay));
        Ok(())
    }

    /// The monotonic time of the iteration: constant within it, and cheaper than reading the clock.
    pub fn approximate_monotonic_time(&self) -> Duration {
        Duration::from_nanos(self.core.approximate_now.load(Ordering::Relaxed))
    }

    /// Refreshes it now.
    pub fn update_approximate_monotonic_time(&self) {
        self.core.refresh_time();
    }

    /// Starts to record the histograms in [`LoopStats`].
    pub fn enable_stats(&self) {
        self.core.stats.enable();
    }

    /// From now on, callbacks that take longer than `threshold` are counted in [`LoopStats::slow_callbacks`], and
    /// told to the log: a `tracing` span `slow_callback` at level WARN, made after the fact, with the fields
    /// `dispatcher`, `kind`, `label`, `fd` and `elapsed`, and an event in it that says the same in words. `None`, as
    /// at first: none are.
    ///
    /// Timed are the callbacks of handles, posts, messages to actors, polls of tasks and deferred deletes, on the
    /// dispatcher's clock. What the loop and other destructors do is not.
    pub fn set_slow_callback_threshold(&self, threshold: Option<Duration>) {
        self.core.slow_threshold.set(threshold);
    }

    /// The figures so far. No loop waits for that.
    pub fn stats(&self) -> LoopStats {
        self.core.stats.snapshot(self.core.queued_posts())
    }

    /// How late the loop is at this moment, and how much waits. The loop is not disturbed.
    pub fn load(&self) -> Load {
        Load {
            loop_lag: self.core.load.loop_lag(&self.core.clock),
            poll_delay: self.core.load.poll_delay(&self.core.clock),
            queue_depth: self.queue_depth(),
        }
    }

    /// Runs `work` with `object` on the stack of tracked objects, which a dump shows.
    pub fn with_tracked<T: TrackedObject, R>(&self, object: &T, work: impl FnOnce() -> R) -> R {
        let _scope = Scope::enter(&self.core.tracked, object);
        work()
    }

    /// Describes the tracked objects that this thread pushed, innermost first.
    ///
    /// # Errors
    /// [`Error::InvalidState`] while another thread runs the loop: its objects may go at any moment.
    pub fn dump_tracked(&self) -> Result<String, Error> {
        if self.core.is_running() && !self.core.is_running_here() {
            return Err(Error::InvalidState(
                "tracked objects can be dumped on the loop's thread alone".into(),
            ));
        }
        let mut text = String::new();
        match self.core.tracked.dump(&mut text) {
            Ok(()) => Ok(text),
            Err(fmt::Error) => Err(Error::InvalidState("a tracked object failed to describe itself".into())),
        }
    }

    /// A file descriptor that is readable when `run(NonBlock)` would find work, for a foreign loop to watch.
    /// It stays the dispatcher's.
    ///
    /// # Errors
    /// [`Error::Os`] when the system has no file descriptor left.
    pub fn poll_fd(&self) -> Result<i32, Error> {
        self.core.check_fork()?;
        self.core.poller.poll_fd().map_err(|source: io::Error| Error::os("making a poll fd", source))
    }

    /// How long a foreign loop may wait before it calls `run(NonBlock)` even though the poll fd is not
    /// readable; `None`: for ever. Zero while another thread runs the loop.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.core.next_timeout().map(Duration::from_nanos)
    }

    pub(crate) fn new(core: Arc<Core>) -> Handle {
        Handle { core }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}
