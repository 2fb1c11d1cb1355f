//! Requests and replies.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Why;
use crate::dispatcher::Handle;
use crate::dispatcher::core::inside_callback;
use crate::task::Sleep;
use crate::task::oneshot::{Cancelled, Receiver, Sender};

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The request was refused.
    Refused(Why),
    /// The request was dropped without a reply: the actor failed, was stopped, or did not care to answer.
    NoReply,
    /// The time for it is over. The reply may still come; who waits by reference may wait again.
    TimedOut,
    /// A loop's own thread must not wait: the reply may have to come from that very loop. Await it instead.
    OnLoop,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Refused(why) => why.fmt(f),
            AskError::NoReply => f.write_str("the request was dropped without a reply"),
            AskError::TimedOut => f.write_str("no reply came in time"),
            AskError::OnLoop => f.write_str(
                "a loop's own thread cannot wait for a reply: await it, or have it sent as a message",
            ),
        }
    }
}

impl Error for AskError {}

/// Where to send the reply to a request. Dropped without a reply, it tells the one who asked.
pub struct ReplyTo<T>(ReplyTarget<T>);

enum ReplyTarget<T> {
    Future(Sender<T>),
    /// In a lock, which is never contended, for a request to be shown to several threads, as errors are.
    Callback(Mutex<Option<Callback<T>>>),
}

type Callback<T> = Box<dyn FnOnce(Result<T, AskError>) + Send>;

impl<T> fmt::Debug for ReplyTo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo").finish_non_exhaustive()
    }
}

impl<T> ReplyTo<T> {
    /// A reply that `callback` is called with, on the thread that sends it, or that drops the request.
    pub fn callback(callback: impl FnOnce(Result<T, AskError>) + Send + 'static) -> ReplyTo<T> {
        ReplyTo(ReplyTarget::Callback(Mutex::new(Some(Box::new(callback)))))
    }

    /// Sends the reply. Nothing, if nobody waits for it any more.
    pub fn send(mut self, value: T) {
        match std::mem::replace(&mut self.0, ReplyTarget::Callback(Mutex::new(None))) {
            ReplyTarget::Future(sender) => drop(sender.send(value)),
            ReplyTarget::Callback(callback) => call(callback, Ok(value)),
        }
    }
}

impl<T> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        if let ReplyTarget::Callback(callback) = &mut self.0 {
            call(std::mem::take(callback), Err(AskError::NoReply));
        }
    }
}

fn call<T>(callback: Mutex<Option<Callback<T>>>, outcome: Result<T, AskError>) {
    let callback = callback.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(callback) = callback {
        callback(outcome);
    }
}

/// A reply to come: a future for any executor, or something that a plain thread waits for.
#[must_use = "the reply comes when it is awaited, or waited for"]
pub struct Reply<T> {
    receiver: Receiver<T>,
    refused: Option<Why>,
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("refused", &self.refused).finish_non_exhaustive()
    }
}

pub(crate) fn reply_to<T>(sender: Sender<T>) -> ReplyTo<T> {
    ReplyTo(ReplyTarget::Future(sender))
}

impl<T> Reply<T> {
    pub(crate) fn new(receiver: Receiver<T>, refused: Option<Why>) -> Reply<T> {
        Reply { receiver, refused }
    }

    /// Waits for the reply on a thread that runs no loop.
    ///
    /// # Errors
    /// Why there is none; [`AskError::OnLoop`], at once, inside any loop.
    pub fn wait(mut self) -> Result<T, AskError> {
        if inside_callback() {
            return Err(AskError::OnLoop);
        }
        let result = self.receiver.wait();
        self.outcome(result)
    }

    /// Likewise, no longer than `limit`.
    ///
    /// # Errors
    /// As for `wait`, and [`AskError::TimedOut`], after which one may wait again.
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<T, AskError> {
        if inside_callback() {
            return Err(AskError::OnLoop);
        }
        match self.receiver.wait_timeout(limit) {
            None => Err(AskError::TimedOut),
            Some(result) => self.outcome(result),
        }
    }

    fn outcome(&self, result: Result<T, Cancelled>) -> Result<T, AskError> {
        result.map_err(|Cancelled| match self.refused {
            Some(why) => AskError::Refused(why),
            None => AskError::NoReply,
        })
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T, AskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = Pin::new(&mut self.receiver).poll(context);
        result.map(|result| self.outcome(result))
    }
}

/// A reply that is waited for no longer than a time: a future for any executor, or something that a plain thread
/// waits for. Made by [`ActorRef::ask_within`](super::ActorRef::ask_within); the time runs from there.
#[must_use = "the reply comes when it is awaited, or waited for"]
#[derive(Debug)]
pub struct TimedReply<T> {
    reply: Reply<T>,
    deadline: Option<Instant>,
    sleep: Sleep,
}

impl<T> TimedReply<T> {
    pub(crate) fn new(reply: Reply<T>, limit: Duration, timekeeper: &Handle) -> TimedReply<T> {
        TimedReply { reply, deadline: Instant::now().checked_add(limit), sleep: timekeeper.sleep(limit) }
    }

    /// Waits for the reply on a thread that runs no loop.
    ///
    /// # Errors
    /// Why there is none; [`AskError::OnLoop`], at once, inside any loop.
    pub fn wait(mut self) -> Result<T, AskError> {
        match self.deadline {
            Some(deadline) => self.reply.wait_timeout(deadline.saturating_duration_since(Instant::now())),
            None => self.reply.wait(),
        }
    }
}

impl<T> Future for TimedReply<T> {
    type Output = Result<T, AskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // What has come counts, even if it is late.
        if let Poll::Ready(outcome) = Pin::new(&mut self.reply).poll(context) {
            return Poll::Ready(outcome);
        }
        Pin::new(&mut self.sleep).poll(context).map(|()| Err(AskError::TimedOut))
    }
}
