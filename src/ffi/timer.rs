//! Timers for C.

use std::ffi::c_char;

use super::closure::{CClosure, mcp_event_closure};
use super::dispatcher::mcp_event_dispatcher;
use super::handle::{self, cell_handle};
use super::status::{Failed, Result, guard, mcp_event_status};
use crate::dispatcher::cell::{Cell, Owner};
use crate::dispatcher::timer::{self, NEVER, TimerKind};
use crate::dispatcher::{Nanos, PeriodicTimer};

/// A one-shot timer of a dispatcher; it may outlive it. All functions from any thread.
pub struct mcp_event_timer {
    _cell: Cell<TimerKind>,
}

cell_handle!(mcp_event_timer, TimerKind, "the timer");

/// Destroys it: no callback begins after this returns. From any thread, also inside its own callback. From
/// another thread than the loop's it waits for a running callback to return, unless it is called inside a
/// callback; so never hold what the callback waits for. A callback that another thread's call has brought about may
/// destroy it, and its dispatcher, before that call has returned; else nobody is inside a call on it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_timer_destroy(timer: *mut mcp_event_timer) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, not used again.
    guard(|| unsafe { mcp_event_timer::destroy(timer) })
}

/// Microseconds as nanoseconds; negative counts as 0, and the largest value never comes.
pub(crate) fn nanos(microseconds: i64) -> Nanos {
    match u64::try_from(microseconds) {
        Ok(micros) if microseconds != i64::MAX => micros.saturating_mul(1_000),
        Ok(_) => NEVER,
        Err(_) => 0,
    }
}

/// Makes a timer, not armed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_timer_create(
    dispatcher: *mut mcp_event_dispatcher,
    closure: mcp_event_closure,
    out: *mut *mut mcp_event_timer,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let owner: Owner<TimerKind> = timer::new(core, CClosure::plain(closure)?);
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_timer::give(owner)) }
    })
}

/// Arms it to fire once, `microseconds` from now; replaces an earlier deadline. Negative counts as 0, which
/// means the next iteration; INT64_MAX never comes. Never early.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_timer_enable_us(
    timer: *mut mcp_event_timer,
    microseconds: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_timer::cell(timer) }?.enable(nanos(microseconds));
        Ok(())
    })
}

/// Disarms it: no callback begins after this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_timer_disable(timer: *mut mcp_event_timer) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_timer::cell(timer) }?.disable();
        Ok(())
    })
}

/// Whether it is armed; false inside its callback, until it is enabled again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_timer_enabled(
    timer: *const mcp_event_timer,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_timer::cell(timer)?.is_enabled()) }
    })
}

/// Names its callback in reports of what the loop does. A label is 1 to 100 bytes of UTF-8 without control
/// characters, else `MCP_EVENT_INVALID_ARGUMENT`. The process keeps it for ever, so there are to be few: name what
/// is done, not for whom; after 4096 different ones it is `MCP_EVENT_INVALID_STATE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_timer_set_label(
    timer: *mut mcp_event_timer,
    label: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_timer::cell(timer)?.label.set(super::label::label(label)?) };
        Ok(())
    })
}

/// A timer that fires again and again at a fixed rate, without drift; ticks that the loop was too busy for are
/// skipped. All functions from any thread.
pub struct mcp_event_periodic_timer {
    timer: PeriodicTimer,
}

impl mcp_event_periodic_timer {
    /// # Safety
    /// `handle` is null or a living handle.
    unsafe fn timer<'a>(handle: *const mcp_event_periodic_timer) -> Result<&'a PeriodicTimer> {
        handle::check(handle, "the periodic timer")?;
        // SAFETY: made by `mcp_event_periodic_timer_create`.
        Ok(unsafe { &(*handle).timer })
    }
}

/// Makes a periodic timer, not started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_periodic_timer_create(
    dispatcher: *mut mcp_event_dispatcher,
    closure: mcp_event_closure,
    out: *mut *mut mcp_event_periodic_timer,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let timer = PeriodicTimer::with_closure(core, CClosure::plain(closure)?);
        let periodic = Box::into_raw(Box::new(mcp_event_periodic_timer { timer }));
        handle::give(periodic);
        // SAFETY: checked above.
        unsafe { handle::put(out, periodic) }
    })
}

/// Starts it, or starts it anew: first after one interval, then at every multiple of it. An interval that is
/// not positive is `MCP_EVENT_INVALID_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_periodic_timer_enable_us(
    timer: *mut mcp_event_periodic_timer,
    interval_microseconds: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let timer = unsafe { mcp_event_periodic_timer::timer(timer) }?;
        if interval_microseconds <= 0 {
            return Err(Failed::invalid(format!(
                "an interval of {interval_microseconds} us is not positive"
            )));
        }
        timer.enable(std::time::Duration::from_nanos(nanos(interval_microseconds)));
        Ok(())
    })
}

/// Stops it: no callback begins after this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_periodic_timer_disable(
    timer: *mut mcp_event_periodic_timer,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_periodic_timer::timer(timer) }?.disable();
        Ok(())
    })
}

/// Whether it ticks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_periodic_timer_enabled(
    timer: *const mcp_event_periodic_timer,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_periodic_timer::timer(timer)?.is_enabled()) }
    })
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_periodic_timer_set_label(
    timer: *mut mcp_event_periodic_timer,
    label: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_periodic_timer::timer(timer)?.set_label(super::label::label(label)?) };
        Ok(())
    })
}

/// Destroys it, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_periodic_timer_destroy(
    timer: *mut mcp_event_periodic_timer,
) -> mcp_event_status {
    guard(|| {
        handle::take(timer, "the periodic timer")?;
        // SAFETY: made by `mcp_event_periodic_timer_create`, and destroyed once.
        drop(unsafe { Box::from_raw(timer) });
        Ok(())
    })
}
