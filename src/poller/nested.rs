//! Our own poller inside somebody else's loop: that loop waits, and our poller's fd is one of those it waits for.
//!
//! The kernel thus keeps our registrations as it does without the foreign loop, and the contract of file events holds
//! unchanged; what others registered with the foreign loop fires on the same thread, inside our wait.

use std::ffi::CStr;
#[cfg(feature = "ffi")]
use std::ffi::c_void;
use std::io;
use std::sync::Arc;

use super::{OsFd, Poller, Ready, Trigger, WaitError, Waker};
use crate::dispatcher::Nanos;
use crate::fork;

/// A loop of another library, on which a dispatcher waits.
pub(crate) trait ForeignLoop: Send + Sync {
    fn name(&self) -> &'static CStr;

    /// Waits until `fd`, which is the same at each call, is readable, or some handler of the loop's own has run, or
    /// `timeout` is over; runs the loop's handlers that are due, but no endless row of them. An early return is
    /// harmless; after a handler has run, to go on waiting is not: what it asked of the dispatcher is seen when this
    /// returns.
    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError>;

    /// The C++ object of the class `mcp::event::ForeignLoop` that the loop is, else null.
    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut c_void {
        std::ptr::null_mut()
    }
}

impl ForeignLoop for Box<dyn ForeignLoop> {
    fn name(&self) -> &'static CStr {
        (**self).name()
    }

    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError> {
        (**self).turn(fd, timeout)
    }

    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut c_void {
        (**self).cpp_object()
    }
}

/// A poller that waits in a foreign loop.
pub(crate) struct Nested<L> {
    // Before the native poller, whose fd it watches, so that it is dropped first.
    foreign: Arc<L>,
    native: Box<dyn Poller>,
    /// The native poller's own.
    fd: i32,
    fork_generation: u32,
}

impl<L: ForeignLoop> Nested<L> {
    pub(crate) fn new(foreign: L, native: Box<dyn Poller>) -> io::Result<Nested<L>> {
        let fd = native.poll_fd()?;
        Ok(Nested { foreign: Arc::new(foreign), native, fd, fork_generation: fork::generation() })
    }
}

impl<L> Drop for Nested<L> {
    fn drop(&mut self) {
        if fork::generation() != self.fork_generation {
            // The kernel object in which it watches our fd is the parent's too, who still needs that.
            std::mem::forget(self.foreign.clone());
        }
    }
}

impl<L: ForeignLoop> Poller for Nested<L> {
    fn name(&self) -> &'static CStr {
        self.foreign.name()
    }

    fn register(&self, fd: OsFd, token: u64, trigger: Trigger) -> io::Result<()> {
        self.native.register(fd, token, trigger)
    }

    fn update(&self, token: u64, interest: &dyn Fn() -> u32, rearm: bool) -> io::Result<()> {
        self.native.update(token, interest, rearm)
    }

    fn deregister(&self, token: u64) {
        self.native.deregister(token);
    }

    fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let turn = self.foreign.turn(self.fd, timeout);
        // Also after a handler that failed: what is ready is not lost, the loop delivers it in its next run.
        self.native.wait(ready, Some(0)).and(turn)
    }

    fn wake(&self) {
        self.native.wake();
    }

    fn waker(&self) -> Arc<Waker> {
        self.native.waker()
    }

    fn poll_fd(&self) -> io::Result<i32> {
        Ok(self.fd)
    }

    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut c_void {
        self.foreign.cpp_object()
    }
}
