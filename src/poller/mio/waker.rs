//! What ends a poll, where the system is not Linux: a user event of the kqueue, or a completion of the port.

use std::io;

use ::mio::{Registry, Token};

pub(crate) struct Waker(::mio::Waker);

impl Waker {
    pub(crate) fn new(kernel: &Registry, token: Token) -> io::Result<Waker> {
        ::mio::Waker::new(kernel, token).map(Waker)
    }

    /// Async-signal-safe: one system call. What it could fail for, a lack of memory for one more event, is something
    /// that wakes the loop all the same.
    pub(crate) fn wake(&self) {
        let _ = self.0.wake();
    }
}
