//! What an actor may do while it runs.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::base::Node;
use super::cell::Cell;
use super::kin::{self, Begin};
use super::system::SystemHandle;
use super::{Actor, ActorId, ActorRef, SpawnError, Spec, watch};
use crate::dispatcher::Handle;
use crate::dispatcher::core::OnLoop;

/// Names one of an actor's own timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerKey(u64);

#[cfg(feature = "ffi")]
impl TimerKey {
    /// For C, which knows it as a number.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn from_number(number: u64) -> TimerKey {
        TimerKey(number)
    }
}

/// Sends an actor messages from its own callbacks. They count for no bound, and are handled also while it is
/// [stopping later](super::Stopping::Later). It does not keep the actor's memory.
pub struct Loopback<M> {
    actor: Weak<dyn Itself<M>>,
}

impl<M> Clone for Loopback<M> {
    fn clone(&self) -> Self {
        Loopback { actor: self.actor.clone() }
    }
}

impl<M> Loopback<M> {
    /// Queues `message`; nothing, if the actor has ended.
    pub fn tell(&self, message: M) {
        if let Some(actor) = self.actor.upgrade() {
            actor.tell_itself(message);
        }
    }
}

trait Itself<M>: Send + Sync {
    fn tell_itself(&self, message: M);
}

impl<A: Actor> Itself<A::Message> for Cell<A> {
    fn tell_itself(&self, message: A::Message) {
        Cell::tell_itself(self, message);
    }
}

/// What an actor may do while its code runs: about itself, its children and its timers.
pub struct Context<'a, A: Actor> {
    cell: &'a Arc<Cell<A>>,
    on_loop: OnLoop<'a>,
}

impl<'a, A: Actor> Context<'a, A> {
    pub(crate) fn new(cell: &'a Arc<Cell<A>>, on_loop: OnLoop<'a>) -> Context<'a, A> {
        Context { cell, on_loop }
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<A>> {
        self.cell
    }

    fn node(&self) -> Arc<dyn Node> {
        self.cell.clone()
    }

    /// The actor's id.
    pub fn id(&self) -> ActorId {
        self.cell.base().id
    }

    /// The actor, for others to reach it.
    pub fn myself(&self) -> ActorRef<A::Message> {
        ActorRef::new(self.cell.clone())
    }

    /// For the actor's own callbacks (file events, timers of its dispatcher, replies that it asked for) to send it
    /// messages.
    pub fn loopback(&self) -> Loopback<A::Message> {
        Loopback { actor: Arc::downgrade(self.cell) as Weak<dyn Itself<A::Message>> }
    }

    /// The time, on the clock of its dispatcher.
    #[cfg(feature = "servers")]
    pub(crate) fn now(&self) -> crate::dispatcher::Nanos {
        self.cell.base().core.clock.now()
    }

    /// Between 0 and 1.
    #[cfg(feature = "servers")]
    pub(crate) fn random(&self) -> f64 {
        self.cell.base().system.random()
    }

    /// The system it belongs to.
    pub fn system(&self) -> SystemHandle {
        SystemHandle::new(self.cell.base().system.clone())
    }

    /// The dispatcher it lives on: for its own file events and timers, and for futures.
    pub fn dispatcher(&self) -> Handle {
        Handle::new(self.cell.base().core.clone())
    }

    /// Stops the actor, after this call. Its parent starts it again only if it is
    /// [permanent](super::Restart::Permanent).
    pub fn stop(&mut self) {
        self.cell.wish_to_stop(self.on_loop);
    }

    /// Says that all is done that [`Actor::stopping`] put off.
    pub fn finish(&mut self) {
        self.cell.wish_to_finish(self.on_loop);
    }

    /// Makes a child that has one life.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn spawn<B: Actor>(&mut self, actor: B) -> Result<ActorRef<B::Message>, SpawnError> {
        self.start(Spec::once(actor))
    }

    /// Makes a child.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn start<B: Actor>(&mut self, spec: Spec<B>) -> Result<ActorRef<B::Message>, SpawnError> {
        kin::spawn(&self.node(), spec, Begin::Now)
    }

    /// Makes a child that [`start_in_order`](Context::start_in_order) starts.
    pub(crate) fn prepare<B: Actor>(&mut self, spec: Spec<B>) -> Result<ActorRef<B::Message>, SpawnError> {
        kin::spawn(&self.node(), spec, Begin::InOrder)
    }

    pub(crate) fn start_in_order(&mut self) {
        kin::start_in_order(&self.node());
    }

    /// Sends itself `message` after `delay`, unless this life of it ends before. Its mailbox's bound does not
    /// count.
    pub fn after(&mut self, delay: Duration, message: A::Message) -> TimerKey {
        let mut message = Some(message);
        TimerKey(self.cell.arm_once(self.on_loop, delay, move || message.take()))
    }

    /// Sends itself what `message` makes, every `interval`, without drift; ticks that were missed are skipped.
    pub fn every(
        &mut self,
        interval: Duration,
        message: impl FnMut() -> A::Message + Send + 'static,
    ) -> TimerKey {
        TimerKey(self.cell.arm_periodic(self.on_loop, interval, message))
    }

    /// Ends a timer. False if it has ended. A message that it has sent already still comes.
    pub fn cancel(&mut self, timer: TimerKey) -> bool {
        self.cell.disarm(self.on_loop, timer.0)
    }

    /// Asks to be told, once, when `actor` ends; see [`Signal::Down`](super::Signal::Down).
    pub fn monitor<M: Send + 'static>(&mut self, actor: &ActorRef<M>) {
        watch::monitor(&self.node(), &actor.node());
    }

    /// Ties this actor to another: when one fails, the other is told, and fails too unless its
    /// [`signal`](Actor::signal) hook thinks otherwise.
    pub fn link<M: Send + 'static>(&mut self, actor: &ActorRef<M>) {
        watch::link(&self.node(), &actor.node());
    }

    /// Unties them.
    pub fn unlink<M: Send + 'static>(&mut self, actor: &ActorRef<M>) {
        watch::unlink(&self.node(), &actor.node());
    }
}
