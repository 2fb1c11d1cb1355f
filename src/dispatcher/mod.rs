//! The dispatcher: one loop, run by one thread at a time.
//!
//! # One iteration
//!
//! 1. Changes of what is watched go to the poller; the timeout is computed.
//! 2. The loop spins for a while, if told to; then the poller waits.
//! 3. The time is refreshed; what is due in this iteration is fixed: expired timers, scaled ones among
//!    them, activations, and callbacks scheduled for "the next iteration".
//! 4. Signals and ready file events.
//! 5. Expired timers, by deadline; also those that were armed before 3 and have come due during 4.
//! 6. Activated file events.
//! 7. Callbacks scheduled for this iteration in an earlier one.
//! 8. The tail: deferred deletes, a batch of posts with the actors' mail among them, deferred deletes, callbacks
//!    scheduled for "the current iteration"; again until nothing is left or the budget is spent.
//!
//! What callbacks add in 4 to 7 belongs to a later iteration, but for the tail's own work; so nothing starves.

pub(crate) mod activity;
mod api;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod closure;
pub(crate) mod core;
mod current;
pub(crate) mod deferred;
pub(crate) mod file_event;
mod hold;
mod label;
pub(crate) mod latency;
pub(crate) mod list;
mod load;
mod local;
mod own_posts;
mod owner_word;
pub(crate) mod post;
mod pulse;
mod queue;
mod ring;
pub(crate) mod scaled;
pub(crate) mod schedulable;
pub(crate) mod share;
pub(crate) mod shutdown;
pub(crate) mod signal;
mod sleep;
mod slots;
mod slow;
mod spin;
mod stats;
pub(crate) mod timer;
pub(crate) mod tracked;
pub(crate) mod watchdog;
mod wheel;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use activity::{Activity, Doing};
pub use api::{Builder, Dispatcher, Handle, RunType};
pub use clock::SimulatedClock;
pub(crate) use clock::{Nanos, nanos};
pub use file_event::FileEvent;
pub use label::Label;
pub use latency::{LatencyHistogram, LatencySummary};
pub(crate) use pulse::Pulse;
pub use scaled::{ScaledTimer, ScaledTimerMinimum, ScaledTimerRange, ScaledTimerType};
pub use schedulable::SchedulableCallback;
pub use signal::SignalEvent;
pub use spin::BusyPoll;
pub use stats::LoopStats;
pub use timer::{PeriodicTimer, Timer};
pub use tracked::TrackedObject;
pub use watchdog::Watchdog;

use self::activity::Word;
use self::cell::{Cell, Kind};
use self::closure::{Failure, Outcome};
use self::core::{Command, Core, Entered, OnLoop};
use self::owner_word::Purpose;
use self::post::BatchEnd;
use self::stats::Counter;
use crate::error::Error;
use crate::poller::{TimerSlack, WaitError};

/// How much tail work an iteration does before it looks at file descriptors and timers again.
pub(crate) struct Budget(u32);

impl Budget {
    /// Enough that the poll in between, about half a microsecond, is lost among them.
    const CALLBACKS: u32 = 1024;

    fn new() -> Budget {
        Budget(Self::CALLBACKS)
    }

    fn unlimited() -> Budget {
        Budget(u32::MAX)
    }

