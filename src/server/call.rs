//! Requests to a server.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::Value;

use super::actor::ServerMessage;
use super::json_rpc::RpcError;
use super::status::ServerStatus;
use crate::actor::{ActorRef, AskError, Reply, ReplyTo};

/// What to do with a request to a server that is not ready for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenDown {
    /// Fail at once, with the server's state.
    #[default]
    Fail,
    /// Wait until the server is ready, no longer than the request's own time. Fails when the server will not be
    /// ready of itself.
    Wait,
}

/// News of a request that takes its time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How far it is.
    pub progress: f64,
    /// How far it will go, if that is known.
    pub total: Option<f64>,
    /// In words.
    pub message: Option<String>,
}

type OnProgress = Box<dyn FnMut(Progress) + Send>;

/// How a request is made.
#[derive(Default)]
#[must_use]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) when_down: WhenDown,
    pub(crate) on_progress: Option<OnProgress>,
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("when_down", &self.when_down)
            .finish_non_exhaustive()
    }
}

impl CallOptions {
    /// The server's configured timeout, failing at once when it is down.
    pub fn new() -> CallOptions {
        CallOptions::default()
    }

    /// How long the answer may take, a wait for the server included.
    pub fn timeout(mut self, timeout: Duration) -> CallOptions {
        self.timeout = Some(timeout);
        self
    }

    /// What to do when the server is not ready.
    pub fn when_down(mut self, when_down: WhenDown) -> CallOptions {
        self.when_down = when_down;
        self
    }

    /// Asks the server for news of its progress, which `hook` is called with, on the server's loop. It must not
    /// wait. The parameters must be an object then, or none.
    pub fn on_progress(mut self, hook: impl FnMut(Progress) + Send + 'static) -> CallOptions {
        self.on_progress = Some(Box::new(hook));
        self
    }
}

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// No server has this name.
    UnknownServer(String),
    /// The server is not ready, for this reason.
    Down {
        /// What it is doing.
        status: ServerStatus,
        /// Why, in words.
        reason: String,
    },
    /// The server answered with an error.
    Rpc(RpcError),
    /// No answer came in time. The server was told that nobody waits any more.
    TimedOut(Duration),
    /// It was cancelled by the caller.
    Cancelled,
    /// The server ended, or was stopped, before it answered.
    ConnectionLost(String),
    /// The request or its answer was lost or refused on the way, for this reason. The server itself goes on, and
    /// may have done what it was asked.
    Transport(String),
    /// The answer was no valid message, for this reason.
    Malformed(String),
    /// The request is not one: its parameters are neither an object nor an array, or its method is empty.
    InvalidRequest(String),
    /// The server does not read what it is sent, and too much waits for it.
    NotReading {
        /// Bytes that wait.
        waiting: usize,
    },
    /// A loop's own thread must not wait: await the answer there.
    OnLoop,
    /// The manager has stopped.
    ManagerStopped,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::UnknownServer(name) => write!(f, "there is no server named {name:?}"),
            CallError::Down { status, reason } => write!(f, "the server is {status}: {reason}"),
            CallError::Rpc(error) => write!(f, "the server answered with an error: {error}"),
            CallError::TimedOut(limit) => write!(f, "the server did not answer within {limit:?}"),
            CallError::Cancelled => f.write_str("the request was cancelled"),
            CallError::ConnectionLost(why) => write!(f, "the server was lost before it answered: {why}"),
            CallError::Transport(why) => write!(f, "the request got no answer: {why}"),
            CallError::Malformed(why) => write!(f, "the server's answer was {why}"),
            CallError::InvalidRequest(why) => f.write_str(why),
            CallError::NotReading { waiting } => {
                write!(f, "the server does not read its input: {waiting} bytes wait for it")
            }
            CallError::OnLoop => f.write_str("a loop's own thread cannot wait for an answer: await it"),
            CallError::ManagerStopped => f.write_str("the manager of the servers has stopped"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CallError::Rpc(error) => Some(error),
            _ => None,
        }
    }
}

pub(crate) type CallResult = Result<Value, CallError>;

/// Tells the requests of a process apart, for their cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey(pub(crate) u64);

impl CallKey {
    pub(crate) fn new() -> CallKey {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        CallKey(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A request on its way to a server's actor.
pub(crate) struct Request {
    pub(crate) key: CallKey,
    pub(crate) method: String,
    pub(crate) params: Option<Value>,
    pub(crate) options: CallOptions,
    pub(crate) reply: ReplyTo<CallResult>,
}

/// A request that waits for its answer: a future for any executor, or something that a plain thread waits for.
/// Dropped, it cancels the request, and the server is told.
#[must_use = "the answer comes when it is awaited, or waited for; dropped, the request is cancelled"]
pub struct Call {
    state: State,
}

enum State {
    Asked { key: CallKey, reply: Reply<CallResult>, server: ActorRef<ServerMessage> },
    Refused(CallError),
    Done,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl Call {
    pub(crate) fn refused(error: CallError) -> Call {
        Call { state: State::Refused(error) }
    }

    pub(crate) fn start(
        server: ActorRef<ServerMessage>,
        method: String,
        params: Option<Value>,
        options: CallOptions,
    ) -> Call {
        let key = CallKey::new();
        let reply = server.ask(|reply| ServerMessage::Call(Request { key, method, params, options, reply }));
        Call { state: State::Asked { key, reply, server } }
    }

    /// As `start`, but `done` is called with what comes of it.
    pub(crate) fn start_then(
        server: ActorRef<ServerMessage>,
        method: String,
        params: Option<Value>,
        options: CallOptions,
        done: impl FnOnce(CallResult) + Send + 'static,
    ) -> CallKey {
        let key = CallKey::new();
        let reply = ReplyTo::callback(move |answer| done(outcome(answer)));
        // An actor that is gone drops the reply, which calls back too.
        let _ = server.tell(ServerMessage::Call(Request { key, method, params, options, reply }));
        key
    }

    /// Waits for the answer, on a thread that runs no loop.
    ///
    /// # Errors
    /// Why there is none.
    pub fn wait(mut self) -> CallResult {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Asked { key, reply, server } => match reply.wait() {
                Err(AskError::OnLoop) => {
                    // Nobody waits for the answer.
                    let _ = server.tell(ServerMessage::Cancel(key));
                    Err(CallError::OnLoop)
                }
                answer => outcome(answer),
            },
            State::Refused(error) => Err(error),
            State::Done => Err(CallError::Cancelled),
        }
    }

    /// Cancels the request; the server is told. As dropping it.
    pub fn cancel(self) {}
}

fn outcome(answer: Result<CallResult, AskError>) -> CallResult {
    match answer {
        Ok(result) => result,
        Err(AskError::OnLoop) => Err(CallError::OnLoop),
        Err(_) => Err(CallError::ManagerStopped),
    }
}

impl Future for Call {
    type Output = CallResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CallResult> {
        let result = match &mut self.state {
            State::Asked { reply, .. } => match Pin::new(reply).poll(context) {
                Poll::Ready(answer) => outcome(answer),
                Poll::Pending => return Poll::Pending,
            },
            State::Refused(error) => Err(error.clone()),
            State::Done => Err(CallError::Cancelled),
        };
        self.state = State::Done;
        Poll::Ready(result)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let State::Asked { key, server, .. } = &self.state {
            // Should the server's actor be gone, so is the request.
            let _ = server.tell(ServerMessage::Cancel(*key));
        }
    }
}
