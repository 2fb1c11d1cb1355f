//! A connected socket whose I/O the loop does.

use std::fmt;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use socket2::Socket;

use super::connection::{Connection, OnReady};
use super::error::{Received, SendError, SendRefusal};
use super::ring::RingIo;
use super::socket;
use crate::dispatcher::closure::{Outcome, guarded};
use crate::dispatcher::core::Core;
use crate::dispatcher::{FileEvent, Handle, Label};
use crate::error::Error;
use crate::poller::{FileReady, Trigger};

/// A connection: bytes come in to a callback, and go out in the order in which they were given. Made by
/// [`Handle::create_stream`], a [`Listener`](super::Listener) or a [`Connect`](super::Connect).
///
/// All its functions may be called from any thread; callbacks run on the loop's. Dropping it closes the socket, without
/// sending what still waits, and drops the callbacks: once that has returned, none of them begins. A callback may drop
/// its own stream. When the dispatcher is gone, a stream does nothing and takes nothing to send.
pub struct Stream {
    // Before `connection`: an event ends before its fd is closed.
    event: Arc<FileEvent>,
    connection: Arc<Connection>,
}

impl Stream {
    pub(super) fn new(core: &Arc<Core>, socket: Socket) -> Result<Stream, Error> {
        let fd = socket::os_fd(&socket);
        let connection = Arc::new(Connection::new(core.clone(), socket));
        let closure = OnReady(connection.clone());
        let event = Arc::new(match RingIo::of(core) {
            Some(_) => FileEvent::unwatched(core, fd, closure)?,
            None => FileEvent::with_closure(core, fd, Trigger::Edge, FileReady::NONE, closure)?,
        });
        connection.attach(&event);
        Ok(Stream { event, connection })
    }

