//! Guard dogs for C.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::clock::mcp_event_clock;
use super::closure::{self, Data};
use super::dispatcher::{mcp_event_dispatcher, text};
use super::duration::limit;
use super::guard_dog_report::{Shown, mcp_event_guard_dog_report};
use super::handle;
use super::pool::mcp_event_pool;
use super::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::dispatcher::Watchdog;
use crate::guard_dog::{Builder, Event, GuardDog, TouchedWatch};

/// A thread has stood still for longer than the threshold of a kill; the process is about to be killed.
pub const MCP_EVENT_GUARD_DOG_KILL: c_int = 0;
/// So many threads have, for longer than the threshold of a multikill.
pub const MCP_EVENT_GUARD_DOG_MULTIKILL: c_int = 1;
/// A thread has stood still for longer than the threshold of a megamiss.
pub const MCP_EVENT_GUARD_DOG_MEGAMISS: c_int = 2;
/// A thread has stood still for longer than the threshold of a miss.
pub const MCP_EVENT_GUARD_DOG_MISS: c_int = 3;
/// A thread of which one of the others was told gets on again.
pub const MCP_EVENT_GUARD_DOG_RECOVERED: c_int = 4;

/// A threshold that is never reached.
pub const MCP_EVENT_GUARD_DOG_NEVER: i64 = 9223372036854775807;

/// A kill or multikill is an event like the others, and does not end the process.
pub const MCP_EVENT_GUARD_DOG_NO_ABORT: u32 = 1;
/// Reports have no backtrace, and no thread gets a signal.
pub const MCP_EVENT_GUARD_DOG_NO_BACKTRACES: u32 = 2;
/// Reports have no tracked objects, and the process is not copied (by `clone`, without `atfork` handlers).
pub const MCP_EVENT_GUARD_DOG_NO_TRACKED_OBJECTS: u32 = 4;

const FLAGS: u32 =
    MCP_EVENT_GUARD_DOG_NO_ABORT | MCP_EVENT_GUARD_DOG_NO_BACKTRACES | MCP_EVENT_GUARD_DOG_NO_TRACKED_OBJECTS;

/// Watches dispatchers, from threads of its own, and tells the log and its actions who is stuck.
pub struct mcp_event_guard_dog {
    dog: GuardDog,
}

/// A watch over what is no dispatcher of this library.
pub struct mcp_event_touched_watch {
    watch: Arc<TouchedWatch>,
}

/// Settings of a guard dog. Zero it, then set `size` to `sizeof(mcp_event_guard_dog_options)`. Times are in
/// microseconds. A thread stands still for longer than a threshold; `MCP_EVENT_GUARD_DOG_NEVER` turns one off.
#[repr(C)]
pub struct mcp_event_guard_dog_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// Before that is a miss; 0: 200 ms.
    pub miss_us: i64,
    /// Before that is a megamiss; 0: one second.
    pub megamiss_us: i64,
    /// Before the process is killed for it; 0: never.
    pub kill_us: i64,
    /// Before the process is killed because a share of all threads does so; 0: never.
    pub multikill_us: i64,
    /// That share, above 0 and up to 1; two threads at least. 0: half of them.
    pub multikill_share: f64,
    /// How often it looks; 0: twice in the smallest threshold.
    pub interval_us: i64,
    /// How long the report and the actions of a kill may take before the process is ended; 0: ten seconds.
    pub kill_grace_us: i64,
    /// A set of `MCP_EVENT_GUARD_DOG_NO_ABORT` and so on.
    pub flags: u32,
    /// The signal that asks a thread for its backtrace; 0: SIGURG. Handlers and listeners of it go on as before.
    pub backtrace_signal: c_int,
    /// A simulated clock: then there is no thread, and `mcp_event_guard_dog_scan()` looks. Null for the real one.
    pub clock: *const mcp_event_clock,
}

