//! Replies of actors for C: where a handler sends one, and how it comes to the dispatcher of who asked.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::actor_message::{Message, mcp_event_message};
use super::closure::{Data, call_code};
use super::dispatcher::mcp_event_dispatcher;
use super::duration::limit;
use super::handle;
use super::status::{Failed, Result, guard, mcp_event_status};
use crate::actor::{AskError, ReplyTo};
use crate::dispatcher::Timer;
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::core::{Core, inside_callback};
use crate::dispatcher::post::Job;
use crate::task::oneshot;

/// Where to send the reply to a request: once, from any thread. It is used up by
/// `mcp_event_reply_send()`, or by `mcp_event_reply_destroy()`, which tells who asked that no reply comes.
pub struct mcp_event_reply {
    to: ReplyTo<Message>,
}

type Call = unsafe extern "C-unwind" fn(*mut c_void, mcp_event_status, *mut mcp_event_message);

/// Takes the outcome of a request, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_reply_closure {
    /// Called once, on the thread of the dispatcher that was named: `MCP_EVENT_OK` with the reply, else null and
    /// `MCP_EVENT_NO_REPLY` or `MCP_EVENT_TIMED_OUT`. Not null.
    pub call: Option<
        unsafe extern "C-unwind" fn(
            data: *mut c_void,
            outcome: mcp_event_status,
            reply: *mut mcp_event_message,
        ),
    >,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

struct Closure {
    call: Call,
    data: Data,
}

/// One who asked, until the outcome is known.
pub(crate) struct Waiting {
    core: Arc<Core>,
    /// None once there is an outcome.
    closure: Mutex<Option<Closure>>,
    timer: Mutex<Option<Timer>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Waiting {
    /// The outcome is known. The first one counts.
    fn settle(self: &Arc<Self>, result: std::result::Result<Message, AskError>) {
        // In two steps: what is dropped below may come back here.
        let closure = lock(&self.closure).take();
        if let Some(closure) = closure {
            // A dispatcher that is shut down takes nothing: closure and reply are dropped.
            drop(self.core.mail(Answer { waiting: self.clone(), closure, result }));
        }
    }

    /// The request was refused, so there is no outcome: the closure stays its owner's.
    pub(crate) fn give_back(&self) {
        let closure = lock(&self.closure).take();
        if let Some(mut closure) = closure {
            closure.data.give_back();
        }
    }

    /// Waits no longer than `limit`.
    pub(crate) fn limit(self: &Arc<Self>, limit: Duration) {
        let waiting = Arc::downgrade(self);
        let timer = Timer::new(&self.core, move || {
            if let Some(waiting) = waiting.upgrade() {
                waiting.settle(Err(AskError::TimedOut));
            }
        });
        timer.enable(limit);
        *lock(&self.timer) = Some(timer);
    }
}

/// An outcome on its way to the one who asked.
struct Answer {
    waiting: Arc<Waiting>,
    closure: Closure,
    result: std::result::Result<Message, AskError>,
}

impl Job for Answer {
    fn run(self) -> Outcome {
        let timer = lock(&self.waiting.timer).take();
        drop(timer);
        let (call, data) = (self.closure.call, self.closure.data.data);
        match self.result {
            Ok(message) => {
                let mut raw = message.into_raw();
                let reply = &raw mut raw;
                // SAFETY: C's promise for as long as the data is not dropped.
                let outcome = call_code(|| unsafe { call(data, mcp_event_status::MCP_EVENT_OK, reply) });
                drop(Message::from_raw(raw));
                outcome
            }
            Err(error) => {
                let status = Failed::from(error).status;
                // SAFETY: as above.
                call_code(|| unsafe { call(data, status, std::ptr::null_mut()) })
            }
        }
    }
}

impl mcp_event_reply {
    /// A reply that comes to `closure`, on the loop of `core`; and the side that waits for it.
    pub(crate) fn on_loop(
        core: &Arc<Core>,
        closure: mcp_event_reply_closure,
    ) -> Result<(Box<mcp_event_reply>, Arc<Waiting>)> {
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        let closure = Closure { call, data: Data::new(closure.data, closure.drop) };
        let waiting = Arc::new(Waiting {
            core: core.clone(),
            closure: Mutex::new(Some(closure)),
            timer: Mutex::default(),
        });
        let settled = waiting.clone();
        let to = ReplyTo::callback(move |result| settled.settle(result));
        Ok((Box::new(mcp_event_reply { to }), waiting))
    }

    /// A reply that a thread waits for.
    pub(crate) fn awaited() -> Result<(Box<mcp_event_reply>, Waiter)> {
        if inside_callback() {
            return Err(AskError::OnLoop.into());
        }
        let (sender, receiver) = oneshot::channel();
        let to = ReplyTo::callback(move |result| drop(sender.send(result)));
        Ok((Box::new(mcp_event_reply { to }), Waiter(receiver)))
    }

    /// # Safety
    /// `reply` is null or a living handle, and not used again.
    unsafe fn take(reply: *mut mcp_event_reply) -> Result<Box<mcp_event_reply>> {
        handle::take(reply, "the reply")?;
        // SAFETY: made by `give`, and taken once.
        Ok(unsafe { Box::from_raw(reply) })
    }

    pub(crate) fn give(self: Box<Self>) -> *mut mcp_event_reply {
        let reply = Box::into_raw(self);
        handle::give(reply);
        reply
    }
}

/// The side of a thread that waits.
pub struct Waiter(oneshot::Receiver<std::result::Result<Message, AskError>>);

impl Waiter {
    /// Waits for the outcome, no longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> Result<Message> {
        let result = match limit {
            Some(limit) => self.0.wait_timeout(limit),
            None => Some(self.0.wait()),
        };
        // A reply is sent or dropped, never cancelled.
        let result = result.map(|result| result.unwrap_or(Err(AskError::NoReply)));
        Ok(result.unwrap_or(Err(AskError::TimedOut))?)
    }
}

/// Makes a reply that is not part of a request yet, for a message of your own to carry. Its outcome comes to
/// `closure` on the thread of `dispatcher`; should that be shut down, the closure is dropped without a call.
/// After `timeout_us`, unless it is 0, the outcome is `MCP_EVENT_TIMED_OUT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_reply_create(
    dispatcher: *mut mcp_event_dispatcher,
    timeout_us: i64,
    closure: mcp_event_reply_closure,
    out: *mut *mut mcp_event_reply,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let limit = limit(timeout_us, "the timeout")?;
        let (reply, waiting) = mcp_event_reply::on_loop(core, closure)?;
        if let Some(limit) = limit {
            waiting.limit(limit);
        }
        // SAFETY: checked above.
        unsafe { handle::put(out, reply.give()) }
    })
}

/// Sends the reply, and destroys the handle. Nothing is sent if nobody waits for it any more; the message is
/// dropped then. On failure both stay the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_reply_send(
    reply: *mut mcp_event_reply,
    message: mcp_event_message,
) -> mcp_event_status {
    guard(|| {
        let message = Message::new(message)?;
        // SAFETY: C's promise: a living handle, not used again.
        match unsafe { mcp_event_reply::take(reply) } {
            Ok(reply) => {
                reply.to.send(message);
                Ok(())
            }
            Err(failed) => {
                message.give_back();
                Err(failed)
            }
        }
    })
}

/// Drops it: who asked learns that no reply comes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_reply_destroy(reply: *mut mcp_event_reply) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, not used again.
        drop(unsafe { mcp_event_reply::take(reply) }?);
        Ok(())
    })
}
