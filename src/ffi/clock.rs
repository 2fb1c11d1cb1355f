//! Simulated clocks for C.

use super::handle;
use super::status::{Failed, Result, guard, mcp_event_status};
use crate::dispatcher::SimulatedClock;

/// A clock that stands still until it is moved, for tests. Dispatchers on it keep it alive.
pub struct mcp_event_clock {
    clock: SimulatedClock,
}

impl mcp_event_clock {
    /// # Safety
    /// `clock` is null or a living handle.
    pub(crate) unsafe fn clock<'a>(clock: *const mcp_event_clock) -> Result<&'a SimulatedClock> {
        handle::check(clock, "the clock")?;
        // SAFETY: made by `mcp_event_clock_create`.
        Ok(unsafe { &(*clock).clock })
    }
}

/// Makes a clock; give it to a dispatcher in its options.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_clock_create(out: *mut *mut mcp_event_clock) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let clock = Box::into_raw(Box::new(mcp_event_clock { clock: SimulatedClock::new() }));
        handle::give(clock);
        // SAFETY: checked above.
        unsafe { handle::put(out, clock) }
    })
}

/// Moves time forward and wakes the loops on this clock. From any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_clock_advance_ns(
    clock: *mut mcp_event_clock,
    nanoseconds: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let clock = unsafe { mcp_event_clock::clock(clock) }?;
        let by = u64::try_from(nanoseconds)
            .map_err(|_| Failed::invalid(format!("a clock cannot go back by {nanoseconds} ns")))?;
        clock.advance(std::time::Duration::from_nanos(by));
        Ok(())
    })
}

/// Lets the clock go; dispatchers on it keep it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_clock_destroy(clock: *mut mcp_event_clock) -> mcp_event_status {
    guard(|| {
        handle::take(clock, "the clock")?;
        // SAFETY: made by `mcp_event_clock_create`, and destroyed once.
        drop(unsafe { Box::from_raw(clock) });
        Ok(())
    })
}