impl mcp_event_guard_dog_options {
    /// # Safety
    /// The clock is null or a living handle.
    unsafe fn apply(&self, mut builder: Builder) -> Result<Builder> {
        if let Some(miss) = threshold(self.miss_us, "options.miss_us")? {
            builder = builder.miss(miss);
        }
        if let Some(megamiss) = threshold(self.megamiss_us, "options.megamiss_us")? {
            builder = builder.megamiss(megamiss);
        }
        if let Some(kill) = threshold(self.kill_us, "options.kill_us")? {
            builder = builder.kill(kill);
        }
        let multikill = threshold(self.multikill_us, "options.multikill_us")?.unwrap_or_default();
        let share = if self.multikill_share == 0.0 { 0.5 } else { self.multikill_share };
        builder = builder.multikill(multikill, share);
        if let Some(interval) = limit(self.interval_us, "options.interval_us")? {
            builder = builder.interval(interval);
        }
        if let Some(grace) = limit(self.kill_grace_us, "options.kill_grace_us")? {
            builder = builder.kill_grace(grace);
        }
        if self.flags & !FLAGS != 0 {
            return Err(Failed::invalid(format!(
                "options.flags has unknown bits: {:#x}",
                self.flags & !FLAGS
            )));
        }
        if self.backtrace_signal != 0 {
            builder = builder.backtrace_signal(self.backtrace_signal);
        }
        let is_set = |flag: u32| self.flags & flag != 0;
        if is_set(MCP_EVENT_GUARD_DOG_NO_BACKTRACES) {
            builder = builder.backtraces(false);
        }
        builder = builder
            .abort_on_kill(!is_set(MCP_EVENT_GUARD_DOG_NO_ABORT))
            .tracked_objects(!is_set(MCP_EVENT_GUARD_DOG_NO_TRACKED_OBJECTS));
        if !self.clock.is_null() {
            // SAFETY: the caller's promise.
            builder = builder.clock(unsafe { mcp_event_clock::clock(self.clock) }?);
        }
        Ok(builder)
    }
}

/// None: the default.
fn threshold(microseconds: i64, what: &str) -> Result<Option<Duration>> {
    match microseconds {
        MCP_EVENT_GUARD_DOG_NEVER => Ok(Some(Duration::ZERO)),
        microseconds => limit(microseconds, what),
    }
}

fn event(event: c_int) -> Result<Event> {
    match event {
        MCP_EVENT_GUARD_DOG_KILL => Ok(Event::Kill),
        MCP_EVENT_GUARD_DOG_MULTIKILL => Ok(Event::Multikill),
        MCP_EVENT_GUARD_DOG_MEGAMISS => Ok(Event::Megamiss),
        MCP_EVENT_GUARD_DOG_MISS => Ok(Event::Miss),
        MCP_EVENT_GUARD_DOG_RECOVERED => Ok(Event::Recovered),
        other => Err(Failed::invalid(format!("there is no event {other} of a guard dog; there are 0 to 4"))),
    }
}

impl mcp_event_guard_dog {
    /// # Safety
    /// `dog` is null or a living handle.
    pub(super) unsafe fn get<'a>(dog: *const mcp_event_guard_dog) -> Result<&'a GuardDog> {
        handle::check(dog, "the guard dog")?;
        // SAFETY: made by `mcp_event_guard_dog_create`.
        Ok(unsafe { &(*dog).dog })
    }
}

impl mcp_event_touched_watch {
    /// # Safety
    /// `watch` is null or a living handle.
    unsafe fn get<'a>(watch: *const mcp_event_touched_watch) -> Result<&'a TouchedWatch> {
        handle::check(watch, "the touched watch")?;
        // SAFETY: made by `mcp_event_guard_dog_watch_touched`.
        Ok(unsafe { &(*watch).watch })
    }
}

/// Makes a guard dog, and starts its threads. `options` may be null. `MCP_EVENT_INVALID_ARGUMENT` for thresholds that
/// are out of order or all off, and for what is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_create(
    options: *const mcp_event_guard_dog_options,
    out: *mut *mut mcp_event_guard_dog,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let mut builder = GuardDog::builder();
        // SAFETY: C's promise: null or valid.
        if let Some(options) = unsafe { options.as_ref() } {
            check_size::<mcp_event_guard_dog_options>(options.size, "options")?;
            // SAFETY: C's promise: null or a living handle.
            builder = unsafe { options.apply(builder) }?;
        }
        let dog = Box::into_raw(Box::new(mcp_event_guard_dog { dog: builder.build()? }));
        handle::give(dog);
        // SAFETY: checked above.
        unsafe { handle::put(out, dog) }
    })
}

/// Watches a dispatcher, until it is destroyed; nothing, if it is watched already. `MCP_EVENT_INVALID_STATE` if the
/// guard dog is stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_watch(
    dog: *mut mcp_event_guard_dog,
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    // SAFETY: C's promise: living handles.
    guard(|| Ok(unsafe { mcp_event_guard_dog::get(dog)?.watch(mcp_event_dispatcher::handle(dispatcher)?) }?))
}

/// Watches all workers of a pool, also those that join it later. Otherwise as `mcp_event_guard_dog_watch()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_watch_pool(
    dog: *mut mcp_event_guard_dog,
    pool: *mut mcp_event_pool,
) -> mcp_event_status {
    // SAFETY: C's promise: living handles.
    guard(|| Ok(unsafe { mcp_event_guard_dog::get(dog)?.watch_pool(mcp_event_pool::pool(pool)?) }?))
}

