//! A socket that accepts connections.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use socket2::{Socket, Type};

use super::address::Address;
use super::socket;
use super::stream::Stream;
use crate::dispatcher::closure::{Closure, Outcome, guarded};
use crate::dispatcher::core::Core;
use crate::dispatcher::{FileEvent, Handle, Label, Timer};
use crate::error::Error;
use crate::poller::{FileReady, Trigger};

/// How many connections one callback of the file event accepts, before other events have their turn.
const BATCH: usize = 64;

/// How long a listener rests when the system has no file descriptor, or no memory, for one more connection.
const REST: Duration = Duration::from_millis(100);

/// How many connections the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// A connection that was accepted, and the peer's address; or why one that waits cannot be. After such an error the
/// listener rests for a tenth of a second, and tries again.
pub type Accepted = Result<(Stream, Address), Error>;

/// Accepts connections; made by [`Handle::listen`] or [`Handle::create_listener`]. Dropping it closes the socket: once
/// that has returned, its callback does not begin. The callback may drop its own listener.
///
/// All its functions may be called from any thread.
pub struct Listener {
    // Before `acceptor`: an event ends before its fd is closed.
    event: Arc<FileEvent>,
    _rest: Arc<Timer>,
    acceptor: Arc<Acceptor>,
}

/// What the handle and the event's closure share.
struct Acceptor {
    core: Arc<Core>,
    socket: Socket,
    closed: AtomicBool,
    event: OnceLock<Weak<FileEvent>>,
    rest: OnceLock<Weak<Timer>>,
}

/// The closure of a listener's file event.
struct OnReady<F> {
    acceptor: Arc<Acceptor>,
    callback: F,
}

impl<F: FnMut(Accepted) -> Outcome + Send + 'static> Closure for OnReady<F> {
    fn call(&mut self, _: u32) -> Outcome {
        let acceptor = &self.acceptor;
        for _ in 0..BATCH {
            if acceptor.closed.load(Ordering::SeqCst) {
                return Ok(());
            }
            let accepted = match acceptor.accept() {
                Ok(None) => return Ok(()),
                Ok(Some(accepted)) => Ok(accepted),
                Err(error) => {
                    acceptor.rest();
                    return (self.callback)(Err(error));
                }
            };
            if let Err(failure) = (self.callback)(accepted) {
                acceptor.go_on();
                return Err(failure);
            }
        }
        acceptor.go_on();
        Ok(())
    }
}

impl Acceptor {
    /// The next connection, if one waits.
    fn accept(&self) -> Result<Option<(Stream, Address)>, Error> {
        let failed = |source| Error::os("accepting a connection", source);
        loop {
            let socket = match self.next_socket() {
                Ok(Some(socket)) => socket,
                Ok(None) => return Ok(None),
                Err(error) if concerns_the_listener(&error) => return Err(failed(error)),
                // The connection was gone before it was accepted; the next may not be.
                Err(_) => continue,
            };
            // So it is here, too.
            let Ok(address) = socket.peer_addr() else { continue };
            return Ok(Some((Stream::new(&self.core, socket)?, Address::from_system(&address))));
        }
    }

    fn next_socket(&self) -> io::Result<Option<Socket>> {
        let accepted = socket::unless_blocked(self.socket.accept())?.map(|(socket, _)| socket);
        accepted.iter().try_for_each(socket::prepare)?;
        Ok(accepted)
    }

    fn go_on(&self) {
        if let Some(event) = self.event.get().and_then(Weak::upgrade) {
            // Refused in a forked child alone, where nothing is to happen.
            let _ = event.activate(FileReady::READ);
        }
    }

    fn rest(&self) {
        if let Some(rest) = self.rest.get().and_then(Weak::upgrade) {
            rest.enable(REST);
        }
    }
}

/// Whether an error of `accept` is about us. What else it reports, network errors among it, is the fate of one
/// connection.
fn concerns_the_listener(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EBADF
                | libc::EINVAL
                | libc::ENOTSOCK
                | libc::EOPNOTSUPP
        )
    )
}

impl Listener {
    pub(crate) fn new(
        core: &Arc<Core>,
        socket: Socket,
        callback: impl FnMut(Accepted) -> Outcome + Send + 'static,
    ) -> Result<Listener, Error> {
        let fd = socket::os_fd(&socket);
        let acceptor = Arc::new(Acceptor {
            core: core.clone(),
            socket,
            closed: AtomicBool::new(false),
            event: OnceLock::new(),
            rest: OnceLock::new(),
        });
        let closure = OnReady { acceptor: acceptor.clone(), callback };
        let event = FileEvent::with_closure(core, fd, Trigger::Edge, FileReady::NONE, closure)?;
        let event = Arc::new(event);
        let told = Arc::downgrade(&acceptor);
        let over = move || told.upgrade().iter().for_each(|acceptor| acceptor.go_on());
        let rest = Arc::new(Timer::new(core, over));
        // Set once, here.
        let _ = acceptor.event.set(Arc::downgrade(&event));
        let _ = acceptor.rest.set(Arc::downgrade(&rest));
        event.set_enabled(FileReady::READ)?;
        Ok(Listener { event, _rest: rest, acceptor })
    }

    /// The address that it listens on, with the port that the system chose.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> Result<Address, Error> {
        let address = self.acceptor.socket.local_addr();
        address
            .map(|address| Address::from_system(&address))
            .map_err(|source| Error::os("asking for an address", source))
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.event.set_label(label);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Also between two callbacks of one turn, which the event's own end would let go on.
        self.acceptor.closed.store(true, Ordering::SeqCst);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.acceptor.socket.as_fd()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("fd", &self.acceptor.socket.as_raw_fd()).finish_non_exhaustive()
    }
}

/// A socket that listens on `address`.
fn bind(address: &Address) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    if matches!(address, Address::Tcp(_)) {
        // A server that is started again must not wait for its former connections.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.to_system()?)?;
    socket.listen(BACKLOG)?;
    socket::prepare(&socket)?;
    Ok(socket)
}

impl Handle {
    /// Listens on `address`, and hands `callback` each connection. A Unix socket's path must not exist yet, and stays
    /// when the listener goes.
    ///
    /// # Errors
    /// [`Error::Os`] when the address is taken or makes no sense; [`Error::Forked`] in a forked child.
    pub fn listen(
        &self,
        address: impl Into<Address>,
        mut callback: impl FnMut(Accepted) + Send + 'static,
    ) -> Result<Listener, Error> {
        self.listen_with(&address.into(), move |accepted| guarded(|| callback(accepted)))
    }

    pub(crate) fn listen_with(
        &self,
        address: &Address,
        callback: impl FnMut(Accepted) -> Outcome + Send + 'static,
    ) -> Result<Listener, Error> {
        self.core().check_fork()?;
        let socket = bind(address).map_err(|source| Error::os(format!("listening on {address}"), source))?;
        Listener::new(self.core(), socket, callback)
    }

    /// As [`listen`](Self::listen), with a socket that listens already: a `TcpListener`, a `UnixListener`. It is made
    /// non-blocking, for all who share its open file.
    ///
    /// # Errors
    /// [`Error::Os`] when it is not a stream socket.
    pub fn create_listener(
        &self,
        socket: impl Into<OwnedFd>,
        mut callback: impl FnMut(Accepted) + Send + 'static,
    ) -> Result<Listener, Error> {
        self.core().check_fork()?;
        let socket = socket::adopt(socket.into()).map_err(|source| Error::os("making a listener", source))?;
        Listener::new(self.core(), socket, move |accepted| guarded(|| callback(accepted)))
    }
}
