//! A guard dog's figures for C.

use super::dispatcher::mcp_event_dispatcher;
use super::duration::microseconds;
use super::guard_dog::{mcp_event_guard_dog, not_watched};
use super::handle;
use super::status::{check_size, guard, mcp_event_status};

/// A guard dog's figures at one moment, of all that it has watched. Set `size` before asking for them.
#[repr(C)]
pub struct mcp_event_guard_dog_figures {
    /// `sizeof(mcp_event_guard_dog_figures)` as the caller knows it.
    pub size: usize,
    /// How often it looked at all that it watches.
    pub scans: u64,
    /// How often a thread stood still for longer than the threshold of a miss.
    pub misses: u64,
    /// How often for longer than that of a megamiss.
    pub megamisses: u64,
    /// How often for longer than that of a kill.
    pub kills: u64,
    /// How often so many stood still at a time that it was a multikill.
    pub multikills: u64,
    /// How often a thread got on that a report had told of.
    pub recoveries: u64,
    /// Events that nobody was told of, because an action took too long.
    pub dropped_events: u64,
    /// Actions that threw.
    pub failed_actions: u64,
    /// How many are watched now.
    pub watched: usize,
}

/// The figures of one dispatcher, over the time that it has been watched. Set `size` before asking for them.
#[repr(C)]
pub struct mcp_event_watched_figures {
    /// `sizeof(mcp_event_watched_figures)` as the caller knows it.
    pub size: usize,
    /// How often it stood still for longer than the threshold of a miss.
    pub misses: u64,
    /// How often for longer than that of a megamiss.
    pub megamisses: u64,
    /// For how long it has stood still, in microseconds, if a report has told of it since it last got on; else -1.
    pub stuck_us: i64,
}

/// Fills in the figures so far.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_get_figures(
    dog: *const mcp_event_guard_dog,
    out: *mut mcp_event_guard_dog_figures,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_guard_dog_figures>(size, "figures")?;
        // SAFETY: C's promise: a living handle.
        let figures = unsafe { mcp_event_guard_dog::get(dog) }?.figures();
        let figures = mcp_event_guard_dog_figures {
            size,
            scans: figures.scans,
            misses: figures.misses,
            megamisses: figures.megamisses,
            kills: figures.kills,
            multikills: figures.multikills,
            recoveries: figures.recoveries,
            dropped_events: figures.dropped_events,
            failed_actions: figures.failed_actions,
            watched: figures.threads.len(),
        };
        // SAFETY: as large as checked.
        unsafe { handle::put(out, figures) }
    })
}

/// Fills in the figures of one dispatcher; `MCP_EVENT_NOT_FOUND` if it is not watched.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_get_watched_figures(
    dog: *const mcp_event_guard_dog,
    dispatcher: *const mcp_event_dispatcher,
    out: *mut mcp_event_watched_figures,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_watched_figures>(size, "figures")?;
        // SAFETY: C's promise: living handles.
        let (dog, dispatcher) =
            unsafe { (mcp_event_guard_dog::get(dog)?, mcp_event_dispatcher::handle(dispatcher)?) };
        let figures = dog.figures_of(dispatcher).ok_or_else(|| not_watched(dispatcher.name()))?;
        let figures = mcp_event_watched_figures {
            size,
            misses: figures.misses,
            megamisses: figures.megamisses,
            stuck_us: figures.stuck_for.map_or(-1, microseconds),
        };
        // SAFETY: as large as checked.
        unsafe { handle::put(out, figures) }
    })
}