/// Watches something else, by the name that reports give it: it is to call `mcp_event_touched_watch_touch()` at least
/// so often as the thresholds ask for, from now on. The watch ends when `*out` is destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_watch_touched(
    dog: *mut mcp_event_guard_dog,
    name: *const c_char,
    out: *mut *mut mcp_event_touched_watch,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle and a string.
        let watch = unsafe { mcp_event_guard_dog::get(dog)?.watch_touched(text(name, "the name")?) }?;
        let watch = Box::into_raw(Box::new(mcp_event_touched_watch { watch }));
        handle::give(watch);
        // SAFETY: checked above.
        unsafe { handle::put(out, watch) }
    })
}

/// Shows that the thread gets on. From the thread that is watched: reports have its backtrace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_touched_watch_touch(
    watch: *const mcp_event_touched_watch,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_touched_watch::get(watch) }?.touch();
        Ok(())
    })
}

/// When the guard dog last saw that it had been touched, in nanoseconds of `CLOCK_MONOTONIC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_touched_watch_last_seen_ns(
    watch: *const mcp_event_touched_watch,
    out: *mut i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_touched_watch::get(watch)?.last_seen().as_nanos() as i64) }
    })
}

/// Ends the watch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_touched_watch_destroy(
    watch: *mut mcp_event_touched_watch,
) -> mcp_event_status {
    guard(|| {
        handle::take(watch, "the touched watch")?;
        // SAFETY: made by `mcp_event_guard_dog_watch_touched`, and destroyed once.
        drop(unsafe { Box::from_raw(watch) });
        Ok(())
    })
}

/// Watches a dispatcher no more; `MCP_EVENT_NOT_FOUND` if it was not watched.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_unwatch(
    dog: *mut mcp_event_guard_dog,
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: living handles.
        let (dog, dispatcher) =
            unsafe { (mcp_event_guard_dog::get(dog)?, mcp_event_dispatcher::handle(dispatcher)?) };
        if dog.unwatch(dispatcher) { Ok(()) } else { Err(not_watched(dispatcher.name())) }
    })
}

pub(super) fn not_watched(name: &str) -> Failed {
    Failed::new(mcp_event_status::MCP_EVENT_NOT_FOUND, format!("the dispatcher {name} is not watched"))
}

/// What a guard dog does on an event. Calls that take one own `data` when they succeed, and call `drop(data)` once,
/// after the last `call`; when they fail, `data` stays the caller's and `drop` is not called.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_guard_dog_closure {
    /// Runs on a thread of the guard dog's; the report lives as long as the call. Not null.
    pub call:
        Option<unsafe extern "C-unwind" fn(data: *mut c_void, report: *const mcp_event_guard_dog_report)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Has `action` called for each `event` (`MCP_EVENT_GUARD_DOG_MISS` and so on) from now on, after the log was
/// written, and after the actions that were given before. What it throws is logged, and ends nothing. One that takes
/// long delays later reports, not the scans.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_on(
    dog: *mut mcp_event_guard_dog,
    event_number: c_int,
    action: mcp_event_guard_dog_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let dog = unsafe { mcp_event_guard_dog::get(dog) }?;
        let event = event(event_number)?;
        let call = action.call.ok_or_else(|| Failed::null("the action's call function"))?;
        let data = Data::new(action.data, action.drop);
        let action = move |report: &_| {
            // All of it, for it is to be dropped with the closure.
            let data = &data;
            let shown = Shown::new(report);
            // SAFETY: C's promise for as long as the data is not dropped.
            closure::call_code(|| unsafe { call(data.data, shown.view()) })
        };
        dog.on_outcome(event, Arc::new(action));
        Ok(())
    })
}

/// Looks at all that is watched now, and tells what it finds, on this thread, before it returns. For tests, on a
/// simulated clock; otherwise it looks by itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_scan(dog: *mut mcp_event_guard_dog) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_guard_dog::get(dog) }?.scan();
        Ok(())
    })
}

/// Watches no more, for good. What was found is told before this returns; but an action that calls it is not waited
/// for. Nothing, if it is stopped already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_stop(dog: *mut mcp_event_guard_dog) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_guard_dog::get(dog) }?.stop();
        Ok(())
    })
}

/// Stops the guard dog, and destroys it. Its own actions may do so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_guard_dog_destroy(dog: *mut mcp_event_guard_dog) -> mcp_event_status {
    guard(|| {
        handle::take(dog, "the guard dog")?;
        // SAFETY: made by `mcp_event_guard_dog_create`, and destroyed once.
        drop(unsafe { Box::from_raw(dog) });
        Ok(())
    })
}
