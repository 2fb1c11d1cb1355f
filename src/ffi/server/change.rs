//! What a new configuration of MCP servers changed, for C.

use std::ffi::{CString, c_char};

use crate::ffi::actor_reason::c_text;
use crate::ffi::handle;
use crate::ffi::status::{Result, guard, mcp_event_status};
use crate::server::Change;

/// What a new configuration means for a server.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_server_change_kind {
    /// It is new.
    MCP_EVENT_SERVER_ADDED = 0,
    /// It is not there any more, and is stopped.
    MCP_EVENT_SERVER_REMOVED = 1,
    /// It is reached in another way, or disabled or enabled: it is stopped, and started anew.
    MCP_EVENT_SERVER_CHANGED = 2,
    /// It is reached as before, with other settings; its process stays.
    MCP_EVENT_SERVER_RELABELLED = 3,
    /// Nothing changes.
    MCP_EVENT_SERVER_UNCHANGED = 4,
}

use mcp_event_server_change_kind::{
    MCP_EVENT_SERVER_ADDED, MCP_EVENT_SERVER_CHANGED, MCP_EVENT_SERVER_RELABELLED, MCP_EVENT_SERVER_REMOVED,
    MCP_EVENT_SERVER_UNCHANGED,
};

/// What a new configuration changed: each server, old or new, and what the change means for it.
pub struct mcp_event_server_change {
    servers: Vec<(mcp_event_server_change_kind, CString)>,
}

impl mcp_event_server_change {
    pub(crate) fn give(change: Change) -> *mut mcp_event_server_change {
        let lists = [
            (MCP_EVENT_SERVER_ADDED, change.added),
            (MCP_EVENT_SERVER_REMOVED, change.removed),
            (MCP_EVENT_SERVER_CHANGED, change.changed),
            (MCP_EVENT_SERVER_RELABELLED, change.relabelled),
            (MCP_EVENT_SERVER_UNCHANGED, change.unchanged),
        ];
        let servers = lists
            .into_iter()
            .flat_map(|(kind, names)| names.into_iter().map(move |name| (kind, c_text(&name))));
        let change = Box::into_raw(Box::new(mcp_event_server_change { servers: servers.collect() }));
        handle::give(change);
        change
    }

    /// # Safety
    /// `change` is null or a living handle.
    unsafe fn get<'a>(change: *const mcp_event_server_change) -> Result<&'a mcp_event_server_change> {
        handle::check(change, "the change")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*change })
    }
}

/// How many servers there are in it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_change_size(
    change: *const mcp_event_server_change,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_server_change::get(change)?.servers.len()) }
    })
}

/// A server: what the change means for it, and its name, which lives as long as the change. Those of one kind stand
/// together, in the order of the kinds. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_change_get(
    change: *const mcp_event_server_change,
    index: usize,
    out_kind: *mut mcp_event_server_change_kind,
    out_name: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out_kind)?;
        handle::check_out(out_name)?;
        // SAFETY: C's promise: a living handle.
        let servers = &unsafe { mcp_event_server_change::get(change) }?.servers;
        let (kind, name) = handle::nth(servers, index, "server")?;
        // SAFETY: checked above.
        unsafe {
            handle::put(out_kind, *kind)?;
            handle::put(out_name, name.as_ptr())
        }
    })
}

/// Frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_change_destroy(
    change: *mut mcp_event_server_change,
) -> mcp_event_status {
    guard(|| {
        handle::take(change, "the change")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(change) });
        Ok(())
    })
}
