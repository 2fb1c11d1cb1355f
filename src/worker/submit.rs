//! Submitting tasks to a pool: work that any of its workers may do.

use std::{error, fmt};

use super::Pool;
use super::submitted::Submitted;
use crate::dispatcher::post::Task as Queued;
use crate::dispatcher::post::{Job, RustJob};
use crate::error::Error;
use crate::task::Task;

/// A task that a pool did not take, with the closure that did not run.
pub struct SubmitError<F> {
    /// Why: [`Error::InvalidState`] unless the pool is started, [`Error::OutOfRange`] if it has no workers,
    /// [`Error::Forked`] in a forked child.
    pub error: Error,
    /// The closure, unchanged.
    pub closure: F,
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<F> error::Error for SubmitError<F> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.error.source()
    }
}

/// # Tasks for any worker
///
/// What is posted belongs to one dispatcher; what is submitted, to whichever worker is free first. A worker that is
/// held up loses what it has not begun to the others. Tasks run on the workers' loops, between their other work,
/// in about the order they were submitted.
impl Pool {
    /// Has one of the workers run `closure`, and gives its outcome to who holds the [`Task`]: to await it, or to
    /// wait for it on a thread that is none of the pool's (there that is [`TaskError::OnLoop`]). A panic in it is
    /// its outcome. [`Task::abort`] takes it back, unless it has begun. From any thread, also a worker's.
    ///
    /// Tasks that are submitted before [`stop`](Pool::stop) run; those that it or a shutdown drops end as
    /// [`TaskError::Gone`].
    ///
    /// ```
    /// use mcp_event::Pool;
    ///
    /// let pool = Pool::new(2)?;
    /// pool.start(None)?;
    /// let mut answer = pool.submit(|| 6 * 7)?;
    /// assert_eq!(answer.wait()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Gives the closure back unless the pool is running and has a worker.
    ///
    /// [`TaskError::OnLoop`]: crate::task::TaskError::OnLoop
    /// [`TaskError::Gone`]: crate::task::TaskError::Gone
    pub fn submit<F, T>(&self, closure: F) -> Result<Task<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Err(error) = self.check_submit() {
            return Err(SubmitError { error, closure });
        }
        let (submitted, task) = Submitted::new(self.crew(), closure);
        self.crew().push(Queued::new(submitted));
        Ok(task)
    }

    /// As [`submit`](Pool::submit), for work whose outcome nobody waits for: a panic in it goes where one of a post
    /// goes, to the [handler of workers' panics](crate::set_worker_panic_handler).
    ///
    /// # Errors
    /// As for `submit`.
    pub fn execute<F: FnOnce() + Send + 'static>(&self, closure: F) -> Result<(), SubmitError<F>> {
        self.execute_job(RustJob(closure)).map_err(|(error, RustJob(closure))| SubmitError { error, closure })
    }

    /// As [`execute`](Pool::execute), for closures of any language.
    pub(crate) fn execute_job<J: Job>(&self, job: J) -> Result<(), (Error, J)> {
        if let Err(error) = self.check_submit() {
            return Err((error, job));
        }
        self.crew().push(Queued::new(job));
        Ok(())
    }

    /// Submitted tasks that no worker has begun.
    pub fn tasks_waiting(&self) -> usize {
        self.crew().waiting()
    }

    /// Submitted tasks that were dropped, by shutdowns.
    pub fn tasks_dropped(&self) -> usize {
        self.crew().dropped()
    }

    fn check_submit(&self) -> Result<(), Error> {
        // First: in a forked child nothing can be counted on.
        self.crew().check_fork()?;
        if self.is_empty() {
            return Err(Error::OutOfRange("the pool has no workers".into()));
        }
        self.crew().check_open()
    }
}
