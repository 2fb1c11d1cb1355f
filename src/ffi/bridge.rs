//! What the C++ wrapper needs beyond the C ABI; the other side, with the contracts, is `cpp/bridge.h`.
//!
//! The `std::function` behind a C++ handle lies in the handle's own allocation, that of a post in the queue's
//! slot; so C++ closures cost no allocation of ours.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::OnceLock;

use super::actor_message::mcp_event_message;
use super::actor_reply::{Waiter, mcp_event_reply};
use super::clock::mcp_event_clock;
use super::closure::{install_exception_ops, outcome};
use super::dispatcher::{RunFailed, defer, mcp_event_dispatcher, run_dispatcher};
use super::duration::limit;
use super::file_event::{mcp_event_file_event, mcp_event_os_fd, trigger};
use super::foreign_loop::{build_in, mcp_event_foreign_loop};
use super::handle;
use super::scaled_timer::{self, mcp_event_scaled_timer, mcp_event_scaled_timer_minimum};
use super::schedulable::mcp_event_schedulable;
use super::signal::mcp_event_signal_event;
use super::status::{Failed, Result, guard, mcp_event_status};
use super::timer::mcp_event_timer;
use super::visitor::visit;
use crate::dispatcher::cell::Cell;
use crate::dispatcher::closure::{Closure, ExceptionOps, Failure, Outcome, Source};
use crate::dispatcher::file_event::FileKind;
use crate::dispatcher::post::Job;
use crate::dispatcher::{
    Builder, Dispatcher, ScaledTimerRange, file_event, scaled, schedulable, signal, timer,
};
use crate::poller::OsFd;

/// Moves the closure at `from` into the storage of a new handle.
type Init = unsafe extern "C" fn(storage: *mut c_void, from: *mut c_void);

/// The functions of a type of C++ closures in handles.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HandleOps {
    call: unsafe extern "C" fn(storage: *mut c_void, events: u32) -> *mut c_void,
    drop: unsafe extern "C" fn(storage: *mut c_void),
}

/// Those of closures without an argument, and of file events' closures; installed when the library is loaded.
static HANDLE_OPS: OnceLock<[HandleOps; 2]> = OnceLock::new();

/// The C++ closure of a handle, in the handle's own allocation; that of a file event, or one without an argument.
#[repr(C)]
struct HandleClosure<const FILE_EVENT: bool> {
    storage: MaybeUninit<[u64; 5]>,
}

// C++ finds the handle right behind it: `MCPEV_HANDLE_STORAGE`.
const _: () = assert!(size_of::<HandleClosure<false>>() == 40 && align_of::<Cell<FileKind>>() <= 8);

// SAFETY: the C++ API says that closures run and die on other threads than the one that made them.
unsafe impl<const FILE_EVENT: bool> Send for HandleClosure<FILE_EVENT> {}

impl<const FILE_EVENT: bool> HandleClosure<FILE_EVENT> {
    fn ops() -> Option<HandleOps> {
        HANDLE_OPS.get().map(|ops| ops[usize::from(FILE_EVENT)])
    }
}

impl<const FILE_EVENT: bool> Drop for HandleClosure<FILE_EVENT> {
    fn drop(&mut self) {
        if let Some(ops) = Self::ops() {
            // SAFETY: C++ has moved a closure in, and it dies once.
            unsafe { (ops.drop)(self.storage.as_mut_ptr().cast()) };
        }
    }
}

impl<const FILE_EVENT: bool> Closure for HandleClosure<FILE_EVENT> {
    fn call(&mut self, events: u32) -> Outcome {
        match Self::ops() {
            // SAFETY: C++ has moved a closure in.
            Some(ops) => outcome(unsafe { (ops.call)(self.storage.as_mut_ptr().cast(), events) }),
            None => Ok(()),
        }
    }
}

/// A C++ closure on its way into a handle.
struct Incoming<const FILE_EVENT: bool> {
    init: Init,
    from: *mut c_void,
}

