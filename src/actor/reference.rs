//! How an actor is reached.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::ask::{self, Reply, ReplyTo, TimedReply};
use super::base::Node;
use super::family::Stop;
use super::send::Send as Sending;
use super::{ActorId, ActorState, Reason, TellError, Why, kin, watch};
use crate::task::{self, oneshot};

/// An actor that takes messages of type `M`.
pub(crate) trait Recipient<M>: Node {
    fn tell(&self, message: M) -> Result<(), TellError<M>>;
}

/// Reaches an actor that takes messages of type `M`, from any thread. Cheap to clone. It does not keep the actor
/// running, and stays valid over its restarts.
pub struct ActorRef<M> {
    actor: Arc<dyn Recipient<M>>,
}

impl<M> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        ActorRef { actor: self.actor.clone() }
    }
}

impl<M> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.actor.base())
    }
}

impl<M> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl<M> Eq for ActorRef<M> {}

impl<M: Send + 'static> ActorRef<M> {
    pub(crate) fn new(actor: Arc<dyn Recipient<M>>) -> ActorRef<M> {
        ActorRef { actor }
    }

    pub(crate) fn node(&self) -> Arc<dyn Node> {
        self.actor.clone()
    }

    /// Whether this thread runs the actor's loop.
    #[cfg(feature = "ffi")]
    pub(crate) fn is_on_loop(&self) -> bool {
        self.actor.base().core.is_running_here()
    }

    /// Queues `message`, behind all that this thread has sent to the actor before. It is handled on the actor's
    /// loop, never inside this call.
    ///
    /// # Errors
    /// Gives the message back when the actor has stopped, or its mailbox is bounded and full.
    #[inline]
    pub fn tell(&self, message: M) -> Result<(), TellError<M>> {
        self.actor.tell(message)
    }

    /// Queues `message` as soon as there is room for it: a future for any executor, which
    /// [`wait`](Sending::wait) turns into a blocking call.
    pub fn send(&self, message: M) -> Sending<M> {
        Sending::new(self.clone(), message)
    }

    /// Sends the message that `make` builds around a [`ReplyTo`], and gives the [`Reply`] to come.
    ///
    /// A request that is refused shows in the reply.
    pub fn ask<T: Send + 'static>(&self, make: impl FnOnce(ReplyTo<T>) -> M) -> Reply<T> {
        let (sender, receiver) = oneshot::channel();
        let refused = self.tell(make(ask::reply_to(sender))).err().map(|error| error.why);
        Reply::new(receiver, refused)
    }

    /// As [`ask`](ActorRef::ask), no longer than `limit` from now. The time is counted by the loop that this is
    /// called on, else by one that belongs to the actor's system; never by that of the actor, which may hang.
    pub fn ask_within<T: Send + 'static>(
        &self,
        limit: Duration,
        make: impl FnOnce(ReplyTo<T>) -> M,
    ) -> TimedReply<T> {
        let timekeeper = task::current().unwrap_or_else(|| self.actor.base().system.timekeeper());
        TimedReply::new(self.ask(make), limit, &timekeeper)
    }

    /// Like `tell`; if the mailbox is full, `waker` is woken when there may be room.
    pub(crate) fn tell_or_wait(&self, message: M, waker: &Waker) -> Result<(), TellError<M>> {
        match self.tell(message) {
            Err(TellError { why: Why::Full, message }) => {
                self.actor.base().wait_for_room(waker);
                // There may have been, before the waker was known.
                self.tell(message)
            }
            result => result,
        }
    }

    /// Stops the actor for good, after the messages that are queued. It takes no more from now on.
    pub fn stop(&self) {
        kin::stop(&self.node(), Stop::Drain);
    }

    /// Stops the actor for good, after the message that it handles. What is queued is not handled any more.
    pub fn stop_now(&self) {
        kin::stop(&self.node(), Stop::Now);
    }

    /// Calls `callback` when the actor has ended for good, on its loop's thread; at once, on this one, if it has.
    pub fn when_ended(&self, callback: impl FnOnce(&Reason) + Send + 'static) {
        watch::when_ended(&self.node(), callback);
    }

    /// How the actor ends, for good, once it does.
    pub fn ended(&self) -> Reply<Reason> {
        let (sender, receiver) = oneshot::channel();
        self.when_ended(move |reason| drop(sender.send(reason.clone())));
        Reply::new(receiver, None)
    }
}

impl<M> ActorRef<M> {
    /// Its id, which it keeps over restarts.
    pub fn id(&self) -> ActorId {
        self.actor.base().id
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.actor.base().name().map(|name| &**name)
    }

    /// What it is doing.
    pub fn state(&self) -> ActorState {
        self.actor.base().status.state()
    }

    /// Messages that wait to be handled.
    pub fn queue_depth(&self) -> usize {
        usize::try_from(self.actor.base().depth()).unwrap_or(usize::MAX)
    }
}
