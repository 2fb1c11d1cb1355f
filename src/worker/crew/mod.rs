//! A crew: workers that share the tasks that are nobody's in particular.
//!
//! A task that a member submits on its own loop goes to the member's own queue, any other to the injector, which
//! is all members'. A member takes tasks on its loop, in turns between the loop's other work ([`member`]): from
//! its own queue, from the injector, then from the queues of others. Whoever submits calls one member that rests,
//! unless one searches already ([`search`]).
//!
//! No lock is held while a task runs or is destroyed.

mod gate;
mod member;
mod search;
#[cfg(all(test, not(mcp_event_loom)))]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crossbeam_deque::{Injector, Steal};
use crossbeam_utils::CachePadded;

pub(crate) use gate::Closing;
use gate::Gate;
use member::{Member, Seat};
use search::Search;

use crate::dispatcher::Handle;
use crate::dispatcher::closure::guarded;
use crate::dispatcher::post::Task;
use crate::error::Error;
use crate::fork;
use crate::worker::WorkerObserver;

/// The tasks of a pool, and the workers that do them.
pub(crate) struct Crew {
    injector: Injector<Task>,
    members: RwLock<Vec<Arc<Member>>>,
    search: Search,
    gate: Gate,
    /// Tasks that nobody has begun to do or to destroy.
    waiting: CachePadded<AtomicUsize>,
    /// Tasks destroyed without having run.
    dropped: AtomicUsize,
    /// Held while threads that wait for the last task look for it, while it opens, and while a task is taken out that is
    /// destroyed: none of a later opening is.
    quiet: Mutex<()>,
    quiet_changed: Condvar,
    fork_generation: u32,
}

impl Crew {
    /// A crew without members, which takes no tasks before [`open`](Crew::open).
    pub(crate) fn new() -> Arc<Crew> {
        fork::watch();
        Arc::new(Crew {
            injector: Injector::new(),
            members: RwLock::new(Vec::new()),
            search: Search::new(),
            gate: Gate::closed(),
            waiting: CachePadded::new(AtomicUsize::new(0)),
            dropped: AtomicUsize::new(0),
            quiet: Mutex::new(()),
            quiet_changed: Condvar::new(),
            fork_generation: fork::generation(),
        })
    }

    /// Takes tasks from now on.
    pub(crate) fn open(&self) {
        let quiet = self.lock_quiet();
        self.gate.open();
        drop(quiet);
        self.quiet_changed.notify_all();
    }

    /// Takes no more tasks; the members do those that are there, also when they leave.
    pub(crate) fn close(&self) -> Closing {
        self.gate.close()
    }

    /// After [`close`](Crew::close): waits until all tasks have begun, but no longer than `limit`, or until it is opened
    /// again. Whether they have. Refuses to wait, and says no, on a member's own thread.
    pub(crate) fn wait_until_drained(&self, limit: Option<Duration>) -> bool {
        if self.is_forked() || Seat::is_of(self) {
            return false;
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut quiet = self.lock_quiet();
        while !self.is_quiet() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            quiet = match left {
                None => self.quiet_changed.wait(quiet).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let woken = self.quiet_changed.wait_timeout(quiet, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        self.waiting() == 0
    }

    /// Whether no task waits, or there is nobody to do it, or no end of them.
    fn is_quiet(&self) -> bool {
        self.waiting() == 0
            || self.gate.is_open()
            || self.members().iter().all(|member| member.is_dismissed())
    }

    /// A task is about to be done or destroyed.
    fn note_begun(&self) {
        if self.waiting.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.note_quiet();
        }
    }

    /// The worker of `dispatcher` does no more tasks for now: those in its queue become everybody's.
    pub(crate) fn dismiss(&self, dispatcher: &Handle) {
        if let Some(member) = self.member(dispatcher) {
            member.dismiss();
        }
    }

    /// It does tasks again.
    pub(crate) fn recall(&self, dispatcher: &Handle) {
        if let Some(member) = self.member(dispatcher) {
            member.recall();
        }
    }

    fn member(&self, dispatcher: &Handle) -> Option<Arc<Member>> {
        self.members().iter().find(|member| member.is_of(dispatcher)).cloned()
    }

    /// Destroys what no member has begun, and takes nothing any more. Nothing if it was opened anew after `closing`.
    pub(crate) fn discard(&self, closing: Closing) {
        if self.is_forked() {
            return;
        }
        while let Some(task) = self.take_doomed(closing) {
            self.note_begun();
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if let Err(failure) = guarded(|| drop(task)) {
                tracing::error!("a task that is dropped: {}", failure.describe());
            }
        }
    }

    fn take_doomed(&self, closing: Closing) -> Option<Task> {
        let _not_opened = self.lock_quiet();
        if self.gate.shut(closing) { self.take_any() } else { None }
    }

    /// How many tasks were destroyed without having run, since the crew was made.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many tasks nobody has begun.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn check_fork(&self) -> Result<(), Error> {
        if self.is_forked() { Err(Error::Forked) } else { Ok(()) }
    }

    /// Whether it takes tasks.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        self.check_fork()?;
        if !self.gate.is_open() {
            return Err(Error::InvalidState(
                "the pool takes no tasks: it is not started, or about to stop".into(),
            ));
        }
        Ok(())
    }