    pub(crate) fn spend(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// Why `run()` ended other than by returning.
pub(crate) enum RunError {
    Refused(Error),
    /// A callback panicked or threw.
    Callback(Box<Failure>),
}

impl From<Error> for RunError {
    fn from(error: Error) -> RunError {
        RunError::Refused(error)
    }
}

impl From<Box<Failure>> for RunError {
    fn from(failure: Box<Failure>) -> RunError {
        RunError::Callback(failure)
    }
}

/// How many turns a loop looks out for more work before it asks the kernel: about a microsecond.
const LOOK_OUT: u32 = 32;

/// Whether `comes` turns true within a moment.
fn look_out(comes: impl Fn() -> bool) -> bool {
    (0..LOOK_OUT).any(|_| {
        std::hint::spin_loop();
        comes()
    })
}

/// How many times a non-blocking run goes round while new work keeps coming.
const PASSES: u32 = 16;

/// Runs the loop on this thread. `entered` is called once it owns the loop, before anything runs.
///
/// False if another thread ran it: then this one waited for that, and ran nothing.
pub(crate) fn run(core: &Arc<Core>, how: RunType, entered: impl FnOnce()) -> Result<bool, RunError> {
    core.check_fork()?;
    let running = match core.enter(Purpose::Run) {
        Entered::Running(running) => running,
        Entered::Nested(_) => {
            return Err(Error::InvalidState(
                "this thread is inside run() of this dispatcher already".into(),
            ))?;
        }
        Entered::Elsewhere(_) if how == RunType::NonBlock => {
            return Err(Error::InvalidState("another thread runs this dispatcher".into()))?;
        }
        Entered::Elsewhere(run) => {
            core.wait_until_left(run);
            return Ok(false);
        }
    };
    let on_loop = running.on_loop();
    core.last_runner.store(self::core::thread_number(), Ordering::Relaxed);
    core.accepting.store(true, Ordering::Release);
    on_loop.run.set(on_loop.run.get().wrapping_add(1));
    on_loop.level_once.set(how == RunType::NonBlock);
    entered();
    core.load.wake_up(core.refresh_time(), None);
    let result = match how {
        RunType::NonBlock => on_loop.run_passes(),
        RunType::Block | RunType::RunUntilExit => on_loop.run_until_exit(),
    };
    match result {
        Ok(()) => Ok(true),
        Err(RunError::Callback(failure)) => match *failure {
            Failure::Destroyed | Failure::CutOff => Ok(true),
            Failure::Forked => Err(Error::Forked)?,
            failure => Err(RunError::Callback(Box::new(failure))),
        },
        Err(refused) => Err(refused),
    }
}

/// Why the loop stops: `outcome`, if that is a failure, else the other one, else that it is cut off.
#[cold]
fn stop(failure: Option<Box<Failure>>, outcome: Outcome) -> Outcome {
    outcome.and(Err(failure.unwrap_or_else(|| Box::new(Failure::CutOff))))
}

impl OnLoop<'_> {
    fn run_until_exit(self) -> Result<(), RunError> {
        let _precise = TimerSlack::least();
        // To an exit that came before the run all is earlier; it gets one whole pass.
        let mut owes_pass = self.core.exit_at.load(Ordering::SeqCst) != 0;
        if owes_pass {
            self.core.exit();
            self.before_exit.set(None);
        }
        loop {
            let step = self.tail(true)?;
            if let ControlFlow::Break(exit) = step
                && !owes_pass
                // Unless somebody called it again meanwhile, for what came in between.
                && self.core.exit_at.compare_exchange(exit, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            {
                self.before_exit.set(None);
                return Ok(());
            }
            owes_pass = false;
            self.iterate(true)?;
        }
    }

    fn run_passes(self) -> Result<(), RunError> {
        let _ = self.tail(false)?;
        for _ in 0..PASSES {
            self.iterate(false)?;
            let _ = self.tail(false)?;
            if !self.has_injected_work() && !self.core.has_requests() {
                break;
            }
        }
        Ok(())
    }

    /// Steps 1 to 7.
    fn iterate(self, may_wait: bool) -> Result<(), RunError> {
        self.drop_waste();
        self.poll(may_wait)?;
        self.core.activity.begin(Activity::Dispatching);
        self.receive_commands();
        self.stop_if_failed()?;
        self.core.stats.iterations.add_here(1);
        self.forget_callback_end();
        let now = self.core.refresh_time();
        self.wheel.expire(now, &self.expired, &self.scaled.ripe);
        self.core.load.wake_up(now, self.first_expired());
        self.release_scaled(now);
        self.activations_due.append(&self.activated);
        self.next_due.append(&self.next);

        let had_signals = self.dispatch_signals()?;
        self.dispatch_ready()?;
        if had_signals || self.ready_position.get() > 0 {
            self.expire_meanwhile();
        }
        self.fire_timers()?;
        self.run_activations()?;
        self.run_next()?;
        Ok(())
    }

    /// What has come due while many events were dispatched should not wait for as many again.
    fn expire_meanwhile(self) {
        if self.wheel.earliest().is_some() {
            let now = self.core.clock.now();
            self.wheel.expire_older(now, &self.expired, &self.scaled.ripe);
            self.release_scaled(now);
        }
    }

    /// Step 8. Breaks when an `exit()` that is heeded was called and all that was queued before it has run.
    fn tail(self, heed_exit: bool) -> Result<ControlFlow<usize>, Box<Failure>> {
        let mut budget = Budget::new();
        self.stop_if_failed()?;
        loop {
            let exit = if heed_exit { self.core.exit_at.load(Ordering::SeqCst) } else { 0 };
            let shared = if exit == 0 { self.core.posts.end() } else { exit - 1 };
            if exit != 0 {
                budget = Budget::unlimited();
            }
            let mut finished = true;
            if self.core.has_commands() {
                finished = self.receive_queued_commands();
                self.stop_if_failed()?;
            }
            // Only now: what another thread scheduled before its exit came with the commands.
            let own =
                if exit == 0 { None } else { self.before_exit.get() }.unwrap_or_else(|| self.own_work());
            self.flush_deferred(&mut budget)?;
            if self.has_posts() {
                finished &= self.run_posts(BatchEnd { shared, own: own.posts }, exit == 0, &mut budget)?;
            }
            self.flush_deferred(&mut budget)?;
            self.run_current((exit != 0).then_some(own.schedules), &mut budget)?;
            let called = if heed_exit { self.core.exit_at.load(Ordering::SeqCst) } else { 0 };
            if !finished && !budget.is_spent() {
                // Some thread has its place in a queue, but was interrupted before it could fill it.
                std::thread::yield_now();
            }
            if exit != 0 && exit == called && finished {
                self.flush_deferred(&mut budget)?;
                return Ok(ControlFlow::Break(exit));
            }
            if called == 0 && (!finished || budget.is_spent() || !self.has_tail_work()) {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn poll(self, may_wait: bool) -> Result<(), RunError> {
        self.core.activity.begin(Activity::Dispatching);
        self.settle();
        let result = match self.core.busy_poll.get() {
            Some(setting) if may_wait => self.poll_busily(setting),
            _ => self.poll_once(may_wait),
        };
        match result {
            Ok(()) => Ok(()),
            Err(WaitError::Os(source)) => Err(Error::os("waiting for events", source))?,
            Err(WaitError::Handler(failure)) => Err(failure)?,
            Err(WaitError::Stopped) => {
                // For whoever said so, the run is the foreign loop's.
                self.core.exit();
                Ok(())
            }
        }
    }

    // Inlined, as are its parts: without busy polling, each iteration comes by once.
    #[inline(always)]
    fn poll_once(self, may_wait: bool) -> Result<(), WaitError> {
        let timeout = if may_wait { self.fall_asleep() } else { Some(0) };
        let before = self.end_loop_duration();
        if timeout != Some(0) {
            self.begin_to_wait();
        }
        let result = self.gather_ready(timeout);
        self.core.sleep.end();
        self.end_poll(before, timeout);
        result
    }

    /// Says that the loop is idle, and until when at most.
    fn begin_to_wait(self) {
        self.core.activity.begin(Activity::Waiting);
        self.core.load.fall_asleep(self.wheel.earliest());
    }

    /// Asks the poller what is ready, in the place of what was and is delivered.
    #[inline(always)]
    fn gather_ready(self, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let mut ready = self.ready.take();
        ready.drain(..self.ready_position.take().min(ready.len()));
        let result = self.core.wait(&mut ready, timeout);
        self.ready.replace(ready);
        result
    }

    /// Submits what the ring is to do, and takes over what it has done.
    #[cold]
    pub(crate) fn tell_ring(self) {
        if let Err(error) = self.gather_ready(Some(0)) {
            tracing::error!(dispatcher = %self.core.name, ?error, "the ring takes no requests");
        }
    }

    /// What accepts connections on a ring waits there during a run only.
    pub(crate) fn end_accepts(self) {
        let mut ready = self.ready.take();
        self.core.end_accepts(&mut ready);
        self.ready.replace(ready);
    }

    /// How long the poll may take. Any wait is announced first, so that whoever adds work wakes us.
    fn fall_asleep(self) -> Option<Nanos> {
        if self.has_queued_work() || self.more_posts_come() {
            return Some(0);
        }
        self.core.sleep.announce();
        if self.core.has_arrivals() { Some(0) } else { self.time_left() }
    }

    /// After posts, looks out for more a moment before the loop sleeps: each sleep costs the next producer a
    /// system call, many times what the look costs.
    fn more_posts_come(self) -> bool {
        let run = self.core.stats.posts_run.get();
        run != self.posts_seen.replace(run) && look_out(|| !self.core.posts.is_empty())
    }

    /// What a foreign loop may wait for; see [`Handle::next_timeout`].
    pub(crate) fn foreign_timeout(self) -> Option<Nanos> {
        if self.has_queued_work() { Some(0) } else { self.time_left() }
    }

    /// Until the earliest timer; none while it stands still in simulated time.
    fn time_left(self) -> Option<Nanos> {
        let earliest = self.wheel.earliest()?;
        let left = earliest.saturating_sub(self.core.clock.now());
        (left == 0 || !self.core.clock.is_simulated()).then_some(left)
    }

    /// Work that needs no waiting: queued, left over, or a timer that is due.
    fn has_injected_work(self) -> bool {
        self.has_queued_work() || self.time_left() == Some(0)
    }

    fn has_queued_work(self) -> bool {
        self.has_tail_work()
            || !self.next.is_empty()
            || !self.next_due.is_empty()
            || !self.activated.is_empty()
            || !self.activations_due.is_empty()
            || !self.expired.is_empty()
            || !self.signals_due.is_empty()
            || self.ready_position.get() < self.ready.borrow().len()
    }

    /// Whether posts wait, and the tail has nothing to do before their batch.
    #[inline]
    pub(crate) fn only_posts_wait(self) -> bool {
        self.has_posts() && !self.has_other_tail_work() && self.core.exit_at.load(Ordering::SeqCst) == 0
    }

    /// Likewise for "current iteration" callbacks.
    #[inline]
    pub(crate) fn only_current_wait(self) -> bool {
        !self.current.is_empty()
            && !self.has_posts()
            && !self.has_work_before_posts()
            && self.core.exit_at.load(Ordering::SeqCst) == 0
    }

    fn has_tail_work(self) -> bool {
        self.has_posts() || self.has_other_tail_work()
    }

    fn has_posts(self) -> bool {
        !self.own_posts.is_empty() || !self.core.posts.is_empty()
    }

    fn has_other_tail_work(self) -> bool {
        self.has_work_before_posts() || !self.current.is_empty() || !self.current_due.is_empty()
    }

    fn has_work_before_posts(self) -> bool {
        self.core.has_commands() || !self.deferred.is_empty()
    }

    /// What runs outside any callback, a destructor or a handler of a foreign loop, may have destroyed the dispatcher, or
    /// forked.
    #[inline]
    fn stop_if_failed(self) -> Outcome {
        self.after_callback(Ok(()))
    }

    /// Brings the poller and the wheel up to date with what callbacks asked for.
    pub(crate) fn settle(self) {
        self.arm_timers();
        self.apply_changes();
    }

    /// Runs the callback of `cell` if `claim`, under the rules of [`cell`], gives its events.
    pub(crate) fn invoke<K: Kind>(
        self,
        cell: &Cell<K>,
        counter: &Counter,
        claim: impl FnOnce() -> Option<u32>,
    ) -> Outcome {
        self.core.current.begin(cell);
        self.core.activity.begin_word(Word::new(cell.kind.activity(), cell.label.number()));
        // Before the claim: it is user code too, and may disable or destroy the handle.
        self.touch_watchdog();
        let outcome = match claim() {
            Some(events) if !cell.dying.is_set() => {
                counter.add_here(1);
                let began = self.callback_begins();
                // SAFETY: on the loop, claimed; a cell that is destroyed meanwhile is kept until we return.
                let outcome = unsafe { cell.call(events) };
                self.callback_ends(began);
                outcome
            }
            _ => Ok(()),
        };
        self.core.end_current();
        if self.current_destroyed.take() {
            self.collect(cell);
            self.drop_waste();
        }
        self.after_callback(outcome)
    }

    /// What every piece of user code is followed by.
    #[inline]
    pub(crate) fn after_callback(self, outcome: Outcome) -> Outcome {
        self.arm_timers();
        let failure = self.failure.take();
        if failure.is_none() && !self.core.is_cut_off() { outcome } else { stop(failure, outcome) }
    }

    /// The running callback's cell left all lists and is to be freed when the callback returns.
    pub(crate) fn destroy_current_later(self) {
        self.current_destroyed.set(true);
    }

    /// Takes over what other threads asked for.
    #[inline]
    pub(crate) fn receive_commands(self) {
        if self.core.has_commands() {
            self.receive_queued_commands();
        }
    }

    /// False if some of it is still being written.
    fn receive_queued_commands(self) -> bool {
        self.forget_callback_end();
        // Those that are there now: a flood of them must not keep the loop from all else.
        let end = self.core.commands_end();
        while self.core.commands_begin() < end {
            let Some(command) = self.core.next_command(self) else { break };
            match command {
                Command::Timer(timer) => self.receive_timer(timer),
                Command::Scaled(timer) => self.receive_scaled(timer),
                Command::Rescale => self.rescale(),
                Command::Schedule(callback) => self.receive_schedule(callback),
                Command::Activate(event) => self.receive_activation(event),
                Command::Listen(event) => self.receive_listener(event),
                Command::Defer(object) => self.defer_here(object),
                Command::Watchdog(registration) => {
                    if let Some(former) = self.replace_watchdog(registration) {
                        self.discard(former);
                    }
                }
                Command::Nudge => {}
                Command::Reap(garbage) => garbage.retire(self),
            }
        }
        if self.core.is_running_here() && !self.core.current.is_any() {
            self.drop_waste();
        }
        self.core.commands_begin() >= end
    }

    /// As `receive_commands`, and waits for those among them that their threads have not finished sending.
    pub(crate) fn receive_all_commands(self) {
        let end = self.core.commands_end();
        self.receive_commands();
        while self.core.commands_begin() < end {
            std::thread::yield_now();
            self.receive_commands();
        }
    }

    /// Frees cells. Their closures' destructors are user code: outside direct sections only.
    pub(crate) fn drop_waste(self) {
        self.forget_callback_end();
        if let Some(waste) = self.take_waste() {
            self.core.destroy_waste(waste);
        }
    }

    /// An `exit()` on the loop's own thread: what is scheduled from now on is not waited for.
    pub(crate) fn note_exit(self) {
        self.before_exit.set(Some(self.own_work()));
    }

    /// The loop's duration ends (Q1), with the next poll or with the run. The time, if it is recorded.
    pub(crate) fn end_loop_duration(self) -> Option<Nanos> {
        self.core.stats.is_recording().then(|| {
            let now = self.core.clock.now();
            if let Some(after_poll) = self.after_poll.take() {
                self.core.stats.record_loop_duration(now.saturating_sub(after_poll));
            }
            now
        })
    }

    #[inline(always)]
    fn end_poll(self, before: Option<Nanos>, timeout: Option<Nanos>) {
        if let Some(before) = before {
            let now = self.core.clock.now();
            self.after_poll.set(Some(now));
            // Only a poll that lasted its whole timeout can have been late.
            let late = timeout.and_then(|timeout| now.checked_sub(before.saturating_add(timeout)));
            if let Some(late) = late {
                self.core.stats.record_poll_delay(late);
            }
        }
    }
}
