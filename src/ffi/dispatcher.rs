//! Dispatchers for C.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use super::clock::mcp_event_clock;
use super::closure::{self, CClosure, mcp_event_closure};
use super::foreign_loop::{self, mcp_event_foreign_loop};
use super::handle;
use super::status::{Failed, Result, check_size, guard, mcp_event_status};
use super::visitor::{visit, wait_for_visitors};
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::core::Core;
use crate::dispatcher::deferred::Deferred;
use crate::dispatcher::{BusyPoll, Dispatcher, Handle, RunError, RunType, run};

/// An event loop. Its functions may be called from any thread, before, while and after the loop runs;
/// callbacks run on the thread inside `mcp_event_dispatcher_run()`. Handles may outlive it and are inert then.
pub struct mcp_event_dispatcher {
    object: Object,
}

enum Object {
    /// Made, and to be destroyed, by C.
    Owned(Dispatcher),
    /// A worker's.
    Borrowed(Handle),
}

impl mcp_event_dispatcher {
    pub(crate) fn give(dispatcher: Dispatcher) -> *mut mcp_event_dispatcher {
        Self::boxed(Object::Owned(dispatcher))
    }

    pub(crate) fn lend(handle: Handle) -> *mut mcp_event_dispatcher {
        Self::boxed(Object::Borrowed(handle))
    }

    fn boxed(object: Object) -> *mut mcp_event_dispatcher {
        let raw = Box::into_raw(Box::new(mcp_event_dispatcher { object }));
        handle::give(raw);
        raw
    }

    /// # Safety
    /// `dispatcher` is null or a living handle.
    pub(crate) unsafe fn handle<'a>(dispatcher: *const mcp_event_dispatcher) -> Result<&'a Handle> {
        handle::check(dispatcher, "the dispatcher")?;
        // SAFETY: made by `boxed`.
        match unsafe { &(*dispatcher).object } {
            Object::Owned(dispatcher) => Ok(dispatcher),
            Object::Borrowed(handle) => Ok(handle),
        }
    }

    /// # Safety
    /// `dispatcher` is null or a living handle.
    pub(crate) unsafe fn core<'a>(dispatcher: *const mcp_event_dispatcher) -> Result<&'a Arc<Core>> {
        // SAFETY: the caller's promise.
        unsafe { Self::handle(dispatcher) }.map(Handle::core)
    }

    /// Takes back and drops what `give` or `lend` gave.
    ///
    /// # Safety
    /// `dispatcher` is null or a living handle, and not used again.
    pub(crate) unsafe fn take(dispatcher: *mut mcp_event_dispatcher) -> Result {
        handle::take(dispatcher, "the dispatcher")?;
        // SAFETY: made by `boxed`, and taken once.
        let dispatcher = unsafe { Box::from_raw(dispatcher) };
        wait_for_visitors(Arc::as_ptr(match &dispatcher.object {
            Object::Owned(dispatcher) => dispatcher.core(),
            Object::Borrowed(handle) => handle.core(),
        }));
        Ok(())
    }
}

/// Runs until `mcp_event_dispatcher_exit()`.
pub const MCP_EVENT_RUN_BLOCK: c_int = 0;
/// Never waits: handles what is ready, and what that adds, within a budget.
pub const MCP_EVENT_RUN_NON_BLOCK: c_int = 1;
/// The same as `MCP_EVENT_RUN_BLOCK`.
pub const MCP_EVENT_RUN_UNTIL_EXIT: c_int = 2;

pub(crate) fn run_type(run_type: c_int) -> Result<RunType> {
    match run_type {
        MCP_EVENT_RUN_BLOCK => Ok(RunType::Block),
        MCP_EVENT_RUN_NON_BLOCK => Ok(RunType::NonBlock),
        MCP_EVENT_RUN_UNTIL_EXIT => Ok(RunType::RunUntilExit),
        other => Err(Failed::invalid(format!("there is no run type {other}; there are 0, 1 and 2"))),
    }
}