    /// Tells `receiver` what comes in from now on, until it was told of the end or a failure. Replaces the receiver
    /// before, and ends a [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`Error::InvalidState`] when a receiver was told of the end already.
    pub fn receive(&self, mut receiver: impl FnMut(Received<'_>) + Send + 'static) -> Result<(), Error> {
        self.receive_with(move |received| guarded(|| receiver(received)))
    }

    /// Whether this thread runs its loop.
    #[cfg(feature = "ffi")]
    pub(crate) fn is_on_loop(&self) -> bool {
        self.connection.is_on_loop()
    }

    pub(crate) fn receive_with(
        &self,
        receiver: impl FnMut(Received<'_>) -> Outcome + Send + 'static,
    ) -> Result<(), Error> {
        self.connection.receive(Box::new(receiver))
    }

    /// Receives nothing, until [`resume`](Self::resume): no call of the receiver begins after this returns. What the
    /// peer sends meanwhile fills the system's buffers, until its own sends have to wait.
    pub fn pause(&self) {
        self.connection.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.connection.resume();
    }

    /// Sends `bytes` after all that was given before. Never waits: what the system does not take at once is kept, and
    /// sent when it does. A failure refuses later sends, and shows in the completions of
    /// [`send_then`](Self::send_then).
    ///
    /// # Errors
    /// Gives the bytes back when as many as [`set_send_limit`](Self::set_send_limit) allows wait already, and when
    /// nothing can be sent any more.
    pub fn send<B: AsRef<[u8]> + Into<Vec<u8>>>(&self, bytes: B) -> Result<(), SendError<B>> {
        self.connection.send(bytes, None)
    }

    /// As [`send`](Self::send), and calls `completion` on the loop when the system has taken all the bytes, or they
    /// cannot be sent any more. Never inside this call, and not at all when the stream was dropped before. Taken is not
    /// arrived: of that only an answer of the peer tells.
    ///
    /// # Errors
    /// As `send`; the completion is dropped then.
    pub fn send_then<B: AsRef<[u8]> + Into<Vec<u8>>>(
        &self,
        bytes: B,
        completion: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), SendError<B>> {
        self.send_with(bytes, move |result| guarded(|| completion(result)))
    }

    pub(crate) fn send_with<B: AsRef<[u8]> + Into<Vec<u8>>>(
        &self,
        bytes: B,
        completion: impl FnOnce(Result<(), Error>) -> Outcome + Send + 'static,
    ) -> Result<(), SendError<B>> {
        self.connection.send(bytes, Some(Box::new(completion)))
    }

    /// Bytes given to be sent that the system has not taken.
    pub fn queued(&self) -> usize {
        self.connection.queued()
    }

    /// Refuses to send while this many bytes wait, or more. Without it, the queue grows as it must. What is accepted
    /// is accepted whole, so the queue may exceed the limit by one send.
    pub fn set_send_limit(&self, bytes: usize) {
        self.connection.set_send_limit(bytes);
    }

    /// Fails receiving when nothing comes in for this long while it is not paused; `None`, as at first: never.
    pub fn set_receive_timeout(&self, limit: Option<Duration>) {
        self.connection.set_receive_timeout(limit);
    }

    /// Fails sending when bytes wait, and the system takes none of them for this long; `None`, as at first: never.
    pub fn set_send_timeout(&self, limit: Option<Duration>) {
        self.connection.set_send_timeout(limit);
    }

    /// What sends on this stream without keeping it: for its receiver, and for other threads.
    pub fn sender(&self) -> Sender {
        Sender { connection: Arc::downgrade(&self.connection) }
    }

    /// Ends the sending side once all that was given is sent: the peer receives the end. Receiving goes on.
    pub fn shutdown(&self) {
        self.connection.shut_down();
    }

    /// Ends both sides at once, whatever waits: receivers, here and at the peer, are told of an end or a failure. The
    /// stream still has to be dropped.
    pub fn abort(&self) {
        // That fails when the connection is gone already.
        let _ = self.connection.socket.shutdown(Shutdown::Both);
    }

    /// Whether short sends leave at once instead of waiting for more (`TCP_NODELAY`). For TCP alone.
    ///
    /// # Errors
    /// The system's.
    pub fn set_nodelay(&self, at_once: bool) -> Result<(), Error> {
        self.connection
            .socket
            .set_tcp_nodelay(at_once)
            .map_err(|source| Error::os("setting TCP_NODELAY", source))
    }

    /// Names its callbacks in reports.
    pub fn set_label(&self, label: Label) {
        self.event.set_label(label);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Also between two callbacks of one turn, which the event's own end would let go on.
        self.connection.close();
    }
}

/// Sends on a [`Stream`] as long as that lives. Cheap to clone; all its functions may be called from any thread.
#[derive(Clone)]
pub struct Sender {
    connection: Weak<Connection>,
}

impl Sender {
    /// As [`Stream::send`].
    ///
    /// # Errors
    /// As there; [`SendRefusal::Closed`] when the stream is dropped.
    pub fn send<B: AsRef<[u8]> + Into<Vec<u8>>>(&self, bytes: B) -> Result<(), SendError<B>> {
        match self.connection.upgrade() {
            Some(connection) => connection.send(bytes, None),
            None => Err(SendError { refusal: SendRefusal::Closed, bytes }),
        }
    }

    /// As [`Stream::send_then`].
    ///
    /// # Errors
    /// As for [`send`](Self::send); the completion is dropped then.
    pub fn send_then<B: AsRef<[u8]> + Into<Vec<u8>>>(
        &self,
        bytes: B,
        completion: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), SendError<B>> {
        match self.connection.upgrade() {
            Some(connection) => {
                connection.send(bytes, Some(Box::new(move |result| guarded(|| completion(result)))))
            }
            None => Err(SendError { refusal: SendRefusal::Closed, bytes }),
        }
    }

    /// As [`Stream::queued`]; 0 when the stream is dropped.
    pub fn queued(&self) -> usize {
        self.connection.upgrade().map_or(0, |connection| connection.queued())
    }

    /// As [`Stream::shutdown`].
    pub fn shutdown(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.shut_down();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("queued", &self.queued()).finish_non_exhaustive()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.socket.as_fd()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("fd", &self.connection.socket.as_raw_fd())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// A stream on a connected socket: a `TcpStream`, a `UnixStream`, or any other stream socket. It is made
    /// non-blocking, for all who share its open file.
    ///
    /// # Errors
    /// [`Error::Os`] when it is not a stream socket; [`Error::Forked`] in a forked child.
    pub fn create_stream(&self, socket: impl Into<OwnedFd>) -> Result<Stream, Error> {
        self.core().check_fork()?;
        let socket = socket::adopt(socket.into()).map_err(|source| Error::os("making a stream", source))?;
        Stream::new(self.core(), socket)
    }
}
