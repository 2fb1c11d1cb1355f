//! A loop of another library that a Rust program tells us how to turn.

use std::ffi::CStr;
use std::io;
use std::time::Duration;

use super::nested::ForeignLoop;
use super::{OsFd, WaitError};
use crate::dispatcher::closure::guarded;
use crate::dispatcher::{Label, Nanos};

/// How a turn of a foreign loop ended; see [`Builder::foreign_loop`](crate::Builder::foreign_loop).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// As it should.
    Over,
    /// Somebody stopped the loop: the dispatcher is to leave its `run()`.
    Stopped,
}

/// What turns it is a closure.
pub(crate) struct RustLoop<F> {
    name: Label,
    turn: F,
}

impl<F> RustLoop<F> {
    pub(crate) fn new(name: Label, turn: F) -> RustLoop<F> {
        RustLoop { name, turn }
    }
}

impl<F: Fn(OsFd, Option<Duration>) -> io::Result<Turn> + Send + Sync> ForeignLoop for RustLoop<F> {
    fn name(&self) -> &'static CStr {
        self.name.c_text()
    }

    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError> {
        #[allow(clippy::unnecessary_cast, reason = "on Windows it is another type, but nothing to wait for")]
        let fd = fd as OsFd;
        let mut turn = Ok(Turn::Over);
        guarded(|| turn = (self.turn)(fd, timeout.map(Duration::from_nanos))).map_err(WaitError::Handler)?;
        match turn? {
            Turn::Over => Ok(()),
            Turn::Stopped => Err(WaitError::Stopped),
        }
    }
}