/// Settings of a dispatcher. Zero it, then set `size` to `sizeof(mcp_event_dispatcher_options)`: fields that a
/// later version adds then keep their defaults.
#[repr(C)]
pub struct mcp_event_dispatcher_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// The poller by name, or null: the one in `MCP_EVENT_BACKEND`, else the best one that works here.
    pub backend: *const c_char,
    /// A simulated clock, or null for the real one.
    pub clock: *const mcp_event_clock,
    /// Refuse posts while this many wait; 0: never.
    pub queue_bound: usize,
    /// Null, or a libevent `event_base` to run on: the backend is "libevent" then, and run() drives the base, so that
    /// events of the program's own on it fire in the same loop. It stays the caller's, who keeps it until the dispatcher
    /// is destroyed (inside its own run(), until that returns); between runs it is as it was. While a thread is inside
    /// run() no other touches it, unless it was made after `evthread_use_pthreads()`. `MCP_EVENT_INVALID_STATE` if it
    /// has a dispatcher already.
    pub libevent_base: *mut c_void,
    /// A loop of another library to wait in, or null. The dispatcher's own poller is then the best that works here;
    /// `backend` and `libevent_base` must be null. The struct itself may go when the dispatcher is made.
    pub foreign_loop: *const mcp_event_foreign_loop,
}

/// # Safety
/// `text` is null or a zero-terminated string.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(Failed::null(what));
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(text) };
    bytes.to_str().map_err(|_| Failed::invalid(format!("{what} is not UTF-8")))
}

/// Makes a dispatcher. `name`, of any length, is for logs; `options` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_create(
    name: *const c_char,
    options: *const mcp_event_dispatcher_options,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise.
        let mut builder = Dispatcher::builder(unsafe { text(name, "the name") }?);
        let mut foreign = None;
        // SAFETY: C's promise: null or valid.
        if let Some(options) = unsafe { options.as_ref() } {
            check_size::<mcp_event_dispatcher_options>(options.size, "options")?;
            if !options.backend.is_null() {
                // SAFETY: C's promise.
                builder = builder.backend(unsafe { text(options.backend, "options.backend") }?);
            }
            if !options.clock.is_null() {
                // SAFETY: C's promise: a living handle.
                builder = builder.clock(unsafe { mcp_event_clock::clock(options.clock) }?);
            }
            if options.queue_bound != 0 {
                builder = builder.queue_bound(options.queue_bound);
            }
            if let Some(base) = NonNull::new(options.libevent_base) {
                // SAFETY: C's promise.
                builder = unsafe { builder.libevent_base(base) };
            }
            // SAFETY: C's promise: null or valid.
            foreign = unsafe { options.foreign_loop.as_ref() };
        }
        let dispatcher = match foreign {
            // SAFETY: C's promise.
            Some(foreign) => unsafe { foreign_loop::build_in(foreign, false, builder) }?,
            None => builder.build()?,
        };
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_dispatcher::give(dispatcher)) }
    })
}

/// Destroys it: what is queued is dropped without running. From any thread; if another thread runs it, that one
/// is made to leave first; inside one of its own callbacks, its run() returns after that callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_destroy(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        handle::check(dispatcher, "the dispatcher")?;
        // SAFETY: C's promise: a living handle.
        if matches!(unsafe { &(*dispatcher).object }, Object::Borrowed(_)) {
            return Err(Failed::invalid("this dispatcher is its worker's; destroy the worker instead"));
        }
        // While the handle still counts as living: destructors of what is queued may use it.
        // SAFETY: C's promise.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?.clone();
        core.destroy();
        // SAFETY: C's promise.
        unsafe { mcp_event_dispatcher::take(dispatcher) }
    })
}

/// Runs the loop on this thread, as `run_type` says. If another thread runs it already, waits until that one
/// leaves, runs nothing, and returns `MCP_EVENT_OK` (a non-blocking run is refused then).
/// `MCP_EVENT_CALLBACK_FAILED`: a callback threw or panicked; the loop stopped after it, what is queued stays
/// queued, and the last error says what it was. `MCP_EVENT_INVALID_STATE` inside one of its own callbacks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_run(
    dispatcher: *mut mcp_event_dispatcher,
    run_type: c_int,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise.
        unsafe { run_dispatcher(dispatcher, run_type, || ()) }.map_err(|error| match error {
            RunFailed::Refused(failed) => failed,
            RunFailed::Callback(failure) => {
                Failed::new(mcp_event_status::MCP_EVENT_CALLBACK_FAILED, failure.describe())
            }
        })
    })
}

