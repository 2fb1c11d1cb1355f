//! Sockets, by I/O completion ports and the driver that stands behind them (AFD).
//!
//! A socket can be watched any number of times. The driver reports each readiness once, and knows no edges.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::mem::ManuallyDrop;
use std::os::windows::io::{FromRawSocket, IntoRawSocket, RawSocket};
use std::slice;
use std::time::Duration;

use ::mio::event::Event;
use ::mio::net::TcpStream;
use ::mio::{Events, Interest, Poll, Registry, Token};
use windows_sys::Win32::Networking::WinSock::{
    INVALID_SOCKET, POLLERR, POLLHUP, POLLRDNORM, POLLWRNORM, SO_TYPE, SOCKET_ERROR, SOL_SOCKET, WSAENOTSOCK,
    WSAGetLastError, WSAPOLLFD, WSAPoll, getsockopt,
};

use super::super::{Raw, Waker};
use super::WAKE;
use super::registrations::{Registration, hint, kernel_interest};
use crate::dispatcher::Nanos;

pub(super) const NAME: &CStr = c"iocp";
pub(super) const HAS_EDGES: bool = false;

/// A socket as mio wants it. To be watched, any socket may pass for a stream.
pub(super) struct Source(ManuallyDrop<TcpStream>);

impl Source {
    pub(super) fn new(
        kernel: &Registry,
        socket: RawSocket,
        token: Token,
        interest: Interest,
        _known: bool,
    ) -> io::Result<Source> {
        check_is_open(socket)?;
        // SAFETY: it is a socket, and what is made of it gives it back without closing it.
        let mut source = Source(ManuallyDrop::new(unsafe { TcpStream::from_raw_socket(socket) }));
        kernel.register(&mut *source.0, token, interest)?;
        Ok(source)
    }

    /// There is nothing that only one can have.
    pub(super) fn holds_number(&self) -> bool {
        false
    }

    pub(super) fn own_fd(&self) -> Option<RawSocket> {
        None
    }

    /// The driver leaves it at that when the socket was closed.
    pub(super) fn rearm(
        &mut self,
        kernel: &Registry,
        socket: RawSocket,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        check_is_open(socket)?;
        kernel.reregister(&mut *self.0, token, interest)
    }

    pub(super) fn remove(self, _kernel: &Registry, _socket: RawSocket) {
        drop(self);
    }

    pub(super) fn hint(&mut self, event: &Event) -> Raw {
        hint(event)
    }
}

impl Drop for Source {
    /// Ends what mio does with the socket; the socket is the user's.
    fn drop(&mut self) {
        // SAFETY: it is not used after this.
        let _ = unsafe { ManuallyDrop::take(&mut self.0) }.into_raw_socket();
    }
}

/// How sockets stand at this moment.
#[derive(Default)]
pub(super) struct Probe {
    /// Each socket once: what `WSAPoll` makes of a repeated one is nowhere said.
    entries: Vec<WSAPOLLFD>,
    places: HashMap<RawSocket, usize>,
    /// Where each registration has its socket, and what it asked of it.
    asked: Vec<(usize, i16)>,
}

impl Probe {
    pub(super) fn ask<'a>(&mut self, of: impl Iterator<Item = &'a Registration>) -> io::Result<()> {
        self.entries.clear();
        self.places.clear();
        self.asked.clear();
        for registration in of {
            let interest = kernel_interest(registration.interest);
            let reads = if interest.is_readable() { POLLRDNORM } else { 0 };
            let writes = if interest.is_writable() { POLLWRNORM } else { 0 };
            let place = *self.places.entry(registration.fd).or_insert_with(|| {
                self.entries.push(WSAPOLLFD { fd: registration.fd as _, events: 0, revents: 0 });
                self.entries.len() - 1
            });
            self.entries[place].events |= reads | writes;
            self.asked.push((place, reads | writes));
        }
        if self.entries.is_empty() {
            return Ok(());
        }
        match poll(&mut self.entries) {
            Err(error) if is_closed(&error) => poll_each(&mut self.entries),
            outcome => outcome,
        }
    }

    /// In the order in which they were asked of.
    pub(super) fn answers(&self) -> impl Iterator<Item = Raw> {
        self.asked.iter().map(|(place, asked)| {
            let answer = self.entries[*place].revents & (asked | POLLHUP | POLLERR);
            let bit = |theirs: i16, ours: u8| if answer & theirs != 0 { ours } else { 0 };
            Raw(bit(POLLRDNORM, Raw::IN)
                | bit(POLLWRNORM, Raw::OUT)
                // Said of a peer that has closed its side, and of a connection that is gone.
                | bit(POLLHUP, Raw::IN | Raw::PEER_CLOSED)
                | bit(POLLERR, Raw::ERROR))
        })
    }
}

fn poll(entries: &mut [WSAPOLLFD]) -> io::Result<()> {
    // SAFETY: the entries live through the call, and there are that many.
    match unsafe { WSAPoll(entries.as_mut_ptr(), entries.len() as u32, 0) } {
        SOCKET_ERROR => Err(last_error()),
        _ => Ok(()),
    }
}

/// A socket that was closed under its event may fail the call for all of them. By itself it fails alone, and has
/// nothing to tell.
fn poll_each(entries: &mut [WSAPOLLFD]) -> io::Result<()> {
    for entry in entries {
        match poll(slice::from_mut(entry)) {
            Err(error) if is_closed(&error) => entry.revents = 0,
            outcome => outcome?,
        }
    }
    Ok(())
}

fn is_closed(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAENOTSOCK)
}

/// Whether it can be a socket at all.
pub(super) fn check(socket: RawSocket) -> io::Result<()> {
    if socket as usize == INVALID_SOCKET { Err(io::Error::from_raw_os_error(WSAENOTSOCK)) } else { Ok(()) }
}

/// Ends as a call on what is no socket does.
fn check_is_open(socket: RawSocket) -> io::Result<()> {
    let (mut kind, mut size) = (0i32, size_of::<i32>() as i32);
    // SAFETY: the option is that large, and both live through the call.
    let result =
        unsafe { getsockopt(socket as _, SOL_SOCKET, SO_TYPE, (&raw mut kind).cast(), &raw mut size) };
    if result == SOCKET_ERROR { Err(last_error()) } else { Ok(()) }
}

fn last_error() -> io::Error {
    // SAFETY: a plain call.
    io::Error::from_raw_os_error(unsafe { WSAGetLastError() })
}

pub(super) fn waker(kernel: &Registry) -> io::Result<Waker> {
    Waker::new(kernel, WAKE)
}

/// What `WSAPoll` does not tell of a connection that is gone, or failed.
pub(super) fn faults(event: &Event) -> Raw {
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    Raw(bit(event.is_read_closed(), Raw::PEER_CLOSED)
        | bit(event.is_write_closed(), Raw::HANG_UP)
        | bit(event.is_error(), Raw::ERROR))
}

/// Milliseconds, rounded up.
pub(super) fn wait(poll: &mut Poll, events: &mut Events, timeout: Option<Nanos>) -> io::Result<()> {
    poll.poll(events, timeout.map(Duration::from_nanos))
}

/// A completion port cannot be waited for as a socket is.
pub(super) fn poll_fd(_kernel: &Registry) -> io::Result<i32> {
    Err(io::ErrorKind::Unsupported.into())
}
