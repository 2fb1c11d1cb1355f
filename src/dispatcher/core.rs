//! What all handles of a dispatcher share, and how other threads reach it.
//!
//! The loop's own state is [`Local`], which only its owner touches: see [`owner`]. All else is for any thread: the queues
//! of posts and commands, the sleep that a wake ends, the marks that end a run, and which callback runs at the moment, for
//! those who wait until it has returned.

mod owner;
mod thread;

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

pub(crate) use self::owner::{Access, Entered, OnLoop};
pub(crate) use self::thread::{current, inside_callback, label_current, thread_number};
#[cfg(unix)]
pub(crate) use self::thread::{loops_of_this_thread, stop_forked_loops};
use super::activity::{Activity, CurrentActivity, Doing};
use super::cell::{Cell, Garbage, Held, Kind, Waste};
use super::clock::{Clock, Nanos};
use super::closure::guarded;
use super::current::Current;
use super::deferred::Deferred;
use super::load::LoadMeter;
use super::local::Local;
use super::owner_word::{OwnerWord, Run};
use super::post::Task;
use super::queue::Queue;
use super::scaled::Scaling;
use super::share::Shares;
use super::signal::Inbox;
use super::sleep::Sleep;
use super::slots::SlotTable;
use super::slow::SlowThreshold;
use super::spin::Setting;
use super::stats::{Counter, Stats};
use super::tracked::TrackedStack;
use super::watchdog::Registration;
use super::{file_event, scaled, schedulable, signal, timer};
use crate::error::Error;
use crate::fork;
#[cfg(all(target_os = "linux", feature = "io_uring"))]
use crate::io::ring::{Operations, RingIo};
use crate::poller::{Poller, Ready, WaitError};

/// What a foreign thread asks of the running loop.
pub(crate) enum Command {
    /// A timer's truth changed: put it where it belongs.
    Timer(Held<timer::TimerKind>),
    /// Likewise a scaled timer's.
    Scaled(Held<scaled::ScaledKind>),
    /// The scale factor changed.
    Rescale,
    /// Likewise a schedulable callback's.
    Schedule(Held<schedulable::SchedulableKind>),
    Activate(Held<file_event::FileKind>),
    /// A signal event joins the listeners.
    Listen(Held<signal::SignalKind>),
    Defer(Deferred),
    Watchdog(Option<Registration>),
    /// Nothing: that it is received shows that the loop gets on.
    Nudge,
    /// A destroyed handle's cell, whose callback does not begin any more.
    Reap(Garbage),
}

pub(crate) struct Core {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) poller: Box<dyn Poller>,
    /// Who may touch `local`: see [`owner`].
    owner: OwnerWord,
    /// The last thread that ran the loop, as [`thread_number`]; 0 before the first.
    pub(crate) last_runner: AtomicU64,
    pub(crate) sleep: Sleep,
    pub(crate) busy_poll: Setting,
    pub(crate) posts: Queue<Task>,
    pub(crate) post_bound: Option<usize>,
    /// Posts accepted and not yet begun; counted only where there is a bound.
    pub(crate) bounded_posts: AtomicUsize,
    /// The dispatcher object is gone, for good.
    pub(crate) closed: AtomicBool,
    /// False from `shutdown()` to the next `run()`.
    pub(crate) accepting: AtomicBool,
    /// A run ends after its present callback, whatever is queued; until a worker starts anew.
    cut_off: AtomicBool,
    /// Handles that users hold, of cells, tasks and actors: what other threads made, less what they destroyed ...
    handles: AtomicUsize,
    /// ... and likewise the thread inside the loop, which counts without an atomic read-modify-write.
    own_handles: Counter,
    commands: Queue<Command>,
    /// 0, or one more than the post position at the last `exit()`: the posts that still run.
    pub(crate) exit_at: AtomicUsize,
    pub(crate) approximate_now: AtomicU64,
    /// What the thread inside the loop does.
    pub(crate) activity: CurrentActivity,
    /// The thread inside the loop, by the system's number for it; 0 for none.
    pub(crate) runner: AtomicI32,
    pub(crate) current: Current,
    waiters: AtomicU32,
    /// Guards nothing but the sleep of threads that wait for a callback to return or the loop to be left.
    quiet: Mutex<()>,
    quiet_changed: Condvar,
    pub(crate) slots: SlotTable,
    pub(crate) signals: Arc<Inbox>,
    pub(crate) tracked: TrackedStack,
    pub(crate) stats: Stats,
    pub(crate) slow_threshold: SlowThreshold,
    pub(crate) load: LoadMeter,
    pub(crate) scaling: Scaling,
    /// What the ring does besides polling, where there is one that can.
    #[cfg(all(target_os = "linux", feature = "io_uring"))]
    pub(crate) operations: Option<Operations>,
    fork_generation: u32,
    /// For those who find the core by the loop that their thread runs, and for the shares.
    pub(crate) me: Weak<Core>,
    pub(crate) shares: Shares,
    local: Local,
}

