//! What all handles of a dispatcher share: who owns the loop's state, and how other threads reach it.
//!
//! The loop's state has one owner at a time, named by an atomic word: the thread inside `run()`, or, while
//! nobody runs, a thread inside one short call ([`Access::Direct`]). No lock is held by the running loop, and
//! no user code runs in a direct section. A thread that finds the loop running elsewhere sends a [`Command`].
//!
//! Nothing is left behind in the command queue: a sender that finds the loop not running any more takes
//! ownership and receives the commands itself, and a leaving owner looks once more after it has left.

use std::cell::Cell as LocalCell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::Duration;

use super::activity::{Activity, CurrentActivity, Doing};
use super::cell::{Cell, Garbage, Held, Kind, Waste};
use super::clock::{Clock, Nanos};
use super::closure::guarded;
use super::deferred::Deferred;
use super::label::Label;
use super::load::LoadMeter;
use super::local::Local;
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
use crate::crash_dump;
use crate::error::Error;
use crate::fork;
#[cfg(all(target_os = "linux", feature = "io_uring"))]
use crate::io::ring::{Operations, RingIo};
use crate::poller::{Poller, Ready, WaitError};
use crate::thread_id::thread_id;

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
    /// See [`Owner word`](RUNNING).
    owner: AtomicUsize,
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
    /// The cell whose callback runs, or is about to be claimed.
    current: AtomicPtr<()>,
    /// How many runs have ended.
    runs: AtomicU64,
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

/// The owner word: 0 for nobody, else the owner's [`thread_token`], with this bit while it may run user code...
const RUNNING: usize = 1;
/// ... this one if that is not `run()`, but destructors of what was queued ...
const DRAINING: usize = 2;
/// ... and this one if the owner is to receive commands once more before it leaves. Never with [`RUNNING`]: who ran the
/// loop looks once more when it has left.
const CALLED_BACK: usize = 4;

/// Whose token is in an owner word.
fn thread_in(owner: usize) -> usize {
    owner & !(RUNNING | DRAINING | CALLED_BACK)
}

/// What a thread takes the loop for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Run,
    /// To destroy what is queued, in the place of a run.
    Drain,
}

thread_local! {
    static NUMBER: LocalCell<u64> = const { LocalCell::new(0) };
    /// The loop that this thread runs; with nested runs of several dispatchers, the innermost.
    static INNERMOST: LocalCell<*const Core> = const { LocalCell::new(std::ptr::null()) };
}

/// Tells living threads apart; a multiple of eight, and not zero.
#[inline]
fn thread_token() -> usize {
    // In a shared library the address of a thread's own variable takes a call, and each operation of a handle asks.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    {
        let token;
        // SAFETY: reads the first word of the thread's control block, which the system's ABI defines as its address.
        unsafe {
            std::arch::asm!("mov {}, fs:0", out(reg) token, options(pure, readonly, nostack, preserves_flags));
        }
        token
    }
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
    NUMBER.with(|number| std::ptr::from_ref(number) as usize)
}

/// Tells all threads apart, also those that are gone.
pub(crate) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// Whether this thread is inside any dispatcher's `run()`, so that what called us is a callback.
pub(crate) fn inside_callback() -> bool {
    !INNERMOST.get().is_null()
}

/// The core of the loop that this thread runs; with nested runs of several dispatchers, the innermost.
pub(crate) fn current() -> Option<Arc<Core>> {
    // SAFETY: a loop that this thread runs lives until it leaves it.
    unsafe { INNERMOST.get().as_ref() }?.me.upgrade()
}

/// Adds a label to what the loop of this thread is doing.
pub(crate) fn label_current(label: Label) {
    // SAFETY: a loop that this thread runs lives until it leaves it.
    if let Some(core) = unsafe { INNERMOST.get().as_ref() } {
        core.activity.label(label);
    }
}

/// The loops that this thread runs, innermost first. Also in a signal handler on it.
///
/// # Safety
/// They are looked at before this thread leaves them.
#[cfg(unix)]
pub(crate) unsafe fn loops_of_this_thread<'a>() -> impl Iterator<Item = &'a Core> {
    let mut next = INNERMOST.get();
    std::iter::from_fn(move || {
        // SAFETY: a loop that this thread runs lives until it leaves it, and it owns the loop's state.
        let core = unsafe { next.as_ref() }?;
        next = core.local.outer.get();
        Some(core)
    })
}

/// In a forked child: makes the loops that the forking thread runs stop after the callback that forked.
#[cfg(unix)]
pub(crate) fn stop_forked_loops() {
    // SAFETY: it is inside them.
    for core in unsafe { loops_of_this_thread() } {
        core.local.failure.set(Some(Box::new(super::closure::Failure::Forked)));
    }
}

