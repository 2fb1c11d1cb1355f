//! What actors of C may do while one of their callbacks runs.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::actor::{mcp_event_actor, spawn};
use super::actor_behaviour::{ForeignActor, mcp_event_actor_behaviour};
use super::actor_message::{Mail, Message, mcp_event_message};
use super::actor_options::mcp_event_actor_options;
use super::actor_reply::mcp_event_reply;
use super::actor_system::Loops;
use super::closure::{Data, call_code};
use super::dispatcher::{mcp_event_dispatcher, text};
use super::duration::duration;
use super::handle;
use super::status::{Failed, Result, guard, mcp_event_status};
use crate::actor::{BoxError, Context, TimerKey};

/// An actor, as its own callbacks see it. Valid until the callback that is given it returns, on its thread, and
/// not inside another actor's callback; after that every function refuses it with `MCP_EVENT_INVALID_STATE`.
pub struct mcp_event_actor_context {
    _private: (),
}

/// One callback of an actor, from its call to its return.
pub(crate) struct Visit<'a, 'b> {
    /// Borrowed while one function of C's uses it. What that drops may call C code, which then finds it in use.
    context: RefCell<&'a mut Context<'b, ForeignActor>>,
    loops: &'a Arc<Loops>,
    reply: Cell<Option<Box<mcp_event_reply>>>,
    failure: Cell<Option<String>>,
    passes_on: Cell<bool>,
    finishes_later: Cell<bool>,
}

/// The visit that runs on a thread: where it is, and the number that C knows it by.
#[derive(Clone, Copy)]
struct Current {
    visit: *const (),
    number: usize,
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { visit: std::ptr::null(), number: 0 }) };
    /// The number of the last visit. Threads begin far from each other, so that a context of another thread is
    /// not taken for one of this.
    static LAST: Cell<usize> = Cell::new(NEXT_THREAD.fetch_add(1 << 40, Ordering::Relaxed));
}

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(1 << 40);

/// Makes the former visit current again.
struct Leave(Current);

impl Drop for Leave {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl<'a, 'b> Visit<'a, 'b> {
    pub(crate) fn new(context: &'a mut Context<'b, ForeignActor>, loops: &'a Arc<Loops>) -> Visit<'a, 'b> {
        Visit {
            context: RefCell::new(context),
            loops,
            reply: Cell::default(),
            failure: Cell::default(),
            passes_on: Cell::default(),
            finishes_later: Cell::default(),
        }
    }

    pub(crate) fn with_reply(self, reply: Option<Box<mcp_event_reply>>) -> Visit<'a, 'b> {
        self.reply.set(reply);
        self
    }

    /// Runs `call` with a context of C's that leads here.
    pub(crate) fn enter<R>(&self, call: impl FnOnce(*mut mcp_event_actor_context) -> R) -> R {
        let number = LAST.get().wrapping_add(1);
        LAST.set(number);
        let _leave = Leave(CURRENT.replace(Current { visit: std::ptr::from_ref(self).cast(), number }));
        call(std::ptr::without_provenance_mut(number))
    }

    pub(crate) fn failure(&self) -> Option<BoxError> {
        self.failure.take().map(BoxError::from)
    }

    /// Whether the signal is to do what it does of itself.
    pub(crate) fn passes_on(&self) -> bool {
        self.passes_on.get()
    }

