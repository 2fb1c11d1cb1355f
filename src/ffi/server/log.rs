//! What MCP servers wrote to their stderr, for C.

use std::ffi::{CString, c_char};

use crate::ffi::actor_reason::c_text;
use crate::ffi::handle;
use crate::ffi::status::{Result, guard, mcp_event_status};
use crate::server::LogLine;

/// Lines of a server's log, the oldest first.
pub struct mcp_event_server_log {
    lines: Vec<(u64, CString)>,
}

impl mcp_event_server_log {
    pub(crate) fn give(lines: Vec<LogLine>) -> *mut mcp_event_server_log {
        let lines = lines.iter().map(|line| (line.number, c_text(&line.text))).collect();
        let log = Box::into_raw(Box::new(mcp_event_server_log { lines }));
        handle::give(log);
        log
    }

    /// # Safety
    /// `log` is null or a living handle.
    unsafe fn get<'a>(log: *const mcp_event_server_log) -> Result<&'a mcp_event_server_log> {
        handle::check(log, "the log")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*log })
    }
}

/// How many lines there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_log_size(
    log: *const mcp_event_server_log,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_server_log::get(log)?.lines.len()) }
    })
}

/// A line: its number, counted from 1 over all that the server ever wrote, and its text, which lives as long as the
/// log. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_log_get(
    log: *const mcp_event_server_log,
    index: usize,
    out_number: *mut u64,
    out_text: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out_number)?;
        handle::check_out(out_text)?;
        // SAFETY: C's promise: a living handle.
        let lines = &unsafe { mcp_event_server_log::get(log) }?.lines;
        let (number, text) = handle::nth(lines, index, "line")?;
        // SAFETY: checked above.
        unsafe {
            handle::put(out_number, *number)?;
            handle::put(out_text, text.as_ptr())
        }
    })
}

/// Frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_log_destroy(log: *mut mcp_event_server_log) -> mcp_event_status {
    guard(|| {
        handle::take(log, "the log")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(log) });
        Ok(())
    })
}
