//! What is known of MCP servers at one moment, for C.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::ffi::actor_reason::c_text;
use crate::ffi::dispatcher::text;
use crate::ffi::duration::microseconds;
use crate::ffi::handle;
use crate::ffi::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::server::{ServerInfo, ServerStatus};

/// What a server is doing.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_server_status {
    /// Its process is started, or the handshake is under way.
    MCP_EVENT_SERVER_STARTING = 0,
    /// It is ready for requests.
    MCP_EVENT_SERVER_RUNNING = 1,
    /// It runs, but its health checks fail.
    MCP_EVENT_SERVER_UNHEALTHY = 2,
    /// It was asked to end, and has not ended yet.
    MCP_EVENT_SERVER_STOPPING = 3,
    /// It does not run, and is not meant to.
    MCP_EVENT_SERVER_STOPPED = 4,
    /// It does not run, and is not started again by itself.
    MCP_EVENT_SERVER_FAILED = 5,
    /// It does not run, and is started again after a wait.
    MCP_EVENT_SERVER_BACKOFF = 6,
}

use mcp_event_server_status::{
    MCP_EVENT_SERVER_BACKOFF, MCP_EVENT_SERVER_FAILED, MCP_EVENT_SERVER_RUNNING, MCP_EVENT_SERVER_STARTING,
    MCP_EVENT_SERVER_STOPPED, MCP_EVENT_SERVER_STOPPING, MCP_EVENT_SERVER_UNHEALTHY,
};

impl From<ServerStatus> for mcp_event_server_status {
    fn from(status: ServerStatus) -> mcp_event_server_status {
        match status {
            ServerStatus::Starting => MCP_EVENT_SERVER_STARTING,
            ServerStatus::Running => MCP_EVENT_SERVER_RUNNING,
            ServerStatus::Unhealthy => MCP_EVENT_SERVER_UNHEALTHY,
            ServerStatus::Stopping => MCP_EVENT_SERVER_STOPPING,
            ServerStatus::Stopped => MCP_EVENT_SERVER_STOPPED,
            ServerStatus::Failed => MCP_EVENT_SERVER_FAILED,
            ServerStatus::Backoff => MCP_EVENT_SERVER_BACKOFF,
        }
    }
}

/// What is known of one server. Set `size` before asking for it. The strings live as long as the list, or as the
/// callback that is given it.
#[repr(C)]
pub struct mcp_event_server_info {
    /// `sizeof(mcp_event_server_info)` as the caller knows it.
    pub size: usize,
    /// Its name in the configuration.
    pub name: *const c_char,
    /// What it is doing.
    pub status: mcp_event_server_status,
    /// That in one word, in lower case.
    pub status_name: *const c_char,
    /// Why, in words.
    pub reason: *const c_char,
    /// How long it has been doing so, in microseconds.
    pub status_age_us: i64,
    /// Its process; 0: it has none.
    pub pid: u32,
    /// The sort of server it is, as configured; null: nothing is said.
    pub category: *const c_char,
    /// What it can do, as configured.
    pub labels: *const *const c_char,
    /// How many labels there are.
    pub label_count: usize,
    /// The names of its tools, as it last listed them.
    pub tools: *const *const c_char,
    /// How many tools there are.
    pub tool_count: usize,
    /// Its own name, as it said in the last handshake; this and the following are null before the first one.
    pub peer_name: *const c_char,
    /// Its version.
    pub peer_version: *const c_char,
    /// The revision of the protocol that was agreed on.
    pub protocol_version: *const c_char,
    /// Its capabilities, as a JSON text.
    pub capabilities: *const c_char,
    /// What it says about its use, for a model; also null if it says nothing.
    pub instructions: *const c_char,
    /// How often it was started again, in this life of the manager.
    pub restarts: u64,
    /// How long the last health check took, in microseconds; -1: it did not pass, or there was none.
    pub last_ping_us: i64,
    /// Health checks that failed in a row.
    pub failed_checks: u32,
    /// Requests that wait for their answers.
    pub in_flight: usize,
}

/// A server's information in the form that C reads.
pub(crate) struct Shown {
    info: ServerInfo,
    name: CString,
    status_name: CString,
    reason: CString,
    category: Option<CString>,
    labels: Strings,
    tools: Strings,
    peer: Option<Peer>,
}

struct Peer {
    name: CString,
    version: CString,
    protocol_version: CString,
    capabilities: CString,
    instructions: Option<CString>,
}

/// Strings, and where they are.
struct Strings {
    pointers: Vec<*const c_char>,
    _texts: Vec<CString>,
}

impl Strings {
    fn new(texts: &[String]) -> Strings {
        let texts: Vec<_> = texts.iter().map(|text| c_text(text)).collect();
        Strings { pointers: texts.iter().map(|text| text.as_ptr()).collect(), _texts: texts }
    }
}

