//! What a listener's handle and its file event share: the socket, and the connections that were accepted for it.
//!
//! The file event says when a connection waits, and the loop accepts until none is left. On a ring, one request then
//! takes whatever comes next, and the event watches nothing until that request has ended. What an error of such a
//! request means, and what comes after it, is accept(2)'s to say: the event finds the connection that still waits.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use socket2::Socket;

use super::address::Address;
use super::listener::Accepted;
use super::ring::{OperationId, RingIo};
use super::socket;
use super::stream::Stream;
use crate::dispatcher::closure::{Closure, Outcome};
use crate::dispatcher::core::Core;
use crate::dispatcher::{FileEvent, Timer};
use crate::error::Error;
use crate::poller::FileReady;

/// How many connections one callback of the file event takes, before other events have their turn.
const BATCH: usize = 64;

/// While this many connections wait to be handed out, the ring takes no more: they wait in the system, and then their
/// peers do.
const MOST_WAITING: usize = 4 * BATCH;

/// How long a listener rests when the system has no file descriptor, or no memory, for one more connection; or when a
/// whole turn has met nothing but errors of single connections, for a filter that refuses all leaves them in the queue.
const REST: Duration = Duration::from_millis(100);

pub(super) struct Acceptor {
    core: Arc<Core>,
    /// Shared with the request of the ring.
    pub(super) socket: Arc<Socket>,
    event: OnceLock<Weak<FileEvent>>,
    rest: OnceLock<Weak<Timer>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The handle is gone: no callback begins any more.
    is_closed: bool,
    /// What the ring has accepted, or lost. While there is something, the event is active, or the listener rests.
    arrived: VecDeque<io::Result<Socket>>,
    /// What accepts for the listener, in place of its event.
    request: Option<OperationId>,
    /// That was told to end.
    is_ending: bool,
}

/// What came of accepting one connection.
enum Attempt {
    Accepted(Stream, Address),
    /// It was accepted, and is gone already.
    Gone,
    /// It was gone before it was accepted, or is refused. The next may not be.
    Lost(Error),
    NoneWaits,
}

/// The closure of a listener's file event.
pub(super) struct OnReady<F> {
    pub(super) acceptor: Arc<Acceptor>,
    pub(super) callback: F,
}

