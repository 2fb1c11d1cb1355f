//! Errors: what went wrong, and why, in words a user can act on.

use std::{error, fmt, io};

/// Why a call was refused or failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An argument makes no sense; the text names it and says why.
    InvalidArgument(String),
    /// The call is not allowed in this state (a nested run, a pool that is started already, ...).
    InvalidState(String),
    /// An index is outside its range.
    OutOfRange(String),
    /// The system refused; `operation` says what was asked of it.
    Os {
        /// What was being done, e.g. `watching fd 7`.
        operation: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The dispatcher was made before a `fork()`, and this is the child: its kernel objects are the parent's.
    Forked,
    /// Not part of this build, or not possible on this system; the text says why.
    Unavailable(String),
}

impl Error {
    pub(crate) fn os(operation: impl Into<String>, source: io::Error) -> Error {
        Error::Os { operation: operation.into(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidArgument(text)
            | Error::InvalidState(text)
            | Error::OutOfRange(text)
            | Error::Unavailable(text) => f.write_str(text),
            Error::Os { operation, source } => write!(f, "{operation}: {source}"),
            Error::Forked => f.write_str(
                "the dispatcher belongs to the parent process: after fork() the child must create its own",
            ),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match &error {
            Error::InvalidArgument(_) | Error::OutOfRange(_) => io::ErrorKind::InvalidInput,
            Error::Os { source, .. } => match source.raw_os_error() {
                Some(code) => return io::Error::from_raw_os_error(code),
                None => source.kind(),
            },
            Error::Unavailable(_) => io::ErrorKind::Unsupported,
            Error::InvalidState(_) | Error::Forked => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Why a post was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// `shutdown()` came before it; the next `run()` opens the dispatcher again.
    Closed,
    /// The queue holds as many posts as its bound allows.
    Full,
    /// This is a forked child; the dispatcher is the parent's.
    Forked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Closed => "the dispatcher is shut down and takes no posts until its next run()",
            Refusal::Full => "the dispatcher's queue of posts is full",
            Refusal::Forked => "the dispatcher belongs to the parent process",
        })
    }
}

impl error::Error for Refusal {}

/// A post that was refused, with the closure that did not run.
pub struct PostError<F> {
    /// Why.
    pub refusal: Refusal,
    /// The closure, unchanged.
    pub closure: F,
}

impl<F> fmt::Debug for PostError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostError").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for PostError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<F> error::Error for PostError<F> {}