impl<const FILE_EVENT: bool> Source for Incoming<FILE_EVENT> {
    type Closure = HandleClosure<FILE_EVENT>;

    unsafe fn put(self, place: *mut Self::Closure) {
        // SAFETY: the caller's promise, and the wrapper's: `from` is what `init` moves from.
        unsafe { (self.init)((&raw mut (*place).storage).cast(), self.from) };
    }
}

/// The functions of a type of C++ closures that can be posted.
#[repr(C)]
pub struct PostOps {
    init: unsafe extern "C" fn(storage: *mut c_void, from: *mut c_void),
    run: unsafe extern "C" fn(storage: *mut c_void) -> *mut c_void,
    drop: unsafe extern "C" fn(storage: *mut c_void),
}

/// A posted C++ closure, in the queue's slot. It can be moved as bytes.
struct PostClosure {
    ops: &'static PostOps,
    storage: MaybeUninit<[usize; 5]>,
}

// SAFETY: the C++ API says that closures run and die on other threads than the one that made them.
unsafe impl Send for PostClosure {}

impl Drop for PostClosure {
    fn drop(&mut self) {
        // SAFETY: C++ has moved a closure in, and it dies once.
        unsafe { (self.ops.drop)(self.storage.as_mut_ptr().cast()) };
    }
}

impl Job for PostClosure {
    fn run(self) -> Outcome {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: it holds a job, and is forgotten.
        unsafe { Self::run_from(&mut *this) }
    }

    // Not by way of Rust's stack: C++ moves it to its own.
    unsafe fn run_from(place: *mut Self) -> Outcome {
        // SAFETY: the caller's promise; C++ has moved a closure in, which it now moves out again.
        outcome(unsafe { ((*place).ops.run)((&raw mut (*place).storage).cast()) })
    }
}

/// # Safety
/// `ops` is null or valid for ever.
unsafe fn ops<T>(ops: *const T) -> Result<&'static T> {
    // SAFETY: the caller's promise.
    unsafe { ops.as_ref() }.ok_or_else(|| Failed::null("the closure's operations"))
}

#[unsafe(no_mangle)]
extern "C" fn mcpev_install_exception_ops(ops: &'static ExceptionOps) {
    install_exception_ops(ops);
}

#[unsafe(no_mangle)]
extern "C" fn mcpev_install_handle_ops(plain: &HandleOps, of_file_events: &HandleOps) {
    HANDLE_OPS.get_or_init(|| [*plain, *of_file_events]);
}

