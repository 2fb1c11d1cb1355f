//! Actors for C: making them, and reaching them from any thread.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::actor_behaviour::{ForeignActor, mcp_event_actor_behaviour};
use super::actor_message::{Mail, Message, mcp_event_message};
use super::actor_options::mcp_event_actor_options;
use super::actor_reason::{c_text, mcp_event_actor_reason, show_reason};
use super::actor_reply::{mcp_event_reply, mcp_event_reply_closure};
use super::actor_system::{Loops, mcp_event_actor_system};
use super::actor_tree::mcp_event_actor_state;
use super::closure::{Data, call_code};
use super::dispatcher::mcp_event_dispatcher;
use super::duration::limit;
use super::handle;
use super::status::{Failed, Result, guard, mcp_event_status};
use crate::actor::{ActorRef, Spec, TellError};

/// Reaches an actor, from any thread, over all its lives. The handle is yours; it does not keep the actor running.
pub struct mcp_event_actor {
    actor: ActorRef<Mail>,
    name: Option<CString>,
}

impl mcp_event_actor {
    pub(crate) fn give(actor: ActorRef<Mail>) -> *mut mcp_event_actor {
        let name = actor.name().map(c_text);
        let actor = Box::into_raw(Box::new(mcp_event_actor { actor, name }));
        handle::give(actor);
        actor
    }

    /// # Safety
    /// `actor` is null or a living handle.
    unsafe fn object<'a>(actor: *const mcp_event_actor) -> Result<&'a mcp_event_actor> {
        handle::check(actor, "the actor")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*actor })
    }

    /// # Safety
    /// `actor` is null or a living handle.
    pub(crate) unsafe fn get<'a>(actor: *const mcp_event_actor) -> Result<&'a ActorRef<Mail>> {
        // SAFETY: the caller's promise.
        unsafe { Self::object(actor) }.map(|object| &object.actor)
    }
}

/// Makes an actor of what C says, by `start`.
///
/// # Safety
/// `behaviour` and `options` are null or valid.
pub(crate) unsafe fn spawn(
    loops: &Arc<Loops>,
    behaviour: *const mcp_event_actor_behaviour,
    options: *const mcp_event_actor_options,
    start: impl FnOnce(Spec<ForeignActor>) -> Result<ActorRef<Mail>>,
) -> Result<*mut mcp_event_actor> {
    // SAFETY: the caller's promise.
    let options = unsafe { mcp_event_actor_options::get(options) }?;
    // SAFETY: the caller's promise.
    let (spec, pledges) = unsafe { mcp_event_actor_behaviour::spec(behaviour, loops) }?;
    let started = (|| {
        let Some(options) = options else { return start(spec) };
        // SAFETY: the caller's promise.
        let message_type = unsafe { options.message_type() };
        // SAFETY: the caller's promise.
        let actor = start(unsafe { options.apply(spec) }?)?;
        loops.note(&actor, message_type);
        Ok(actor)
    })();
    match started {
        Ok(actor) => Ok(mcp_event_actor::give(actor)),
        Err(failed) => {
            pledges.give_back();
            Err(failed)
        }
    }
}

/// Makes an actor without a parent; `options` may be null. On success the library owns the behaviour's data, or its
/// factory; on failure they stay the caller's. `MCP_EVENT_NAME_TAKEN` if there is one of this name,
/// `MCP_EVENT_OUT_OF_RANGE` without a worker of this number, `MCP_EVENT_INVALID_STATE` once the system stops.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_create(
    system: *mut mcp_event_actor_system,
    behaviour: *const mcp_event_actor_behaviour,
    options: *const mcp_event_actor_options,
    out: *mut *mut mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let system = unsafe { mcp_event_actor_system::get(system) }?;
        let start = |spec| Ok(system.system.start(spec)?);
        // SAFETY: C's promise: null or valid.
        let actor = unsafe { spawn(&system.loops, behaviour, options, start) }?;
        // SAFETY: checked above.
        unsafe { handle::put(out, actor) }
    })
}

/// Another handle of the same actor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_clone(
    actor: *const mcp_event_actor,
    out: *mut *mut mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let actor = unsafe { mcp_event_actor::get(actor) }?.clone();
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_actor::give(actor)) }
    })
}

/// Destroys the handle; the actor lives on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_destroy(actor: *mut mcp_event_actor) -> mcp_event_status {
    guard(|| {
        handle::take(actor, "the actor")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(actor) });
        Ok(())
    })
}

/// A message that was refused goes back to C.
fn refused(error: TellError<Mail>) -> Failed {
    error.message.give_back();
    error.why.into()
}

/// Tells; on another thread than the actor's by a reference of the call's own, since what comes of it may destroy the
/// handle, and end the actor and its loop, before this has returned.
fn tell(actor: &ActorRef<Mail>, mail: Mail) -> std::result::Result<(), TellError<Mail>> {
    if actor.is_on_loop() { actor.tell(mail) } else { actor.clone().tell(mail) }
}

