//! File descriptors.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};

/// The system's name for something that can be watched: a file descriptor, on Windows a `SOCKET`.
pub type OsFd = std::os::fd::RawFd;
/// What has one; on Windows, what has a socket.
pub use std::os::fd::AsFd as AsOsFd;
/// One that is borrowed; on Windows, a borrowed socket.
pub use std::os::fd::BorrowedFd as BorrowedOsFd;
/// One that is owned, and closed when it is dropped; on Windows, an owned socket.
pub use std::os::fd::OwnedFd as OwnedOsFd;

/// What can be read from and written to, whatever lies behind the descriptor.
pub(crate) use std::fs::File as Stream;

pub(crate) fn raw(io: &impl AsOsFd) -> OsFd {
    io.as_fd().as_raw_fd()
}

/// Its number, to be shown.
pub(crate) fn number(fd: OsFd) -> i32 {
    fd
}

/// To read from it and write to it; it stays whose it is.
pub(crate) fn stream_of(io: &impl AsOsFd) -> ManuallyDrop<Stream> {
    // SAFETY: open while `io` is there, which the callers do not outlive; and not closed, since it is never dropped.
    ManuallyDrop::new(unsafe { Stream::from_raw_fd(raw(io)) })
}

/// Whether a read would not block now; "would block", if it would.
pub(crate) fn is_readable(io: &impl AsOsFd) -> io::Result<()> {
    probe(raw(io), libc::POLLIN)
}

/// Whether a write would not block now; "would block", if it would.
pub(crate) fn is_writable(io: &impl AsOsFd) -> io::Result<()> {
    probe(raw(io), libc::POLLOUT)
}

fn probe(fd: OsFd, events: libc::c_short) -> io::Result<()> {
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one entry, valid for the call.
    match unsafe { libc::poll(&mut entry, 1, 0) } {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        1 if entry.revents & libc::POLLNVAL != 0 => Err(io::Error::from_raw_os_error(libc::EBADF)),
        1 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

pub(crate) fn set_nonblocking(io: &impl AsOsFd) -> io::Result<()> {
    let fd = raw(io);
    // SAFETY: plain system calls on an open fd.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        let is_set = flags & libc::O_NONBLOCK != 0;
        if flags == -1 || !is_set && libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