/// How the calling thread may reach the loop's state.
pub(crate) enum Access<'a> {
    /// It runs the loop.
    Running(OnLoop<'a>),
    /// Nobody does; it owns the state until this is dropped.
    Direct(Direct<'a>),
    /// Another thread runs the loop.
    Remote,
}

/// Proof that this thread owns the loop's state.
#[derive(Clone, Copy)]
pub(crate) struct OnLoop<'a> {
    pub(crate) core: &'a Core,
    not_send: PhantomData<*const ()>,
}

impl<'a> OnLoop<'a> {
    /// For as long as it is owned, where `deref` goes no farther than this proof of it.
    pub(crate) fn local(self) -> &'a Local {
        &self.core.local
    }
}

impl Deref for OnLoop<'_> {
    type Target = Local;

    fn deref(&self) -> &Local {
        self.local()
    }
}

/// A short section in which the caller owns the state of a loop that nobody runs. No user code in it.
pub(crate) struct Direct<'a>(OnLoop<'a>);

impl<'a> Direct<'a> {
    pub(crate) fn on_loop(&self) -> OnLoop<'a> {
        self.0
    }
}

impl Drop for Direct<'_> {
    fn drop(&mut self) {
        self.0.leave_direct();
    }
}

impl OnLoop<'_> {
    /// Ends a direct section. What it brings about may destroy the dispatcher as soon as another thread can run the loop:
    /// after that, nothing of the core is touched that no reference keeps.
    fn leave_direct(self) {
        let me = thread_token();
        loop {
            self.settle();
            if self.wake_on_release.take() {
                self.core.wake();
            }
            let waste = self.take_waste().map(|waste| (self.core.me.upgrade(), waste));
            if self.core.owner.compare_exchange(me, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                if let Some((Some(core), waste)) = waste {
                    core.destroy_waste(waste);
                }
                return;
            }
            waste.into_iter().flat_map(|(_, waste)| waste).for_each(|item| self.discard(item));
            self.core.owner.swap(me, Ordering::SeqCst);
            self.receive_commands();
        }
    }
}

/// Ownership of a loop for the length of one `run()`.
pub(crate) struct Running<'a> {
    on_loop: OnLoop<'a>,
}

impl<'a> Running<'a> {
    pub(crate) fn on_loop(&self) -> OnLoop<'a> {
        self.on_loop
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let core = self.on_loop.core;
        if self.on_loop.destroyed.get() {
            self.on_loop.close();
        }
        self.on_loop.drop_waste();
        // What passes until the next run is not the loop's.
        self.on_loop.end_loop_duration();
        self.on_loop.forget_callback_end();
        self.on_loop.settle();
        if !core.is_forked() && core.has_requests() {
            // What the kernel refuses now, the next run asks for again.
            self.on_loop.tell_ring();
        }
        if !core.is_forked() {
            self.on_loop.end_accepts();
        }
        self.on_loop.wake_on_release.set(false);
        let pending = self.on_loop.has_injected_work() || core.has_requests();
        INNERMOST.set(self.on_loop.outer.get());
        core.activity.begin(Activity::NotRunning);
        core.runner.store(0, Ordering::Relaxed);
        core.load.fall_asleep(None);
        core.sleep.announce();
        if !core.is_forked() {
            core.poller.leave();
        }
        core.end_own_shares();
        core.release();
        core.receive_stragglers();
        core.hang_up_stragglers();
        // Work that waits for the next run shows on the poll fd, for a foreign loop.
        if pending || !core.posts.is_empty() {
            core.wake();
        }
        let quiet = core.lock_quiet();
        core.runs.fetch_add(1, Ordering::SeqCst);
        drop(quiet);
        core.quiet_changed.notify_all();
    }
}

