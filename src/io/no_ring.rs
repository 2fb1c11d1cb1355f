//! Where no ring does I/O: what there would be of it, so that all else need not know.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use socket2::Socket;

use super::acceptor::Acceptor;
use super::connection::Connection;
use crate::dispatcher::core::Core;

pub(super) type OperationId = Infallible;

pub(super) enum Lease {}

impl Lease {
    pub(super) fn bytes(&self) -> &[u8] {
        match *self {}
    }
}

#[derive(Clone, Copy)]
pub(super) enum Ticket {}

impl Ticket {
    pub(super) fn length(self) -> usize {
        match self {}
    }

    pub(super) fn makes_due(self) -> bool {
        match self {}
    }
}

#[derive(Clone, Copy)]
pub(super) struct RingIo<'a>(Infallible, PhantomData<&'a Core>);

impl<'a> RingIo<'a> {
    pub(super) fn of(_: &'a Core) -> Option<RingIo<'a>> {
        None
    }

    pub(super) fn receive(self, _: &Arc<Connection>) -> io::Result<OperationId> {
        match self.0 {}
    }

    pub(super) fn may_accept(self) -> bool {
        match self.0 {}
    }

    pub(super) fn accept(self, _: &Arc<Acceptor>) -> io::Result<OperationId> {
        match self.0 {}
    }

    pub(super) fn send(
        self,
        _: &Arc<Connection>,
        _: Vec<u8>,
        _: usize,
    ) -> Result<OperationId, (io::Error, Vec<u8>)> {
        match self.0 {}
    }

    pub(super) fn await_room(self, _: &Arc<Connection>) -> io::Result<OperationId> {
        match self.0 {}
    }

    pub(super) fn send_in_batch(self, _: &Arc<Connection>, _: Option<Ticket>, _: &[u8]) -> Option<Ticket> {
        match self.0 {}
    }

    pub(super) fn is_pending(self, _: Ticket) -> bool {
        match self.0 {}
    }

    pub(super) fn keep_for_batch(self, _: Arc<Socket>) {
        match self.0 {}
    }

    pub(super) fn send_batch_if_due(self) {
        match self.0 {}
    }

    pub(super) fn close(self, _: impl IntoIterator<Item = OperationId>) {
        match self.0 {}
    }

    pub(super) fn abandon(self, _: impl IntoIterator<Item = OperationId>) {
        match self.0 {}
    }
}