pub(crate) enum RunFailed {
    Refused(Failed),
    Callback(Box<crate::dispatcher::closure::Failure>),
}

/// # Safety
/// `dispatcher` is null or a living handle. It may be destroyed meanwhile.
pub(crate) unsafe fn run_dispatcher(
    dispatcher: *const mcp_event_dispatcher,
    how: c_int,
    entered: impl FnOnce(),
) -> std::result::Result<(), RunFailed> {
    // SAFETY: the caller's promise. The clone keeps the core when a callback destroys the dispatcher.
    let core = unsafe { mcp_event_dispatcher::core(dispatcher) }.map_err(RunFailed::Refused)?.clone();
    let how = run_type(how).map_err(RunFailed::Refused)?;
    run(&core, how, entered).map(|_ran| ()).map_err(|error| match error {
        RunError::Refused(error) => RunFailed::Refused(error.into()),
        RunError::Callback(failure) => RunFailed::Callback(failure),
    })
}

/// Asks the loop to leave run() after what was posted, deferred and scheduled for the current iteration before
/// this call. Remembered if nobody runs it: the next blocking run then makes one pass.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_exit(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let handle = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.clone();
        // Which outlives the call: whoever leaves run() may destroy the dispatcher.
        handle.exit();
        Ok(())
    })
}

/// Forgets an exit that no run has obeyed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_clear_exit(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_dispatcher::handle(dispatcher) }?.clear_exit();
        Ok(())
    })
}

/// Refuses posts from now on, until the next run, and drops what is queued without running it. If another
/// thread runs the loop, it is made to leave first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_shutdown(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let handle = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.clone();
        // Destructors may destroy the dispatcher; the clone keeps its core.
        handle.shutdown();
        Ok(())
    })
}

/// Runs the closure on the loop, after all that was posted before, and drops it right after.
/// The closure may destroy the dispatcher, even before this has returned. `MCP_EVENT_CLOSED` after a shutdown,
/// `MCP_EVENT_QUEUE_FULL` at the bound, `MCP_EVENT_FORKED` in a child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_post(
    dispatcher: *mut mcp_event_dispatcher,
    closure: mcp_event_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let closure = CClosure::plain(closure)?;
        visit(core, |core| core.post(closure)).map_err(|(refusal, closure)| {
            closure.give_back();
            refusal.into()
        })
    })
}

/// Calls `destroy(object)` on the loop at the tail of the iteration, never inside this call. A null object is
/// ignored. On failure the object stays the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_deferred_delete(
    dispatcher: *mut mcp_event_dispatcher,
    object: *mut c_void,
    destroy: Option<unsafe extern "C-unwind" fn(object: *mut c_void)>,
) -> mcp_event_status {
    type Destroy = unsafe extern "C-unwind" fn(*mut c_void);
    unsafe fn run(object: NonNull<()>, destroy: usize) -> Outcome {
        // SAFETY: the function pointer stored below.
        let destroy = unsafe { std::mem::transmute::<usize, Destroy>(destroy) };
        // SAFETY: C's promise, and once.
        unsafe { closure::call(destroy, object.as_ptr().cast()) }
    }
    guard(|| {
        let destroy = destroy.ok_or_else(|| Failed::null("the destroy function"))?;
        // SAFETY: C's promise.
        unsafe { defer(dispatcher, object, destroy as usize, run) }
    })
}

/// # Safety
/// `dispatcher` is null or a living handle; `object` is null, or `run` may be called once with it and `destroy`.
pub(crate) unsafe fn defer(
    dispatcher: *const mcp_event_dispatcher,
    object: *mut c_void,
    destroy: usize,
    run: unsafe fn(NonNull<()>, usize) -> Outcome,
) -> Result {
    // SAFETY: the caller's promise.
    let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
    if let Some(object) = NonNull::new(object) {
        // SAFETY: the caller's promise.
        core.defer(unsafe { Deferred::foreign(object.cast(), destroy, run) });
    }
    Ok(())
}

