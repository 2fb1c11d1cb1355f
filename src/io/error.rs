//! What a stream tells its user, and why it refuses to send.

use std::{error, fmt};

use crate::dispatcher::closure::Outcome;
use crate::error::Error;

/// What a stream's receive callback is told.
#[derive(Debug)]
pub enum Received<'a> {
    /// Bytes, at least one, in the order in which they were sent; borrowed for the callback.
    Data(&'a [u8]),
    /// The peer has ended its sending side. Nothing more is received; sending goes on.
    End,
    /// Receiving has failed, or took longer than its timeout ([`io::ErrorKind::TimedOut`](std::io::ErrorKind)).
    /// Nothing more is received.
    Failed(Error),
}

/// Why a stream does not take bytes to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendRefusal {
    /// As many bytes wait as the stream's limit allows.
    Full,
    /// [`shutdown`](super::Stream::shutdown) came before it.
    ShutDown,
    /// An earlier send has failed.
    Broken,
    /// The stream is dropped, or its dispatcher is.
    Closed,
    /// This is a forked child; the dispatcher is the parent's.
    Forked,
}

impl fmt::Display for SendRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendRefusal::Full => "as many bytes wait to be sent as the stream's limit allows",
            SendRefusal::ShutDown => "the stream's sending side is shut down",
            SendRefusal::Broken => "an earlier send on the stream failed",
            SendRefusal::Closed => "the stream or its dispatcher is gone",
            SendRefusal::Forked => "the stream's dispatcher belongs to the parent process",
        })
    }
}

impl error::Error for SendRefusal {}

/// A send that was refused, with the bytes that do not leave.
pub struct SendError<B> {
    /// Why.
    pub refusal: SendRefusal,
    /// The bytes, unchanged.
    pub bytes: B,
}

impl<B> fmt::Debug for SendError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

impl<B> fmt::Display for SendError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<B> error::Error for SendError<B> {}

/// Called when the bytes of a send are gone, or never will be.
pub(crate) type Completion = Box<dyn FnOnce(Result<(), Error>) -> Outcome + Send>;

/// A receive callback.
pub(crate) type Receiver = Box<dyn FnMut(Received<'_>) -> Outcome + Send>;
