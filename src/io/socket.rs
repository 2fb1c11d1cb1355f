//! The system calls of streams, listeners and connects, on sockets that never block.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

use socket2::{MsgHdr, SockRef, Socket, Type};

use crate::poller::OsFd;

/// A peer that is gone is an error of the call, not a signal to the process.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// There it is an option of the socket, see [`adopt`].
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: i32 = 0;

pub(super) fn os_fd(socket: &Socket) -> OsFd {
    socket.as_raw_fd()
}

/// Takes over a stream socket that somebody else made.
pub(super) fn adopt(fd: OwnedFd) -> io::Result<Socket> {
    if SockRef::from(&fd).r#type()? != Type::STREAM {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a stream socket"));
    }
    let socket = Socket::from(fd);
    prepare(&socket)?;
    Ok(socket)
}

/// Makes it non-blocking, and sending on it free of signals.
pub(super) fn prepare(socket: &Socket) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    socket.set_nosigpipe(true)?;
    socket.set_nonblocking(true)
}

/// Receives into the whole of `buffer`; how much of its beginning that filled, 0 at the end of the stream.
pub(super) fn receive(socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the system only writes to it, so what is initialized stays so.
    let uninitialized = unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    retried(|| socket.recv(uninitialized))
}

pub(super) fn send(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    retried(|| socket.send_with_flags(bytes, NO_SIGNAL))
}

pub(super) fn send_pieces<'a>(socket: &Socket, pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
    let pieces: Vec<_> = pieces.map(IoSlice::new).collect();
    match pieces.as_slice() {
        [piece] => send(socket, piece),
        pieces => retried(|| socket.sendmsg(&MsgHdr::new().with_buffers(pieces), NO_SIGNAL)),
    }
}

/// `None` when it would block.
pub(super) fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn retried<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