// SAFETY: `local` is reached only through an `OnLoop`, of which one thread at a time has any; but for what is atomic in it.
unsafe impl Sync for Core {}
// SAFETY: nothing in it is tied to a thread.
unsafe impl Send for Core {}

pub(crate) struct CoreOptions {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) poller: Box<dyn Poller>,
    pub(crate) post_bound: Option<usize>,
    pub(crate) scaling: Scaling,
}

impl Core {
    pub(crate) fn new(options: CoreOptions) -> Arc<Core> {
        let now = options.clock.now();
        let core = Arc::new_cyclic(|me| Core {
            name: options.name,
            clock: options.clock,
            signals: Inbox::new(options.poller.waker()),
            #[cfg(all(target_os = "linux", feature = "io_uring"))]
            operations: Operations::of(&*options.poller),
            poller: options.poller,
            owner: OwnerWord::new(),
            last_runner: AtomicU64::new(0),
            sleep: Sleep::new(),
            busy_poll: Setting::off(),
            posts: Queue::new(),
            post_bound: options.post_bound,
            bounded_posts: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            accepting: AtomicBool::new(true),
            cut_off: AtomicBool::new(false),
            handles: AtomicUsize::new(0),
            own_handles: Counter::default(),
            commands: Queue::new(),
            exit_at: AtomicUsize::new(0),
            approximate_now: AtomicU64::new(now),
            activity: CurrentActivity::new(),
            runner: AtomicI32::new(0),
            current: Current::new(),
            waiters: AtomicU32::new(0),
            quiet: Mutex::new(()),
            quiet_changed: Condvar::new(),
            slots: SlotTable::new(),
            tracked: TrackedStack::new(),
            stats: Stats::new(),
            slow_threshold: SlowThreshold::new(),
            load: LoadMeter::new(),
            scaling: options.scaling,
            fork_generation: fork::generation(),
            me: me.clone(),
            shares: Shares::new(),
            local: Local::new(now),
        });
        core.clock.attach(&core);
        core
    }

    /// An error in a forked child, whose kernel objects are still the parent's.
    pub(crate) fn check_fork(&self) -> Result<(), Error> {
        if self.is_forked() { Err(Error::Forked) } else { Ok(()) }
    }

    pub(crate) fn is_forked(&self) -> bool {
        fork::generation() != self.fork_generation
    }

    /// Has a loop that waits in a foreign one show that it does: a handler there may be stuck, of which the activity tells
    /// nothing. Waits for nobody; what a loop that leaves meanwhile does not receive, the next owner does.
    pub(crate) fn nudge(&self) {
        let waits = self.doing().activity == Activity::Waiting;
        if waits && self.poller.is_nested() && !self.is_forked() {
            self.commands.push(Command::Nudge);
            self.wake();
        }
    }

    /// What the loop is doing, as its thread last said.
    pub(crate) fn doing(&self) -> Doing {
        self.activity.get()
    }

    /// Runs destructors, outside direct sections and callbacks of theirs. One that panics costs only itself.
    pub(crate) fn destroy_waste(&self, waste: Vec<Waste>) {
        let doing = self.running_here().map(|_| self.activity.begin(Activity::Destructor));
        for item in waste {
            if let Err(failure) = guarded(|| drop(item)) {
                tracing::error!(dispatcher = %self.name, "a destructor: {}", failure.describe());
            }
        }
        if let Some(doing) = doing {
            self.activity.begin_word(doing);
        }
    }

    pub(crate) fn has_commands(&self) -> bool {
        !self.commands.is_empty()
    }

    /// Whether another thread or a signal brought something that the loop must not sleep over.
    pub(crate) fn has_arrivals(&self) -> bool {
        !self.posts.is_empty()
            || self.has_commands()
            || self.exit_at.load(Ordering::SeqCst) != 0
            || !self.signals.is_empty()
            || self.cut_off.load(Ordering::SeqCst)
    }

    /// One past the last command sent.
    pub(crate) fn commands_end(&self) -> usize {
        self.commands.end()
    }

    /// The next command to receive.
    pub(crate) fn commands_begin(&self) -> usize {
        self.commands.begin()
    }

    pub(crate) fn next_command(&self, _: OnLoop<'_>) -> Option<Command> {
        // SAFETY: the owner alone pops.
        unsafe { self.commands.pop() }
    }

    /// Asks the poller what is ready, and the ring what it has done.
    #[inline]
    pub(crate) fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError> {
        #[cfg(all(target_os = "linux", feature = "io_uring"))]
        if let Some(ring) = RingIo::of(self) {
            ring.prepare();
            let result = self.poller.wait(ready, timeout);
            ring.deliver(ready);
            return result;
        }
        self.poller.wait(ready, timeout)
    }