/// Why [`Core::enter`] did not enter.
pub(crate) enum Entered<'a> {
    Running(Running<'a>),
    /// This thread runs the loop already.
    Nested(OnLoop<'a>),
    /// Another thread does; this is the number of its run.
    Elsewhere(u64),
}

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
            owner: AtomicUsize::new(0),
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
            current: AtomicPtr::new(std::ptr::null_mut()),
            runs: AtomicU64::new(0),
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

    fn on_loop(&self) -> OnLoop<'_> {
        OnLoop { core: self, not_send: PhantomData }
    }

    /// Finds out how this thread may reach the loop's state; waits only for another thread's direct section.
    pub(crate) fn access(&self) -> Access<'_> {
        let me = thread_token();
        loop {
            let owner = self.owner.load(Ordering::Acquire);
            if thread_in(owner) == me {
                return Access::Running(self.on_loop());
            }
            if owner & RUNNING != 0 {
                return Access::Remote;
            }
            if owner == 0 {
                if self.owner.compare_exchange(0, me, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    let on_loop = self.on_loop();
                    on_loop.receive_commands();
                    return Access::Direct(Direct(on_loop));
                }
            } else if self.is_forked() {
                // The thread in that section stayed in the parent.
                return Access::Remote;
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Takes the loop in order to run it, or to run destructors in its place.
    pub(crate) fn enter(&self, purpose: Purpose) -> Entered<'_> {
        let me = thread_token();
        let bits = if purpose == Purpose::Run { RUNNING } else { RUNNING | DRAINING };
        loop {
            // First the number: should that run end now, nobody waits for a later one.
            let run = self.runs.load(Ordering::SeqCst);
            let owner = self.owner.load(Ordering::SeqCst);
            if thread_in(owner) == me {
                return Entered::Nested(self.on_loop());
            }
            if owner & RUNNING != 0 {
                if owner & DRAINING == 0 || purpose == Purpose::Drain {
                    return Entered::Elsewhere(run);
                }
                // Not a run to give way to, only a thread in the way.
                self.wait_until_left(run);
                continue;
            }
            if owner != 0 {
                std::thread::yield_now();
            } else if self.owner.compare_exchange(0, me | bits, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                self.begin_own_shares();
                crash_dump::enter_loop();
                self.local.outer.set(INNERMOST.replace(self));
                self.activity.begin(Activity::Dispatching);
                self.runner.store(thread_id(), Ordering::Relaxed);
                self.sleep.end();
                if !self.is_forked() {
                    self.poller.enter();
                }
                return Entered::Running(Running { on_loop: self.on_loop() });
            }
        }
    }

    fn release(&self) {
        self.owner.store(0, Ordering::SeqCst);
    }

    /// Receives commands that came after the last owner's last look, which would otherwise wait for a run that
    /// may never come. Whoever owns the loop meanwhile does the same when it leaves.
    fn receive_stragglers(&self) {
        while !self.commands.is_empty() && !self.is_forked() {
            let owner = self.owner.load(Ordering::SeqCst);
            if owner & RUNNING != 0 {
                return;
            }
            let taken = if owner == 0 { thread_token() } else { owner | CALLED_BACK };
            if self.owner.compare_exchange(owner, taken, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                continue;
            }
            if owner != 0 {
                return;
            }
            let before = self.commands.begin();
            self.on_loop().receive_commands();
            let none_came = self.commands.begin() == before;
            self.on_loop().leave_direct();
            if none_came {
                // Its sender has not finished writing it.
                std::thread::yield_now();
            }
        }
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

    pub(crate) fn is_running(&self) -> bool {
        self.owner.load(Ordering::Acquire) & (RUNNING | DRAINING) == RUNNING
    }

    /// The loop, if this thread is the one inside `run()`.
    pub(crate) fn running_here(&self) -> Option<OnLoop<'_>> {
        self.is_running_here().then(|| self.on_loop())
    }

    pub(crate) fn is_running_here(&self) -> bool {
        self.owner.load(Ordering::Relaxed) & !DRAINING == thread_token() | RUNNING
    }

    /// Sends a command to a loop that another thread runs.
    pub(crate) fn send(&self, command: Command) {
        // What comes of it may drop all other references before this has returned.
        let _core = self.me.upgrade();
        self.commands.push(command);
        self.wake();
        if self.owner.load(Ordering::SeqCst) & RUNNING == 0 {
            self.receive_stragglers();
        }
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

    /// Tells other threads which cell's callback is about to be claimed. Must precede the claim: who stores
    /// zero into the truth and then finds another cell here knows that the callback does not run.
    pub(crate) fn begin<K: Kind>(&self, cell: &Cell<K>) {
        self.current.store(std::ptr::from_ref(cell).cast_mut().cast(), Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.current.store(std::ptr::null_mut(), Ordering::Release);
        if self.waiters.load(Ordering::Relaxed) != 0 {
            drop(self.lock_quiet());
            self.quiet_changed.notify_all();
        }
    }

    /// Whether a handle's callback runs.
    pub(crate) fn is_in_callback(&self) -> bool {
        !self.current.load(Ordering::Relaxed).is_null()
    }

    pub(crate) fn is_current<K: Kind>(&self, cell: &Cell<K>) -> bool {
        std::ptr::eq(self.current.load(Ordering::Acquire).cast(), cell)
    }

    /// Waits until `cell`'s callback, if it runs, has returned.
    pub(crate) fn wait_for_callback<K: Kind>(&self, cell: &Cell<K>) {
        if !self.is_current(cell) {
            return;
        }
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let mut quiet = self.lock_quiet();
        while self.is_current(cell) {
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

    /// Waits until the run of this number has ended.
    pub(crate) fn wait_until_left(&self, run: u64) {
        let mut quiet = self.lock_quiet();
        while self.runs.load(Ordering::SeqCst) == run {
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
