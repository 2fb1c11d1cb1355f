//! Actors: values that live on a loop, own their state, and are reached by messages alone.
//!
//! An [`Actor`] handles one message at a time, on the thread of its dispatcher, so it needs no lock. Any thread
//! sends it messages through an [`ActorRef`]. It is somebody's child: its parent, or the [`System`], decides what
//! becomes of it when it fails (see [`Supervision`]), and stops it before it stops itself.
//!
//! ```
//! use mcp_event::actor::{Actor, ActorResult, Context, ReplyTo, System};
//!
//! struct Counter(u64);
//!
//! enum Count {
//!     Add(u64),
//!     Total(ReplyTo<u64>),
//! }
//!
//! impl Actor for Counter {
//!     type Message = Count;
//!
//!     fn handle(&mut self, message: Count, _: &mut Context<'_, Self>) -> ActorResult {
//!         match message {
//!             Count::Add(n) => self.0 += n,
//!             Count::Total(reply) => reply.send(self.0),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let system = System::new(2)?;
//! let counter = system.spawn(Counter(0))?;
//! counter.tell(Count::Add(40))?;
//! counter.tell(Count::Add(2))?;
//! assert_eq!(counter.ask(Count::Total).wait()?, 42);
//! system.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ask;
mod asynchronous;
mod base;
mod cell;
mod context;
mod delivery;
mod error;
mod family;
mod function;
mod instruction;
mod kin;
mod reason;
mod reference;
mod send;
mod spec;
mod supervision;
mod supervisor;
mod system;
mod tree;
mod watch;

pub use ask::{AskError, Reply, ReplyTo, TimedReply};
pub use asynchronous::{Async, AsyncActor, Inbox, Received};
pub use base::{ActorId, ActorState};
pub use context::{Context, Loopback, TimerKey};
pub use error::{FindError, SpawnError, TellError, Why};
pub use function::Function;
pub use reason::{ActorResult, BoxError, Reason};
pub use reference::ActorRef;
pub use send::Send;
pub use spec::{Placement, Spec};
pub use supervision::{Backoff, Restart, Strategy, Supervision};
pub use supervisor::Supervisor;
pub use system::{Builder, Event, Named, System, SystemHandle};
pub use tree::{ActorInfo, Tree};
pub use watch::Signal;

/// What an actor does with its messages, and at the turns of its life.
///
/// All of it runs on the loop's thread, one call at a time. An error or a panic is the failure of this actor
/// alone: the value is dropped, its children are stopped, and its parent decides what comes next.
pub trait Actor: std::marker::Send + Sized + 'static {
    /// What it is sent.
    type Message: std::marker::Send + 'static;

    /// Whether it takes its messages itself, as [`Async`] actors do.
    #[doc(hidden)]
    const PULLS: bool = false;

    /// Before the first message of each life.
    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        let _ = context;
        Ok(())
    }

    /// For each message.
    fn handle(&mut self, message: Self::Message, context: &mut Context<'_, Self>) -> ActorResult;

    /// For news of an actor that this one monitors or is linked to. Unless you say otherwise, it fails with
    /// those it is linked to.
    fn signal(&mut self, signal: Signal, context: &mut Context<'_, Self>) -> ActorResult {
        let _ = context;
        signal.into_result()
    }

    /// When it is to stop: after the last message, while its children still live. [`Stopping::Later`] if
    /// something is to happen first; then call [`Context::finish`] when it has. Not called after a failure.
    fn stopping(&mut self, context: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        let _ = context;
        Ok(Stopping::Now)
    }

    /// The last call, after its children have ended. Not called after a failure.
    fn stopped(&mut self, reason: &Reason) {
        let _ = reason;
    }
}

/// Whether an actor has nothing left to do before it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// It may stop.
    Now,
    /// It will call [`Context::finish`]. Until then it still gets messages only from its own timers and
    /// signals; after its time limit it is cut off.
    Later,
}
