//! Our own poller inside somebody else's loop: that loop waits, and our poller's fd is one of those it waits for.
//!
//! The kernel thus keeps our registrations as it does without the foreign loop, and the contract of file events holds
//! unchanged; what others registered with the foreign loop fires on the same thread, inside our wait.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{io, ptr};

use super::{OsFd, Poller, Ready, Trigger, WaitError, Waker};
use crate::dispatcher::Nanos;
use crate::dispatcher::closure::guarded;
use crate::fork;

/// A loop of another library, on which a dispatcher waits.
pub(crate) trait ForeignLoop: Send + Sync {
    fn name(&self) -> &'static CStr;

    /// Waits until `fd`, which is the same at each call, is readable, or some handler of the loop's own has run, or
    /// `timeout` is over; runs the loop's handlers that are due, but no endless row of them. An early return is
    /// harmless; after a handler has run, to go on waiting is not: what it asked of the dispatcher is seen when this
    /// returns.
    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError>;

    /// The libevent `event_base` that it is, else null.
    fn event_base(&self) -> *mut c_void {
        std::ptr::null_mut()
    }

    /// The C++ object of the class `mcp::event::ForeignLoop` that it is, else null.
    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut c_void {
        std::ptr::null_mut()
    }
}

/// A poller that waits in a foreign loop.
pub(crate) struct Nested {
    name: &'static CStr,
    /// Until it is released. Only those who wait look into it, and whoever releases it, when nobody does.
    foreign: UnsafeCell<Option<Box<dyn ForeignLoop>>>,
    /// What the foreign loop is to others, until it is released.
    event_base: AtomicPtr<c_void>,
    #[cfg(feature = "ffi")]
    cpp_object: AtomicPtr<c_void>,
    native: Box<dyn Poller>,
    /// The native poller's own.
    fd: i32,
    fork_generation: u32,
}

// SAFETY: `foreign` is shared and sent between threads as what it is, under the rule stated there.
unsafe impl Sync for Nested {}

impl Nested {
    pub(crate) fn new(foreign: Box<dyn ForeignLoop>, native: Box<dyn Poller>) -> io::Result<Nested> {
        let fd = native.poll_fd()?;
        Ok(Nested {
            name: foreign.name(),
            event_base: AtomicPtr::new(foreign.event_base()),
            #[cfg(feature = "ffi")]
            cpp_object: AtomicPtr::new(foreign.cpp_object()),
            foreign: UnsafeCell::new(Some(foreign)),
            native,
            fd,
            fork_generation: fork::generation(),
        })
    }

    /// Lets go of the foreign loop, whose destructor is user code. In a forked child it is forgotten: the kernel object
    /// in which it watches our fd is the parent's too, who still needs that.
    fn let_go(&self, foreign: Option<Box<dyn ForeignLoop>>) {
        if fork::generation() != self.fork_generation {
            std::mem::forget(foreign);
        } else if let Err(failure) = guarded(|| drop(foreign)) {
            tracing::error!("the destructor of a foreign loop: {}", failure.describe());
        }
    }
}

impl Drop for Nested {
    // Before the native poller, whose fd it watches.
    fn drop(&mut self) {
        let foreign = self.foreign.get_mut().take();
        self.let_go(foreign);
    }
}

impl Poller for Nested {
    fn name(&self) -> &'static CStr {
        self.name
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
        let generation = fork::generation();
        // SAFETY: it is not released while somebody waits.
        let Some(foreign) = (unsafe { &*self.foreign.get() }) else {
            return Err(
                io::Error::other("the foreign loop in which the dispatcher waits was released").into()
            );
        };
        let turn = foreign.turn(self.fd, timeout);
        if fork::generation() != generation {
            // A handler forked, and this is the child: what is ready is the parent's to take.
            return turn;
        }
        // Also after a handler that failed: what is ready is not lost, the loop delivers it in its next run.
        let found = self.native.wait(ready, Some(0));
        match turn {
            // What user code did goes before whatever else failed.
            Err(WaitError::Handler(_)) => turn,
            _ => found.and(turn),
        }
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

    fn is_nested(&self) -> bool {
        true
    }

    unsafe fn release(&self) {
        self.event_base.store(ptr::null_mut(), Ordering::Release);
        #[cfg(feature = "ffi")]
        self.cpp_object.store(ptr::null_mut(), Ordering::Release);
        // SAFETY: the caller's promise: nobody waits, now or later.
        let foreign = unsafe { &mut *self.foreign.get() }.take();
        self.let_go(foreign);
    }

    fn event_base(&self) -> *mut c_void {
        self.event_base.load(Ordering::Acquire)
    }

    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut c_void {
        self.cpp_object.load(Ordering::Acquire)
    }
}
