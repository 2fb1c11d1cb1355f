//! What a stream's handle and its file event share: the socket, who receives, and what is to be sent.
//!
//! All I/O happens on the loop's thread, in the callback of the stream's file event or, for a send that need not
//! wait, at once. Other threads change the state under its lock and *kick*: they activate the event. What the
//! event is still to look at is also noted in the state, because a change of the event's mask drops activations.
//!
//! No user code runs, and none is dropped, under the lock: the receiver is taken out of the state for its call.

mod state;

use std::io;
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use socket2::Socket;

use self::state::{INBOUND, Receiving, State};
use super::arrivals::Arrived;
use super::buffer;
use super::error::{Completion, Received, Receiver, SendError, SendRefusal};
use super::ring::{RingIo, Ticket};
use super::socket;
use super::time_limit::TimeLimit;
use crate::dispatcher::closure::{Closure, Outcome};
use crate::dispatcher::core::Core;
use crate::dispatcher::{FileEvent, Timer};
use crate::error::Error;
use crate::poller::{FileReady, OsFd};

/// How many times one callback of the file event receives, before other events have their turn.
const TURNS: usize = 16;

pub(super) struct Connection {
    core: Arc<Core>,
    /// Shared with the requests of the ring.
    pub(super) socket: Arc<Socket>,
    /// The socket's, without a look at that.
    pub(super) fd: OsFd,
    event: OnceLock<(Weak<FileEvent>, u64)>,
    state: Mutex<State>,
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
            fd: socket::os_fd(&socket),
            socket: Arc::new(socket),
            event: OnceLock::new(),
            state: Mutex::new(State::new()),
        }
    }

    /// The file event that it lives by.
    pub(super) fn attach(&self, event: &Arc<FileEvent>) {
        // Set once, by who made both.
        let _ = self.event.set((Arc::downgrade(event), event.token()));
    }

    /// Whether this thread runs the loop.
    pub(super) fn is_on_loop(&self) -> bool {
        self.core.is_running_here()
    }

    /// The ring, if that does the I/O.
    fn ring(&self) -> Option<RingIo<'_>> {
        RingIo::of(&self.core)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn event(&self) -> Option<Arc<FileEvent>> {
        self.event.get()?.0.upgrade()
    }

    /// No callback begins any more.
    pub(super) fn close(&self) {
        let ring = self.ring();
        let (requests, is_leaving) = {
            let mut state = self.lock();
            state.closed = true;
            ([state.requests.receive, state.requests.send], state.leaving(ring).is_some())
        };
        if let Some(ring) = ring.filter(|_| !self.core.is_forked()) {
            if is_leaving {
                ring.keep_for_batch(self.socket.clone());
            }
            ring.close(requests.into_iter().flatten());
        }
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

    pub(super) fn send<B>(
        self: &Arc<Self>,
        bytes: B,
        completion: Option<Completion>,
    ) -> Result<(), SendError<B>>
    where
        B: AsRef<[u8]> + Into<Vec<u8>>,
    {
        let is_here = self.is_on_loop();
        let ring = self.ring();
        let mut state = self.lock();
        if let Err(refusal) = self.check_open(&state).and_then(|()| state.outbox.check()) {
            return Err(SendError { refusal, bytes });
        }
        let is_first = state.outbox.is_empty();
        let length = bytes.as_ref().len();
        // What other threads send, the loop's thread writes: one writer keeps the order.
        let now = if is_here && is_first && length > 0 {
            self.send_first(ring, &mut state, bytes.as_ref())
        } else {
            Ok(0)
        };
        let (taken, failed) = now.map_or_else(|error| (0, Some(error)), |taken| (taken, None));
        if taken == length {
            state.outbox.note_sent(length, completion);
        } else {
            state.outbox.push(bytes, taken, completion);
            state.send_limit.moved |= is_first;
        }
        if let Some(error) = failed {
            state.outbox.fail(error);
        }
        let mut needs_turn = is_first && !state.outbox.is_empty();
        if let Some(ring) = ring.filter(|_| is_here) {
            self.request_send(ring, &mut state);
            // What comes behind what is leaving needs one, and where there is a limit, its timer is set in a turn.
            needs_turn &= state.requests.send.is_none() || state.send_limit.limit.is_some();
        }
        needs_turn |= state.outbox.has_news();
        let is_batch_due = is_here && state.requests.leaving.is_some_and(Ticket::makes_due);
        drop(state);
        if needs_turn {
            self.kick(FileReady::WRITE);
        }
        if let Some(ring) = ring.filter(|_| is_batch_due) {
            ring.send_batch_if_due();
        }
        Ok(())
    }

    /// Sends what nothing waits in front of; how much of it is gone.
    fn send_first(
        self: &Arc<Self>,
        ring: Option<RingIo<'_>>,
        state: &mut State,
        bytes: &[u8],
    ) -> io::Result<usize> {
        if let Some(ring) = ring {
            let leaving = state.leaving(Some(ring));
            if let Some(ticket) = ring.send_in_batch(self, leaving, bytes) {
                state.requests.leaving = Some(ticket);
                return Ok(bytes.len());
            }
            if leaving.is_some() {
                return Ok(0);
            }
        }
        socket::unless_blocked(socket::send(&self.socket, bytes)).map(|taken| taken.unwrap_or(0))
    }

    /// The system did not take the last of what was leaving. The token of the event, if that is to be told.
    pub(super) fn unsent(self: &Arc<Self>, rest: &[u8], error: Option<io::Error>) -> Option<u64> {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.requests.leaving = None;
        if state.closed {
            return None;
        }
        state.outbox.take_back(rest);
        state.send_limit.moved = true;
        match (error, self.ring()) {
            (Some(error), _) => state.outbox.fail(error),
            (None, Some(ring)) => self.request_send(ring, state),
            (None, None) => {}
        }
        if state.outbox.has_news() || state.send_limit.limit.is_some() { self.announce(state) } else { None }
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
        let state = self.lock();
        state.outbox.queued() + state.leaving(self.ring()).map_or(0, Ticket::length)
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
            if let (Some(ring), Some(id)) = (self.ring(), state.requests.send) {
                ring.abandon([id]);
            }
        }
        self.kick(FileReady::WRITE);
    }

    /// One callback of the file event.
    fn turn(self: &Arc<Self>, mut events: FileReady) -> Outcome {
        let ring = self.ring();
        let mut state = self.lock();
        events = events | std::mem::take(&mut state.kicked);
        state.requests.is_announced = false;
        if events.intersects(INBOUND | FileReady::ERROR) {
            while let Some((arrived, mut receiver)) = state.next_arrived() {
                drop(state);
                let outcome = arrived.tell(&mut receiver);
                state = self.give_back(receiver);
                outcome?;
            }
            if ring.is_none() {
                drop(state);
                buffer::with(|buffer| self.receive_into(buffer, events))?;
                state = self.lock();
            }
        }
        let is_settled = state.is_settled(ring.is_some());
        drop(state);
        if is_settled {
            return Ok(());
        }
        if self.leaves_first(ring) {
            // Not now: what would come next, or be told, comes after what is leaving.
            self.kick(FileReady::WRITE);
        } else {
            self.flush(ring);
            self.complete()?;
        }
        self.settle(ring);
        Ok(())
    }

    /// Whether something is leaving that something else has to wait for.
    fn leaves_first(&self, ring: Option<RingIo<'_>>) -> bool {
        let state = self.lock();
        state.leaving(ring).is_some() && (state.outbox.has_news() || !state.outbox.is_empty())
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
                // It came before what else has arrived.
                state.arrived.push_front(received.into());
                return Ok(());
            }
            let Some(receiver) = state.begin_to_tell(is_last) else { return Ok(()) };
            receiver
        };
        let outcome = receiver(received);
        drop(self.give_back(receiver));
        outcome
    }

    /// After its call, unless there is another by now, or it was the last.
    fn give_back(&self, receiver: Receiver) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.receiving != Receiving::Ended && !state.closed && state.receiver.is_none() {
            state.receiver = Some(receiver);
            return state;
        }
        drop(state);
        drop(receiver);
        self.lock()
    }

    /// Sends what there is room for, and ends the sending side when that is due.
    fn flush(self: &Arc<Self>, ring: Option<RingIo<'_>>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(ring) = ring {
            self.request_send(ring, state);
        }
        while ring.is_none() && !state.outbox.is_empty() {
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
            let _ = self.socket.shutdown(Shutdown::Write);
        }
    }

    /// Has the ring send what is next, if it is not at it.
    fn request_send(self: &Arc<Self>, ring: RingIo<'_>, state: &mut State) {
        if state.requests.send.is_some() || state.leaving(Some(ring)).is_some() {
            return;
        }
        let next = state.requests.unsent.take().or_else(|| state.outbox.take_piece());
        let Some((bytes, from)) = next else { return };
        match ring.send(self, bytes, from) {
            Ok(id) => state.requests.send = Some(id),
            Err((error, _)) => state.outbox.fail(error),
        }
    }

    /// The ring has sent this many of `bytes` more, or failed to. The token of the event, if that is to be told.
    pub(super) fn sent(
        self: &Arc<Self>,
        bytes: Vec<u8>,
        from: usize,
        result: io::Result<usize>,
    ) -> Option<u64> {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.requests.send = None;
        if state.closed {
            return None;
        }
        match result {
            Ok(length) => {
                let sent = from + length;
                state.outbox.confirm(length);
                state.send_limit.moved |= length > 0;
                if sent < bytes.len() && !state.outbox.is_broken() {
                    self.await_room(state, bytes, sent);
                }
            }
            Err(error) => state.outbox.fail(error),
        }
        self.go_on_sending(state)
    }

    /// Has the ring wait until there is room for the rest of `bytes`.
    fn await_room(self: &Arc<Self>, state: &mut State, bytes: Vec<u8>, sent: usize) {
        match self.ring().map(|ring| ring.await_room(self)) {
            Some(Ok(id)) => {
                state.requests.send = Some(id);
                state.requests.unsent = Some((bytes, sent));
            }
            Some(Err(error)) => state.outbox.fail(error),
            None => {}
        }
    }

    /// There is room for what is to be sent, as far as the ring can tell. The token of the event, if that is to be told.
    pub(super) fn has_room(self: &Arc<Self>) -> Option<u64> {
        let mut state = self.lock();
        state.requests.send = None;
        if state.outbox.is_broken() {
            state.requests.unsent = None;
        }
        if state.closed { None } else { self.go_on_sending(&mut state) }
    }

    fn go_on_sending(self: &Arc<Self>, state: &mut State) -> Option<u64> {
        if let Some(ring) = self.ring() {
            self.request_send(ring, state);
        }
        if state.outbox.has_news() || state.send_limit.limit.is_some() { self.announce(state) } else { None }
    }

    /// The ring has received something, or a request to receive has ended. The token of the event, if that is to be
    /// told.
    pub(super) fn received(&self, arrived: Option<Arrived>, is_last: bool) -> Option<u64> {
        let mut state = self.lock();
        if is_last {
            (state.requests.receive, state.requests.is_ending) = (None, false);
        }
        if state.closed {
            drop(state);
            drop(arrived);
            return None;
        }
        arrived.into_iter().for_each(|arrived| state.arrived.push_back(arrived));
        self.announce(&mut state)
    }

    fn announce(&self, state: &mut State) -> Option<u64> {
        let is_new = !std::mem::replace(&mut state.requests.is_announced, true);
        self.event.get().filter(|_| is_new).map(|(_, token)| *token)
    }

    /// Has the ring receive if that is wanted, and end that if it is not.
    fn request_receive(self: &Arc<Self>, ring: RingIo<'_>) {
        let failed = {
            let mut guard = self.lock();
            let state = &mut *guard;
            match (state.requests.receive, state.wants_to_receive()) {
                (None, true) => match ring.receive(self) {
                    Ok(id) => {
                        state.requests.receive = Some(id);
                        None
                    }
                    Err(error) => Some(error),
                },
                (Some(id), false) if !state.requests.is_ending => {
                    state.requests.is_ending = true;
                    ring.abandon([id]);
                    None
                }
                _ => None,
            }
        };
        if let Some(error) = failed {
            self.fail(Error::os("receiving", error));
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
    fn settle(self: &Arc<Self>, ring: Option<RingIo<'_>>) {
        if let Some(ring) = ring {
            self.request_receive(ring);
        }
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
            && ring.is_none()
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

    /// Neither direction can go on.
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
