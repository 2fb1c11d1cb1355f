//! What a stream's handle and its file event share: the socket, who receives, and what is to be sent.
//!
//! All I/O happens on the loop's thread, in the callback of the stream's file event or, for a send that need not
//! wait, at once. Other threads change the state under its lock and *kick*: they activate the event. What the
//! event is still to look at is also noted in the state, because a change of the event's mask drops activations.
//!
//! No user code runs, and none is dropped, under the lock: the receiver is taken out of the state for its call.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use socket2::Socket;

use super::buffer;
use super::error::{Completion, Received, Receiver, SendError, SendRefusal};
use super::outbox::Outbox;
use super::socket;
use crate::dispatcher::closure::{Closure, Outcome};
use crate::dispatcher::core::Core;
use crate::dispatcher::{FileEvent, Timer};
use crate::error::Error;
use crate::poller::FileReady;

/// How many times one callback of the file event receives, before other events have their turn.
const TURNS: usize = 16;

/// What a receive looks for.
const INBOUND: FileReady = match FileReady::from_bits(FileReady::READ.bits() | FileReady::CLOSED.bits()) {
    Some(sides) => sides,
    None => FileReady::READ,
};

pub(super) struct Connection {
    core: Arc<Core>,
    pub(super) socket: Socket,
    event: OnceLock<Weak<FileEvent>>,
    state: Mutex<State>,
}

struct State {
    /// The handle is gone: no callback begins any more.
    closed: bool,
    /// What the event is to look at, though no readiness says so.
    kicked: FileReady,
    /// What the event's mask is.
    watched: FileReady,
    receiving: Receiving,
    receiver: Option<Receiver>,
    /// What has come in while nobody could be told.
    arrived: VecDeque<Arrived>,
    receive_limit: TimeLimit,
    send_limit: TimeLimit,
    outbox: Outbox,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiving {
    /// Not yet, or not now.
    Paused,
    Active,
    /// The receiver has been told of the end.
    Ended,
}

enum Arrived {
    Data(Vec<u8>),
    Failed(Error),
}

/// How long one direction may stand still.
#[derive(Default)]
struct TimeLimit {
    limit: Option<Duration>,
    timer: Option<Arc<Timer>>,
    /// Something has moved, or begun to wait, since the timer was set.
    moved: bool,
}

/// The closure of a stream's file event.
pub(super) struct OnReady(pub(super) Arc<Connection>);

impl Closure for OnReady {
    fn call(&mut self, events: u32) -> Outcome {
        let outcome = self.0.turn(FileReady::from_bits(events).unwrap_or_default());
        if outcome.is_err() {
            // The rest is for the next run.
            self.0.kick(INBOUND);
        }
        outcome
    }
}

impl Connection {
    pub(super) fn new(core: Arc<Core>, socket: Socket) -> Connection {
        Connection {
            core,
            socket,
            event: OnceLock::new(),
            state: Mutex::new(State {
                closed: false,
                kicked: FileReady::NONE,
                watched: FileReady::NONE,
                receiving: Receiving::Paused,
                receiver: None,
                arrived: VecDeque::new(),
                receive_limit: TimeLimit::default(),
                send_limit: TimeLimit::default(),
                outbox: Outbox::new(),
            }),
        }
    }

