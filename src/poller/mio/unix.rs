//! File descriptors: epoll and kqueue take each of them once, and keep its edges.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use ::mio::event::Event;
use ::mio::unix::SourceFd;
use ::mio::{Events, Interest, Poll, Registry, Token};

use super::super::Raw;
use super::registrations::{Registration, hint, kernel_interest};

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "kqueue.rs")]
mod selector;

pub(super) use selector::{NAME, faults, wait, waker};

/// Both report an edge once, and look anew when they are told to.
pub(super) const HAS_EDGES: bool = true;

/// poll(2) takes no more than the process may have open, which the user can lower.
const POLL_BATCH: usize = 64;

/// What the kernel has of a registration: its fd in the main instance or, when another registration of the fd is
/// there, in an instance of its own, nested in the main one.
pub(super) enum Source {
    Main,
    Nested(Poll),
}

impl Source {
    /// `known`: a registration of this number lies in the main instance, for all we know. The result does, too, if
    /// the number has become another file's since.
    pub(super) fn new(
        kernel: &Registry,
        fd: RawFd,
        token: Token,
        interest: Interest,
        known: bool,
    ) -> io::Result<Source> {
        match selector::register(kernel, fd, token, interest, known) {
            Ok(()) => Ok(Source::Main),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                let nested = Poll::new()?;
                nested.registry().register(&mut SourceFd(&fd), token, interest)?;
                kernel.register(&mut SourceFd(&nested.as_raw_fd()), token, Interest::READABLE)?;
                Ok(Source::Nested(nested))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it has the number in the main instance.
    pub(super) fn holds_number(&self) -> bool {
        matches!(self, Source::Main)
    }

    pub(super) fn own_fd(&self) -> Option<RawFd> {
        match self {
            Source::Main => None,
            Source::Nested(nested) => Some(nested.as_raw_fd()),
        }
    }

    pub(super) fn rearm(
        &mut self,
        kernel: &Registry,
        fd: RawFd,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let registry = match self {
            Source::Main => kernel,
            Source::Nested(nested) => nested.registry(),
        };
        registry.reregister(&mut SourceFd(&fd), token, interest)
    }

    pub(super) fn remove(self, kernel: &Registry, fd: RawFd) {
        match self {
            // Fails if the fd was closed, which removed it.
            Source::Main => _ = kernel.deregister(&mut SourceFd(&fd)),
            // Closing the instance removes all of it.
            Source::Nested(nested) => drop(nested),
        }
    }

    /// What an event of the main instance says of it.
    pub(super) fn hint(&mut self, event: &Event) -> Raw {
        let Source::Nested(nested) = self else { return hint(event) };
        // Room for all that one fd can have.
        let mut events = Events::with_capacity(2);
        match nested.poll(&mut events, Some(Duration::ZERO)) {
            Ok(()) => Raw(events.iter().fold(0, |bits, event| bits | hint(event).0)),
            Err(_) => Raw(0),
        }
    }
}

/// How fds stand at this moment.
#[derive(Default)]
pub(super) struct Probe(Vec<libc::pollfd>);

impl Probe {
    pub(super) fn ask<'a>(&mut self, of: impl Iterator<Item = &'a Registration>) -> io::Result<()> {
        self.0.clear();
        self.0.extend(of.map(|registration| {
            let interest = kernel_interest(registration.interest);
            let reads = if interest.is_readable() { libc::POLLIN | selector::PEER_CLOSED } else { 0 };
            let writes = if interest.is_writable() { libc::POLLOUT } else { 0 };
            libc::pollfd { fd: registration.fd, events: reads | writes, revents: 0 }
        }));
        for entries in self.0.chunks_mut(POLL_BATCH) {
            // SAFETY: the entries live through the call, and there are that many.
            while unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, 0) } < 0 {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// In the order in which they were asked of.
    pub(super) fn answers(&self) -> impl Iterator<Item = Raw> {
        self.0.iter().map(|entry| {
            let bit = |theirs: libc::c_short, ours: u8| if entry.revents & theirs != 0 { ours } else { 0 };
            Raw(bit(libc::POLLIN, Raw::IN)
                | bit(libc::POLLOUT, Raw::OUT)
                | bit(selector::PEER_CLOSED, Raw::PEER_CLOSED)
                | bit(libc::POLLERR, Raw::ERROR)
                | bit(libc::POLLHUP, Raw::HANG_UP))
        })
    }
}

/// Whether it can be an fd at all.
pub(super) fn check(fd: RawFd) -> io::Result<()> {
    if fd < 0 { Err(io::Error::from_raw_os_error(libc::EBADF)) } else { Ok(()) }
}

/// The instance's own.
pub(super) fn poll_fd(kernel: &Registry) -> io::Result<i32> {
    Ok(kernel.as_raw_fd())
}