    /// Whether this thread is a member's.
    pub(crate) fn is_own_thread(&self) -> bool {
        Seat::is_of(self)
    }

    /// Queues a task, and sees to it that somebody looks.
    pub(crate) fn push(&self, task: Task) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if let Some(task) = Seat::push(self, task) {
            self.injector.push(task);
        }
        if self.search.needs_help() {
            self.call_somebody();
        }
        if let Some(closing) = self.gate.shut_by() {
            // It was closed while we were at it, and nobody may look any more.
            self.discard(closing);
        }
    }

    /// Makes a member look for tasks that rests and whose loop sleeps. If there is none such, the loops of all that
    /// rest are busy otherwise; then each is to look when it can.
    fn call_somebody(&self) {
        let called: Vec<_> = {
            let members = self.members();
            let mut asleep = members.iter().filter(|member| member.is_asleep());
            match asleep.find(|member| member.call()) {
                Some(member) => vec![member.clone()],
                None => members.iter().filter(|member| member.call()).cloned().collect(),
            }
        };
        // Without the lock: the loop's owner may destroy things for us.
        called.iter().for_each(|member| member.schedule());
    }

    fn has_work(&self) -> bool {
        // After what the caller did before, in the order that all threads see.
        fence(Ordering::SeqCst);
        !self.injector.is_empty() || self.members().iter().any(|member| member.has_queued())
    }

    /// A task, wherever it is queued.
    fn take_any(&self) -> Option<Task> {
        self.take_injected()
            .or_else(|| self.members().iter().find_map(|member| until_settled(|| member.steal())))
    }

    fn take_injected(&self) -> Option<Task> {
        until_settled(|| self.injector.steal())
    }

    /// The last task has begun, or a member does no more.
    fn note_quiet(&self) {
        // Also while somebody else destroys what is left: who drains may wait for the end of that.
        if !self.gate.is_open() {
            drop(self.lock_quiet());
            self.quiet_changed.notify_all();
        }
    }

    fn is_forked(&self) -> bool {
        fork::generation() != self.fork_generation
    }

    fn lock_quiet(&self) -> MutexGuard<'_, ()> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn members(&self) -> RwLockReadGuard<'_, Vec<Arc<Member>>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn members_mut(&self) -> RwLockWriteGuard<'_, Vec<Arc<Member>>> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes the workers of a pool members of its crew.
pub(crate) struct Duty(pub(crate) Arc<Crew>);

impl WorkerObserver for Duty {
    fn on_join(&self, worker: &Handle) {
        self.0.join(worker);
    }

    fn on_leave(&self, _: &Handle) {
        self.0.leave();
    }
}

/// Takes a task from a queue that others take from too, for as long as they come in between.
fn until_settled(mut steal: impl FnMut() -> Steal<Task>) -> Option<Task> {
    loop {
        match steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