    /// The file event that it lives by.
    pub(super) fn attach(&self, event: &Arc<FileEvent>) {
        // Set once, by who made both.
        let _ = self.event.set(Arc::downgrade(event));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn event(&self) -> Option<Arc<FileEvent>> {
        self.event.get()?.upgrade()
    }

    /// No callback begins any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    /// Has the event look at `sides` in its next callback.
    fn kick(&self, sides: FileReady) {
        let is_new = {
            let mut state = self.lock();
            let before = state.kicked;
            state.kicked = before | sides;
            state.kicked != before
        };
        if is_new && let Some(event) = self.event() {
            // Refused in a forked child alone, where nothing is to happen.
            let _ = event.activate(sides);
        }
    }

    pub(super) fn receive(&self, receiver: Receiver) -> Result<(), Error> {
        let former = {
            let mut state = self.lock();
            if state.receiving == Receiving::Ended {
                return Err(Error::InvalidState("the stream has been received to its end".into()));
            }
            state.receiving = Receiving::Active;
            state.receive_limit.moved = true;
            state.receiver.replace(receiver)
        };
        drop(former);
        self.kick(INBOUND);
        Ok(())
    }

    pub(super) fn pause(&self) {
        let mut state = self.lock();
        if state.receiving == Receiving::Active {
            state.receiving = Receiving::Paused;
            drop(state);
            self.kick(FileReady::WRITE);
        }
    }

    pub(super) fn resume(&self) {
        let mut state = self.lock();
        if state.receiving == Receiving::Paused && state.receiver.is_some() {
            state.receiving = Receiving::Active;
            state.receive_limit.moved = true;
            drop(state);
            self.kick(INBOUND);
        }
    }

    pub(super) fn send<B>(&self, bytes: B, completion: Option<Completion>) -> Result<(), SendError<B>>
    where
        B: AsRef<[u8]> + Into<Vec<u8>>,
    {
        let is_here = self.core.is_running_here();
        let mut state = self.lock();
        if let Err(refusal) = self.check_open(&state).and_then(|()| state.outbox.check()) {
            return Err(SendError { refusal, bytes });
        }
        let is_first = state.outbox.is_empty();
        let wants_call = completion.is_some();
        let length = bytes.as_ref().len();
        // What other threads send, the loop's thread writes: one writer keeps the order.
        let taken = if is_here && is_first && length > 0 {
            match socket::unless_blocked(socket::send(&self.socket, bytes.as_ref())) {
                Ok(taken) => taken.unwrap_or(0),
                Err(error) => {
                    state.outbox.push(bytes, 0, completion);
                    state.outbox.fail(error);
                    drop(state);
                    self.kick(FileReady::WRITE);
                    return Ok(());
                }
            }
        } else {
            0
        };
        if taken == length {
            state.outbox.note_sent(length, completion);
        } else {
            state.outbox.push(bytes, taken, completion);
            state.send_limit.moved |= is_first;
        }
        let is_waiting = !state.outbox.is_empty();
        drop(state);
        if is_waiting && is_first || wants_call {
            self.kick(FileReady::WRITE);
        }
        Ok(())
    }

    fn check_open(&self, state: &State) -> Result<(), SendRefusal> {
        if self.core.is_forked() {
            Err(SendRefusal::Forked)
        } else if state.closed || self.core.closed.load(Ordering::SeqCst) {
            Err(SendRefusal::Closed)
        } else {
            Ok(())
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.lock().outbox.queued()
    }

    pub(super) fn set_send_limit(&self, bytes: usize) {
        self.lock().outbox.set_limit(bytes);
    }

    pub(super) fn shut_down(&self) {
        self.lock().outbox.request_end();
        self.kick(FileReady::WRITE);
    }

    pub(super) fn set_receive_timeout(self: &Arc<Self>, limit: Option<Duration>) {
        self.set_time_limit(|state| &mut state.receive_limit, limit, Connection::receive_timed_out);
    }

    pub(super) fn set_send_timeout(self: &Arc<Self>, limit: Option<Duration>) {
        self.set_time_limit(|state| &mut state.send_limit, limit, Connection::send_timed_out);
    }

    fn set_time_limit(
        self: &Arc<Self>,
        side: impl Fn(&mut State) -> &mut TimeLimit,
        limit: Option<Duration>,
        over: fn(&Connection),
    ) {
        let is_made = side(&mut self.lock()).timer.is_some();
        let timer = (limit.is_some() && !is_made).then(|| {
            let connection = Arc::downgrade(self);
            let over = move || connection.upgrade().iter().for_each(|connection| over(connection));
            Arc::new(Timer::new(&self.core, over))
        });
        let mut state = self.lock();
        let side = side(&mut state);
        side.limit = limit;
        side.moved = true;
        let unused = match timer {
            Some(timer) if side.timer.is_none() => side.timer.replace(timer),
            other => other,
        };
        drop(state);
        drop(unused);
        self.kick(FileReady::WRITE);
    }

    fn receive_timed_out(&self) {
        {
            let mut state = self.lock();
            if state.receiving != Receiving::Active || state.receive_limit.limit.is_none() {
                return;
            }
            let error = Error::os("receiving", io::Error::from_raw_os_error(libc::ETIMEDOUT));
            state.arrived.push_back(Arrived::Failed(error));
        }
        self.kick(INBOUND);
    }

    fn send_timed_out(&self) {
        {
            let mut state = self.lock();
            if state.outbox.is_empty() || state.send_limit.limit.is_none() {
                return;
            }
            state.outbox.fail(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
        self.kick(FileReady::WRITE);
    }

    /// One callback of the file event.
    fn turn(&self, mut events: FileReady) -> Outcome {
        {
            let mut state = self.lock();
            events = events | std::mem::take(&mut state.kicked);
        }
        if events.intersects(INBOUND | FileReady::ERROR) {
            self.deliver_arrived()?;
            buffer::with(|buffer| self.receive_into(buffer, events))?;
        }
        self.flush();
        self.complete()?;
        self.settle();
        Ok(())
    }

    /// Tells the receiver what came in while it could not be told.
    fn deliver_arrived(&self) -> Outcome {
        loop {
            let Some(arrived) = self.take_arrived() else { return Ok(()) };
            match &arrived {
                Arrived::Data(bytes) => self.tell(Received::Data(bytes))?,
                Arrived::Failed(_) => {}
            }
            if let Arrived::Failed(error) = arrived {
                self.tell(Received::Failed(error))?;
            }
        }
    }

    fn take_arrived(&self) -> Option<Arrived> {
        let mut state = self.lock();
        if state.can_be_told() { state.arrived.pop_front() } else { None }
    }

    /// Receives until nothing more is there, or others should have their turn.
    fn receive_into(&self, buffer: &mut [u8], events: FileReady) -> Outcome {
        for _ in 0..TURNS {
            if !self.lock().can_be_told() {
                return Ok(());
            }
            match socket::unless_blocked(socket::receive(&self.socket, buffer)) {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return self.tell(Received::End),
                Ok(Some(length)) => {
                    self.tell(Received::Data(&buffer[..length]))?;
                    // The next byte is another edge; an end that is there already is none.
                    if length < buffer.len() && !events.contains(FileReady::CLOSED) {
                        return Ok(());
                    }
                }
                Err(error) => return self.tell(Received::Failed(Error::os("receiving", error))),
            }
        }
        self.kick(INBOUND);
        Ok(())
    }

    /// Calls the receiver, unless it was paused or closed meanwhile: then keeps what it is to be told.
    fn tell(&self, received: Received<'_>) -> Outcome {
        let is_last = !matches!(received, Received::Data(_));
        let mut receiver = {
            let mut state = self.lock();
            if !state.can_be_told() {
                state.keep(received);
                return Ok(());
            }
            state.receive_limit.moved = true;
            if is_last {
                state.receiving = Receiving::Ended;
            }
            let Some(receiver) = state.receiver.take() else { return Ok(()) };
            receiver
        };
        let outcome = receiver(received);
        let mut state = self.lock();
        if !is_last && !state.closed && state.receiver.is_none() {
            state.receiver = Some(receiver);
        } else {
            drop(state);
            drop(receiver);
        }
        outcome
    }

    /// Sends what there is room for, and ends the sending side when that is due.
    fn flush(&self) {
        let mut guard = self.lock();
        let state = &mut *guard;
        while !state.outbox.is_empty() {
            match socket::unless_blocked(socket::send_pieces(&self.socket, state.outbox.pieces())) {
                Ok(Some(length)) => {
                    state.outbox.advance(length);
                    state.send_limit.moved = true;
                }
                Ok(None) => break,
                Err(error) => state.outbox.fail(error),
            }
        }
        if state.outbox.take_end() {
            // That fails when the peer is gone, of which receiving tells.
            let _ = self.socket.shutdown(std::net::Shutdown::Write);
        }
    }

    /// Tells those whose bytes are gone.
    fn complete(&self) -> Outcome {
        loop {
            let done = {
                let mut state = self.lock();
                if state.closed { None } else { state.outbox.next_done() }
            };
            let Some((completion, result)) = done else { return Ok(()) };
            if let Err(failure) = completion(result) {
                self.kick(FileReady::WRITE);
                return Err(failure);
            }
        }
    }

    /// Has the event watch what is waited for, and the timers run for it.
    fn settle(&self) {
        let (change, limits) = {
            let mut guard = self.lock();
            let state = &mut *guard;
            let wanted = state.wanted();
            let change = (wanted != state.watched && !state.closed).then_some(wanted);
            state.watched = wanted;
            let is_receiving = wanted.intersects(INBOUND);
            let is_sending = wanted.intersects(FileReady::WRITE);
            (change, [state.receive_limit.update(is_receiving), state.send_limit.update(is_sending)])
        };
        for (timer, limit) in limits.into_iter().flatten() {
            match limit {
                Some(limit) => timer.enable(limit),
                None => timer.disable(),
            }
        }
        if let Some(mask) = change
            && let Some(event) = self.event()
        {
            if let Err(error) = event.set_enabled(mask) {
                self.fail(error);
            }
            let kicked = self.lock().kicked;
            if !kicked.is_empty() {
                let _ = event.activate(kicked);
            }
        }
    }

    /// The socket cannot be watched.
    fn fail(&self, error: Error) {
        {
            let mut state = self.lock();
            state.watched = FileReady::NONE;
            state.arrived.push_back(Arrived::Failed(error));
            state.outbox.fail(io::ErrorKind::Other.into());
        }
        self.kick(INBOUND | FileReady::WRITE);
    }
}

impl State {
    fn can_be_told(&self) -> bool {
        !self.closed && self.receiving == Receiving::Active
    }

    fn keep(&mut self, received: Received<'_>) {
        // An end is found again.
        self.arrived.extend(match received {
            Received::Data(bytes) => Some(Arrived::Data(bytes.to_vec())),
            Received::Failed(error) => Some(Arrived::Failed(error)),
            Received::End => None,
        });
    }

    fn wanted(&self) -> FileReady {
        let inbound = if self.receiving == Receiving::Active { INBOUND } else { FileReady::NONE };
        let outbound = if self.outbox.is_empty() { FileReady::NONE } else { FileReady::WRITE };
        inbound | outbound
    }
}

impl TimeLimit {
    /// The timer, if it is to be set anew, and to what.
    fn update(&mut self, is_waiting: bool) -> Option<(Arc<Timer>, Option<Duration>)> {
        let timer = self.timer.as_ref()?;
        let limit = self.limit.filter(|_| is_waiting);
        let is_stale = std::mem::take(&mut self.moved) || timer.is_enabled() != limit.is_some();
        is_stale.then(|| (timer.clone(), limit))
    }
}
