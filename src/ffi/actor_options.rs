//! What an actor is to be, as C says it: name, mailbox, place, and the conditions of its restarts.

use std::ffi::{CStr, c_char, c_int};
use std::time::Duration;

use super::dispatcher::text;
use super::duration::limit;
use super::status::{Failed, Result, check_size};
use crate::actor::{Actor, Backoff, Placement, Restart, Spec, Strategy, Supervision};

/// Restarted when it fails if it has a `create` function, else never.
pub const MCP_EVENT_RESTART_DEFAULT: c_int = 0;
/// Restarted always, also when it stopped itself; but not when somebody else stopped it.
pub const MCP_EVENT_RESTART_PERMANENT: c_int = 1;
/// Restarted when it failed.
pub const MCP_EVENT_RESTART_TRANSIENT: c_int = 2;
/// Never restarted.
pub const MCP_EVENT_RESTART_TEMPORARY: c_int = 3;

/// When a child fails, that one alone is restarted.
pub const MCP_EVENT_ONE_FOR_ONE: c_int = 0;
/// When a child fails, all are stopped and restarted, in their order.
pub const MCP_EVENT_ONE_FOR_ALL: c_int = 1;
/// When a child fails, that one, and those that were started after it, are stopped and restarted.
pub const MCP_EVENT_REST_FOR_ONE: c_int = 2;

/// On the next worker, round robin.
pub const MCP_EVENT_PLACE_NEXT: c_int = 0;
/// On the worker of the parent; without a parent, on the next one.
pub const MCP_EVENT_PLACE_WITH_PARENT: c_int = 1;
/// On the worker of the number in `worker`, counted from 0.
pub const MCP_EVENT_PLACE_ON_WORKER: c_int = 2;

/// As `max_restarts`: as often as it takes.
pub const MCP_EVENT_UNLIMITED_RESTARTS: u32 = u32::MAX;

/// How often actors may be restarted: up to `max_restarts` times within `window_us`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_intensity {
    /// Microseconds; 0 means the default, unless `max_restarts` is `MCP_EVENT_UNLIMITED_RESTARTS`.
    pub window_us: i64,
    /// Or `MCP_EVENT_UNLIMITED_RESTARTS`, in any time.
    pub max_restarts: u32,
}

/// How long to wait before an actor is restarted: longer with each failure that follows closely.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_backoff {
    /// Before the first restart, in microseconds; 0 means the default, whatever the other fields are.
    pub initial_us: i64,
    /// The longest wait; 0: thirty seconds.
    pub max_us: i64,
    /// What each further wait is multiplied by; 0: 2.
    pub factor: f64,
    /// The share of a wait, up to 1, that is random, so that many that failed together do not come back together.
    pub jitter: f64,
    /// An actor that lived so long is at the first wait again; 0: `max_us`.
    pub reset_after_us: i64,
}

/// How an actor looks after its children.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_supervision {
    /// `MCP_EVENT_ONE_FOR_ONE` and so on.
    pub strategy: c_int,
    /// Of all children together; by default three restarts within five seconds. One more, and the actor itself
    /// fails.
    pub intensity: mcp_event_intensity,
    /// For children that have none of their own; by default they do not wait.
    pub backoff: mcp_event_backoff,
}

/// Settings of an actor. Zero it, then set `size` to `sizeof(mcp_event_actor_options)`: fields that a later
/// version adds then keep their defaults.
#[repr(C)]
pub struct mcp_event_actor_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// A name to find it by, unique in the system; null: none.
    pub name: *const c_char,
    /// What its messages are called; who finds it must ask for the same. Null: nothing.
    pub message_type: *const c_char,
    /// Refuse messages while this many wait; 0: never.
    pub mailbox_bound: u32,
    /// `MCP_EVENT_RESTART_PERMANENT` and so on. An actor without a `create` function has one life, whatever this
    /// says.
    pub restart: c_int,
    /// Before it is restarted; by default its parent's says.
    pub backoff: mcp_event_backoff,
    /// Of its own restarts: one more, and it is given up. By default they count with its siblings'.
    pub intensity: mcp_event_intensity,
    /// How long it may take to stop, its children included, before it is cut off, in microseconds; 0: five
    /// seconds.
    pub stop_limit_us: i64,
    /// `MCP_EVENT_PLACE_NEXT` and so on.
    pub placement: c_int,
    /// For `MCP_EVENT_PLACE_ON_WORKER`.
    pub worker: usize,
    /// How it looks after its children.
    pub supervision: mcp_event_supervision,
    /// When it fails, drop what waits in its mailbox, instead of keeping it for the next life.
    pub discard_mail_on_failure: bool,
}

