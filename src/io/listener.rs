//! A socket that accepts connections.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use socket2::{Socket, Type};

use super::acceptor::{Acceptor, OnReady};
use super::address::Address;
use super::socket;
use super::stream::Stream;
use crate::dispatcher::closure::{Outcome, guarded};
use crate::dispatcher::core::Core;
use crate::dispatcher::{FileEvent, Handle, Label, Timer};
use crate::error::Error;
use crate::poller::{FileReady, Trigger};

/// How many connections the system keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// A connection that was accepted, and the peer's address; or why one that waits cannot be: no file descriptor or memory
/// is left, or the system has refused 64 in a row. After such an error the listener rests for a tenth of a second, and
/// tries again. Single connections that fail are passed over.
pub type Accepted = Result<(Stream, Address), Error>;

/// Accepts connections; made by [`Handle::listen`] or [`Handle::create_listener`]. Dropping it closes the socket: once
/// that has returned, its callback does not begin. The callback may drop its own listener.
///
/// All its functions may be called from any thread.
pub struct Listener {
    // Before `acceptor`: an event ends before its fd is closed.
    event: Arc<FileEvent>,
    _rest: Arc<Timer>,
    pub(super) acceptor: Arc<Acceptor>,
}

impl Listener {
    pub(crate) fn new(
        core: &Arc<Core>,
        socket: Socket,
        callback: impl FnMut(Accepted) -> Outcome + Send + 'static,
    ) -> Result<Listener, Error> {
        let fd = socket::os_fd(&socket);
        let acceptor = Arc::new(Acceptor::new(core.clone(), socket));
        let closure = OnReady { acceptor: acceptor.clone(), callback };
        let event = FileEvent::with_closure(core, fd, Trigger::Edge, FileReady::NONE, closure)?;
        let event = Arc::new(event);
        let told = Arc::downgrade(&acceptor);
        let over = move || told.upgrade().iter().for_each(|acceptor| acceptor.go_on());
        let rest = Arc::new(Timer::new(core, over));
        acceptor.attach(&event, &rest);
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
        self.acceptor.close();
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
