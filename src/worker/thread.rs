//! A worker's thread, from its loop's first iteration to the last.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Instant;

use super::CpuSet;
use super::observer::{Hooks, Told, WorkerObserver};
use super::panics::report_failure;
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::post::Job;
use crate::dispatcher::shutdown::Dropped;
use crate::dispatcher::{Dispatcher, RunError, RunType};
use crate::error::Error;

thread_local! {
    /// The worker, by the address of its state, whose thread this is.
    static OWN: Cell<*const State> = const { Cell::new(std::ptr::null()) };
}

/// What a worker shares with its thread.
pub(super) struct State {
    pub(super) dispatcher: Dispatcher,
    /// The thread leaves its loop, or is about to.
    pub(super) ending: AtomicBool,
    /// The loop is run again until nothing is queued.
    draining: AtomicBool,
    /// Its pool's, if it has one.
    pub(super) hooks: OnceLock<Arc<Hooks>>,
    told: Told,
    life: Mutex<Life>,
    has_ended: Condvar,
}

/// One thread of a worker after the other.
struct Life {
    number: u64,
    /// What it left over when it ended; none while it lives.
    ended: Option<Dropped>,
    /// A shutdown did not wait for its end.
    is_left_behind: bool,
}

impl State {
    pub(super) fn new(dispatcher: Dispatcher) -> State {
        State {
            dispatcher,
            ending: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            hooks: OnceLock::new(),
            told: Told::default(),
            life: Mutex::new(Life { number: 0, ended: Some(Dropped::default()), is_left_behind: false }),
            has_ended: Condvar::new(),
        }
    }

    pub(super) fn is_own_thread(&self) -> bool {
        std::ptr::eq(OWN.get(), self)
    }

    /// A thread is about to be started.
    pub(super) fn begin(&self) {
        let mut life = self.lock();
        self.ending.store(false, Ordering::Release);
        self.draining.store(false, Ordering::Release);
        self.dispatcher.clear_exit();
        *life = Life { number: life.number + 1, ended: None, is_left_behind: false };
    }

    /// The thread has ended, or was none.
    pub(super) fn end(&self, dropped: Dropped) {
        let mut life = self.lock();
        self.dispatcher.core().end_cut_off();
        life.ended = Some(dropped);
        self.has_ended.notify_all();
    }

    /// What the last thread left over; none while one lives.
    pub(super) fn ended(&self) -> Option<Dropped> {
        self.lock().ended
    }

    pub(super) fn is_alive(&self) -> bool {
        self.ended().is_none()
    }

