//! A submitted closure whose outcome somebody waits for.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};

use super::crew::Crew;
use crate::dispatcher::activity::LabelCell;
use crate::dispatcher::closure::{Outcome, guarded};
use crate::dispatcher::post::Job;
use crate::dispatcher::{Label, core};
use crate::task::oneshot::{self, Sender};
use crate::task::outcome::{catch, deliver};
use crate::task::{Control, Task, TaskError};

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
/// It is destroyed when its turn comes.
const ABORTED: u8 = 2;
const DONE: u8 = 3;

/// What the closure in the queue and its owner share.
struct Entry {
    state: AtomicU8,
    label: LabelCell,
    crew: Weak<Crew>,
}

impl Entry {
    fn step(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Control for Entry {
    fn abort(&self) {
        self.step(WAITING, ABORTED);
    }

    fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) == DONE
    }

    fn is_own_thread(&self) -> bool {
        self.crew.upgrade().is_some_and(|crew| crew.is_own_thread())
    }

    fn set_label(&self, label: Label) {
        self.label.set(label);
    }
}

/// The closure, as it waits in the queue.
pub(super) struct Submitted<F, T> {
    /// Both are there until it ends.
    closure: Option<F>,
    outcome: Option<Sender<Result<T, TaskError>>>,
    entry: Arc<Entry>,
}

impl<F, T> Submitted<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    pub(super) fn new(crew: &Arc<Crew>, closure: F) -> (Submitted<F, T>, Task<T>) {
        let (sender, receiver) = oneshot::channel();
        let entry = Arc::new(Entry {
            state: AtomicU8::new(WAITING),
            label: LabelCell::new(),
            crew: Arc::downgrade(crew),
        });
        let task = Task::new(receiver, entry.clone());
        (Submitted { closure: Some(closure), outcome: Some(sender), entry }, task)
    }

    fn end(&mut self, end: Result<T, TaskError>) {
        self.entry.state.store(DONE, Ordering::Release);
        let dispatcher = || core::current().map_or_else(String::new, |core| core.name.clone());
        deliver(self.outcome.take(), end, dispatcher);
    }
}

impl<F, T> Job for Submitted<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(mut self) -> Outcome {
        let Some(closure) = self.closure.take() else { return Ok(()) };
        if let Some(label) = self.entry.label.get() {
            core::label_current(label);
        }
        let end = if self.entry.step(WAITING, BEGUN) {
            catch(closure)
        } else {
            catch(|| drop(closure)).and(Err(TaskError::Aborted))
        };
        // Not for the closure, but for the wakers of those who wait for it.
        guarded(|| self.end(end))
    }
}

impl<F, T> Drop for Submitted<F, T> {
    /// Not begun, and never to be: first the closure goes, then who waits is told, as it is when it ran.
    fn drop(&mut self) {
        if let Err(error) = catch(|| drop(self.closure.take())) {
            tracing::error!("dropping a task that did not run: {error}");
        }
        self.entry.state.store(DONE, Ordering::Release);
        self.outcome.take();
    }
}
