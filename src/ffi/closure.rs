//! C's closures: a function, its data, and how to drop the data.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::status::{Failed, Result};
use crate::dispatcher::closure::{Closure, ExceptionOps, Failure, ForeignException, Outcome};
use crate::dispatcher::post::Job;

/// A callback with its data. Calls that take one own `data` when they succeed, and call `drop(data)` once,
/// after the last `call`; when they fail, `data` stays the caller's and `drop` is not called.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_closure {
    /// Runs on the loop's thread. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// As `mcp_event_closure`, for file events; `events` is a set of `MCP_EVENT_READ` and so on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_file_closure {
    /// Runs on the loop's thread. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, events: u32)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

static EXCEPTION_OPS: OnceLock<&'static ExceptionOps> = OnceLock::new();

/// Called by the C++ part when the library is loaded.
pub(crate) fn install_exception_ops(ops: &'static ExceptionOps) {
    EXCEPTION_OPS.get_or_init(|| ops);
}

/// The owned `std::exception_ptr` that `exception` gives, for the C++ part; none, without asking, where that is not
/// linked in.
#[cfg(feature = "asio")]
pub(crate) fn foreign_exception(exception: impl FnOnce() -> *mut c_void) -> Option<ForeignException> {
    EXCEPTION_OPS.get().map(|ops| ForeignException { exception: exception(), ops })
}

/// What a C++ function returned: null, or the exception it ended with.
pub(crate) fn outcome(exception: *mut c_void) -> Outcome {
    if exception.is_null() {
        return Ok(());
    }
    // Without them there is no C++ part that could have thrown.
    let Some(ops) = EXCEPTION_OPS.get() else { return Ok(()) };
    Err(Box::new(Failure::Foreign(ForeignException { exception, ops })))
}

/// Calls a C function. It may be written in C++ and throw: where the C++ part is linked in, that catches it.
///
/// # Safety
/// The function may be called with `data`.
pub(crate) unsafe fn call(function: unsafe extern "C-unwind" fn(*mut c_void), data: *mut c_void) -> Outcome {
    match EXCEPTION_OPS.get() {
        // SAFETY: the caller's promise.
        Some(ops) => outcome(unsafe { (ops.guarded_call)(Some(function), None, data, 0) }),
        // SAFETY: the caller's promise.
        None => crate::dispatcher::closure::guarded(|| unsafe { function(data) }),
    }
}

/// Calls code that does nothing but call C functions of any kind, as [`call`] does. It may be left by an
/// exception, so it must own nothing.
pub(crate) fn call_code<F: FnOnce()>(code: F) -> Outcome {
    unsafe extern "C-unwind" fn run<F: FnOnce()>(code: *mut c_void) {
        // SAFETY: what is passed below.
        if let Some(code) = unsafe { (*code.cast::<Option<F>>()).take() } {
            code();
        }
    }
    let mut code = Some(code);
    // SAFETY: the code lives until the call ends.
    unsafe { call(run::<F>, (&raw mut code).cast()) }
}

/// # Safety
/// The function may be called with `data`.
unsafe fn call_file(
    function: unsafe extern "C-unwind" fn(*mut c_void, u32),
    data: *mut c_void,
    events: u32,
) -> Outcome {
    match EXCEPTION_OPS.get() {
        // SAFETY: the caller's promise.
        Some(ops) => outcome(unsafe { (ops.guarded_call)(None, Some(function), data, events) }),
        // SAFETY: the caller's promise.
        None => crate::dispatcher::closure::guarded(|| unsafe { function(data, events) }),
    }
}

/// Data that C gave us, until it is dropped.
pub(crate) struct Data {
    pub(crate) data: *mut c_void,
    drop: Option<unsafe extern "C-unwind" fn(*mut c_void)>,
}

// SAFETY: C callers promise that a closure may be called and dropped on other threads.
unsafe impl Send for Data {}
// SAFETY: only the loop and the dropper touch it, one at a time.
unsafe impl Sync for Data {}

