//! libevent: our poller waits inside an `event_base`, whose other events fire on the same thread.
//!
//! The library is found at run time, so it is no dependency. Only the thread that runs the loop touches the base, which
//! thus needs no locks (`evthread_use_pthreads()`).

use std::ffi::{CStr, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::WaitError;
use super::nested::ForeignLoop;
use crate::dispatcher::Nanos;
use crate::error::Error;
use crate::fork;

mod base;
mod event;
mod library;
mod turn;

use base::Base;
use library::Library;
use turn::Turn;

/// An `event_base` as the loop in which a poller waits.
pub(super) struct Libevent {
    /// The base, until it is released.
    address: AtomicPtr<c_void>,
    /// Owned.
    turn: NonNull<Turn>,
    fork_generation: u32,
}

// SAFETY: the turn is reached by the one thread that runs the loop, and by the one that releases it, when nobody does.
unsafe impl Send for Libevent {}
// SAFETY: as above.
unsafe impl Sync for Libevent {}

impl Libevent {
    /// On a base of its own.
    pub(super) fn new() -> Result<Libevent, Error> {
        Ok(Libevent::on(Base::new(Library::get()?)?))
    }

    /// On a base of the user's.
    ///
    /// # Safety
    /// The base is living until it is released, and is used by the thread that runs the loop alone, unless it has locks.
    pub(super) unsafe fn adopt(base: NonNull<c_void>) -> Result<Libevent, Error> {
        Ok(Libevent::on(Base::adopt(Library::get()?, base)?))
    }

    fn on(base: Base) -> Libevent {
        Libevent {
            address: AtomicPtr::new(base.raw.as_ptr()),
            turn: Turn::new(base),
            fork_generation: fork::generation(),
        }
    }

    fn is_forked(&self) -> bool {
        fork::generation() != self.fork_generation
    }
}

impl ForeignLoop for Libevent {
    fn name(&self) -> &'static CStr {
        c"libevent"
    }

    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError> {
        if self.address().is_null() {
            return Err(std::io::Error::other("the dispatcher's event_base was released").into());
        }
        // SAFETY: the base is living, and this is the thread that runs the loop.
        unsafe { self.turn.as_ref().run(fd, timeout) }
    }

    fn address(&self) -> *mut c_void {
        self.address.load(Ordering::Acquire)
    }

    fn release(&self) {
        if self.address.swap(ptr::null_mut(), Ordering::AcqRel).is_null() {
            return;
        }
        // SAFETY: the turn lives until `self` is dropped, and nobody runs it any more.
        unsafe { if self.is_forked() { self.turn.as_ref().abandon() } else { self.turn.as_ref().release() } }
    }
}

impl Drop for Libevent {
    fn drop(&mut self) {
        self.release();
        // In a forked child the base may still point to its events.
        if !self.is_forked() {
            // SAFETY: made by `Turn::new`, and nothing points to it any more.
            drop(unsafe { Box::from_raw(self.turn.as_ptr()) });
        }
    }
}