fn or_null(text: Option<&CString>) -> *const c_char {
    text.map_or(ptr::null(), |text| text.as_ptr())
}

impl Shown {
    pub(crate) fn new(info: ServerInfo) -> Shown {
        let peer = info.peer.as_ref().map(|peer| Peer {
            name: c_text(&peer.name),
            version: c_text(&peer.version),
            protocol_version: c_text(&peer.protocol_version),
            capabilities: c_text(&peer.capabilities.to_string()),
            instructions: peer.instructions.as_deref().map(c_text),
        });
        Shown {
            name: c_text(&info.name),
            status_name: c_text(info.status.as_str()),
            reason: c_text(&info.reason),
            category: info.category.as_deref().map(c_text),
            labels: Strings::new(&info.labels),
            tools: Strings::new(&info.tools),
            peer,
            info,
        }
    }

    /// What C is shown of it; valid as long as this.
    pub(crate) fn view(&self, size: usize) -> mcp_event_server_info {
        let of_peer = |text: fn(&Peer) -> Option<&CString>| or_null(self.peer.as_ref().and_then(text));
        mcp_event_server_info {
            size,
            name: self.name.as_ptr(),
            status: self.info.status.into(),
            status_name: self.status_name.as_ptr(),
            reason: self.reason.as_ptr(),
            status_age_us: microseconds(self.info.since.elapsed()),
            pid: self.info.pid.unwrap_or(0),
            category: or_null(self.category.as_ref()),
            labels: self.labels.pointers.as_ptr(),
            label_count: self.labels.pointers.len(),
            tools: self.tools.pointers.as_ptr(),
            tool_count: self.tools.pointers.len(),
            peer_name: of_peer(|peer| Some(&peer.name)),
            peer_version: of_peer(|peer| Some(&peer.version)),
            protocol_version: of_peer(|peer| Some(&peer.protocol_version)),
            capabilities: of_peer(|peer| Some(&peer.capabilities)),
            instructions: of_peer(|peer| peer.instructions.as_ref()),
            restarts: self.info.restarts,
            last_ping_us: self.info.last_ping.map_or(-1, microseconds),
            failed_checks: self.info.failed_checks,
            in_flight: self.info.in_flight,
        }
    }
}

/// All servers at one moment, in the order of the configuration.
pub struct mcp_event_server_list {
    servers: Vec<Shown>,
}

impl mcp_event_server_list {
    pub(crate) fn give(servers: Vec<ServerInfo>) -> *mut mcp_event_server_list {
        let servers = servers.into_iter().map(Shown::new).collect();
        let list = Box::into_raw(Box::new(mcp_event_server_list { servers }));
        handle::give(list);
        list
    }

    /// # Safety
    /// `list` is null or a living handle.
    unsafe fn get<'a>(list: *const mcp_event_server_list) -> Result<&'a mcp_event_server_list> {
        handle::check(list, "the list")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*list })
    }
}

/// # Safety
/// `out` is valid, and its size is set.
unsafe fn fill(out: *mut mcp_event_server_info, server: &Shown) -> Result {
    // SAFETY: the caller's promise.
    let size = unsafe { (*out).size };
    check_size::<mcp_event_server_info>(size, "info")?;
    // SAFETY: as large as checked.
    unsafe { out.write(server.view(size)) };
    Ok(())
}

/// How many servers there were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_list_size(
    list: *const mcp_event_server_list,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_server_list::get(list)?.servers.len()) }
    })
}

/// Fills in what was known of server number `index`. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_list_get(
    list: *const mcp_event_server_list,
    index: usize,
    out: *mut mcp_event_server_info,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let servers = &unsafe { mcp_event_server_list::get(list) }?.servers;
        // SAFETY: C's promise: valid, and its size set.
        unsafe { fill(out, handle::nth(servers, index, "server")?) }
    })
}

/// Fills in what was known of the server of this name. `MCP_EVENT_NOT_FOUND` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_list_find(
    list: *const mcp_event_server_list,
    name: *const c_char,
    out: *mut mcp_event_server_info,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let servers = &unsafe { mcp_event_server_list::get(list) }?.servers;
        // SAFETY: C's promise.
        let name = unsafe { text(name, "the name") }?;
        let server = servers.iter().find(|server| server.info.name == name).ok_or_else(|| {
            let text = format!("there is no server named {name:?}");
            Failed::new(mcp_event_status::MCP_EVENT_NOT_FOUND, text)
        })?;
        // SAFETY: C's promise: valid, and its size set.
        unsafe { fill(out, server) }
    })
}

/// Frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_list_destroy(list: *mut mcp_event_server_list) -> mcp_event_status {
    guard(|| {
        handle::take(list, "the list")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(list) });
        Ok(())
    })
}
