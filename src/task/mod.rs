//! Futures on dispatchers.
//!
//! A dispatcher polls futures on its loop, and gives them what the loop has: time, the readiness of file
//! descriptors, the exit of processes. They need no other runtime; nor do these need ours: all that is made here
//! may be awaited anywhere.
//!
//! ```
//! use mcp_event::{Dispatcher, RunType};
//! use std::time::Duration;
//!
//! let dispatcher = Dispatcher::new("main")?;
//! let handle = dispatcher.handle();
//! let mut task = dispatcher.spawn(async move {
//!     handle.sleep(Duration::from_micros(50)).await;
//!     handle.exit();
//!     42
//! })?;
//! dispatcher.run(RunType::Block)?;
//! assert_eq!(task.wait()?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod async_fd;
mod control;
mod error;
mod interval;
pub(crate) mod oneshot;
pub(crate) mod outcome;
mod process_exit;
mod sleep;
mod spawned;
mod timeout;
mod work;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub use async_fd::AsyncFd;
pub(crate) use control::Control;
pub use error::TaskError;
pub use interval::Interval;
#[cfg(all(windows, feature = "servers"))]
pub(crate) use process_exit::ExitWatch;
#[cfg(all(unix, feature = "servers", any(test, not(mcp_event_guardian))))]
pub(crate) use process_exit::exit_fd;
pub use process_exit::{ChildExit, ProcessExit};
pub use sleep::Sleep;
pub(crate) use spawned::{Evicted, Unattended, spawn_here};
pub use timeout::{Elapsed, Timeout};

use self::oneshot::{Cancelled, Receiver};
use self::work::Local;
use crate::dispatcher::core;
use crate::dispatcher::{Handle, Label};
use crate::error::Refusal;

/// A spawned future, or a closure [submitted](crate::Pool::submit) to a pool, as its owner sees it: a future of the
/// output, or of the reason why there is none. Dropping it leaves the spawned or submitted one to itself.
///
/// It may be awaited anywhere, also on another dispatcher or in another runtime.
pub struct Task<T> {
    outcome: Receiver<Result<T, TaskError>>,
    control: Arc<dyn Control>,
    taken: bool,
}

impl<T> Task<T> {
    pub(crate) fn new(outcome: Receiver<Result<T, TaskError>>, control: Arc<dyn Control>) -> Task<T> {
        Task { outcome, control, taken: false }
    }

    /// Ends it: the future is not polled again and is destroyed on its loop, at its next tail. A closure that has
    /// not begun is destroyed when its turn comes. Nothing, once the future is done or the closure has begun. From
    /// any thread.
    pub fn abort(&self) {
        self.control.abort();
    }

    /// Names it in reports.
    pub fn set_label(&self, label: Label) {
        self.control.set_label(label);
    }

    /// Whether its future or closure has been destroyed, so that its outcome is there.
    pub fn is_finished(&self) -> bool {
        self.control.is_done()
    }

    /// Blocks this thread until the task is done, for which somebody must run its dispatcher.
    ///
    /// # Errors
    /// Why there is no output; [`TaskError::OnLoop`], at once, on the thread that runs the loop of a task that
    /// is not done, or on any thread of its pool.
    pub fn wait(&mut self) -> Result<T, TaskError> {
        self.check_thread()?;
        let outcome = self.outcome.wait();
        self.take(outcome)
    }

    /// As [`wait`](Task::wait), no longer than `limit`. One too long to count never ends.
    ///
    /// # Errors
    /// As for `wait`; [`TaskError::TimedOut`], after which one may wait again.
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<T, TaskError> {
        self.check_thread()?;
        let outcome = self.outcome.wait_timeout(limit).ok_or(TaskError::TimedOut)?;
        self.take(outcome)
    }

    fn check_thread(&self) -> Result<(), TaskError> {
        let waits_for_itself = self.control.is_own_thread() && !self.is_finished();
        if waits_for_itself { Err(TaskError::OnLoop) } else { Ok(()) }
    }

    fn take(&mut self, outcome: Result<Result<T, TaskError>, Cancelled>) -> Result<T, TaskError> {
        let taken = std::mem::replace(&mut self.taken, true);
        outcome.unwrap_or(Err(if taken { TaskError::Taken } else { TaskError::Gone }))
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, TaskError>> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        Poll::Ready(self.take(outcome))
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl Handle {
    /// Has the loop poll `future` until it is done. From any thread; it is polled first after the posts that were
    /// made before, never inside this call, and only when it was woken. It is destroyed on the loop, or where the
    /// dispatcher destroys what is queued.
    ///
    /// A panic in it ends it alone. The task does not keep the loop running.
    ///
    /// # Errors
    /// As for [`post`](Handle::post): a spawn is one. The future is dropped then.
    pub fn spawn<F>(&self, future: F) -> Result<Task<F::Output>, Refusal>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawned::spawn(self.core(), future)
    }

    /// As [`spawn`](Handle::spawn), for a future that is not `Send`: the loop's thread calls `make`, and polls what
    /// it gives. That future stays with that thread: if another one polls it, the task fails with
    /// [`TaskError::WrongThread`]; if another one is to destroy it, it is leaked instead.
    ///
    /// ```
    /// # use mcp_event::{Dispatcher, RunType};
    /// # use std::rc::Rc;
    /// let dispatcher = Dispatcher::new("main")?;
    /// let mut task = dispatcher.spawn_local(|| {
    ///     let shared = Rc::new(7);
    ///     async move { *shared }
    /// })?;
    /// dispatcher.run(RunType::NonBlock)?;
    /// assert_eq!(task.wait()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for `spawn`.
    pub fn spawn_local<M, F>(&self, make: M) -> Result<Task<F::Output>, Refusal>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        spawned::spawn(self.core(), Local::unmade(make))
    }
}

/// The dispatcher whose loop this thread runs; with nested runs of several dispatchers, the innermost. In a task,
/// the one that polls it.
pub fn current() -> Option<Handle> {
    core::current().map(Handle::new)
}
