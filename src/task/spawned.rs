//! The loop's side of a task: one schedulable callback that polls the work, scheduled by its waker.
//!
//! While the work lives, the loop's list of tasks holds a reference to it, so that it is destroyed on the loop,
//! or where the dispatcher destroys what is queued; before it got there, the post that brings it does. Wakers
//! and the [`Task`](super::Task) hold references too, to an empty shell when the work is done.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::oneshot::{self, Sender};
use super::outcome::{catch, deliver};
use super::work::{Local, Work};
use super::{Control, Task, TaskError};
use crate::dispatcher::activity::Word;
use crate::dispatcher::cell::Owner;
use crate::dispatcher::closure::{Closure, Outcome, guarded};
use crate::dispatcher::core::{Core, OnLoop};
use crate::dispatcher::list::Links;
use crate::dispatcher::post::Job;
use crate::dispatcher::schedulable::{self, SchedulableKind};
use crate::dispatcher::share::Share;
use crate::dispatcher::{Activity, Label};
use crate::error::Refusal;

/// Woken since the last poll began. Setting it releases what the waking thread wrote, clearing it acquires that:
/// a waker that finds it set may rely on the poll that comes.
const WOKEN: u32 = 1;
const ABORTED: u32 = 2;
/// The dispatcher destroys what is queued.
const GONE: u32 = 4;
/// The work is destroyed.
const DONE: u32 = 8;

/// The links come first: the list's pointers are pointers to this.
#[repr(C)]
pub(crate) struct Spawned {
    /// The loop's owner alone touches them.
    links: Links,
    state: AtomicU32,
    callback: Owner<SchedulableKind>,
}

// SAFETY: all but the links is, and they are touched by the loop's owner alone.
unsafe impl Send for Spawned {}
// SAFETY: as above.
unsafe impl Sync for Spawned {}

impl Wake for Spawned {
    fn wake(self: Arc<Self>) {
        self.signal(WOKEN);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signal(WOKEN);
    }
}

impl Control for Spawned {
    fn abort(&self) {
        self.signal(ABORTED);
    }

    fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) & DONE != 0
    }

    fn is_own_thread(&self) -> bool {
        self.core().is_running_here()
    }

    fn set_label(&self, label: Label) {
        self.callback.cell().label.set(label);
    }
}

impl Spawned {
    fn new<W: Work>(
        core: &Arc<Core>,
        work: W,
        outcome: Option<Sender<Result<W::Output, TaskError>>>,
    ) -> Arc<Spawned> {
        Arc::new_cyclic(|task| Spawned {
            links: Links::new(),
            state: AtomicU32::new(0),
            callback: schedulable::new(core, Polling { work: Some(work), outcome, task: task.as_ptr() }),
        })
    }

    /// Sets bits of the state and has the callback look at them.
    fn signal(&self, bits: u32) {
        if self.state.fetch_or(bits | WOKEN, Ordering::AcqRel) & (WOKEN | DONE) == 0 {
            self.callback.cell().schedule_current();
        }
    }

    fn core(&self) -> &Share {
        &self.callback.cell().core
    }

    /// Makes it the loop's, and has it polled in this tail.
    fn start(self: Arc<Self>, on_loop: OnLoop<'_>) {
        if self.is_done() {
            // Aborted before it began.
            return;
        }
        self.signal(WOKEN);
        let task = Arc::into_raw(self);
        // SAFETY: in no list yet; the reference that was turned into a pointer keeps it in place until `finish` has
        // unlinked it.
        unsafe { on_loop.tasks.push_back(task.cast()) };
    }

    /// Destroys the work, unless its own callback runs, which then does it.
    ///
    /// # Safety
    /// The caller owns the loop, or nobody else knows the task.
    unsafe fn destroy_work(&self) {
        if self.core().current.is(self.callback.cell()) {
            return;
        }
        self.state.fetch_or(GONE, Ordering::AcqRel);
        // SAFETY: the caller's promise, and no callback of it runs; the closure lives as long as its owner.
        if let Err(failure) = unsafe { self.callback.cell().call(0) } {
            tracing::error!(dispatcher = %self.core().name, "a task's end: {}", failure.describe());
        }
    }
}

/// A task on its way to its loop.
struct Start(ManuallyDrop<Arc<Spawned>>);

impl Start {
    fn new(task: Arc<Spawned>) -> Start {
        Start(ManuallyDrop::new(task))
    }

    fn into_task(self) -> Arc<Spawned> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once, since `drop` does not run.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl Job for Start {
    fn run(self) -> Outcome {
        let task = self.into_task();
        let core = task.core().clone();
        // Posts run on the loop.
        if let Some(on_loop) = core.running_here() {
            task.start(on_loop);
        }
        Ok(())
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        // SAFETY: taken once, since `into_task` forgets itself.
        let task = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: posts are dropped by who owns the loop, or refused before anybody else knows the task.
        unsafe { task.destroy_work() };
    }
}

/// A living task that a shutdown took from its loop.
pub(crate) struct Evicted(Arc<Spawned>);

impl Evicted {
    /// Destroys its work.
    ///
    /// # Safety
    /// The caller owns the loop that it was taken from.
    pub(crate) unsafe fn destroy(self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.destroy_work() };
    }
}

