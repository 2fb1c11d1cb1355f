//! What waits for file descriptors: a small trait, and one file a poller.

use std::ffi::{CStr, c_void};
use std::sync::Arc;
use std::{io, ptr};

use crate::dispatcher::Nanos;
use crate::dispatcher::closure::Failure;

#[cfg(feature = "asio")]
mod asio;
mod backend;
#[cfg(target_os = "linux")]
mod epoll;
mod foreign;
#[cfg(all(target_os = "linux", feature = "io_uring"))]
pub(crate) mod io_uring;
#[cfg(all(unix, feature = "libevent"))]
mod libevent;
#[cfg(any(feature = "mio", not(target_os = "linux")))]
mod mio;
mod nested;
mod order;
pub(crate) mod os_fd;
mod processors;
mod timer_slack;
#[cfg_attr(not(target_os = "linux"), path = "mio/waker.rs")]
mod wake;

#[cfg(feature = "ffi")]
pub(crate) use backend::NAMES;
pub use backend::{Backend, BackendState, backends};
pub(crate) use backend::{adopt_event_base, create, create_default, create_in};
pub(crate) use foreign::RustLoop;
pub use foreign::Turn;
pub(crate) use nested::ForeignLoop;
pub use os_fd::{AsOsFd, BorrowedOsFd, OsFd, OwnedOsFd};
pub(crate) use processors::several_processors;
pub(crate) use timer_slack::TimerSlack;
pub(crate) use wake::Waker;

/// Readiness of a file descriptor, and what of it a file event wants: a set of [`FileReady::READ`], `WRITE`,
/// `CLOSED` and `ERROR`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct FileReady(u32);

impl FileReady {
    /// Nothing.
    pub const NONE: FileReady = FileReady(0);
    /// Data, a connection or an end of file can be read.
    pub const READ: FileReady = FileReady(1);
    /// Data can be written, or a connect has ended.
    pub const WRITE: FileReady = FileReady(2);
    /// The peer has closed its writing side, or the connection is gone.
    pub const CLOSED: FileReady = FileReady(4);
    /// The file descriptor has an error pending.
    pub const ERROR: FileReady = FileReady(8);

    const ALL: u32 = 15;

    /// The set with these bits, unless some are unknown.
    pub const fn from_bits(bits: u32) -> Option<FileReady> {
        if bits & !Self::ALL == 0 { Some(FileReady(bits)) } else { None }
    }

    /// The set as bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: FileReady) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    pub const fn intersects(self, other: FileReady) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for FileReady {
    type Output = FileReady;

    fn bitor(self, other: FileReady) -> FileReady {
        FileReady(self.0 | other.0)
    }
}

impl std::ops::BitAnd for FileReady {
    type Output = FileReady;

    fn bitand(self, other: FileReady) -> FileReady {
        FileReady(self.0 & other.0)
    }
}

impl std::fmt::Debug for FileReady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [(1, "READ"), (2, "WRITE"), (4, "CLOSED"), (8, "ERROR")];
        let mut set = f.debug_set();
        for (_, name) in names.iter().filter(|(bit, _)| self.0 & bit != 0) {
            set.entry(&format_args!("{name}"));
        }
        set.finish()
    }
}

/// When readiness is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Once an iteration while it lasts.
    Level,
    /// Once for each transition; readiness at creation, and at each change of the mask, counts as one.
    Edge,
    /// As level, but what was delivered is not watched again until it is registered again.
    EmulatedEdge,
}

/// The kernel's own word on a file descriptor, in bits of ours: nearly those of Linux, which are quick to translate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw(pub(crate) u8);

impl Raw {
    pub(crate) const IN: u8 = 1;
    pub(crate) const OUT: u8 = 4;
    pub(crate) const ERROR: u8 = 8;
    pub(crate) const HANG_UP: u8 = 16;
    pub(crate) const PEER_CLOSED: u8 = 32;

    const ALL: u8 = 63;

    /// What each stands for, by its bits.
    const READY: [u8; Raw::ALL as usize + 1] = {
        let mut all = [0; Raw::ALL as usize + 1];
        let mut raw = 0;
        while raw < all.len() {
            all[raw] = Raw(raw as u8).ready();
            raw += 1;
        }
        all
    };

    const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    const fn is_broken(self) -> bool {
        self.has(Raw::ERROR | Raw::HANG_UP)
    }

    const fn ready(self) -> u8 {
        const fn bit(has: bool, ready: FileReady) -> u8 {
            if has { ready.0 as u8 } else { 0 }
        }
        bit(self.has(Raw::IN) || self.is_broken(), FileReady::READ)
            | bit(self.has(Raw::OUT) || self.is_broken(), FileReady::WRITE)
            | bit(self.has(Raw::PEER_CLOSED | Raw::HANG_UP), FileReady::CLOSED)
            | bit(self.has(Raw::ERROR), FileReady::ERROR)
    }

    /// What of this an event that wants `mask` is told (F10, F12).
    #[inline]
    pub(crate) fn delivered(self, mask: u32) -> u32 {
        match u32::from(Raw::READY[usize::from(self.0 & Raw::ALL)]) & mask {
            // A fault that nobody asked for in so many words would wake the loop for ever.
            0 if self.is_broken() => mask & (FileReady::CLOSED | FileReady::ERROR).0,
            bits => bits,
        }
    }
}

