//! What is under a stream's lock.

use super::super::arrivals::{Arrivals, Arrived};
use super::super::error::Receiver;
use super::super::outbox::Outbox;
use super::super::ring::{OperationId, RingIo, Ticket};
use super::super::time_limit::TimeLimit;
use crate::poller::FileReady;

/// What a receive looks for.
pub(super) const INBOUND: FileReady =
    match FileReady::from_bits(FileReady::READ.bits() | FileReady::CLOSED.bits()) {
        Some(sides) => sides,
        None => FileReady::READ,
    };

pub(super) struct State {
    /// The handle is gone: no callback begins any more.
    pub(super) closed: bool,
    /// What the event is to look at, though no readiness says so.
    pub(super) kicked: FileReady,
    /// What the event's mask is.
    pub(super) watched: FileReady,
    pub(super) receiving: Receiving,
    pub(super) receiver: Option<Receiver>,
    /// What has come in while nobody could be told.
    pub(super) arrived: Arrivals,
    pub(super) receive_limit: TimeLimit,
    pub(super) send_limit: TimeLimit,
    pub(super) outbox: Outbox,
    pub(super) requests: Requests,
}

/// What the ring is doing for the stream, where it does.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) receive: Option<OperationId>,
    /// That one was told to end.
    pub(super) is_ending: bool,
    /// A send, or the wait for room for one.
    pub(super) send: Option<OperationId>,
    /// The piece that waits for room, and how much of that is sent.
    pub(super) unsent: Option<(Vec<u8>, usize)>,
    /// What counts as sent, but leaves with the next wait.
    pub(super) leaving: Option<Ticket>,
    /// The event is about to be told.
    pub(super) is_announced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiving {
    /// Not yet, or not now.
    Paused,
    Active,
    /// The receiver has been told of the end.
    Ended,
}

impl State {
    pub(super) fn new() -> State {
        State {
            closed: false,
            kicked: FileReady::NONE,
            watched: FileReady::NONE,
            receiving: Receiving::Paused,
            receiver: None,
            arrived: Arrivals::default(),
            receive_limit: TimeLimit::default(),
            send_limit: TimeLimit::default(),
            outbox: Outbox::new(),
            requests: Requests::default(),
        }
    }

    pub(super) fn can_be_told(&self) -> bool {
        !self.closed && self.receiving == Receiving::Active
    }

    /// The receiver, for a call.
    pub(super) fn begin_to_tell(&mut self, is_last: bool) -> Option<Receiver> {
        self.receive_limit.moved = true;
        if is_last {
            self.receiving = Receiving::Ended;
        }
        self.receiver.take()
    }

    /// What came in first, and who is to be told of it now.
    pub(super) fn next_arrived(&mut self) -> Option<(Arrived, Receiver)> {
        if !self.can_be_told() {
            return None;
        }
        let arrived = self.arrived.pop_front()?;
        let receiver = self.begin_to_tell(arrived.is_last())?;
        Some((arrived, receiver))
    }

    /// What is on its way to the system: how much of it that takes is not known yet.
    pub(super) fn leaving(&self, ring: Option<RingIo<'_>>) -> Option<Ticket> {
        self.requests.leaving.filter(|ticket| ring.is_some_and(|ring| ring.is_pending(*ticket)))
    }

    /// Whether the ring is to receive.
    pub(super) fn wants_to_receive(&self) -> bool {
        self.receiving == Receiving::Active && !self.closed && !self.arrived.has_end()
    }

    /// Nothing is to be sent, told, requested or watched but what is.
    pub(super) fn is_settled(&self, has_ring: bool) -> bool {
        !self.closed
            && self.outbox.is_empty()
            && !self.outbox.has_news()
            && self.wanted() == self.watched
            && (!has_ring || self.requests.receive.is_some() == self.wants_to_receive())
            && self.receive_limit.timer.is_none()
            && self.send_limit.timer.is_none()
    }

    pub(super) fn wanted(&self) -> FileReady {
        let inbound = if self.receiving == Receiving::Active { INBOUND } else { FileReady::NONE };
        let outbound = if self.outbox.is_empty() { FileReady::NONE } else { FileReady::WRITE };
        inbound | outbound
    }
}
