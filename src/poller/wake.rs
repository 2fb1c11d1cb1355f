//! The eventfd that ends a poll. It is watched edge-triggered and never read.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub(crate) struct Waker(OwnedFd);

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        // SAFETY: plain system call.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made, and ours.
        Ok(Waker(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Async-signal-safe. A write fails only when it was interrupted (then again) or the counter is full after
    /// 2^64 wakes; but for that every write is an edge.
    pub(crate) fn wake(&self) {
        let one = 1u64;
        loop {
            // SAFETY: eight bytes are read from `one`.
            let written = unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
            if written == 8 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return;
            }
        }
    }

    pub(crate) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}
