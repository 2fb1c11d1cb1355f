//! The tree of actors at one moment, for C.

use std::ffi::{CString, c_char};

use super::actor_reason::c_text;
use super::handle;
use super::status::{Result, check_size, guard, mcp_event_status};
use crate::actor::{ActorInfo, ActorState, Tree};

/// What an actor is doing.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_actor_state {
    /// It has not run its `started` callback yet.
    MCP_EVENT_ACTOR_STARTING = 0,
    /// It handles messages.
    MCP_EVENT_ACTOR_RUNNING = 1,
    /// It handles the messages that are left, and takes no others.
    MCP_EVENT_ACTOR_DRAINING = 2,
    /// Its callbacks and its children end.
    MCP_EVENT_ACTOR_STOPPING = 3,
    /// It failed, and waits to be restarted.
    MCP_EVENT_ACTOR_RESTARTING = 4,
    /// It ended for good.
    MCP_EVENT_ACTOR_STOPPED = 5,
}

impl From<ActorState> for mcp_event_actor_state {
    fn from(state: ActorState) -> mcp_event_actor_state {
        match state {
            ActorState::Starting => mcp_event_actor_state::MCP_EVENT_ACTOR_STARTING,
            ActorState::Running => mcp_event_actor_state::MCP_EVENT_ACTOR_RUNNING,
            ActorState::Draining => mcp_event_actor_state::MCP_EVENT_ACTOR_DRAINING,
            ActorState::Stopping => mcp_event_actor_state::MCP_EVENT_ACTOR_STOPPING,
            ActorState::Restarting => mcp_event_actor_state::MCP_EVENT_ACTOR_RESTARTING,
            ActorState::Stopped => mcp_event_actor_state::MCP_EVENT_ACTOR_STOPPED,
        }
    }
}

/// What is known of one actor. Set `size` before asking for it. Its strings live as long as the tree.
#[repr(C)]
pub struct mcp_event_actor_info {
    /// `sizeof(mcp_event_actor_info)` as the caller knows it.
    pub size: usize,
    /// Its id.
    pub id: u64,
    /// The id of its parent; 0: it has none.
    pub parent: u64,
    /// How many actors are above it.
    pub depth: usize,
    /// Its name; null if it has none.
    pub name: *const c_char,
    /// What it is doing.
    pub state: mcp_event_actor_state,
    /// The name of the dispatcher that it lives on.
    pub dispatcher: *const c_char,
    /// Messages that wait.
    pub queued: u64,
    /// Messages handled, in all its lives.
    pub handled: u64,
    /// How often it was restarted.
    pub restarts: u32,
}

/// All actors of a system at one moment.
pub struct mcp_event_actor_tree {
    entries: Vec<Entry>,
    text: CString,
}

struct Entry {
    info: ActorInfo,
    parent: u64,
    depth: usize,
    name: Option<CString>,
    dispatcher: CString,
}

impl mcp_event_actor_tree {
    pub(crate) fn give(tree: Tree) -> *mut mcp_event_actor_tree {
        let text = c_text(&tree.to_string());
        let mut entries = Vec::new();
        let mut left: Vec<_> = tree.actors.into_iter().rev().map(|info| (info, 0, 0)).collect();
        while let Some((mut info, parent, depth)) = left.pop() {
            let children = std::mem::take(&mut info.children);
            left.extend(children.into_iter().rev().map(|child| (child, info.id.get(), depth + 1)));
            let name = info.name.as_deref().map(c_text);
            let dispatcher = c_text(&info.dispatcher);
            entries.push(Entry { info, parent, depth, name, dispatcher });
        }
        let tree = Box::into_raw(Box::new(mcp_event_actor_tree { entries, text }));
        handle::give(tree);
        tree
    }

    /// # Safety
    /// `tree` is null or a living handle.
    unsafe fn get<'a>(tree: *const mcp_event_actor_tree) -> Result<&'a mcp_event_actor_tree> {
        handle::check(tree, "the tree")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*tree })
    }
}

/// How many actors there were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_tree_size(
    tree: *const mcp_event_actor_tree,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_actor_tree::get(tree)?.entries.len()) }
    })
}

/// Fills in what was known of actor number `index`: parents come before their children, those before the
/// parent's next sibling. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_tree_get(
    tree: *const mcp_event_actor_tree,
    index: usize,
    out: *mut mcp_event_actor_info,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_actor_info>(size, "info")?;
        // SAFETY: C's promise: a living handle.
        let entries = &unsafe { mcp_event_actor_tree::get(tree) }?.entries;
        let Entry { info, parent, depth, name, dispatcher } = handle::nth(entries, index, "actor")?;
        // SAFETY: as large as checked.
        unsafe {
            out.write(mcp_event_actor_info {
                size,
                id: info.id.get(),
                parent: *parent,
                depth: *depth,
                name: name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr()),
                state: info.state.into(),
                dispatcher: dispatcher.as_ptr(),
                queued: info.queued,
                handled: info.handled,
                restarts: info.restarts,
            });
        }
        Ok(())
    })
}

/// The tree as a table for people to read, children indented under their parents. It lives as long as the tree.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_tree_text(
    tree: *const mcp_event_actor_tree,
    out: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_actor_tree::get(tree)?.text.as_ptr()) }
    })
}

/// Frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_tree_destroy(tree: *mut mcp_event_actor_tree) -> mcp_event_status {
    guard(|| {
        handle::take(tree, "the tree")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(tree) });
        Ok(())
    })
}
