//! Signal events for C.

use std::ffi::{c_char, c_int};

use super::closure::{CClosure, mcp_event_closure};
use super::dispatcher::mcp_event_dispatcher;
use super::handle::{self, cell_handle};
use super::status::{guard, mcp_event_status};
use crate::dispatcher::cell::Cell;
use crate::dispatcher::signal::{self, SignalKind};

/// Listens for a signal. With the last listener of the process the signal's former disposition comes back.
pub struct mcp_event_signal_event {
    _cell: Cell<SignalKind>,
}

cell_handle!(mcp_event_signal_event, SignalKind, "the signal event");

/// Destroys it, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_signal_event_destroy(
    event: *mut mcp_event_signal_event,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, not used again.
    guard(|| unsafe { mcp_event_signal_event::destroy(event) })
}

/// Listens for a signal; the closure runs on the loop's thread, at least once after the last delivery.
/// `MCP_EVENT_INVALID_ARGUMENT` for a number that is no signal, cannot be caught, or is a fault of the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_signal_event_create(
    dispatcher: *mut mcp_event_dispatcher,
    signal_number: c_int,
    closure: mcp_event_closure,
    out: *mut *mut mcp_event_signal_event,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let (closure, drop_later) = CClosure::plain(closure)?.defer_drop();
        let owner = signal::new(core, signal_number, closure)?;
        // SAFETY: that is the closure's type, and nobody but us can destroy the event yet.
        unsafe { drop_later.restore(owner.closure_ptr()) };
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_signal_event::give(owner)) }
    })
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_signal_event_set_label(
    event: *mut mcp_event_signal_event,
    label: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_signal_event::cell(event)?.label.set(super::label::label(label)?) };
        Ok(())
    })
}
