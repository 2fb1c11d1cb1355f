//! How a task ends: its own code's panics are its failure, and its outcome goes to who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::TaskError;
use super::oneshot::Sender;
use crate::dispatcher::closure::panic_message;

/// Runs a task's own code; a panic is the task's failure.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(code))
        .map_err(|payload| TaskError::Panicked(panic_message(&*payload).to_owned()))
}

/// Sends how a task ended. If nobody waits for it, a panic is logged. `dispatcher` names the loop, for the log.
pub(crate) fn deliver<T>(
    outcome: Option<Sender<Result<T, TaskError>>>,
    end: Result<T, TaskError>,
    dispatcher: impl Fn() -> String,
) {
    let unsent = match outcome {
        Some(outcome) => outcome.send(end).err(),
        None => Some(end),
    };
    if let Some(Err(TaskError::Panicked(message))) = &unsent {
        tracing::error!(dispatcher = dispatcher(), "a task that nobody waits for panicked: {message}");
    }
    if let Err(error) = catch(|| drop(unsent)) {
        tracing::error!(dispatcher = dispatcher(), "dropping what a task gave: {error}");
    }
}
