//! Why actors end, and what others are told of it, for C.

use std::ffi::{CString, c_char};

use crate::actor::{Event, Named, Reason, Signal};

/// Why an actor, or one life of it, ended.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_actor_reason_kind {
    /// It stopped itself.
    MCP_EVENT_REASON_NORMAL = 0,
    /// Somebody asked it to stop.
    MCP_EVENT_REASON_STOPPED = 1,
    /// A callback of it failed, or threw.
    MCP_EVENT_REASON_ERROR = 2,
    /// The library panicked inside it.
    MCP_EVENT_REASON_PANIC = 3,
    /// An actor that it was linked to failed.
    MCP_EVENT_REASON_LINKED = 4,
    /// Its children failed more often than its supervision allows.
    MCP_EVENT_REASON_TOO_MANY_RESTARTS = 5,
    /// It did not stop within its time limit.
    MCP_EVENT_REASON_CUT_OFF = 6,
    /// It had ended before it was watched.
    MCP_EVENT_REASON_GONE = 7,
    /// Its loop was shut down, so it cannot do anything any more.
    MCP_EVENT_REASON_LOOP_GONE = 8,
}

use mcp_event_actor_reason_kind::{
    MCP_EVENT_REASON_CUT_OFF, MCP_EVENT_REASON_ERROR, MCP_EVENT_REASON_GONE, MCP_EVENT_REASON_LINKED,
    MCP_EVENT_REASON_LOOP_GONE, MCP_EVENT_REASON_NORMAL, MCP_EVENT_REASON_PANIC, MCP_EVENT_REASON_STOPPED,
    MCP_EVENT_REASON_TOO_MANY_RESTARTS,
};

/// Why an actor ended. It, and its text, live as long as the callback that is given it.
#[repr(C)]
pub struct mcp_event_actor_reason {
    /// In short.
    pub kind: mcp_event_actor_reason_kind,
    /// Whether it is a failure, and not a stop that somebody wanted.
    pub is_failure: bool,
    /// In words.
    pub text: *const c_char,
}

/// What an actor is told of another one.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_actor_signal_kind {
    /// An actor that it monitors ended. It is told once.
    MCP_EVENT_SIGNAL_DOWN = 0,
    /// An actor that it is linked to failed. The link is gone.
    MCP_EVENT_SIGNAL_LINK_FAILED = 1,
}

use mcp_event_actor_signal_kind::{MCP_EVENT_SIGNAL_DOWN, MCP_EVENT_SIGNAL_LINK_FAILED};

/// What an actor is told of another one. It lives as long as the callback that is given it.
#[repr(C)]
pub struct mcp_event_actor_signal {
    /// What it is.
    pub kind: mcp_event_actor_signal_kind,
    /// The id of the other actor.
    pub actor: u64,
    /// How that ended.
    pub reason: *const mcp_event_actor_reason,
    /// Whether that is restarted.
    pub restarts: bool,
}

/// What happened to an actor that somebody should know of.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_actor_event_kind {
    /// A life of it ended: it failed, or it is permanent and stopped itself.
    MCP_EVENT_ACTOR_FAILED = 0,
    /// It failed more often than it may, and is not restarted.
    MCP_EVENT_ACTOR_GIVEN_UP = 1,
    /// It did not stop within its time limit, and is waited for no longer.
    MCP_EVENT_ACTOR_CUT_OFF = 2,
    /// A message came that nobody will handle; it is dropped.
    MCP_EVENT_DEAD_LETTER = 3,
}

use mcp_event_actor_event_kind::{
    MCP_EVENT_ACTOR_CUT_OFF, MCP_EVENT_ACTOR_FAILED, MCP_EVENT_ACTOR_GIVEN_UP, MCP_EVENT_DEAD_LETTER,
};

/// What happened to an actor. It, and its text, live as long as the callback that is given it.
#[repr(C)]
pub struct mcp_event_actor_event {
    /// What it is.
    pub kind: mcp_event_actor_event_kind,
    /// The id of the actor.
    pub actor: u64,
    /// Its name; null if it has none.
    pub name: *const c_char,
    /// How it failed; null for other events.
    pub reason: *const mcp_event_actor_reason,
    /// Whether it is restarted.
    pub restarts: bool,
}

/// A text for C. What C cannot hold is shown as '?'.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}

/// Shows a reason to C for the time of `call`.
pub(crate) fn show_reason<R>(reason: &Reason, call: impl FnOnce(*const mcp_event_actor_reason) -> R) -> R {
    let text = c_text(&reason.to_string());
    let kind = match reason {
        Reason::Normal => MCP_EVENT_REASON_NORMAL,
        Reason::Stopped => MCP_EVENT_REASON_STOPPED,
        Reason::Error(_) => MCP_EVENT_REASON_ERROR,
        Reason::Panic(_) => MCP_EVENT_REASON_PANIC,
        Reason::Linked { .. } => MCP_EVENT_REASON_LINKED,
        Reason::TooManyRestarts(_) => MCP_EVENT_REASON_TOO_MANY_RESTARTS,
        Reason::CutOff(_) => MCP_EVENT_REASON_CUT_OFF,
        Reason::Gone => MCP_EVENT_REASON_GONE,
        Reason::LoopGone => MCP_EVENT_REASON_LOOP_GONE,
    };
    call(&mcp_event_actor_reason { kind, is_failure: reason.is_failure(), text: text.as_ptr() })
}

/// Shows a signal likewise.
pub(crate) fn show_signal<R>(signal: &Signal, call: impl FnOnce(*const mcp_event_actor_signal) -> R) -> R {
    let (kind, actor, reason, restarts) = match signal {
        Signal::Down { actor, reason, restarts } => (MCP_EVENT_SIGNAL_DOWN, actor, reason, *restarts),
        Signal::LinkFailed { actor, reason } => (MCP_EVENT_SIGNAL_LINK_FAILED, actor, reason, false),
    };
    show_reason(reason, |reason| call(&mcp_event_actor_signal { kind, actor: actor.get(), reason, restarts }))
}

/// Shows an event likewise.
pub(crate) fn show_event<R>(event: &Event<'_>, call: impl FnOnce(*const mcp_event_actor_event) -> R) -> R {
    let show = |kind, actor: &dyn Named, reason, restarts| {
        let name = actor.name().map(c_text);
        let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
        call(&mcp_event_actor_event { kind, actor: actor.id().get(), name, reason, restarts })
    };
    match event {
        Event::Failed { actor, reason, restarts } => {
            show_reason(reason, |reason| show(MCP_EVENT_ACTOR_FAILED, *actor, reason, *restarts))
        }
        Event::GivenUp { actor, reason } => {
            show_reason(reason, |reason| show(MCP_EVENT_ACTOR_GIVEN_UP, *actor, reason, false))
        }
        Event::CutOff { actor } => show(MCP_EVENT_ACTOR_CUT_OFF, *actor, std::ptr::null(), false),
        Event::DeadLetter { actor } => show(MCP_EVENT_DEAD_LETTER, *actor, std::ptr::null(), false),
    }
}