impl<F: FnMut(Accepted) -> Outcome + Send + 'static> Closure for OnReady<F> {
    fn call(&mut self, _: u32) -> Outcome {
        let acceptor = &self.acceptor;
        if acceptor.is_resting() {
            return Ok(());
        }
        let mut lost = 0;
        for _ in 0..BATCH {
            if acceptor.lock().is_closed {
                return Ok(());
            }
            let accepted = match acceptor.accept() {
                Ok(Attempt::Accepted(stream, address)) => Ok((stream, address)),
                Ok(Attempt::Gone) => continue,
                Ok(Attempt::Lost(_)) if lost < BATCH - 1 => {
                    lost += 1;
                    continue;
                }
                // A whole turn of nothing else: what refuses them is here to stay.
                Ok(Attempt::Lost(error)) | Err(error) => {
                    acceptor.rest();
                    return (self.callback)(Err(error));
                }
                Ok(Attempt::NoneWaits) => {
                    acceptor.request();
                    return Ok(());
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
    pub(super) fn new(core: Arc<Core>, socket: Socket) -> Acceptor {
        Acceptor {
            core,
            socket: Arc::new(socket),
            event: OnceLock::new(),
            rest: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// The file event that it lives by, and the timer that ends a rest.
    pub(super) fn attach(&self, event: &Arc<FileEvent>, rest: &Arc<Timer>) {
        // Set once, by who made them all.
        let _ = self.event.set(Arc::downgrade(event));
        let _ = self.rest.set(Arc::downgrade(rest));
    }

    /// The ring, if that may do something.
    fn ring(&self) -> Option<RingIo<'_>> {
        RingIo::of(&self.core).filter(|_| !self.core.is_forked())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// No callback begins any more; what was accepted and not handed out is closed.
    pub(super) fn close(&self) {
        let (request, unwanted) = {
            let mut state = self.lock();
            state.is_closed = true;
            (state.request, std::mem::take(&mut state.arrived))
        };
        drop(unwanted);
        if let Some(ring) = self.ring() {
            ring.close(request);
        }
    }

    fn accept(&self) -> Result<Attempt, Error> {
        let socket = match self.next_socket() {
            Ok(Some(socket)) => socket,
            Ok(None) => return Ok(Attempt::NoneWaits),
            Err(source) => {
                let is_ours = concerns_the_listener(&source);
                let error = Error::os("accepting a connection", source);
                return if is_ours { Err(error) } else { Ok(Attempt::Lost(error)) };
            }
        };
        let Ok(address) = socket.peer_addr() else { return Ok(Attempt::Gone) };
        Ok(Attempt::Accepted(Stream::new(&self.core, socket)?, Address::from_system(&address)))
    }

    fn next_socket(&self) -> io::Result<Option<Socket>> {
        {
            let mut state = self.lock();
            let arrived = state.arrived.pop_front();
            if arrived.is_some() || state.request.is_some() {
                return arrived.transpose();
            }
        }
        let accepted = socket::unless_blocked(self.socket.accept())?.map(|(socket, _)| socket);
        accepted.iter().try_for_each(socket::prepare)?;
        Ok(accepted)
    }

    /// Has the ring, if there is one, accept what comes next.
    fn request(self: &Arc<Self>) {
        let Some(ring) = self.ring().filter(|ring| ring.may_accept()) else { return };
        let Some(event) = self.event() else { return };
        if self.lock().request.is_some() || event.set_enabled(FileReady::NONE).is_err() {
            return;
        }
        let is_refused = {
            let mut state = self.lock();
            // Dropped by another thread, it may be, which then waits for this callback.
            if !state.is_closed {
                state.request = ring.accept(self).ok();
            }
            state.request.is_none() && !state.is_closed
        };
        if is_refused {
            self.watch();
        }
    }

    /// The ring has accepted something, or lost it, or its request has ended.
    pub(super) fn accepted(&self, arrived: Option<io::Result<Socket>>, is_last: bool) {
        let needs_turn = {
            let mut state = self.lock();
            if is_last {
                (state.request, state.is_ending) = (None, false);
            }
            if state.is_closed {
                drop(state);
                drop(arrived);
                return;
            }
            let was_empty = state.arrived.is_empty();
            state.arrived.extend(arrived);
            if state.arrived.len() >= MOST_WAITING
                && !state.is_ending
                && let Some((id, ring)) = state.request.zip(self.ring())
            {
                state.is_ending = true;
                ring.abandon([id]);
            }
            (was_empty || is_last) && !state.arrived.is_empty()
        };
        if is_last {
            self.watch();
        }
        if needs_turn {
            self.go_on();
        }
    }

    /// Has the event say when a connection waits. It forgets that it was active.
    fn watch(&self) {
        if self.event().is_some_and(|event| event.set_enabled(FileReady::READ).is_err()) {
            self.rest();
        }
    }

    fn event(&self) -> Option<Arc<FileEvent>> {
        self.event.get()?.upgrade()
    }

    pub(super) fn go_on(&self) {
        if let Some(event) = self.event() {
            // Refused in a forked child alone, where nothing is to happen.
            let _ = event.activate(FileReady::READ);
        }
    }

    /// Nothing is accepted before the end of its rest, whoever comes.
    fn is_resting(&self) -> bool {
        self.rest.get().and_then(Weak::upgrade).is_some_and(|rest| rest.is_enabled())
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
                | libc::EIO
                | libc::ENOTSOCK
                | libc::EOPNOTSUPP
        )
    )
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;

    use super::*;
    use crate::dispatcher::{Dispatcher, RunType, SimulatedClock};

    #[test]
    fn a_filter_that_refuses_all_connections_makes_the_listener_rest() {
        let clock = SimulatedClock::new();
        let dispatcher = Dispatcher::builder("test").clock(&clock).build().unwrap();
        let system = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = system.local_addr().unwrap();
        let (heard, hear) = mpsc::channel();
        let told = move |accepted: Accepted| heard.send(accepted.map(|_| ())).unwrap();
        let listener = dispatcher.create_listener(system, told).unwrap();
        let refused = || Some(Err(io::Error::from_raw_os_error(libc::EPERM)));
        let _client = TcpStream::connect(address).unwrap();
        // As if each were one that the system tells of.
        (0..2 * BATCH + 1).for_each(|_| listener.acceptor.accepted(refused(), false));
        for _ in 0..2 {
            dispatcher.run(RunType::NonBlock).unwrap();
            let error = hear.try_recv().unwrap().unwrap_err();
            assert!(matches!(error, Error::Os { source, .. } if source.raw_os_error() == Some(libc::EPERM)));
            // It rests, also when another one comes.
            listener.acceptor.go_on();
            dispatcher.run(RunType::NonBlock).unwrap();
            assert!(hear.try_recv().is_err());
            clock.advance(REST);
        }
        // A single one is not spoken of.
        dispatcher.run(RunType::NonBlock).unwrap();
        assert!(hear.try_recv().unwrap().is_ok());
        assert!(hear.try_recv().is_err());
    }
}
