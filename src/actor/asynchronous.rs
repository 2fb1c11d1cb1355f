//! Actors that read as a story: an `async fn` that takes its messages one after the other.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::base::{Control, Node, lock};
use super::cell::Cell;
use super::family::LifeNumber;
use super::kin::{self, Begin};
use super::{
    Actor, ActorRef, ActorResult, BoxError, Context, Reason, Signal, SpawnError, Spec, Stopping,
    SystemHandle, watch,
};
use crate::dispatcher::Handle;
use crate::task::{self, Unattended};

/// An actor that reads as a story. It runs on its dispatcher, and awaits messages, and what tasks await: time,
/// file descriptors, the exit of processes.
///
/// ```
/// use mcp_event::actor::{ActorResult, Async, AsyncActor, Inbox, System};
///
/// struct Logger;
///
/// impl AsyncActor for Logger {
///     type Message = String;
///
///     async fn run(self, mut inbox: Inbox<String>) -> ActorResult {
///         while let Some(line) = inbox.recv().await {
///             println!("{line}");
///         }
///         println!("the end");
///         Ok(())
///     }
/// }
///
/// let system = System::new(1)?;
/// let logger = system.spawn(Async::new(Logger))?;
/// logger.tell("hello".into())?;
/// system.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait AsyncActor: Send + Sized + 'static {
    /// What it is sent.
    type Message: Send + 'static;

    /// One life of it. It stops when this returns; an error or a panic is its failure. When it is asked to stop,
    /// [`Inbox::recv`] gives `None` after the last message, and what it does then counts against its time limit.
    fn run(self, inbox: Inbox<Self::Message>) -> impl Future<Output = ActorResult> + 'static;
}

/// An [`AsyncActor`] as an [`Actor`], to be spawned: `system.spawn(Async::new(actor))`, or
/// `Spec::new(|| Async::new(actor))` for one with several lives.
pub struct Async<A: AsyncActor> {
    actor: Option<A>,
    story: Option<Unattended>,
    signals: Arc<Signals>,
}

/// Signals for an actor that wants to see them.
#[derive(Default)]
struct Signals(Mutex<SignalQueue>);

#[derive(Default)]
struct SignalQueue {
    wanted: bool,
    queue: VecDeque<Signal>,
    waker: Option<Waker>,
}

impl<A: AsyncActor> Async<A> {
    /// Wraps `actor`.
    pub fn new(actor: A) -> Async<A> {
        Async { actor: Some(actor), story: None, signals: Arc::default() }
    }
}

impl<A: AsyncActor> Drop for Async<A> {
    fn drop(&mut self) {
        // The life ended before its story did.
        if let Some(story) = &self.story {
            story.abort();
        }
    }
}

impl<A: AsyncActor> Actor for Async<A> {
    type Message = A::Message;

    const PULLS: bool = true;

    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        let Some(actor) = self.actor.take() else { return Ok(()) };
        let cell = context.cell().clone();
        let life = cell.base().life();
        let inbox = Inbox { actor: cell.clone(), life, signals: self.signals.clone(), not_send: PhantomData };
        let mut end = StoryEnd { cell: Some(cell), life };
        let story = async move {
            let outcome = caught(actor.run(inbox)).await;
            end.tell(outcome);
        };
        // The hook runs on the actor's own loop.
        self.story = task::spawn_here(&context.cell().base().core, story).ok();
        Ok(())
    }

    fn handle(&mut self, _: A::Message, _: &mut Context<'_, Self>) -> ActorResult {
        Err("an actor that takes its messages itself is not handed any".into())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> ActorResult {
        let mut signals = lock(&self.signals.0);
        if signals.wanted {
            signals.queue.push_back(signal);
            let waker = signals.waker.take();
            drop(signals);
            waker.into_iter().for_each(Waker::wake);
            return Ok(());
        }
        drop(signals);
        signal.into_result()
    }

    fn stopping(&mut self, _: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        Ok(Stopping::Later)
    }
}

/// Tells the actor that its story came to its end, also when that is dropped with its loop.
struct StoryEnd<A: Actor> {
    cell: Option<Arc<Cell<A>>>,
    life: LifeNumber,
}

impl<A: Actor> StoryEnd<A> {
    fn tell(&mut self, outcome: Result<(), Reason>) {
        let Some(cell) = self.cell.take() else { return };
        if cell.send(Control::StoryEnded { life: self.life, outcome }).is_err() {
            let node: Arc<dyn Node> = cell;
            kin::lost(&node);
        }
    }
}

