//! One turn of an `event_base`: what our loop adds to the base to end its wait.
//!
//! Two events of ours stand for our loop: one for the native poller's fd, one for the time. They are among the base's
//! most urgent. When one of them is due, less urgent events of the user's that are active still get their turn, but
//! for no longer than [`GRACE`].

use std::cell::Cell;
use std::ffi::{c_int, c_short, c_void};
use std::io;
use std::ptr::NonNull;

use super::base::Base;
use super::event::Event;
use crate::dispatcher::Nanos;
use crate::dispatcher::closure::Outcome;
use crate::fork;
use crate::poller::WaitError;

const EV_READ: c_short = 0x02;
const EV_PERSIST: c_short = 0x10;
const EVLOOP_ONCE: c_int = 0x01;
const EVLOOP_NONBLOCK: c_int = 0x02;

/// How long handlers that are due may keep our loop from work of its own: a millisecond.
const GRACE: Nanos = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not ours: between turns, or in a loop that the user runs.
    Outside,
    /// Nothing is due for our loop.
    Waiting,
    /// Something is; the turn ends with the handlers that are due, or with the grace.
    Ending,
}

pub(super) struct Turn {
    base: Base,
    /// The native poller has something; pending while `is_watching`.
    ready: Event,
    /// The wait, or the grace, is over; pending in turns alone.
    time: Event,
    is_watching: Cell<bool>,
    stage: Cell<Stage>,
    /// Whether `ready` was active in this turn.
    was_ready: Cell<bool>,
}

impl Turn {
    /// Its place must not change: libevent keeps pointers to it.
    pub(super) fn new(base: Base) -> NonNull<Turn> {
        let turn = Turn {
            ready: Event::new(base.library),
            time: Event::new(base.library),
            base,
            is_watching: Cell::new(false),
            stage: Cell::new(Stage::Outside),
            was_ready: Cell::new(false),
        };
        let turn = NonNull::from(Box::leak(Box::new(turn)));
        // SAFETY: just made, and neither moves nor dies while the event is pending.
        unsafe {
            let Turn { base, time, .. } = turn.as_ref();
            time.assign(base.raw.as_ptr(), -1, 0, time_is_over, turn.as_ptr().cast());
        }
        turn
    }

    /// What [`ForeignLoop::turn`](crate::poller::nested::ForeignLoop::turn) promises.
    ///
    /// # Safety
    /// The base is living, and this thread is the one that may touch it.
    pub(super) unsafe fn run(&self, fd: c_int, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let generation = fork::generation();
        let flags = if timeout == Some(0) { EVLOOP_ONCE | EVLOOP_NONBLOCK } else { EVLOOP_ONCE };
        // SAFETY: the caller's promise.
        let looped = unsafe { self.begin(fd, timeout) }.map_err(WaitError::from).and_then(|()| {
            let mut result = 0;
            // SAFETY: errno is the thread's own.
            unsafe { *errno() = 0 };
            let outcome = call(|| {
                // SAFETY: the caller's promise.
                result = unsafe { (self.base.library.event_base_loop)(self.base.raw.as_ptr(), flags) };
            });
            outcome.map_err(WaitError::Handler)?;
            if result < 0 { Err(loop_error().into()) } else { Ok(()) }
        });
        // SAFETY: the caller's promise.
        unsafe { self.end(fork::generation() != generation) };
        looped
    }

    unsafe fn begin(&self, fd: c_int, timeout: Option<Nanos>) -> io::Result<()> {
        let must_not_wait = timeout == Some(0);
        self.was_ready.set(false);
        self.stage.set(if must_not_wait { Stage::Ending } else { Stage::Waiting });
        // SAFETY: the caller's promise; `ready` is not pending where it is assigned.
        unsafe {
            if !must_not_wait && !self.is_watching.get() {
                let me = std::ptr::from_ref(self).cast_mut().cast();
                self.ready.assign(self.base.raw.as_ptr(), fd, EV_READ | EV_PERSIST, poller_is_ready, me);
                self.ready.add(None)?;
                self.is_watching.set(true);
            }
            match timeout {
                Some(0) => self.time.add(Some(GRACE)),
                Some(timeout) => self.time.add(Some(timeout)),
                None => Ok(()),
            }
        }
    }

    /// In a forked child the kernel's part of the base is the parent's, and must be left alone.
    unsafe fn end(&self, is_forked: bool) {
        self.stage.set(Stage::Outside);
        // SAFETY: the caller's promise.
        unsafe {
            self.time.del();
            // A base of the user's is left as it was found: he may run it himself until our next turn.
            if !self.base.is_ours && !is_forked {
                self.stop_watching();
            }
        }
    }

    /// # Safety
    /// As for [`run`](Self::run).
    unsafe fn stop_watching(&self) {
        if self.is_watching.take() {
            // SAFETY: the caller's promise.
            unsafe { self.ready.del() };
        }
    }

    /// Something is due for our loop.
    ///
    /// # Safety
    /// As for [`run`](Self::run).
    unsafe fn begin_to_end(&self) {
        self.stage.set(Stage::Ending);
        // SAFETY: the caller's promise. Should it fail for want of memory, the turn ends with the handlers alone.
        let _ = unsafe { self.time.add(Some(GRACE)) };
    }

    /// Lets the base go.
    ///
    /// # Safety
    /// The base is living and nobody uses it, now or later.
    pub(super) unsafe fn release(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            self.stop_watching();
            self.base.release();
        }
    }
}

/// Calls what runs handlers of the user's. An exception of theirs passes through libevent, to be caught here.
fn call(code: impl FnOnce()) -> Outcome {
    #[cfg(feature = "ffi")]
    return crate::ffi::closure::call_code(code);
    #[cfg(not(feature = "ffi"))]
    return crate::dispatcher::closure::guarded(code);
}

/// Why `event_base_loop()` failed: the system's word, unless it did not get as far as to ask the system.
fn loop_error() -> io::Error {
    let last = io::Error::last_os_error();
    if last.raw_os_error() == Some(0) {
        let text =
            "event_base_loop() is refused: somebody else runs the event_base, or a handler of it threw";
        return io::Error::other(text);
    }
    last
}

/// Where this thread's errno is.
fn errno() -> *mut c_int {
    // SAFETY: plain calls, for a place that every thread has.
    unsafe {
        #[cfg(target_os = "linux")]
        return libc::__errno_location();
        #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
        return libc::__error();
        #[cfg(not(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
        return libc::__errno();
    }
}

/// libevent calls it while the native poller's fd is readable.
unsafe extern "C" fn poller_is_ready(_fd: c_int, _what: c_short, turn: *mut c_void) {
    // SAFETY: set by `begin`; the base calls it on the thread that runs it.
    unsafe {
        let turn = &*turn.cast::<Turn>();
        // A second time it would keep less urgent events from their turn; and a loop of the user's spins on it.
        if turn.stage.get() == Stage::Outside || turn.was_ready.replace(true) {
            turn.stop_watching();
        } else if turn.stage.get() == Stage::Waiting {
            turn.begin_to_end();
        }
    }
}

/// libevent calls it when the wait, or after that the grace, is over.
unsafe extern "C" fn time_is_over(_fd: c_int, _what: c_short, turn: *mut c_void) {
    // SAFETY: set by `new`; the base calls it on the thread that runs it.
    unsafe {
        let turn = &*turn.cast::<Turn>();
        if turn.stage.get() == Stage::Waiting {
            turn.begin_to_end();
        } else {
            (turn.base.library.event_base_loopbreak)(turn.base.raw.as_ptr());
        }
    }
}
