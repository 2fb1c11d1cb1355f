//! Why an actor ended.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ActorId;

/// What an actor's own code may fail with.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What hooks and handlers of actors return: an error is the actor's failure, and its supervisor decides.
pub type ActorResult = Result<(), BoxError>;

/// Why an actor ended, or one life of an actor that is started again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Reason {
    /// It stopped itself.
    Normal,
    /// Somebody asked it to stop.
    Stopped,
    /// It returned this error.
    Error(Arc<dyn Error + Send + Sync>),
    /// It panicked, or threw, with this message.
    Panic(Arc<str>),
    /// An actor that it was linked to failed.
    Linked {
        /// That actor.
        actor: ActorId,
        /// How it failed.
        reason: Arc<Reason>,
    },
    /// Its children failed more often than its [`Supervision`](super::Supervision) allows; the last one so.
    TooManyRestarts(Arc<Reason>),
    /// It did not stop within its time limit, and is waited for no longer.
    CutOff(Duration),
    /// It had ended before it was watched.
    Gone,
    /// Its loop was shut down, so it cannot do anything any more.
    LoopGone,
}

impl Reason {
    /// Whether it is a failure, and not a stop that somebody wanted.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Reason::Normal | Reason::Stopped | Reason::Gone)
    }

    pub(crate) fn from_error(error: BoxError) -> Reason {
        match error.downcast::<LinkFailure>() {
            Ok(failure) => Reason::Linked { actor: failure.actor, reason: Arc::new(failure.reason) },
            Err(error) => Reason::Error(error.into()),
        }
    }

    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Reason {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Reason::Panic(text.unwrap_or("(no message)").into())
    }
}

/// The error of an actor that fails because one that it is linked to did.
#[derive(Debug)]
pub(crate) struct LinkFailure {
    pub(crate) actor: ActorId,
    pub(crate) reason: Reason,
}

impl fmt::Display for LinkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, which it is linked to, ended: {}", self.actor, self.reason)
    }
}

impl Error for LinkFailure {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Normal => f.write_str("it stopped itself"),
            Reason::Stopped => f.write_str("it was stopped"),
            Reason::Error(error) => write!(f, "it failed: {error}"),
            Reason::Panic(message) => write!(f, "it panicked: {message}"),
            Reason::Linked { actor, reason } => write!(f, "{actor}, which it is linked to, ended: {reason}"),
            Reason::TooManyRestarts(last) => write!(f, "its children failed too often, the last so: {last}"),
            Reason::CutOff(limit) => write!(f, "it did not stop within {limit:?}, and was cut off"),
            Reason::Gone => f.write_str("it had ended before"),
            Reason::LoopGone => f.write_str("its loop was shut down"),
        }
    }
}
