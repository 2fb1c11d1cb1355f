//! Our own poller inside somebody else's loop: that loop waits, and our poller's fd is one of those it waits for.
//!
//! The kernel thus keeps our registrations as it does without the foreign loop, and the contract of file events holds
//! unchanged; what others registered with the foreign loop fires on the same thread, inside our wait.

use std::ffi::CStr;
use std::io;
use std::sync::Arc;

use super::{OsFd, Poller, Ready, Trigger, WaitError, Waker};
use crate::dispatcher::Nanos;

/// A loop of another library, on which a dispatcher waits.
pub(crate) trait ForeignLoop: Send + Sync {
    fn name(&self) -> &'static CStr;

    /// Waits until `fd`, which is the same at each call, is readable, or some handler of the loop's own has run, or
    /// `timeout` is over; runs the loop's handlers that are due. An early return is harmless; never late by
    /// rounding the timeout down.
    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError>;
}

/// A poller that waits in a foreign loop.
pub(crate) struct Nested<L> {
    foreign: L,
    native: Box<dyn Poller>,
    /// The native poller's own.
    fd: i32,
}

impl<L: ForeignLoop> Nested<L> {
    pub(crate) fn new(foreign: L, native: Box<dyn Poller>) -> io::Result<Nested<L>> {
        let fd = native.poll_fd()?;
        Ok(Nested { foreign, native, fd })
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

    fn enter(&self) {
        self.native.enter();
    }

    fn leave(&self) {
        self.native.leave();
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
}