/// # Safety
/// `name` is null or that many bytes.
unsafe fn builder(name: *const c_char, length: usize) -> Builder {
    let name = match NonNull::new(name.cast_mut()) {
        // SAFETY: the caller's promise.
        Some(name) => unsafe { std::slice::from_raw_parts(name.as_ptr().cast::<u8>(), length) },
        None => &[],
    };
    Dispatcher::builder(String::from_utf8_lossy(name))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_dispatcher_create(
    name: *const c_char,
    name_length: usize,
    backend: *const c_char,
    libevent_base: *mut c_void,
    clock: *const mcp_event_clock,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: the wrapper's promise.
        let mut builder = unsafe { builder(name, name_length) };
        if !backend.is_null() {
            // SAFETY: the wrapper's promise: zero-terminated.
            builder = builder.backend(unsafe { std::ffi::CStr::from_ptr(backend) }.to_string_lossy());
        }
        if let Some(base) = NonNull::new(libevent_base) {
            // SAFETY: the wrapper's promise.
            builder = unsafe { builder.libevent_base(base) };
        }
        if !clock.is_null() {
            // SAFETY: the wrapper's promise: a living handle.
            builder = builder.clock(unsafe { mcp_event_clock::clock(clock) }?);
        }
        let dispatcher = builder.build()?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_dispatcher::give(dispatcher)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_dispatcher_create_in(
    name: *const c_char,
    name_length: usize,
    foreign: &mcp_event_foreign_loop,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: the wrapper's promise: a name of that many bytes, and a C++ loop.
        let dispatcher = unsafe { build_in(foreign, true, builder(name, name_length)) }?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_dispatcher::give(dispatcher)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_dispatcher_foreign_loop(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut *mut c_void,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, a valid out-parameter.
        unsafe { handle::put(out, mcp_event_dispatcher::core(dispatcher)?.poller.cpp_object()) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_dispatcher_name(
    dispatcher: *const mcp_event_dispatcher,
    name: *mut *const c_char,
    length: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, valid out-parameters.
        unsafe {
            let text = &mcp_event_dispatcher::core(dispatcher)?.name;
            handle::put(name, text.as_ptr().cast())?;
            handle::put(length, text.len())
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_dispatcher_backlog(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut usize,
) -> mcp_event_status {
    // SAFETY: the wrapper's promise: a living handle, a valid out-parameter.
    guard(|| unsafe { handle::put(out, mcp_event_dispatcher::core(dispatcher)?.backlog()) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_dispatcher_run_with(
    dispatcher: *mut mcp_event_dispatcher,
    run_type: c_int,
    entered: Option<unsafe extern "C" fn(data: *mut c_void)>,
    data: *mut c_void,
    exception: *mut *mut c_void,
) -> mcp_event_status {
    guard(|| {
        let report = || {
            if let Some(entered) = entered {
                // SAFETY: the wrapper's promise.
                unsafe { entered(data) };
            }
        };
        // SAFETY: the wrapper's promise: a living handle, which callbacks may destroy.
        let failed = match unsafe { run_dispatcher(dispatcher, run_type, report) } {
            Ok(()) => return Ok(()),
            Err(RunFailed::Refused(failed)) => return Err(failed),
            Err(RunFailed::Callback(failure)) => failure,
        };
        let text = failed.describe();
        let thrown = match *failed {
            Failure::Foreign(thrown) => thrown.into_raw(),
            _ => std::ptr::null_mut(),
        };
        // SAFETY: the wrapper's promise: valid.
        unsafe { exception.write(thrown) };
        Err(Failed::new(mcp_event_status::MCP_EVENT_CALLBACK_FAILED, text))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_post(
    dispatcher: *mut mcp_event_dispatcher,
    closure_ops: *const PostOps,
    from: *mut c_void,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, static operations, a closure that can be moved as bytes.
        unsafe {
            let core = mcp_event_dispatcher::core(dispatcher)?;
            let ops = ops(closure_ops)?;
            visit(core, |core| {
                core.post_with(|place: *mut PostClosure| {
                    (&raw mut (*place).ops).write(ops);
                    (ops.init)((&raw mut (*place).storage).cast(), from);
                })
            })?;
            Ok(())
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_deferred_delete(
    dispatcher: *mut mcp_event_dispatcher,
    object: *mut c_void,
    destroy: unsafe extern "C" fn(object: *mut c_void) -> *mut c_void,
) -> mcp_event_status {
    type Destroy = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    unsafe fn run(object: NonNull<()>, destroy: usize) -> Outcome {
        // SAFETY: the function pointer stored below.
        let destroy = unsafe { std::mem::transmute::<usize, Destroy>(destroy) };
        // SAFETY: the wrapper's promise, and once.
        outcome(unsafe { destroy(object.as_ptr().cast()) })
    }
    // SAFETY: the wrapper's promise: a living handle, an object that may be destroyed on the loop.
    guard(|| unsafe { defer(dispatcher, object, destroy as usize, run) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_timer_create(
    dispatcher: *mut mcp_event_dispatcher,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_timer,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, a closure that `init` moves, a valid out-parameter.
        unsafe {
            let core = mcp_event_dispatcher::core(dispatcher)?;
            let owner = timer::new(core, Incoming::<false> { init, from });
            handle::put(out, mcp_event_timer::give(owner))
        }
    })
}

/// # Safety
/// As the functions that call it: a living handle, a closure that `init` moves, a valid out-parameter.
unsafe fn create_scaled_timer(
    dispatcher: *mut mcp_event_dispatcher,
    range: ScaledTimerRange,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_scaled_timer,
) -> Result {
    // SAFETY: the caller's promise.
    unsafe {
        let core = mcp_event_dispatcher::core(dispatcher)?;
        let owner = scaled::new(core, range, Incoming::<false> { init, from });
        handle::put(out, mcp_event_scaled_timer::give(owner))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_scaled_timer_create(
    dispatcher: *mut mcp_event_dispatcher,
    timer_type: c_int,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_scaled_timer,
) -> mcp_event_status {
    guard(|| {
        let range = scaled_timer::range_of_type(timer_type)?;
        // SAFETY: the wrapper's promise.
        unsafe { create_scaled_timer(dispatcher, range, init, from, out) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_scaled_timer_create_with_minimum(
    dispatcher: *mut mcp_event_dispatcher,
    min_us: i64,
    max_us: i64,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_scaled_timer,
) -> mcp_event_status {
    guard(|| {
        let minimum = mcp_event_scaled_timer_minimum { absolute_us: min_us, share: 0.0 };
        let range = scaled_timer::own_range(minimum, max_us)?;
        // SAFETY: the wrapper's promise.
        unsafe { create_scaled_timer(dispatcher, range, init, from, out) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_file_event_create(
    dispatcher: *mut mcp_event_dispatcher,
    fd: mcp_event_os_fd,
    trigger_type: i32,
    events: u32,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_file_event,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, a closure that `init` moves, a valid out-parameter.
        unsafe {
            let core = mcp_event_dispatcher::core(dispatcher)?;
            let (closure, trigger) = (Incoming::<true> { init, from }, trigger(trigger_type)?);
            let owner = file_event::new(core, fd as OsFd, trigger, events, closure)?;
            handle::put(out, mcp_event_file_event::give(owner))
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_schedulable_create(
    dispatcher: *mut mcp_event_dispatcher,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_schedulable,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, a closure that `init` moves, a valid out-parameter.
        unsafe {
            let core = mcp_event_dispatcher::core(dispatcher)?;
            let owner = schedulable::new(core, Incoming::<false> { init, from });
            handle::put(out, mcp_event_schedulable::give(owner))
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_signal_event_create(
    dispatcher: *mut mcp_event_dispatcher,
    signal_number: c_int,
    init: Init,
    from: *mut c_void,
    out: *mut *mut mcp_event_signal_event,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: the wrapper's promise: a living handle, a closure that `init` moves, a valid out-parameter.
        unsafe {
            let core = mcp_event_dispatcher::core(dispatcher)?;
            let owner = signal::new(core, signal_number, Incoming::<false> { init, from })?;
            handle::put(out, mcp_event_signal_event::give(owner))
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_reply_create_awaited(
    out: *mut *mut mcp_event_reply,
    waiter: *mut *mut Waiter,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let (reply, waits) = mcp_event_reply::awaited()?;
        // SAFETY: the wrapper's promise: valid out-parameters.
        unsafe {
            waiter.write(Box::into_raw(Box::new(waits)));
            handle::put(out, reply.give())
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_waiter_wait(
    waiter: *mut Waiter,
    timeout_us: i64,
    out: *mut mcp_event_message,
) -> mcp_event_status {
    guard(|| {
        let limit = limit(timeout_us, "the timeout")?;
        // SAFETY: the wrapper's promise: made above, and alive.
        let message = unsafe { &mut *waiter }.wait(limit)?;
        // SAFETY: the wrapper's promise: valid.
        unsafe { handle::put(out, message.into_raw()) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mcpev_waiter_destroy(waiter: *mut Waiter) {
    // SAFETY: the wrapper's promise: made above, and destroyed once.
    drop(unsafe { Box::from_raw(waiter) });
}
