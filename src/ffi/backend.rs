//! Which backends there are, for C.

use std::ffi::c_char;

use super::dispatcher::text;
use super::handle;
use super::status::{guard, mcp_event_status};
use crate::error::Error;
use crate::poller;

/// The name of the poller that a dispatcher made now, with none named, would run on. Static.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_default_backend(out: *mut *const c_char) -> mcp_event_status {
    guard(|| {
        let poller = poller::create_default()?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, poller.name().as_ptr()) }
    })
}

/// The name of one of the backends that this version knows, whether it can be used here or not; counted from 0, and
/// `MCP_EVENT_OUT_OF_RANGE` after the last. Static.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_backend_name(index: usize, out: *mut *const c_char) -> mcp_event_status {
    guard(|| {
        let known = poller::NAMES.len();
        let name = poller::NAMES
            .get(index)
            .ok_or_else(|| Error::OutOfRange(format!("there is no backend {index}: there are {known}")))?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, name.as_ptr()) }
    })
}

/// `MCP_EVENT_OK` if a dispatcher can run on the poller of that name; `MCP_EVENT_UNAVAILABLE` if it is not built in or
/// does not work here, and `mcp_event_last_error()` says why; `MCP_EVENT_INVALID_ARGUMENT` if nobody knows it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_backend_check(name: *const c_char) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise.
        poller::create(unsafe { text(name, "the name") }?)?;
        Ok(())
    })
}
