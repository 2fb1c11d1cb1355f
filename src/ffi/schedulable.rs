//! Schedulable callbacks for C.

use std::ffi::c_char;

use super::closure::{CClosure, mcp_event_closure};
use super::dispatcher::mcp_event_dispatcher;
use super::handle::{self, cell_handle};
use super::status::{guard, mcp_event_status};
use crate::dispatcher::cell::Cell;
use crate::dispatcher::schedulable::{self, SchedulableKind};

/// A callback that runs at the tail of this iteration, or in the next one. It may outlive its dispatcher.
/// All functions from any thread.
pub struct mcp_event_schedulable {
    _cell: Cell<SchedulableKind>,
}

cell_handle!(mcp_event_schedulable, SchedulableKind, "the schedulable callback");

/// Destroys it, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_destroy(
    callback: *mut mcp_event_schedulable,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, not used again.
    guard(|| unsafe { mcp_event_schedulable::destroy(callback) })
}

/// Makes a callback, not scheduled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_create(
    dispatcher: *mut mcp_event_dispatcher,
    closure: mcp_event_closure,
    out: *mut *mut mcp_event_schedulable,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let owner = schedulable::new(core, CClosure::plain(closure)?);
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_schedulable::give(owner)) }
    })
}

/// Runs it at the tail of this iteration, after the posts; never inside this call. The first schedule wins.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_schedule_current_iteration(
    callback: *mut mcp_event_schedulable,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_schedulable::cell(callback) }?.schedule_current();
        Ok(())
    })
}

/// Runs it in the next iteration, after a poll. The first schedule wins.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_schedule_next_iteration(
    callback: *mut mcp_event_schedulable,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_schedulable::cell(callback) }?.schedule_next();
        Ok(())
    })
}

/// Takes the schedule back: no callback begins after this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_cancel(
    callback: *mut mcp_event_schedulable,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_schedulable::cell(callback) }?.cancel();
        Ok(())
    })
}

/// Whether it is scheduled; false from just before it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_enabled(
    callback: *const mcp_event_schedulable,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_schedulable::cell(callback)?.is_enabled()) }
    })
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_schedulable_set_label(
    callback: *mut mcp_event_schedulable,
    label: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_schedulable::cell(callback)?.label.set(super::label::label(label)?) };
        Ok(())
    })
}
