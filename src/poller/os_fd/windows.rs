//! Sockets: nothing else can be watched on Windows.

use std::io;
use std::mem::ManuallyDrop;
use std::os::windows::io::{AsRawSocket, FromRawSocket};

use windows_sys::Win32::Networking::WinSock::{
    POLLNVAL, POLLRDNORM, POLLWRNORM, SOCKET, WSAENOTSOCK, WSAGetLastError, WSAPOLLFD, WSAPoll,
};

/// The system's name for something that can be watched: a `SOCKET`, elsewhere a file descriptor.
pub type OsFd = std::os::windows::io::RawSocket;
/// What has one; elsewhere, what has a file descriptor.
pub use std::os::windows::io::AsSocket as AsOsFd;
/// One that is borrowed; elsewhere, a borrowed file descriptor.
pub use std::os::windows::io::BorrowedSocket as BorrowedOsFd;
/// One that is owned, and closed when it is dropped; elsewhere, an owned file descriptor.
pub use std::os::windows::io::OwnedSocket as OwnedOsFd;

/// What can be read from and written to, whatever kind of socket it is.
pub(crate) use std::net::TcpStream as Stream;

pub(crate) fn raw(io: &impl AsOsFd) -> OsFd {
    io.as_socket().as_raw_socket()
}

/// Its number, to be shown. The upper half of a handle says nothing.
pub(crate) fn number(socket: OsFd) -> i32 {
    socket as i32
}

/// To read from it and write to it; it stays whose it is.
pub(crate) fn stream_of(io: &impl AsOsFd) -> ManuallyDrop<Stream> {
    // SAFETY: open while `io` is there, which the callers do not outlive; and not closed, since it is never dropped.
    ManuallyDrop::new(unsafe { Stream::from_raw_socket(raw(io)) })
}

/// Whether a read would not block now; "would block", if it would.
pub(crate) fn is_readable(io: &impl AsOsFd) -> io::Result<()> {
    probe(raw(io), POLLRDNORM)
}

/// Whether a write would not block now; "would block", if it would.
pub(crate) fn is_writable(io: &impl AsOsFd) -> io::Result<()> {
    probe(raw(io), POLLWRNORM)
}

fn probe(socket: OsFd, events: i16) -> io::Result<()> {
    let mut entry = WSAPOLLFD { fd: socket as SOCKET, events, revents: 0 };
    // SAFETY: one entry, valid for the call.
    match unsafe { WSAPoll(&mut entry, 1, 0) } {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        1 if entry.revents & POLLNVAL != 0 => Err(io::Error::from_raw_os_error(WSAENOTSOCK)),
        1 => Ok(()),
        // SAFETY: it only asks.
        _ => Err(io::Error::from_raw_os_error(unsafe { WSAGetLastError() })),
    }
}

pub(crate) fn set_nonblocking(io: &impl AsOsFd) -> io::Result<()> {
    stream_of(io).set_nonblocking(true)
}