    pub(crate) fn finishes_later(&self) -> bool {
        self.finishes_later.get()
    }
}

/// Runs `body` on the visit that `context` leads to.
fn visited<R>(
    context: *const mcp_event_actor_context,
    body: impl FnOnce(&Visit<'_, '_>) -> Result<R>,
) -> Result<R> {
    if context.is_null() {
        return Err(Failed::null("the context"));
    }
    let current = CURRENT.get();
    if current.visit.is_null() || current.number != context.addr() {
        return Err(invalid_state("a context is valid only inside the callback that it was passed to"));
    }
    // SAFETY: current until `enter` returns, which keeps the visit borrowed; the lifetimes end before that.
    body(unsafe { &*current.visit.cast::<Visit<'_, '_>>() })
}

/// Runs `body` on the context of the visit that `context` leads to.
fn used<R>(
    context: *const mcp_event_actor_context,
    body: impl FnOnce(&mut Context<'_, ForeignActor>) -> Result<R>,
) -> Result<R> {
    visited(context, |visit| match visit.context.try_borrow_mut() {
        Ok(mut context) => body(&mut context),
        Err(_) => {
            Err(invalid_state("a context is not valid inside the drop functions that its functions call"))
        }
    })
}

fn invalid_state(text: &str) -> Failed {
    Failed::new(mcp_event_status::MCP_EVENT_INVALID_STATE, text)
}

/// The actor itself, as a handle of your own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_actor(
    context: *mut mcp_event_actor_context,
    out: *mut *mut mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let myself = used(context, |context| Ok(context.myself()))?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_actor::give(myself)) }
    })
}

/// The dispatcher that the actor lives on, for its own timers, file events and requests. It stays the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_dispatcher(
    context: *mut mcp_event_actor_context,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let dispatcher = visited(context, |visit| {
            let handle = used(context, |context| Ok(context.dispatcher()))?;
            Ok(visit.loops.lent(&handle))
        })?;
        // SAFETY: checked above.
        unsafe { handle::put(out, dispatcher) }
    })
}

/// The actor of this name in the same system, under the rules of `mcp_event_actor_system_find()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_find(
    context: *mut mcp_event_actor_context,
    name: *const c_char,
    message_type: *const c_char,
    out: *mut *mut mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let actor = visited(context, |visit| {
            let system = used(context, |context| Ok(context.system()))?;
            // SAFETY: C's promise.
            unsafe { visit.loops.find(&system, name, message_type) }
        })?;
        // SAFETY: checked above.
        unsafe { handle::put(out, actor) }
    })
}

/// Makes a child of the actor, under the rules of `mcp_event_actor_create()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_create_child(
    context: *mut mcp_event_actor_context,
    behaviour: *const mcp_event_actor_behaviour,
    options: *const mcp_event_actor_options,
    out: *mut *mut mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let child = visited(context, |visit| {
            let start = |spec| used(context, |context| Ok(context.start(spec)?));
            // SAFETY: C's promise: null or valid.
            unsafe { spawn(visit.loops, behaviour, options, start) }
        })?;
        // SAFETY: checked above.
        unsafe { handle::put(out, child) }
    })
}

/// Takes the reply of the request that is being handled, for you to send or destroy, then or later. What is not
/// taken is dropped when the handler returns. `MCP_EVENT_INVALID_STATE` if it is no request, or was taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_take_reply(
    context: *mut mcp_event_actor_context,
    out: *mut *mut mcp_event_reply,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let reply = visited(context, |visit| {
            visit.reply.take().ok_or_else(|| invalid_state("this is no request, or its reply has been taken"))
        })?;
        // SAFETY: checked above.
        unsafe { handle::put(out, reply.give()) }
    })
}

/// Stops the actor once the callback has returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_stop(
    context: *mut mcp_event_actor_context,
) -> mcp_event_status {
    guard(|| {
        used(context, |context| {
            context.stop();
            Ok(())
        })
    })
}

/// Makes the actor fail, with this text, once the callback has returned, whatever that returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_fail(
    context: *mut mcp_event_actor_context,
    reason: *const c_char,
) -> mcp_event_status {
    guard(|| {
        visited(context, |visit| {
            // SAFETY: C's promise.
            visit.failure.set(Some(unsafe { text(reason, "the reason") }?.to_owned()));
            Ok(())
        })
    })
}

/// Inside a `signal` callback: does with the signal what an actor without one does. Elsewhere nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_pass_on(
    context: *mut mcp_event_actor_context,
) -> mcp_event_status {
    guard(|| {
        visited(context, |visit| {
            visit.passes_on.set(true);
            Ok(())
        })
    })
}

