//! libevent: our poller waits inside an `event_base`, whose other events fire on the same thread.
//!
//! The library is found at run time, so it is no dependency. Only the thread that runs the loop touches the base, which
//! thus needs no locks (`evthread_use_pthreads()`).

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use super::WaitError;
use super::nested::ForeignLoop;
use crate::dispatcher::Nanos;
use crate::error::Error;

mod base;
mod event;
mod library;
mod turn;

use base::Base;
use library::Library;
use turn::Turn;

/// An `event_base` as the loop in which a poller waits.
pub(super) struct Libevent {
    base: NonNull<c_void>,
    /// Owned.
    turn: NonNull<Turn>,
}

// SAFETY: the turn is reached by the one thread that runs the loop, and by the one that drops it, when nobody does.
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
    /// The base is living until this is dropped, and is used by the thread that runs the loop alone, unless it has locks.
    pub(super) unsafe fn adopt(base: NonNull<c_void>) -> Result<Libevent, Error> {
        Ok(Libevent::on(Base::adopt(Library::get()?, base)?))
    }

    fn on(base: Base) -> Libevent {
        Libevent { base: base.raw, turn: Turn::new(base) }
    }
}

impl ForeignLoop for Libevent {
    fn name(&self) -> &'static CStr {
        c"libevent"
    }

    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError> {
        // SAFETY: the base is living, and this is the thread that runs the loop.
        unsafe { self.turn.as_ref().run(fd, timeout) }
    }

    fn event_base(&self) -> *mut c_void {
        self.base.as_ptr()
    }
}

impl Drop for Libevent {
    fn drop(&mut self) {
        // SAFETY: made by `Turn::new`; nobody runs it any more, and once it let the base go nothing points to it.
        unsafe {
            self.turn.as_ref().release();
            drop(Box::from_raw(self.turn.as_ptr()));
        }
    }
}