impl Data {
    pub(crate) fn new(data: *mut c_void, drop: Option<unsafe extern "C-unwind" fn(*mut c_void)>) -> Data {
        Data { data, drop }
    }

    /// The data stays the caller's.
    pub(crate) fn give_back(&mut self) {
        self.drop = None;
    }

    /// The data and its drop function, for somebody else to own.
    pub(crate) fn into_parts(mut self) -> (*mut c_void, Option<unsafe extern "C-unwind" fn(*mut c_void)>) {
        (self.data, self.drop.take())
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Some(drop) = self.drop
            // SAFETY: ours, and once.
            && let Err(failure) = unsafe { call(drop, self.data) }
        {
            tracing::error!("a closure's drop function: {}", failure.describe());
        }
    }
}

/// Data that is ours once the call that it was passed to has succeeded, and the caller's again if it failed.
/// Until that is known the call keeps a share of its own, so that nobody drops it too early.
#[derive(Clone)]
pub(crate) struct Pledge(Arc<Pledged>);

struct Pledged {
    data: Data,
    is_ours: AtomicBool,
}

impl Pledge {
    pub(crate) fn new(data: *mut c_void, drop: Option<unsafe extern "C-unwind" fn(*mut c_void)>) -> Pledge {
        Pledge(Arc::new(Pledged { data: Data::new(data, drop), is_ours: AtomicBool::new(true) }))
    }

    pub(crate) fn data(&self) -> *mut c_void {
        self.0.data.data
    }

    /// The data stays the caller's, whoever else has a share.
    pub(crate) fn give_back(&self) {
        self.0.is_ours.store(false, Ordering::Release);
    }
}

impl Drop for Pledged {
    fn drop(&mut self) {
        if !*self.is_ours.get_mut() {
            self.data.give_back();
        }
    }
}

/// A C closure of either kind.
pub(crate) struct CClosure {
    function: Function,
    data: Data,
}

#[derive(Clone, Copy)]
enum Function {
    Plain(unsafe extern "C-unwind" fn(*mut c_void)),
    File(unsafe extern "C-unwind" fn(*mut c_void, u32)),
}

impl CClosure {
    pub(crate) fn plain(closure: mcp_event_closure) -> Result<CClosure> {
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        Ok(CClosure { function: Function::Plain(call), data: Data::new(closure.data, closure.drop) })
    }

    pub(crate) fn file(closure: mcp_event_file_closure) -> Result<CClosure> {
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        Ok(CClosure { function: Function::File(call), data: Data::new(closure.data, closure.drop) })
    }

    /// For a call that failed: the data stays the caller's.
    pub(crate) fn give_back(mut self) {
        self.data.give_back();
    }

    /// Takes the drop function out until the closure has found its place, so that a failure on the way
    /// leaves the data with the caller.
    pub(crate) fn defer_drop(mut self) -> (CClosure, DropLater) {
        let drop = self.data.drop.take();
        (self, DropLater(drop))
    }
}

pub(crate) struct DropLater(Option<unsafe extern "C-unwind" fn(*mut c_void)>);

impl DropLater {
    /// # Safety
    /// `closure` is valid, and nobody drops it meanwhile.
    pub(crate) unsafe fn restore(self, closure: *mut CClosure) {
        // SAFETY: the caller's promise; the loop reads other fields only.
        unsafe { (&raw mut (*closure).data.drop).write(self.0) };
    }
}

impl Closure for CClosure {
    fn call(&mut self, events: u32) -> Outcome {
        match self.function {
            // SAFETY: C's promise for as long as the data is not dropped.
            Function::Plain(function) => unsafe { call(function, self.data.data) },
            // SAFETY: as above.
            Function::File(function) => unsafe { call_file(function, self.data.data, events) },
        }
    }
}

impl Job for CClosure {
    fn run(mut self) -> Outcome {
        self.call(0)
    }
}
