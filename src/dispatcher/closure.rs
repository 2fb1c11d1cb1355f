//! User code, as the loop sees it: something to call, and how it may fail.

use std::any::Any;
use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a callback ended with instead of returning. The loop stops, and `run()` hands it to its caller (P11).
pub(crate) enum Failure {
    Panic(Box<dyn Any + Send>),
    #[cfg_attr(not(feature = "ffi"), expect(dead_code, reason = "Rust alone does not throw"))]
    Foreign(ForeignException),
    /// It destroyed its dispatcher: `run()` returns without a word.
    Destroyed,
    /// It forked, and this is the child.
    #[cfg_attr(windows, expect(dead_code, reason = "Windows forks no process"))]
    Forked,
    /// Its worker's time to drain is over: what is queued is dropped.
    CutOff,
}

pub(crate) type Outcome = Result<(), Box<Failure>>;

impl Failure {
    /// The panic's message or the exception's text.
    pub(crate) fn describe(&self) -> String {
        match self {
            Failure::Panic(payload) => {
                format!("a callback panicked: {}", panic_message(&**payload))
            }
            Failure::Foreign(exception) => format!("a callback threw: {}", exception.describe()),
            Failure::Destroyed => "a callback destroyed its dispatcher".into(),
            Failure::Forked => "a callback forked, and this is the child".into(),
            Failure::CutOff => "the loop was cut off".into(),
        }
    }
}

/// The message that a panic was given.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

/// Runs `f`; a panic becomes a [`Failure`].
pub(crate) fn guarded(f: impl FnOnce()) -> Outcome {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Box::new(Failure::Panic(payload)))
}

/// A C++ exception on its way through Rust: an owned `std::exception_ptr` that only C++ looks into.
pub(crate) struct ForeignException {
    pub(crate) exception: *mut c_void,
    pub(crate) ops: &'static ExceptionOps,
}

/// What C++ can do with one.
#[repr(C)]
pub struct ExceptionOps {
    pub(crate) describe: unsafe extern "C" fn(*mut c_void, *mut std::ffi::c_char, usize),
    pub(crate) drop: unsafe extern "C" fn(*mut c_void),
    pub(crate) guarded_call: unsafe extern "C" fn(
        Option<unsafe extern "C-unwind" fn(*mut c_void)>,
        Option<unsafe extern "C-unwind" fn(*mut c_void, u32)>,
        *mut c_void,
        u32,
    ) -> *mut c_void,
    pub(crate) unhandled: unsafe extern "C" fn(
        exception: *mut c_void,
        worker: *const c_char,
        length: usize,
        text: *const c_char,
    ),
}

// SAFETY: an exception_ptr may be moved between threads.
unsafe impl Send for ForeignException {}

impl ForeignException {
    fn describe(&self) -> String {
        let mut text = [0u8; 512];
        // SAFETY: `exception` is live, and the buffer is as long as said.
        unsafe { (self.ops.describe)(self.exception, text.as_mut_ptr().cast(), text.len()) };
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        String::from_utf8_lossy(&text[..end]).into_owned()
    }

    /// Gives the exception to the handler of those that callbacks on workers throw. That may end the process.
    pub(crate) fn report(self, worker: &str) {
        let text = CString::new(self.describe()).unwrap_or_default();
        let exception = std::mem::ManuallyDrop::new(self);
        // SAFETY: the exception is C++'s from now on; the texts live through the call.
        unsafe {
            (exception.ops.unhandled)(
                exception.exception,
                worker.as_ptr().cast(),
                worker.len(),
                text.as_ptr(),
            );
        }
    }

    #[cfg(feature = "ffi")]
    /// Gives the exception to C++, which owns it from then on.
    pub(crate) fn into_raw(self) -> *mut c_void {
        std::mem::ManuallyDrop::new(self).exception
    }
}

impl Drop for ForeignException {
    fn drop(&mut self) {
        // SAFETY: owned, and dropped once.
        unsafe { (self.ops.drop)(self.exception) };
    }
}

/// The closure of a handle. `events` is for file events; the others get 0.
pub(crate) trait Closure: Send + 'static {
    fn call(&mut self, events: u32) -> Outcome;
}

/// A closure on its way to where it stays.
pub(crate) trait Source {
    type Closure: Closure;

    /// Puts it there.
    ///
    /// # Safety
    /// `place` is valid for writing, and what is put there does not move any more.
    unsafe fn put(self, place: *mut Self::Closure);
}

impl<F: Closure> Source for F {
    type Closure = F;

    unsafe fn put(self, place: *mut F) {
        // SAFETY: the caller's promise.
        unsafe { place.write(self) };
    }
}

/// A Rust closure as a [`Closure`].
pub(crate) struct RustClosure<F>(pub(crate) F);

impl<F: FnMut(u32) + Send + 'static> Closure for RustClosure<F> {
    fn call(&mut self, events: u32) -> Outcome {
        guarded(|| (self.0)(events))
    }
}
