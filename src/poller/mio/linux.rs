//! epoll, as mio has it.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use ::mio::event::Event;
use ::mio::unix::SourceFd;
use ::mio::{Events, Interest, Poll, Registry, Token};

use super::super::super::{Raw, Waker};
use super::super::WAKE;
use crate::dispatcher::Nanos;

pub(in super::super) const NAME: &CStr = c"mio";
pub(super) const PEER_CLOSED: libc::c_short = libc::POLLRDHUP;

/// The eventfd, which is never read: every write is an edge.
pub(in super::super) fn waker(kernel: &Registry) -> io::Result<Waker> {
    let waker = Waker::new()?;
    kernel.register(&mut SourceFd(&waker.fd()), WAKE, Interest::READABLE)?;
    Ok(waker)
}

/// The kernel knows itself whether it has the file under this number: then it is `EEXIST`.
pub(super) fn register(
    kernel: &Registry,
    fd: RawFd,
    token: Token,
    interest: Interest,
    _known: bool,
) -> io::Result<()> {
    kernel.register(&mut SourceFd(&fd), token, interest)
}

/// Nothing: poll(2) says all of it.
pub(in super::super) fn faults(_event: &Event) -> Raw {
    Raw(0)
}

/// mio waits in milliseconds; ppoll(2) on its fd is exact.
pub(in super::super) fn wait(poll: &mut Poll, events: &mut Events, timeout: Option<Nanos>) -> io::Result<()> {
    let Some(nanos) = timeout.filter(|nanos| *nanos != 0) else {
        return poll.poll(events, timeout.map(Duration::from_nanos));
    };
    let mut entry = libc::pollfd { fd: poll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = libc::timespec {
        tv_sec: (nanos / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: one entry, and the limit, valid for the call.
    if unsafe { libc::ppoll(&mut entry, 1, &limit, std::ptr::null()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    poll.poll(events, Some(Duration::ZERO))
}