    /// Whether the thread is on its way out.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
            || self.draining.load(Ordering::Acquire)
            || self.dispatcher.has_exit()
    }

    /// Whether a shutdown left the last thread behind.
    pub(super) fn is_left_behind(&self) -> bool {
        self.lock().is_left_behind
    }

    /// Has the loop leave, if a thread runs it.
    pub(super) fn begin_stop(&self) {
        let life = self.lock();
        if life.ended.is_none() {
            self.ending.store(true, Ordering::Release);
            self.dispatcher.exit();
        }
    }

    /// Has the loop run until nothing is queued. The number of the thread that does; `None` if there is none.
    pub(super) fn begin_drain(&self) -> Option<u64> {
        let life = self.lock();
        life.ended.is_none().then(|| {
            self.draining.store(true, Ordering::Release);
            self.dispatcher.exit();
            life.number
        })
    }

    /// Drops what is queued to a worker that is not started, once nobody runs its loop. Nothing, if it is started meanwhile.
    pub(super) fn drop_queued(&self) -> Dropped {
        let (core, mut dropped) = (self.dispatcher.core(), Dropped::default());
        while !self.is_alive()
            && let Err(run) = core.shut_down_idle(&mut dropped)
        {
            let life = self.lock();
            if life.ended.is_some() {
                // Under the lock: this must not be what a thread that is started now finds.
                core.exit();
                drop(life);
                core.wait_until_left(run);
            }
        }
        dropped
    }

    /// Has the loop leave after its present callback.
    pub(super) fn cut_off(&self) {
        let life = self.lock();
        if life.ended.is_none() {
            self.dispatcher.core().cut_off();
        }
    }

    /// Waits until the thread of this number has ended, no longer than `deadline`; for ever without one. What it left
    /// over, if it has ended.
    pub(super) fn wait_ended(&self, number: u64, deadline: Option<Instant>) -> Option<Dropped> {
        let mut life = self.lock();
        while life.number == number && life.ended.is_none() {
            let Some(deadline) = deadline else {
                life = self.has_ended.wait(life).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.has_ended.wait_timeout(life, left);
            life = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // If a new one lives already, nobody knows any more.
        Some(life.ended.unwrap_or_default())
    }

    /// As [`wait_ended`](State::wait_ended), and has the loop leave after its present callback if the thread does not end.
    pub(super) fn end_or_cut_off(&self, number: u64, deadline: Option<Instant>) {
        if self.wait_ended(number, deadline).is_none() {
            let life = self.lock();
            if life.number == number && life.ended.is_none() {
                self.dispatcher.core().cut_off();
            }
        }
    }

    /// As [`wait_ended`](State::wait_ended), and leaves the thread behind if it does not end.
    pub(super) fn end_or_leave_behind(&self, number: u64, deadline: Option<Instant>) -> Option<Dropped> {
        self.wait_ended(number, deadline).or_else(|| {
            let mut life = self.lock();
            life.is_left_behind = life.number == number && life.ended.is_none();
            life.ended
        })
    }

    /// Tells an observer of the worker, if its thread runs the loop.
    pub(super) fn introduce(self: &Arc<Self>, observer: Arc<dyn WorkerObserver>) {
        if self.is_alive() {
            // Refused by a loop that is not run yet, or any more; who begins to run it tells all observers.
            let _ = self.dispatcher.core().mail(Introduction { worker: self.clone(), observer });
        }
    }

    fn drains_on(&self) -> bool {
        self.draining.load(Ordering::Acquire) && self.dispatcher.queue_depth() > 0
    }

    fn lock(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the thread. `is_guarded`: it got a watchdog of its own.
    pub(super) fn work(
        &self,
        cpus: Option<&CpuSet>,
        is_guarded: bool,
        entered: &mpsc::Sender<Result<(), Error>>,
    ) {
        OWN.set(self);
        let dropped = match cpus.map_or(Ok(()), CpuSet::bind_thread) {
            Ok(()) => {
                self.run(is_guarded, entered);
                self.ending.store(true, Ordering::Release);
                // Closures that were queued to this thread die on it (O1); the next start opens the queue again.
                let dropped = self.dispatcher.core().shut_down();
                if let Some(hooks) = self.hooks.get() {
                    self.told.take_leave(hooks, &self.dispatcher);
                }
                dropped
            }
            Err(error) => {
                let _ = entered.send(Err(error));
                Dropped::default()
            }
        };
        self.end(dropped);
    }

    fn run(&self, is_guarded: bool, entered: &mpsc::Sender<Result<(), Error>>) {
        let dispatcher = &self.dispatcher;
        while !dispatcher.core().is_cut_off() {
            let enter = || {
                if self.ending.load(Ordering::Acquire) || self.draining.load(Ordering::Acquire) {
                    // A shutdown that found no thread yet may have taken the exit for an old one.
                    dispatcher.exit();
                }
                self.introduce_itself(is_guarded);
                // Nobody listens any more if it has entered before.
                let _ = entered.send(Ok(()));
            };
            match dispatcher.run_with(RunType::RunUntilExit, enter) {
                Ok(true) if self.drains_on() => dispatcher.exit(),
                Ok(true) => break,
                // Another thread ran it until now.
                Ok(false) => {}
                Err(RunError::Refused(error)) => {
                    tracing::error!(worker = dispatcher.name(), %error, "the loop failed");
                    let _ = entered.send(Err(error));
                    break;
                }
                Err(RunError::Callback(failure)) => report_failure(dispatcher.name(), *failure),
            }
        }
    }

    /// Before anything runs.
    fn introduce_itself(&self, is_guarded: bool) {
        let Some(hooks) = self.hooks.get() else { return };
        if !is_guarded {
            hooks.give_watchdog(&self.dispatcher);
        }
        self.told.tell_all(hooks, &self.dispatcher);
    }
}

/// Tells a late observer of a worker, on its thread.
struct Introduction {
    worker: Arc<State>,
    observer: Arc<dyn WorkerObserver>,
}

impl Job for Introduction {
    fn run(self) -> Outcome {
        // A loop of the user's own thread is not one of the worker's.
        if self.worker.is_own_thread() {
            self.worker.told.tell(self.observer, &self.worker.dispatcher);
        }
        Ok(())
    }
}

/// How much of a name Linux takes for a thread.
const NAME_BYTES: usize = 15;

/// The thread's name for a worker's: cut in front of the digits at its end, so that workers can be told apart.
pub(super) fn thread_name(worker: &str) -> String {
    let name = worker.replace('\0', "?");
    if name.len() <= NAME_BYTES {
        return name;
    }
    let head = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &name[head.len()..];
    let digits = &digits[digits.len().saturating_sub(NAME_BYTES)..];
    let end = (0..=NAME_BYTES - digits.len()).rev().find(|end| head.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{digits}", &head[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_number() {
        assert_eq!(thread_name("worker_7"), "worker_7");
        assert_eq!(thread_name("fifteen bytes 1"), "fifteen bytes 1");
        assert_eq!(thread_name("connection_handler_12"), "connection_ha12");
        assert_eq!(thread_name("no number, but very long"), "no number, but ");
        assert_eq!(thread_name("a\0b"), "a?b");
        assert_eq!(thread_name("ääääääää1"), "äääääää1");
        assert_eq!(thread_name("x12345678901234567890"), "678901234567890");
    }
}