impl<A: Actor> Drop for StoryEnd<A> {
    fn drop(&mut self) {
        // If its life has ended before, nobody listens.
        self.tell(Err(Reason::LoopGone));
    }
}

/// The future's output; its panic is the actor's failure.
async fn caught(future: impl Future<Output = ActorResult>) -> Result<(), Reason> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map_err(Reason::from_error),
        Err(payload) => Poll::Ready(Err(Reason::from_panic(&*payload))),
    })
    .await
}

/// What [`Inbox::next`] gives.
#[derive(Debug, Clone)]
pub enum Received<M> {
    /// A message.
    Message(M),
    /// News of an actor that this one monitors or is linked to.
    Signal(Signal),
}

/// The mailbox of an [`AsyncActor`], and what such an actor may do.
pub struct Inbox<M> {
    actor: Arc<dyn Reader<M>>,
    life: LifeNumber,
    signals: Arc<Signals>,
    /// It is read on the actor's loop alone.
    not_send: PhantomData<*const ()>,
}

/// An actor whose messages are taken one by one.
trait Reader<M>: Node {
    fn poll_message(&self, waker: &Waker) -> Poll<Option<M>>;
    fn as_actor(self: Arc<Self>) -> ActorRef<M>;
    fn as_node(self: Arc<Self>) -> Arc<dyn Node>;
}

impl<A: Actor> Reader<A::Message> for Cell<A> {
    fn poll_message(&self, waker: &Waker) -> Poll<Option<A::Message>> {
        match self.base().core.running_here() {
            Some(on_loop) => Cell::poll_message(self, on_loop, waker),
            // Not its loop, so it is none of its lives.
            None => Poll::Ready(None),
        }
    }

    fn as_actor(self: Arc<Self>) -> ActorRef<A::Message> {
        ActorRef::new(self)
    }

    fn as_node(self: Arc<Self>) -> Arc<dyn Node> {
        self
    }
}

impl<M> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the inbox of {}", self.actor.base())
    }
}

impl<M: Send + 'static> Inbox<M> {
    /// The next message; `None` when the actor is to stop, after the last one.
    pub async fn recv(&mut self) -> Option<M> {
        poll_fn(|context| self.poll_recv(context.waker())).await
    }

    /// The next message or signal. From the first call on, signals come here, and the actor does not fail with
    /// those it is linked to.
    pub async fn next(&mut self) -> Option<Received<M>> {
        poll_fn(|context| {
            let mut signals = lock(&self.signals.0);
            signals.wanted = true;
            if let Some(signal) = signals.queue.pop_front() {
                return Poll::Ready(Some(Received::Signal(signal)));
            }
            signals.waker = Some(context.waker().clone());
            drop(signals);
            self.poll_recv(context.waker()).map(|message| message.map(Received::Message))
        })
        .await
    }

    fn poll_recv(&self, waker: &Waker) -> Poll<Option<M>> {
        // An inbox that outlived its life by some trick must not take the next life's messages.
        if self.actor.base().life() != self.life {
            return Poll::Ready(None);
        }
        self.actor.poll_message(waker)
    }

    fn node(&self) -> Arc<dyn Node> {
        self.actor.clone().as_node()
    }

    /// The actor, for others to reach it.
    pub fn myself(&self) -> ActorRef<M> {
        self.actor.clone().as_actor()
    }

    /// The system it belongs to.
    pub fn system(&self) -> SystemHandle {
        SystemHandle::new(self.actor.base().system.clone())
    }

    /// The dispatcher it lives on, which gives it time, file descriptors and processes to await: see
    /// [`task`](crate::task).
    pub fn dispatcher(&self) -> Handle {
        Handle::new(self.actor.base().core.clone())
    }

    /// Makes a child that has one life.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn spawn<B: Actor>(&self, actor: B) -> Result<ActorRef<B::Message>, SpawnError> {
        self.start(Spec::once(actor))
    }

    /// Makes a child.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn start<B: Actor>(&self, spec: Spec<B>) -> Result<ActorRef<B::Message>, SpawnError> {
        kin::spawn(&self.node(), spec, Begin::Now)
    }

    /// Asks to be told, once, when `actor` ends; see [`next`](Inbox::next).
    pub fn monitor<N: Send + 'static>(&self, actor: &ActorRef<N>) {
        watch::monitor(&self.node(), &actor.node());
    }

    /// Ties this actor to another: when one fails, the other is told, and fails too, unless it takes its signals.
    pub fn link<N: Send + 'static>(&self, actor: &ActorRef<N>) {
        watch::link(&self.node(), &actor.node());
    }
}