/// Inside a `stopping` callback: the actor stops when it calls `mcp_event_actor_context_finish()`, or when its time
/// limit is over. Elsewhere nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_finish_later(
    context: *mut mcp_event_actor_context,
) -> mcp_event_status {
    guard(|| {
        visited(context, |visit| {
            visit.finishes_later.set(true);
            Ok(())
        })
    })
}

/// All is done that was put off by `mcp_event_actor_context_finish_later()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_finish(
    context: *mut mcp_event_actor_context,
) -> mcp_event_status {
    guard(|| {
        used(context, |context| {
            context.finish();
            Ok(())
        })
    })
}

/// Sends the actor `message` after `delay_us`, unless this life of it ends before, which drops it. The bound of the
/// mailbox does not count. `*out` names the timer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_after_us(
    context: *mut mcp_event_actor_context,
    delay_us: i64,
    message: mcp_event_message,
    out: *mut u64,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let delay = duration(delay_us, "the delay")?;
        let key = used(context, |context| Ok(context.after(delay, Mail::message(Message::new(message)?))))?;
        // SAFETY: checked above.
        unsafe { handle::put(out, key.get()) }
    })
}

/// Makes messages, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_message_source {
    /// Fills in the next message, which is zeroed before. Runs on the actor's thread. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, message: *mut mcp_event_message)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Sends the actor what `source` makes, every `interval_us`, without drift, until this life of it ends; ticks that
/// the loop was too busy for are skipped. What the source throws is the actor's failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_every_us(
    context: *mut mcp_event_actor_context,
    interval_us: i64,
    source: mcp_event_message_source,
    out: *mut u64,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let call = source.call.ok_or_else(|| Failed::null("the source's call function"))?;
        let interval = duration(interval_us, "the interval")?;
        if interval.is_zero() {
            return Err(Failed::invalid("an interval of 0 us is not positive"));
        }
        let key = used(context, |context| {
            let data = Data::new(source.data, source.drop);
            Ok(context.every(interval, move || make(call, &data)))
        })?;
        // SAFETY: checked above.
        unsafe { handle::put(out, key.get()) }
    })
}

fn make(call: unsafe extern "C-unwind" fn(*mut c_void, *mut mcp_event_message), data: &Data) -> Mail {
    let mut raw = mcp_event_message::EMPTY;
    let (data, message) = (data.data, &raw mut raw);
    // SAFETY: C's promise for as long as the data is not dropped.
    match call_code(|| unsafe { call(data, message) }) {
        Ok(()) => Mail::message(Message::from_raw(raw)),
        Err(failure) => Mail::Failure(failure.describe()),
    }
}

/// Ends a timer of the actor; `*out` says whether there was one. A message that it has sent already still comes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_cancel(
    context: *mut mcp_event_actor_context,
    timer: u64,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let ended = used(context, |context| Ok(context.cancel(TimerKey::from_number(timer))))?;
        // SAFETY: checked above.
        unsafe { handle::put(out, ended) }
    })
}

/// Asks to be told, once, when `actor` ends: `MCP_EVENT_SIGNAL_DOWN`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_monitor(
    context: *mut mcp_event_actor_context,
    actor: *const mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        used(context, |context| {
            // SAFETY: C's promise: a living handle.
            context.monitor(unsafe { mcp_event_actor::get(actor) }?);
            Ok(())
        })
    })
}

/// Ties the actor to another: when one fails, the other is told, and fails too unless its `signal` callback thinks
/// otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_link(
    context: *mut mcp_event_actor_context,
    actor: *const mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        used(context, |context| {
            // SAFETY: C's promise: a living handle.
            context.link(unsafe { mcp_event_actor::get(actor) }?);
            Ok(())
        })
    })
}

/// Unties them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_context_unlink(
    context: *mut mcp_event_actor_context,
    actor: *const mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        used(context, |context| {
            // SAFETY: C's promise: a living handle.
            context.unlink(unsafe { mcp_event_actor::get(actor) }?);
            Ok(())
        })
    })
}
