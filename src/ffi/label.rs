//! Labels, and what a loop is doing, for C.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::closure::{CClosure, mcp_event_closure};
use super::dispatcher::{mcp_event_dispatcher, text};
use super::handle;
use super::status::{Result, check_size, guard, mcp_event_status};
use super::visitor::visit;
use crate::dispatcher::post::LabelledJob;
use crate::dispatcher::{Activity, Doing, Label};

/// # Safety
/// `label` is null or a zero-terminated string.
pub(crate) unsafe fn label(label: *const c_char) -> Result<Label> {
    // SAFETY: the caller's promise.
    Ok(Label::new(unsafe { text(label, "the label") }?)?)
}

/// As `mcp_event_dispatcher_post`, and names the closure in reports, with a label under the rules of
/// `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_post_labelled(
    dispatcher: *mut mcp_event_dispatcher,
    label: *const c_char,
    closure: mcp_event_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        // SAFETY: C's promise.
        let label = unsafe { self::label(label) }?;
        let job = LabelledJob(label, CClosure::plain(closure)?);
        visit(core, |core| core.post(job)).map_err(|(refusal, LabelledJob(_, closure))| {
            closure.give_back();
            refusal.into()
        })
    })
}

/// What a loop is busy with.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_activity {
    /// Nobody runs it.
    MCP_EVENT_ACTIVITY_NOT_RUNNING = 0,
    /// It waits for events.
    MCP_EVENT_ACTIVITY_WAITING = 1,
    /// Its own work, between callbacks.
    MCP_EVENT_ACTIVITY_DISPATCHING = 2,
    /// A post.
    MCP_EVENT_ACTIVITY_POST = 3,
    /// A message to an actor.
    MCP_EVENT_ACTIVITY_MESSAGE = 4,
    /// A task: a future of Rust's that is polled.
    MCP_EVENT_ACTIVITY_TASK = 5,
    /// A timer's callback.
    MCP_EVENT_ACTIVITY_TIMER = 6,
    /// A file event's callback; the number is its fd.
    MCP_EVENT_ACTIVITY_FILE_EVENT = 7,
    /// A signal event's callback; the number is the signal's.
    MCP_EVENT_ACTIVITY_SIGNAL = 8,
    /// A schedulable callback.
    MCP_EVENT_ACTIVITY_SCHEDULED = 9,
    /// The destruction of an object that was deferred.
    MCP_EVENT_ACTIVITY_DEFERRED_DELETE = 10,
    /// Destruction: of destroyed handles' data, or of what a shutdown drops.
    MCP_EVENT_ACTIVITY_DESTRUCTOR = 11,
}

/// What a loop is doing at one moment. Set `size` before asking for it.
#[repr(C)]
pub struct mcp_event_doing {
    /// `sizeof(mcp_event_doing)` as the caller knows it.
    pub size: usize,
    /// What kind of work it is.
    pub activity: mcp_event_activity,
    /// The fd or the signal, where the activity has one, else 0.
    pub number: c_int,
    /// The label of the handle or the post, or null. Static.
    pub label: *const c_char,
}

impl mcp_event_doing {
    fn new(size: usize, doing: Doing) -> mcp_event_doing {
        use mcp_event_activity::*;
        let (activity, number) = match doing.activity {
            Activity::NotRunning => (MCP_EVENT_ACTIVITY_NOT_RUNNING, 0),
            Activity::Waiting => (MCP_EVENT_ACTIVITY_WAITING, 0),
            Activity::Dispatching => (MCP_EVENT_ACTIVITY_DISPATCHING, 0),
            Activity::Post => (MCP_EVENT_ACTIVITY_POST, 0),
            Activity::Message => (MCP_EVENT_ACTIVITY_MESSAGE, 0),
            Activity::Task => (MCP_EVENT_ACTIVITY_TASK, 0),
            Activity::Timer => (MCP_EVENT_ACTIVITY_TIMER, 0),
            Activity::FileEvent { fd } => (MCP_EVENT_ACTIVITY_FILE_EVENT, fd),
            Activity::Signal { signal } => (MCP_EVENT_ACTIVITY_SIGNAL, signal),
            Activity::Scheduled => (MCP_EVENT_ACTIVITY_SCHEDULED, 0),
            Activity::DeferredDelete => (MCP_EVENT_ACTIVITY_DEFERRED_DELETE, 0),
            Activity::Destructor => (MCP_EVENT_ACTIVITY_DESTRUCTOR, 0),
        };
        let label = doing.label.map_or(ptr::null(), |label| label.terminated().as_ptr().cast());
        mcp_event_doing { size, activity, number, label }
    }
}

/// Fills in what the loop is doing right now, without stopping it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_doing(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut mcp_event_doing,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_doing>(size, "doing")?;
        // SAFETY: C's promise: a living handle.
        let doing = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.doing();
        // SAFETY: as large as checked.
        unsafe { handle::put(out, mcp_event_doing::new(size, doing)) }
    })
}