impl mcp_event_backoff {
    /// None: the default.
    pub(crate) fn backoff(&self) -> Result<Option<Backoff>> {
        let Some(initial) = limit(self.initial_us, "backoff.initial_us")? else { return Ok(None) };
        let max = limit(self.max_us, "backoff.max_us")?.unwrap_or(Duration::from_secs(30));
        let reset_after = limit(self.reset_after_us, "backoff.reset_after_us")?.unwrap_or(max);
        let factor = if self.factor == 0.0 { 2.0 } else { self.factor };
        if !(factor.is_finite() && factor >= 1.0) {
            return Err(Failed::invalid(format!("backoff.factor is {factor}; it must be 1 or more")));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(Failed::invalid(format!("backoff.jitter is {}; it must be 0 to 1", self.jitter)));
        }
        Ok(Some(Backoff { initial, max, factor, jitter: self.jitter, reset_after }))
    }
}

impl mcp_event_intensity {
    /// The number of restarts (none: any) and the window. None: the default.
    fn intensity(&self) -> Result<Option<(Option<u32>, Duration)>> {
        let window = limit(self.window_us, "intensity.window_us")?;
        if self.max_restarts == MCP_EVENT_UNLIMITED_RESTARTS {
            return Ok(Some((None, Duration::MAX)));
        }
        Ok(window.map(|window| (Some(self.max_restarts), window)))
    }
}

/// The supervision that these say.
pub(crate) fn supervision(
    strategy: c_int,
    intensity: &mcp_event_intensity,
    backoff: &mcp_event_backoff,
) -> Result<Supervision> {
    let strategy = match strategy {
        MCP_EVENT_ONE_FOR_ONE => Strategy::OneForOne,
        MCP_EVENT_ONE_FOR_ALL => Strategy::OneForAll,
        MCP_EVENT_REST_FOR_ONE => Strategy::RestForOne,
        other => return Err(Failed::invalid(format!("there is no strategy {other}; there are 0, 1 and 2"))),
    };
    let mut supervision = Supervision::new(strategy);
    supervision = match intensity.intensity()? {
        Some((Some(max), window)) => supervision.intensity(max, window),
        Some((None, _)) => supervision.unlimited(),
        None => supervision,
    };
    Ok(match backoff.backoff()? {
        Some(backoff) => supervision.backoff(backoff),
        None => supervision,
    })
}

impl mcp_event_actor_options {
    /// # Safety
    /// `options` is null or valid.
    pub(crate) unsafe fn get<'a>(options: *const mcp_event_actor_options) -> Result<Option<&'a Self>> {
        // SAFETY: the caller's promise.
        let Some(options) = (unsafe { options.as_ref() }) else { return Ok(None) };
        check_size::<mcp_event_actor_options>(options.size, "options")?;
        Ok(Some(options))
    }

    /// What its messages are called.
    ///
    /// # Safety
    /// The string is null or zero-terminated.
    pub(crate) unsafe fn message_type(&self) -> Option<&CStr> {
        // SAFETY: the caller's promise.
        (!self.message_type.is_null()).then(|| unsafe { CStr::from_ptr(self.message_type) })
    }

    /// Makes `spec` what the options say.
    ///
    /// # Safety
    /// The strings are null or zero-terminated.
    pub(crate) unsafe fn apply<A: Actor>(&self, mut spec: Spec<A>) -> Result<Spec<A>> {
        if !self.name.is_null() {
            // SAFETY: the caller's promise.
            spec = spec.name(unsafe { text(self.name, "options.name") }?);
        }
        if self.mailbox_bound != 0 {
            spec = spec.mailbox(self.mailbox_bound);
        }
        spec = match self.restart {
            MCP_EVENT_RESTART_DEFAULT => spec,
            MCP_EVENT_RESTART_PERMANENT => spec.restart(Restart::Permanent),
            MCP_EVENT_RESTART_TRANSIENT => spec.restart(Restart::Transient),
            MCP_EVENT_RESTART_TEMPORARY => spec.restart(Restart::Temporary),
            other => return Err(Failed::invalid(format!("there is no restart {other}; there are 0 to 3"))),
        };
        if let Some(backoff) = self.backoff.backoff()? {
            spec = spec.backoff(backoff);
        }
        if let Some((max, window)) = self.intensity.intensity()? {
            spec = spec.intensity(max, window);
        }
        if let Some(limit) = limit(self.stop_limit_us, "options.stop_limit_us")? {
            spec = spec.stop_limit(limit);
        }
        spec = match self.placement {
            MCP_EVENT_PLACE_NEXT => spec.place(Placement::Next),
            MCP_EVENT_PLACE_WITH_PARENT => spec.place(Placement::WithParent),
            MCP_EVENT_PLACE_ON_WORKER => spec.place(Placement::Worker(self.worker)),
            other => {
                return Err(Failed::invalid(format!("there is no placement {other}; there are 0, 1 and 2")));
            }
        };
        if self.discard_mail_on_failure {
            spec = spec.discard_mail_on_failure();
        }
        let of = &self.supervision;
        let supervision = supervision(of.strategy, &of.intensity, &of.backoff)?;
        Ok(if supervision == Supervision::default() { spec } else { spec.supervise(supervision) })
    }
}
