//! What can go wrong between actors.

use std::error::Error;
use std::fmt;

use crate::error::Refusal;

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The actor has ended, or takes no more messages because it is about to.
    Stopped,
    /// Its mailbox holds as many messages as its bound allows.
    Full,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Stopped => "the actor takes no more messages: it has stopped, or is about to",
            Why::Full => "the actor's mailbox is full",
        })
    }
}

/// A message that was refused, with the reason.
pub struct TellError<M> {
    /// Why.
    pub why: Why,
    /// The message, unchanged.
    pub message: M,
}

impl<M> fmt::Debug for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TellError").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<M> fmt::Display for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<M> Error for TellError<M> {}

/// Why an actor was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// Another actor of the system has this name.
    NameTaken(String),
    /// Its parent, or the system, is about to stop.
    Stopping,
    /// The system has no worker of this number.
    NoWorker {
        /// The number that was asked for.
        worker: usize,
        /// How many there are.
        workers: usize,
    },
    /// The loop that it was to live on takes nothing more.
    NoLoop(Refusal),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::NameTaken(name) => write!(f, "there is an actor named {name:?} already"),
            SpawnError::Stopping => f.write_str("no actor is started where all are about to stop"),
            SpawnError::NoWorker { worker, workers } => {
                write!(f, "there is no worker {worker}: the system has {workers}, counted from 0")
            }
            SpawnError::NoLoop(refusal) => refusal.fmt(f),
        }
    }
}

impl Error for SpawnError {}

/// Why no actor was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindError {
    /// No actor has this name.
    Unknown(String),
    /// The actor of this name takes messages of another type.
    OtherMessages {
        /// The name.
        name: String,
        /// The type of the actor.
        actor: &'static str,
    },
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindError::Unknown(name) => write!(f, "there is no actor named {name:?}"),
            FindError::OtherMessages { name, actor } => {
                write!(f, "the actor named {name:?}, a {actor}, takes messages of another type")
            }
        }
    }
}

impl Error for FindError {}
