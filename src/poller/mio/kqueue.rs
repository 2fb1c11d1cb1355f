//! kqueue, on macOS and the BSDs.

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::Duration;

use ::mio::event::Event;
use ::mio::unix::SourceFd;
use ::mio::{Events, Interest, Poll, Registry, Token};

use super::super::super::{Raw, Waker};
use super::super::WAKE;
use crate::dispatcher::Nanos;

pub(in super::super) const NAME: &CStr = c"kqueue";
/// Not in every poll(2) here; kqueue says it with the event.
pub(super) const PEER_CLOSED: libc::c_short = 0;

pub(in super::super) fn waker(kernel: &Registry) -> io::Result<Waker> {
    Waker::new(kernel, WAKE)
}

/// `EEXIST` if the kernel has the file under this number; to add it again would replace what it has.
pub(super) fn register(
    kernel: &Registry,
    fd: RawFd,
    token: Token,
    interest: Interest,
    known: bool,
) -> io::Result<()> {
    refuse_files(fd)?;
    if known && is_watched(kernel, fd) {
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    kernel.register(&mut SourceFd(&fd), token, interest)
}

/// What is on a disk is always ready, which epoll refuses to watch; here, as anywhere (F16).
fn refuse_files(fd: RawFd) -> io::Result<()> {
    // SAFETY: all-zero is a valid value, which the call overwrites.
    let mut status: libc::stat = unsafe { mem::zeroed() };
    // SAFETY: `status` is valid for writing.
    if unsafe { libc::fstat(fd, &mut status) } != 0 {
        return Err(io::Error::last_os_error());
    }
    match status.st_mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR => Err(io::Error::from_raw_os_error(libc::EPERM)),
        _ => Ok(()),
    }
}

/// Closing an fd removes its filters. Whether one is left, the kernel tells when it is asked to enable what is enabled
/// already.
fn is_watched(kernel: &Registry, fd: RawFd) -> bool {
    [libc::EVFILT_READ, libc::EVFILT_WRITE].into_iter().any(|filter| {
        // SAFETY: all-zero is a valid value.
        let mut change: libc::kevent = unsafe { mem::zeroed() };
        change.ident = fd as _;
        change.filter = filter as _;
        change.flags = (libc::EV_ENABLE | libc::EV_RECEIPT) as _;
        let mut receipt = change;
        // SAFETY: one change, and room for one receipt.
        let count = unsafe { libc::kevent(kernel.as_raw_fd(), &change, 1, &mut receipt, 1, ptr::null()) };
        let outcome = receipt.data;
        count == 1 && outcome == 0
    })
}

/// A peer that has closed its side, which not every poll(2) here can tell.
pub(in super::super) fn faults(event: &Event) -> Raw {
    if event.is_read_closed() { Raw(Raw::PEER_CLOSED) } else { Raw(0) }
}

/// To the nanosecond.
pub(in super::super) fn wait(poll: &mut Poll, events: &mut Events, timeout: Option<Nanos>) -> io::Result<()> {
    poll.poll(events, timeout.map(Duration::from_nanos))
}
