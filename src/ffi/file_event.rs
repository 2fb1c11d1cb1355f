//! File events for C.

use std::ffi::{c_char, c_int};

use super::closure::{CClosure, mcp_event_file_closure};
use super::dispatcher::mcp_event_dispatcher;
use super::handle::{self, cell_handle};
use super::status::{Failed, Result, guard, mcp_event_status};
use crate::dispatcher::cell::Cell;
use crate::dispatcher::file_event::{self, FileKind};
use crate::poller::{FileReady, OsFd, Trigger};

/// Data, a connection or an end of file can be read.
pub const MCP_EVENT_READ: u32 = 1;
/// Data can be written, or a connect has ended.
pub const MCP_EVENT_WRITE: u32 = 2;
/// The peer has closed its writing side, or the connection is gone.
pub const MCP_EVENT_CLOSED_BY_PEER: u32 = 4;
/// The file descriptor has an error pending.
pub const MCP_EVENT_ERROR: u32 = 8;

const _: () = {
    assert!(MCP_EVENT_READ == FileReady::READ.bits());
    assert!(MCP_EVENT_WRITE == FileReady::WRITE.bits());
    assert!(MCP_EVENT_CLOSED_BY_PEER == FileReady::CLOSED.bits());
    assert!(MCP_EVENT_ERROR == FileReady::ERROR.bits());
};

/// Delivers once an iteration while the readiness lasts.
pub const MCP_EVENT_TRIGGER_LEVEL: c_int = 0;
/// Delivers once for each transition; readiness at creation and at each set_enabled counts as one.
pub const MCP_EVENT_TRIGGER_EDGE: c_int = 1;
/// As level, but what was delivered is not watched again until it is registered again.
pub const MCP_EVENT_TRIGGER_EMULATED_EDGE: c_int = 2;

/// The system's name for what can be watched: a file descriptor, on Windows a `SOCKET`.
#[cfg(not(windows))]
pub type mcp_event_os_fd = c_int;
/// The system's name for what can be watched: a file descriptor, on Windows a `SOCKET`.
#[cfg(windows)]
pub type mcp_event_os_fd = usize;

/// Watches a file descriptor, which stays the caller's. Destroy or disable it before closing the fd. It may
/// outlive its dispatcher. All functions from any thread.
pub struct mcp_event_file_event {
    _cell: Cell<FileKind>,
}

cell_handle!(mcp_event_file_event, FileKind, "the file event");

/// Destroys it, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_destroy(event: *mut mcp_event_file_event) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, not used again.
    guard(|| unsafe { mcp_event_file_event::destroy(event) })
}

pub(crate) fn trigger(trigger: c_int) -> Result<Trigger> {
    match trigger {
        MCP_EVENT_TRIGGER_LEVEL => Ok(Trigger::Level),
        MCP_EVENT_TRIGGER_EDGE => Ok(Trigger::Edge),
        MCP_EVENT_TRIGGER_EMULATED_EDGE => Ok(Trigger::EmulatedEdge),
        other => Err(Failed::invalid(format!("there is no trigger {other}; there are 0, 1 and 2"))),
    }
}

/// Watches `fd` for `events`, a set of `MCP_EVENT_READ` and so on. `MCP_EVENT_OS_ERROR` when it cannot be
/// watched: it is closed (EBADF), a regular file (EPERM), ...
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_create(
    dispatcher: *mut mcp_event_dispatcher,
    fd: mcp_event_os_fd,
    trigger_type: c_int,
    events: u32,
    closure: mcp_event_file_closure,
    out: *mut *mut mcp_event_file_event,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let (closure, drop_later) = CClosure::file(closure)?.defer_drop();
        let owner = file_event::new(core, fd as OsFd, trigger(trigger_type)?, events, closure)?;
        // SAFETY: that is the closure's type, and nobody but us can destroy the event yet.
        unsafe { drop_later.restore(owner.closure_ptr()) };
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_file_event::give(owner)) }
    })
}

/// Watches `events` from now on; 0: nothing is delivered, hang-ups and errors included. Drops activations that
/// were not delivered yet. On an edge event, readiness that exists is delivered again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_set_enabled(
    event: *mut mcp_event_file_event,
    events: u32,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_file_event::cell(event) }?.set_enabled(events)?))
}

/// Delivers `events` in the next iteration, whether or not they are ready or enabled, merged with what is. 0
/// and unknown bits are `MCP_EVENT_INVALID_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_activate(
    event: *mut mcp_event_file_event,
    events: u32,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_file_event::cell(event) }?.activate(events)?))
}

/// Stops watching `events` if the trigger is emulated edge; else does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_unregister_if_emulated_edge(
    event: *mut mcp_event_file_event,
    events: u32,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_file_event::cell(event) }?.unregister_if_emulated_edge(events)?))
}

/// Watches `events` again if the trigger is emulated edge; else does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_register_if_emulated_edge(
    event: *mut mcp_event_file_event,
    events: u32,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_file_event::cell(event) }?.register_if_emulated_edge(events)?))
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_file_event_set_label(
    event: *mut mcp_event_file_event,
    label: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_file_event::cell(event)?.label.set(super::label::label(label)?) };
        Ok(())
    })
}