/// Queues `message`, behind all that this thread sent to the actor before; it is never handled inside this call.
/// `MCP_EVENT_CLOSED` if the actor has stopped or is about to, `MCP_EVENT_QUEUE_FULL` at the mailbox's bound.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_tell(
    actor: *const mcp_event_actor,
    message: mcp_event_message,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let actor = unsafe { mcp_event_actor::get(actor) }?;
        tell(actor, Mail::message(Message::new(message)?)).map_err(refused)
    })
}

/// Likewise, but waits while the mailbox is full, on a thread that runs no loop. In a callback of a loop, whose
/// thread must not wait, it is `MCP_EVENT_QUEUE_FULL` then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_tell_wait(
    actor: *const mcp_event_actor,
    message: mcp_event_message,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let actor = unsafe { mcp_event_actor::get(actor) }?;
        actor.send(Mail::message(Message::new(message)?)).wait().map_err(refused)
    })
}

/// Sends a request, whose outcome comes to `closure`, once, on the thread of `dispatcher`; should that be shut
/// down, the closure is dropped without a call. After `timeout_us`, unless it is 0, the outcome is
/// `MCP_EVENT_TIMED_OUT`. A request that is refused, as by `mcp_event_actor_tell()`, has no outcome: the message
/// and the closure's data stay the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_ask(
    actor: *const mcp_event_actor,
    message: mcp_event_message,
    dispatcher: *mut mcp_event_dispatcher,
    timeout_us: i64,
    closure: mcp_event_reply_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let actor = unsafe { mcp_event_actor::get(actor) }?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let limit = limit(timeout_us, "the timeout")?;
        let message = Message::new(message)?;
        let (reply, waiting) = match mcp_event_reply::on_loop(core, closure) {
            Ok(reply) => reply,
            Err(failed) => {
                message.give_back();
                return Err(failed);
            }
        };
        tell(actor, Mail::Message { message, reply: Some(reply) }).map_err(|error| {
            // Before the reply that was refused is dropped, which would answer.
            waiting.give_back();
            refused(error)
        })?;
        // Not before: a request that is refused must not time out.
        if let Some(limit) = limit {
            waiting.limit(limit);
        }
        Ok(())
    })
}

/// Sends a request, and waits for the reply, which is the caller's then: no longer than `timeout_us`, unless it is
/// 0. `MCP_EVENT_NO_REPLY`, `MCP_EVENT_TIMED_OUT`: the request was taken, and its message with it. The message stays
/// the caller's after all else: what `mcp_event_actor_tell()` refuses with, and `MCP_EVENT_INVALID_STATE` in a
/// callback of a loop, whose thread must not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_ask_wait(
    actor: *const mcp_event_actor,
    message: mcp_event_message,
    timeout_us: i64,
    out: *mut mcp_event_message,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let actor = unsafe { mcp_event_actor::get(actor) }?;
        let limit = limit(timeout_us, "the timeout")?;
        let (reply, mut waiter) = mcp_event_reply::awaited()?;
        let message = Message::new(message)?;
        tell(actor, Mail::Message { message, reply: Some(reply) }).map_err(refused)?;
        // SAFETY: checked above.
        unsafe { handle::put(out, waiter.wait(limit)?.into_raw()) }
    })
}

/// Stops the actor for good, after the messages that are queued. It takes no more from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_stop(actor: *const mcp_event_actor) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_actor::get(actor) }?.stop();
        Ok(())
    })
}

/// Stops the actor for good, after the message that it handles. What is queued is dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_stop_now(actor: *const mcp_event_actor) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_actor::get(actor) }?.stop_now();
        Ok(())
    })
}

/// Takes the reason of an end, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_ended_closure {
    /// Called once. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, reason: *const mcp_event_actor_reason)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Calls `closure` when the actor has ended for good, on its dispatcher's thread; inside this call, if it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_when_ended(
    actor: *const mcp_event_actor,
    closure: mcp_event_ended_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let actor = unsafe { mcp_event_actor::get(actor) }?;
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        let data = Data::new(closure.data, closure.drop);
        actor.when_ended(move |reason| {
            let data = data;
            let raw = data.data;
            show_reason(reason, |reason| {
                // SAFETY: C's promise for as long as the data is not dropped.
                if let Err(failure) = call_code(|| unsafe { call(raw, reason) }) {
                    tracing::error!("a callback on an actor's end: {}", failure.describe());
                }
            });
        });
        Ok(())
    })
}

/// Its id, unique in the process, which it keeps over restarts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_id(
    actor: *const mcp_event_actor,
    out: *mut u64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_actor::get(actor)?.id().get()) }
    })
}

/// Its name, or null if it has none. It lives as long as the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_name(
    actor: *const mcp_event_actor,
    out: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let name = unsafe { mcp_event_actor::object(actor) }?.name.as_ref();
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, name.map_or(std::ptr::null(), |name| name.as_ptr())) }
    })
}

/// What it is doing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_get_state(
    actor: *const mcp_event_actor,
    out: *mut mcp_event_actor_state,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_actor::get(actor)?.state().into()) }
    })
}

/// How many messages wait to be handled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_queue_depth(
    actor: *const mcp_event_actor,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_actor::get(actor)?.queue_depth()) }
    })
}
