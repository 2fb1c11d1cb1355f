//! Scaled timers for C.

use std::ffi::{c_char, c_int};
use std::time::Duration;

use super::closure::{CClosure, mcp_event_closure};
use super::dispatcher::mcp_event_dispatcher;
use super::handle::{self, cell_handle};
use super::status::{Failed, Result, guard, mcp_event_status};
use super::timer::nanos;
use crate::dispatcher::cell::Cell;
use crate::dispatcher::scaled::{self, ScaledKind};
use crate::dispatcher::{ScaledTimerMinimum, ScaledTimerRange, ScaledTimerType};

/// How long an HTTP connection may take to decode a request's headers.
pub const MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_DECODE_DURATION: c_int = 0;
/// How long an HTTP connection may be without a stream.
pub const MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_NEW_STREAM: c_int = 1;
/// What the state of an overload action depends on.
pub const MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE: c_int = 2;

fn timer_type(timer_type: c_int) -> Result<ScaledTimerType> {
    match timer_type {
        MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_DECODE_DURATION => {
            Ok(ScaledTimerType::HttpConnectionManagerDecodeDuration)
        }
        MCP_EVENT_SCALED_TIMER_HTTP_CONNECTION_MANAGER_NEW_STREAM => {
            Ok(ScaledTimerType::HttpConnectionManagerNewStream)
        }
        MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE => Ok(ScaledTimerType::OverloadActionState),
        other => Err(Failed::invalid(format!("there is no scaled timer type {other}; there are 0, 1 and 2"))),
    }
}

/// How long a scaled timer waits at least: a time, or a share of its maximum; the other field is 0. Never more than
/// the maximum.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_scaled_timer_minimum {
    /// A time in microseconds; negative counts as 0.
    pub absolute_us: i64,
    /// From 0 to 1; with 1 the timer is not scaled.
    pub share: f64,
}

impl mcp_event_scaled_timer_minimum {
    fn minimum(self) -> Result<ScaledTimerMinimum> {
        if self.share == 0.0 {
            return Ok(ScaledTimerMinimum::absolute(Duration::from_nanos(nanos(self.absolute_us))));
        }
        if self.absolute_us != 0 {
            return Err(Failed::invalid(format!(
                "the minimum is both {} us and a share of {} of the maximum; one of the two must be 0",
                self.absolute_us, self.share
            )));
        }
        Ok(ScaledTimerMinimum::share(self.share)?)
    }
}

/// A timer that fires the earlier the more load there is: between a minimum and the maximum that it is enabled for, at
/// `minimum + (maximum - minimum) * factor`, with the factor of its dispatcher. It may outlive that. All functions
/// from any thread.
pub struct mcp_event_scaled_timer {
    _cell: Cell<ScaledKind>,
}

cell_handle!(mcp_event_scaled_timer, ScaledKind, "the scaled timer");

impl mcp_event_scaled_timer {
    /// # Safety
    /// As the functions below.
    unsafe fn create(
        dispatcher: *mut mcp_event_dispatcher,
        range: ScaledTimerRange,
        closure: mcp_event_closure,
        out: *mut *mut mcp_event_scaled_timer,
    ) -> Result {
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let owner = scaled::new(core, range, CClosure::plain(closure)?);
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, mcp_event_scaled_timer::give(owner)) }
    }
}

/// The range of a timer with the minimum of its type.
pub(crate) fn range_of_type(of: c_int) -> Result<ScaledTimerRange> {
    Ok(timer_type(of)?.into())
}

/// The range of a timer with a minimum of its own.
pub(crate) fn own_range(minimum: mcp_event_scaled_timer_minimum, max_us: i64) -> Result<ScaledTimerRange> {
    Ok(minimum.minimum()?.capped_at(Duration::from_nanos(nanos(max_us))))
}

/// Makes a scaled timer, not armed, whose minimum is that of its type (`MCP_EVENT_SCALED_TIMER_OVERLOAD_ACTION_STATE`
/// and so on) whenever it is enabled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_create(
    dispatcher: *mut mcp_event_dispatcher,
    timer_type: c_int,
    closure: mcp_event_closure,
    out: *mut *mut mcp_event_scaled_timer,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise.
        unsafe { mcp_event_scaled_timer::create(dispatcher, range_of_type(timer_type)?, closure, out) }
    })
}

/// Makes a scaled timer, not armed, with a minimum of its own. What it is enabled for is cut to `max_us`; INT64_MAX
/// cuts nothing, and negative counts as 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_create_with_minimum(
    dispatcher: *mut mcp_event_dispatcher,
    minimum: mcp_event_scaled_timer_minimum,
    max_us: i64,
    closure: mcp_event_closure,
    out: *mut *mut mcp_event_scaled_timer,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise.
        unsafe { mcp_event_scaled_timer::create(dispatcher, own_range(minimum, max_us)?, closure, out) }
    })
}

/// Arms it to fire once, `max_us` microseconds from now at the latest; replaces what it was armed for. Negative counts
/// as 0, which means the next iteration; INT64_MAX never comes, though a factor below 1 may bring it into reach.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_enable_us(
    timer: *mut mcp_event_scaled_timer,
    max_us: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_scaled_timer::cell(timer) }?.enable(nanos(max_us));
        Ok(())
    })
}

/// Disarms it: no callback begins after this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_disable(
    timer: *mut mcp_event_scaled_timer,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_scaled_timer::cell(timer) }?.disable();
        Ok(())
    })
}

/// Whether it is armed; false inside its callback, until it is enabled again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_enabled(
    timer: *const mcp_event_scaled_timer,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_scaled_timer::cell(timer)?.is_enabled()) }
    })
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_set_label(
    timer: *mut mcp_event_scaled_timer,
    label: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_scaled_timer::cell(timer)?.label.set(super::label::label(label)?) };
        Ok(())
    })
}

/// Destroys it, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_scaled_timer_destroy(
    timer: *mut mcp_event_scaled_timer,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, not used again.
    guard(|| unsafe { mcp_event_scaled_timer::destroy(timer) })
}

/// Sets the minimum of the scaled timers of a type, from when they are enabled the next time. At first it is all of
/// the maximum: they are not scaled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_set_scaled_timer_minimum(
    dispatcher: *mut mcp_event_dispatcher,
    timer_type: c_int,
    minimum: mcp_event_scaled_timer_minimum,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let handle = unsafe { mcp_event_dispatcher::handle(dispatcher) }?;
        handle.set_scaled_timer_minimum(self::timer_type(timer_type)?, minimum.minimum()?);
        Ok(())
    })
}

/// Sets how much of the time between their minimum and their maximum the scaled timers wait: all with 1, as at first,
/// nothing with 0. At once, also for those that have waited their minimum already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_set_timer_scale_factor(
    dispatcher: *mut mcp_event_dispatcher,
    factor: f64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let handle = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.clone();
        Ok(handle.set_timer_scale_factor(factor)?)
    })
}

/// The factor that is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_timer_scale_factor(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut f64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_dispatcher::handle(dispatcher)?.timer_scale_factor()) }
    })
}