impl OnLoop<'_> {
    /// The living tasks, to be destroyed. One that asks for it in its own poll stays, and ends after that.
    pub(crate) fn take_tasks(self) -> Vec<Evicted> {
        let mut taken = Vec::new();
        let mut current = None;
        while let Some(links) = self.tasks.pop_front() {
            let task = links.cast::<Spawned>();
            // SAFETY: the links are the first field, and a linked task is alive.
            if self.core.current.is(unsafe { &*task }.callback.cell()) {
                current = Some(task);
            } else {
                // SAFETY: the list's reference, made in `start`, becomes ours.
                taken.push(Evicted(unsafe { Arc::from_raw(task) }));
            }
        }
        if let Some(task) = current {
            // SAFETY: popped above; otherwise as in `start`.
            unsafe {
                (*task).signal(GONE);
                self.tasks.push_back(task.cast());
            }
        }
        taken
    }
}

/// The callback's closure: polls the work in place, and destroys it there.
struct Polling<W: Work> {
    work: Option<W>,
    outcome: Option<Sender<Result<W::Output, TaskError>>>,
    /// Whose callback this is: alive while `work` is.
    task: *const Spawned,
}

// SAFETY: the pointer stands for a reference that is `Send`.
unsafe impl<W: Work> Send for Polling<W> {}

impl<W: Work> Closure for Polling<W> {
    fn call(&mut self, _: u32) -> Outcome {
        // Not for the work, whose panics are its own, but for the wakers of those who wait for it.
        guarded(|| self.turn())
    }
}

impl<W: Work> Polling<W> {
    fn turn(&mut self) {
        let Some(work) = &mut self.work else { return };
        // SAFETY: alive while the work is.
        let task = unsafe { &*self.task };
        let label = task.callback.cell().label.number();
        task.core().activity.begin_word(Word::new(Activity::Task, label));
        let state = task.state.fetch_and(!WOKEN, Ordering::AcqRel);
        let end = if state & GONE != 0 {
            Err(TaskError::Gone)
        } else if state & ABORTED != 0 {
            Err(TaskError::Aborted)
        } else {
            // SAFETY: a reference for the length of the poll; who keeps the waker clones it.
            let waker = ManuallyDrop::new(Waker::from(unsafe { Arc::from_raw(self.task) }));
            // SAFETY: the closure stays where it was made, and the work is dropped in place.
            let work = unsafe { Pin::new_unchecked(work) };
            match catch(|| work.poll(&mut Context::from_waker(&waker))) {
                Ok(Poll::Pending) => return,
                Ok(Poll::Ready(end)) => end,
                Err(panic) => Err(panic),
            }
        };
        self.finish(end);
    }

    fn finish(&mut self, end: Result<W::Output, TaskError>) {
        // First: who waits for the outcome finds the work destroyed.
        let end = catch(|| self.work = None).and(end);
        // SAFETY: until here the list keeps it alive, or the post that brings it, or who destroys its work.
        let task = unsafe { &*self.task };
        task.state.fetch_or(DONE, Ordering::AcqRel);
        deliver(self.outcome.take(), end, || task.core().name.clone());
        if task.links.is_linked() {
            task.links.unlink();
            // SAFETY: the list's reference. If it is the last, this very callback's cell goes, once we return.
            drop(unsafe { Arc::from_raw(self.task) });
        }
    }
}

/// Spawns `work`: posts it to the loop, which polls it after the posts of that tail.
pub(super) fn spawn<W: Work>(core: &Arc<Core>, work: W) -> Result<Task<W::Output>, Refusal> {
    let (sender, receiver) = oneshot::channel();
    let task = Spawned::new(core, work, Some(sender));
    match core.post(Start::new(task.clone())) {
        Ok(()) => Ok(Task::new(receiver, task)),
        // With the post goes the work.
        Err((refusal, _)) => Err(refusal),
    }
}

/// A task that nobody waits for. Dropped, it goes on.
pub(crate) struct Unattended(Arc<Spawned>);

impl Unattended {
    /// Ends it: the future is not polled again, and destroyed in the next tail.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

/// Spawns a future that need not be `Send` and that nobody waits for, on the loop that runs on this thread;
/// gives it back if that is not `core`'s.
pub(crate) fn spawn_here<F: Future<Output = ()> + 'static>(
    core: &Arc<Core>,
    future: F,
) -> Result<Unattended, F> {
    match core.running_here() {
        Some(on_loop) => {
            let task = Spawned::new(core, Local::made(future), None);
            task.clone().start(on_loop);
            Ok(Unattended(task))
        }
        None => Err(future),
    }
}
