//! A connection on its way.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
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

/// An attempt to connect; made by [`Handle::connect`]. Dropping it gives up: once that has returned, its callback does
/// not begin. The callback may drop it.
pub struct Connect {
    event: Arc<FileEvent>,
    _timer: Option<Timer>,
    attempt: Arc<Attempt>,
}

/// What the handle, the timer and the event's closure share.
struct Attempt {
    core: Arc<Core>,
    address: Address,
    event: OnceLock<Weak<FileEvent>>,
    state: Mutex<State>,
}

enum State {
    Connecting(Socket),
    /// It has failed, which the callback is still to be told.
    Failed(io::Error),
    /// The callback was told, or nobody wants to know any more.
    Over,
}

/// The closure of the file event.
struct OnReady<F> {
    attempt: Arc<Attempt>,
    callback: Option<F>,
}

impl<F: FnOnce(Result<Stream, Error>) -> Outcome + Send + 'static> Closure for OnReady<F> {
    fn call(&mut self, _: u32) -> Outcome {
        let Some(result) = self.attempt.result() else { return Ok(()) };
        match self.callback.take() {
            Some(callback) => callback(result),
            None => Ok(()),
        }
    }
}

impl Attempt {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How it ended, if it has; said once.
    fn result(&self) -> Option<Result<Stream, Error>> {
        let state = std::mem::replace(&mut *self.lock(), State::Over);
        let result = match state {
            State::Over => return None,
            State::Failed(error) => Err(error),
            State::Connecting(socket) => match is_connected(&socket) {
                Ok(false) => {
                    *self.lock() = State::Connecting(socket);
                    return None;
                }
                Ok(true) => Ok(socket),
                Err(error) => Err(error),
            },
        };
        let socket = match result {
            Ok(socket) => socket,
            Err(source) => return Some(Err(Error::os(format!("connecting to {}", self.address), source))),
        };
        // The fd is the stream's from now on.
        if let Some(Err(error)) = self.event().map(|event| event.set_enabled(FileReady::NONE)) {
            return Some(Err(error));
        }
        Some(Stream::new(&self.core, socket))
    }

    fn event(&self) -> Option<Arc<FileEvent>> {
        self.event.get()?.upgrade()
    }

    fn fail(&self, error: io::Error) {
        let abandoned = {
            let mut state = self.lock();
            match *state {
                State::Connecting(_) => std::mem::replace(&mut *state, State::Failed(error)),
                _ => return,
            }
        };
        if let Some(event) = self.event() {
            // Before the socket is closed; refused in a forked child alone, where nothing is to happen.
            let _ = event.set_enabled(FileReady::NONE).and_then(|()| event.activate(FileReady::WRITE));
        }
        drop(abandoned);
    }
}

/// False while the system is still at it.
fn is_connected(socket: &Socket) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Begins to connect; whether it is connected already.
fn begin(address: &Address) -> io::Result<(Socket, bool)> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    socket::prepare(&socket)?;
    match socket.connect(&address.to_system()?) {
        Ok(()) => Ok((socket, true)),
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}

impl Connect {
    fn new(
        core: &Arc<Core>,
        address: Address,
        timeout: Option<Duration>,
        callback: impl FnOnce(Result<Stream, Error>) -> Outcome + Send + 'static,
    ) -> Result<Connect, Error> {
        let begun = begin(&address).map_err(|source| Error::os(format!("connecting to {address}"), source));
        let (socket, is_connected) = begun?;
        let fd = socket::os_fd(&socket);
        let attempt = Arc::new(Attempt {
            core: core.clone(),
            address,
            event: OnceLock::new(),
            state: Mutex::new(State::Connecting(socket)),
        });
        let closure = OnReady { attempt: attempt.clone(), callback: Some(callback) };
        let event = Arc::new(FileEvent::with_closure(core, fd, Trigger::Edge, FileReady::NONE, closure)?);
        // Set once, here.
        let _ = attempt.event.set(Arc::downgrade(&event));
        let timer = timeout.map(|limit| {
            let late = Arc::downgrade(&attempt);
            let over = move || {
                let error = io::Error::from_raw_os_error(libc::ETIMEDOUT);
                if let Some(attempt) = late.upgrade() {
                    attempt.fail(error);
                }
            };
            let timer = Timer::new(core, over);
            timer.enable(limit);
            timer
        });
        if is_connected {
            event.activate(FileReady::WRITE)?;
        } else {
            event.set_enabled(FileReady::WRITE)?;
        }
        Ok(Connect { event, _timer: timer, attempt })
    }

    /// Names its callback in reports.
    pub fn set_label(&self, label: Label) {
        self.event.set_label(label);
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let abandoned = std::mem::replace(&mut *self.attempt.lock(), State::Over);
        if matches!(abandoned, State::Connecting(_)) {
            // Before the socket is closed; refused in a forked child alone, where nothing is watched.
            let _ = self.event.set_enabled(FileReady::NONE);
        }
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("address", &self.attempt.address).finish_non_exhaustive()
    }
}

impl Handle {
    /// Connects to `address`, and tells `callback` on the loop how that ended; never inside this call. It fails when it
    /// takes longer than `timeout` ([`io::ErrorKind::TimedOut`]); without one, when the system gives up.
    ///
    /// # Errors
    /// [`Error::Os`] when it fails at once: an address that makes no sense, no file descriptor left, a Unix socket that
    /// nobody listens on, or whose backlog is full; [`Error::Forked`] in a forked child.
    pub fn connect(
        &self,
        address: impl Into<Address>,
        timeout: Option<Duration>,
        callback: impl FnOnce(Result<Stream, Error>) + Send + 'static,
    ) -> Result<Connect, Error> {
        self.connect_with(address.into(), timeout, move |result| guarded(|| callback(result)))
    }

    pub(crate) fn connect_with(
        &self,
        address: Address,
        timeout: Option<Duration>,
        callback: impl FnOnce(Result<Stream, Error>) -> Outcome + Send + 'static,
    ) -> Result<Connect, Error> {
        self.core().check_fork()?;
        Connect::new(self.core(), address, timeout, callback)
    }
}