    /// Whether the ring is still to be told of something by the next wait.
    pub(crate) fn has_requests(&self) -> bool {
        #[cfg(all(target_os = "linux", feature = "io_uring"))]
        return RingIo::of(self).is_some_and(RingIo::is_ahead);
        #[cfg(not(all(target_os = "linux", feature = "io_uring")))]
        false
    }

    /// Before the run ends: has the ring accept nothing more.
    pub(crate) fn end_accepts(&self, ready: &mut Vec<Ready>) {
        #[cfg(all(target_os = "linux", feature = "io_uring"))]
        if let Some(ring) = RingIo::of(self) {
            ring.end_accepts(ready);
        }
        #[cfg(not(all(target_os = "linux", feature = "io_uring")))]
        let _ = ready;
    }

    /// After a run: has the ring let go of what was dropped too late for the run to see.
    fn hang_up_stragglers(&self) {
        #[cfg(all(target_os = "linux", feature = "io_uring"))]
        if let Some(ring) = RingIo::of(self).filter(|ring| ring.is_ahead() && !self.is_forked()) {
            ring.hang_up();
        }
    }

    /// Wakes the loop if it sleeps (or nobody runs it); one system call at most for each sleep (P7).
    pub(crate) fn wake(&self) {
        if self.sleep.interrupt() && !self.is_forked() {
            self.stats.wakes.add(1);
            self.poller.wake();
        }
    }

    /// A handle's callback has returned.
    pub(crate) fn end_current(&self) {
        self.current.end();
        if self.waiters.load(Ordering::Relaxed) != 0 {
            drop(self.lock_quiet());
            self.quiet_changed.notify_all();
        }
    }

    /// Waits until `cell`'s callback, if it runs, has returned.
    pub(crate) fn wait_for_callback<K: Kind>(&self, cell: &Cell<K>) {
        if !self.current.is(cell) {
            return;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let mut quiet = self.lock_quiet();
        while self.current.is(cell) {
            // The loop looks for waiters without a fence, to keep callbacks cheap; should it miss us, the
            // time limit finds out.
            quiet = self
                .quiet_changed
                .wait_timeout(quiet, Duration::from_millis(1))
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .0;
        }
        drop(quiet);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until that run has ended.
    pub(crate) fn wait_until_left(&self, run: Run) {
        let mut quiet = self.lock_quiet();
        while !self.owner.is_over(run) {
            quiet = self.quiet_changed.wait(quiet).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    fn lock_quiet(&self) -> MutexGuard<'_, ()> {
        self.quiet.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn refresh_time(&self) -> Nanos {
        let now = self.clock.now();
        self.approximate_now.store(now, Ordering::Relaxed);
        now
    }

    pub(crate) fn next_timeout(&self) -> Option<Nanos> {
        match self.access() {
            Access::Running(on_loop) => on_loop.foreign_timeout(),
            Access::Direct(direct) => {
                direct.on_loop().settle();
                direct.on_loop().foreign_timeout()
            }
            Access::Remote => Some(0),
        }
    }

    /// How many of the loop's own posts wait. From any thread.
    pub(crate) fn own_posts_waiting(&self) -> usize {
        self.local.own_posts.len()
    }

    /// Whether it waits, or nobody runs it: a guess, for whoever does not depend on it.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.doing().activity, Activity::Waiting | Activity::NotRunning)
    }

    /// How much it has to do: the posts that wait, and one more while it does something. A guess, while others post.
    pub(crate) fn backlog(&self) -> usize {
        // First the posts: one that has just left the queue shows in what the loop does.
        let waiting = self.queued_posts();
        waiting + usize::from(!self.is_idle())
    }

    /// A handle was made.
    pub(crate) fn count_handle(&self) {
        if self.is_running_here() {
            self.own_handles.add_here(1);
        } else {
            self.handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A handle is destroyed, or was not one of a user's.
    pub(crate) fn uncount_handle(&self) {
        if self.is_running_here() {
            self.own_handles.add_here(u64::MAX);
        } else {
            self.handles.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many there are; a guess while others come and go.
    pub(crate) fn handle_count(&self) -> usize {
        let sum = self.handles.load(Ordering::Relaxed).wrapping_add(self.own_handles.get() as usize);
        // Read at two moments, it may seem to be less than none.
        usize::try_from(sum as isize).unwrap_or(0)
    }

    /// Makes runs end after their present callback, with all that is queued left for whoever shuts the loop down.
    pub(crate) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::SeqCst);
        self.wake();
    }

    #[inline]
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    pub(crate) fn end_cut_off(&self) {
        self.cut_off.store(false, Ordering::SeqCst);
    }

    /// Asks the loop to leave once all that was queued before has run; remembered until a run obeys (R3, R4).
    pub(crate) fn exit(&self) {
        self.exit_at.fetch_max(self.posts.end() + 1, Ordering::SeqCst);
        if let Some(on_loop) = self.running_here() {
            on_loop.note_exit();
        }
        // Also on the loop's own thread: it may be a handler of a foreign loop in which ours waits.
        self.wake();
    }
}
