//! Watchdogs for C.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use super::closure::{self, Data};
use super::dispatcher::mcp_event_dispatcher;
use super::status::{guard, mcp_event_status};
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::watchdog::Touch;

/// A watchdog of C's.
pub(crate) struct CWatchdog {
    touch: unsafe extern "C-unwind" fn(*mut c_void),
    data: Data,
}

impl CWatchdog {
    pub(crate) fn new(
        touch: unsafe extern "C-unwind" fn(data: *mut c_void),
        data: *mut c_void,
        drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    ) -> Arc<CWatchdog> {
        Arc::new(CWatchdog { touch, data: Data::new(data, drop) })
    }
}

/// How often it is touched at least; zero: from callbacks alone.
pub(crate) fn touch_interval(microseconds: i64) -> Duration {
    Duration::from_micros(microseconds.max(0) as u64)
}

impl Touch for CWatchdog {
    fn touch(&self) -> Outcome {
        // SAFETY: C's promise for as long as the data is not dropped.
        unsafe { closure::call(self.touch, self.data.data) }
    }
}

/// Has the loop call `touch(data)` before every callback, and every `min_touch_interval_us` (not positive: from
/// callbacks alone). Replaces the one before; a null `touch` only removes it. `drop(data)`, unless null, is
/// called when the dispatcher lets go of it; on failure the data stays the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_register_watchdog(
    dispatcher: *mut mcp_event_dispatcher,
    touch: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    data: *mut c_void,
    drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    min_touch_interval_us: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        match touch {
            Some(touch) => {
                let watchdog = CWatchdog::new(touch, data, drop);
                core.register_watchdog(Some(watchdog), touch_interval(min_touch_interval_us));
            }
            None => core.register_watchdog(None, Duration::ZERO),
        }
        Ok(())
    })
}