/// Destroys now what was deferred; does nothing when called by one of those destructors. While another thread
/// runs the loop, that thread does it, in its next tail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_clear_deferred_delete_list(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let handle = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.clone();
        // As in `mcp_event_dispatcher_shutdown`.
        handle.clear_deferred_delete_list();
        Ok(())
    })
}

/// Whether this thread is the one that runs the loop, or was the last to run it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_is_thread_safe(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_dispatcher::handle(dispatcher)?.is_thread_safe()) }
    })
}

/// Whether some thread is inside run().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_is_running(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_dispatcher::handle(dispatcher)?.is_running()) }
    })
}

/// The monotonic time of the iteration in nanoseconds, on the clock of `CLOCK_MONOTONIC`; constant within an
/// iteration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_approximate_time_ns(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut u64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe {
            let time = mcp_event_dispatcher::handle(dispatcher)?.approximate_monotonic_time();
            handle::put(out, time.as_nanos() as u64)
        }
    })
}

/// Refreshes that time now.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_update_approximate_time(
    dispatcher: *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_dispatcher::handle(dispatcher) }?.update_approximate_monotonic_time();
        Ok(())
    })
}

/// Spins for up to `budget_us` microseconds before each sleep, so that what comes meanwhile is seen at once; 0, as
/// at first: sleeps at once. If `adaptive`, only while that pays: while what the loop waits for mostly comes
/// within the budget; a loop that stays idle stops after a few waits. A spin ends with whatever would end the
/// sleep; it takes a processor of its own while it lasts. No loop spins on a simulated clock, in a process with
/// one processor to run on, or in a non-blocking run. `MCP_EVENT_INVALID_ARGUMENT` for a negative budget and one
/// above a second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_set_busy_poll(
    dispatcher: *mut mcp_event_dispatcher,
    budget_us: i64,
    adaptive: bool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let handle = unsafe { mcp_event_dispatcher::handle(dispatcher) }?;
        let Ok(micros) = u64::try_from(budget_us) else {
            return Err(Failed::invalid(format!("the budget is {budget_us} us; it must not be negative")));
        };
        let budget = Duration::from_micros(micros);
        let busy_poll = if adaptive { BusyPoll::adaptive(budget) } else { BusyPoll::always(budget) };
        Ok(handle.set_busy_poll((micros != 0).then_some(busy_poll))?)
    })
}

/// The name of the poller it runs on: "epoll". Static.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_backend(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_dispatcher::core(dispatcher)?.poller.name().as_ptr()) }
    })
}

/// The libevent `event_base` that it waits in, for events of the program's own, which then fire in the poll of each
/// iteration; null unless its backend is "libevent". It stays whose it is: nobody else frees it. Free events on it
/// before the dispatcher is destroyed. While the loop runs, only its thread touches the base, unless that was made after
/// `evthread_use_pthreads()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_libevent_base(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut *mut c_void,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe {
            let base = mcp_event_dispatcher::handle(dispatcher)?.libevent_base();
            handle::put(out, base.map_or(std::ptr::null_mut(), NonNull::as_ptr))
        }
    })
}

/// A file descriptor that is readable when a non-blocking run would find work, for a foreign loop to watch. It
/// stays the dispatcher's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_poll_fd(
    dispatcher: *mut mcp_event_dispatcher,
    out: *mut c_int,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle, and an out-parameter that is valid.
        unsafe { handle::put(out, mcp_event_dispatcher::handle(dispatcher)?.poll_fd()?) }
    })
}

/// How many nanoseconds a foreign loop may wait before it runs the dispatcher even though the poll fd is not
/// readable; -1: for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_next_timeout_ns(
    dispatcher: *mut mcp_event_dispatcher,
    out: *mut i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe {
            let timeout = mcp_event_dispatcher::core(dispatcher)?.next_timeout();
            let nanos = timeout.map_or(-1, |nanos| i64::try_from(nanos).unwrap_or(i64::MAX));
            handle::put(out, nanos)
        }
    })
}
