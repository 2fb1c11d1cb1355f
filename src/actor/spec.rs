//! What an actor is to be.

use std::sync::Arc;
use std::time::Duration;

use super::base::Settings;
use super::cell::{DeadLetters, Factory};
use super::family::Intensity;
use super::{Actor, Backoff, Restart, Supervision};
use crate::dispatcher::nanos;

/// The loop that an actor lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// The next worker, round robin.
    #[default]
    Next,
    /// The worker of this number, counted from 0.
    Worker(usize),
    /// The parent's own; for an actor without a parent, as `Next`.
    WithParent,
}

/// What an actor is to be: how it is made, and under which conditions it lives.
///
/// ```
/// use mcp_event::actor::{Backoff, Placement, Restart, Spec};
/// # use mcp_event::actor::{Actor, ActorResult, Context, System};
/// # struct Indexer;
/// # impl Actor for Indexer {
/// #     type Message = String;
/// #     fn handle(&mut self, _: String, _: &mut Context<'_, Self>) -> ActorResult { Ok(()) }
/// # }
/// use std::time::Duration;
///
/// let spec = Spec::new(|| Indexer)
///     .name("indexer")
///     .mailbox(10_000)
///     .restart(Restart::Permanent)
///     .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(10)))
///     .place(Placement::Worker(0));
/// # let system = System::new(1)?;
/// let indexer = system.start(spec)?;
/// # drop(indexer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Spec<A: Actor> {
    pub(crate) make: Make<A>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) bound: u32,
    pub(crate) restart: Restart,
    pub(crate) placement: Placement,
    pub(crate) settings: Option<Box<Settings>>,
    pub(crate) dead_letters: Option<DeadLetters<A::Message>>,
}

pub(crate) enum Make<A> {
    Once(A),
    Anew(Factory<A>),
}

impl<A: Actor> Spec<A> {
    /// An actor that `make` makes, on its loop, for each of its lives. It is restarted when it fails.
    pub fn new(make: impl FnMut() -> A + Send + 'static) -> Spec<A> {
        Spec::with(Make::Anew(Box::new(make)), Restart::Transient)
    }

    /// An actor that has one life.
    pub fn once(actor: A) -> Spec<A> {
        Spec::with(Make::Once(actor), Restart::Temporary)
    }

    fn with(make: Make<A>, restart: Restart) -> Spec<A> {
        Spec {
            make,
            name: None,
            bound: u32::MAX,
            restart,
            placement: Placement::default(),
            settings: None,
            dead_letters: None,
        }
    }

    /// A name, unique in the system, to find it by.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Spec<A> {
        self.name = Some(name.into());
        self
    }

    /// A mailbox that holds no more than this many messages. Unbounded, if not said.
    pub fn mailbox(mut self, bound: u32) -> Spec<A> {
        self.bound = bound;
        self
    }

    /// When it is started again. Never, for an actor that has [one](Spec::once) life.
    pub fn restart(mut self, restart: Restart) -> Spec<A> {
        if let Make::Anew(_) = self.make {
            self.restart = restart;
        }
        self
    }

    /// How long to wait before it is started again; else its supervisor says.
    pub fn backoff(mut self, backoff: Backoff) -> Spec<A> {
        self.settings().backoff = Some(backoff);
        self
    }

    /// How often it may be started again within `window`, by itself: one time more, and it is given up, which is
    /// reported, and its family goes on. `None`: as often as it takes. Without this, its restarts count with its
    /// siblings', under their supervisor's [`Supervision::intensity`].
    pub fn intensity(mut self, restarts: impl Into<Option<u32>>, window: Duration) -> Spec<A> {
        let intensity = Intensity { max_restarts: restarts.into(), window: nanos(window) };
        self.settings().intensity = Some(intensity);
        self
    }

    /// How long it may take to stop, its children included, before it is cut off: five seconds, if not said.
    pub fn stop_limit(mut self, limit: Duration) -> Spec<A> {
        self.settings().stop_limit = nanos(limit);
        self
    }

    /// How it looks after its children.
    pub fn supervise(mut self, supervision: Supervision) -> Spec<A> {
        self.settings().supervision = Some(supervision);
        self
    }

    /// The loop that it lives on.
    pub fn place(mut self, placement: Placement) -> Spec<A> {
        self.placement = placement;
        self
    }

    /// When it fails, do not keep what waits in its mailbox for its next life.
    pub fn discard_mail_on_failure(mut self) -> Spec<A> {
        self.settings().discards_mail = true;
        self
    }

    /// Gives messages that it will not handle any more to `hook`, on its loop; without one they are dropped.
    pub fn dead_letters(mut self, hook: impl FnMut(A::Message) + Send + 'static) -> Spec<A> {
        self.dead_letters = Some(Box::new(hook));
        self
    }

    fn settings(&mut self) -> &mut Settings {
        self.settings.get_or_insert_default()
    }
}