/// A registration that is ready.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) token: u64,
    pub(crate) raw: Raw,
}

/// Why a wait ended with nothing to show.
pub(crate) enum WaitError {
    Os(io::Error),
    /// A handler that belongs to the foreign loop in which the poller waits panicked or threw.
    Handler(Box<Failure>),
    /// Somebody stopped that foreign loop.
    Stopped,
}

impl From<io::Error> for WaitError {
    fn from(error: io::Error) -> WaitError {
        WaitError::Os(error)
    }
}

impl std::fmt::Debug for WaitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WaitError::Os(error) => error.fmt(f),
            WaitError::Handler(failure) => f.write_str(&failure.describe()),
            WaitError::Stopped => f.write_str("the foreign loop was stopped"),
        }
    }
}

/// Waits for file descriptors. All functions but `wait` may be called from any thread.
///
/// Registrations are told apart by token, not by fd: two on one fd are independent in mask, trigger and edge
/// state, and one whose fd was closed and reused does not disturb the new one.
pub(crate) trait Poller: Send + Sync {
    fn name(&self) -> &'static CStr;

    /// Makes a registration that watches nothing yet. The token's low half is a small number that no other
    /// living registration has.
    fn register(&self, fd: OsFd, token: u64, trigger: Trigger) -> io::Result<()>;

    /// Makes one that watches what `interest` says.
    fn watch(&self, fd: OsFd, token: u64, trigger: Trigger, interest: &dyn Fn() -> u32) -> io::Result<()> {
        self.register(fd, token, trigger)?;
        self.update(token, interest, false)
    }

    /// Watches what `interest` says, asked under the poller's lock so that the last change wins. `rearm`
    /// delivers an edge registration's current readiness again even if nothing changes.
    fn update(&self, token: u64, interest: &dyn Fn() -> u32, rearm: bool) -> io::Result<()>;

    fn deregister(&self, token: u64);

    /// The calling thread begins to run the loop: until it leaves, it alone waits.
    fn enter(&self) {}

    /// It stops to run the loop: from now on the poll fd counts.
    fn leave(&self) {}

    /// Appends what is ready; waits until something is, or `timeout` is over, or somebody wakes it.
    ///
    /// The one thread that runs the loop calls it; not always the same one.
    fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError>;

    /// Ends a `wait`, the next one if none is under way.
    fn wake(&self);

    /// What wakes it from a signal handler.
    fn waker(&self) -> Arc<Waker>;

    /// An fd that is readable when a `wait` would find something; the poller's own.
    fn poll_fd(&self) -> io::Result<i32>;

    /// Whether it waits in a foreign loop, whose handlers run inside `wait`.
    fn is_nested(&self) -> bool {
        false
    }

    /// The dispatcher is gone, though handles may keep the poller: lets go of a foreign loop.
    ///
    /// # Safety
    /// Nobody is inside `wait`, nor calls it again.
    unsafe fn release(&self) {}

    /// The libevent `event_base` in which it waits, else null; null, too, once that was released.
    fn event_base(&self) -> *mut c_void {
        ptr::null_mut()
    }

    /// Likewise the C++ object of the class `mcp::event::ForeignLoop`.
    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut c_void {
        ptr::null_mut()
    }

    /// The ring that it waits on, to have it do more than poll.
    #[cfg(all(target_os = "linux", feature = "io_uring"))]
    fn ring(&self) -> Option<&io_uring::IoUring> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: u32 = 1;
    const WRITE: u32 = 2;
    const CLOSED: u32 = 4;
    const ERROR: u32 = 8;

    #[test]
    fn f10_only_what_was_asked_for_is_delivered() {
        assert_eq!(Raw(Raw::IN | Raw::OUT).delivered(READ), READ);
        assert_eq!(Raw(Raw::IN | Raw::PEER_CLOSED).delivered(READ), READ);
        assert_eq!(Raw(Raw::IN | Raw::PEER_CLOSED).delivered(READ | CLOSED), READ | CLOSED);
        assert_eq!(Raw(Raw::OUT).delivered(READ), 0);
    }

    #[test]
    fn f10_hang_up_and_error_raise_read_and_write() {
        assert_eq!(Raw(Raw::HANG_UP).delivered(READ), READ);
        assert_eq!(Raw(Raw::ERROR).delivered(WRITE), WRITE);
        assert_eq!(Raw(Raw::ERROR).delivered(READ | WRITE | ERROR), READ | WRITE | ERROR);
        assert_eq!(Raw(Raw::HANG_UP).delivered(READ | CLOSED), READ | CLOSED);
    }

    #[test]
    fn f12_a_fault_is_never_silent() {
        assert_eq!(Raw(Raw::ERROR).delivered(CLOSED), CLOSED);
        assert_eq!(Raw(Raw::HANG_UP).delivered(ERROR), ERROR);
        assert_eq!(Raw(Raw::HANG_UP).delivered(CLOSED | ERROR), CLOSED);
        assert_eq!(Raw(Raw::HANG_UP).delivered(0), 0);
    }
}
