//! Why a task has no output, or none yet.

use std::{error, fmt};

/// Why a task gave no output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// [`Task::abort`](super::Task::abort) ended it.
    Aborted,
    /// Its future or closure panicked, with this message; the loop goes on.
    Panicked(String),
    /// Its dispatcher was shut down or destroyed before it was done, or its pool before it began.
    Gone,
    /// Its future is not `Send`, and another thread now runs the dispatcher than the one that made the future.
    /// There it can be neither polled nor destroyed, so it is leaked.
    WrongThread,
    /// The output was taken already.
    Taken,
    /// A bounded wait ended first; the task goes on.
    TimedOut,
    /// The thread that wanted to wait runs the task's loop, or belongs to its pool: it might wait for ever.
    OnLoop,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Aborted => f.write_str("the task was aborted"),
            TaskError::Panicked(message) => write!(f, "the task panicked: {message}"),
            TaskError::Gone => {
                f.write_str("the task's dispatcher or pool was shut down or destroyed before it was done")
            }
            TaskError::WrongThread => {
                f.write_str("the task's future is not Send, and its dispatcher has passed to another thread")
            }
            TaskError::Taken => f.write_str("the task's output was taken already"),
            TaskError::TimedOut => f.write_str("the task was not done in time"),
            TaskError::OnLoop => {
                f.write_str("a thread cannot block until a task of its own loop or pool is done: await it")
            }
        }
    }
}

impl error::Error for TaskError {}
