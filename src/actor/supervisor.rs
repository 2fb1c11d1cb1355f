//! An actor that does nothing but look after children.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

use super::base::lock;
use super::{Actor, ActorResult, Context, SpawnError, Spec, Supervision};

type Child = Box<dyn FnMut(&mut Context<'_, Supervisor>) -> Result<(), SpawnError> + Send>;

/// An actor that does nothing but look after its children. They are started in the order they were added, each
/// when the one before has run its `started` hook, and stopped in the reverse order.
///
/// ```
/// use mcp_event::actor::{Spec, Strategy, Supervision, Supervisor, System};
/// # use mcp_event::actor::{Actor, ActorResult, Context};
/// # #[derive(Clone)] struct Store;
/// # type Index = Store;
/// # impl Actor for Store {
/// #     type Message = ();
/// #     fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> ActorResult { Ok(()) }
/// # }
///
/// let system = System::new(2)?;
/// // Should the store fail, the index is stopped too, and both are started anew.
/// system.start(
///     Supervisor::new()
///         .child(|| Spec::new(|| Store).name("store"))
///         .child(|| Spec::new(|| Store).name("index"))
///         .spec(Supervision::new(Strategy::RestForOne))
///         .name("storage"),
/// )?;
/// system.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Supervisor {
    /// Shared by all its lives.
    children: Arc<Mutex<Vec<Child>>>,
}

impl Supervisor {
    /// Without children so far.
    #[expect(clippy::new_without_default, reason = "it is the beginning of a sentence, not a value")]
    pub fn new() -> Supervisor {
        Supervisor { children: Arc::default() }
    }

    /// Adds a child; `spec` is called for each life of the supervisor.
    pub fn child<A: Actor>(self, mut spec: impl FnMut() -> Spec<A> + Send + 'static) -> Supervisor {
        lock(&self.children).push(Box::new(move |context| context.prepare(spec()).map(drop)));
        self
    }

    /// What the supervisor is as an actor. It fails, and is restarted, when its children fail too often.
    pub fn spec(self, supervision: Supervision) -> Spec<Supervisor> {
        let children = self.children;
        Spec::new(move || Supervisor { children: children.clone() }).supervise(supervision)
    }
}

impl Actor for Supervisor {
    type Message = Infallible;

    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        let mut children = std::mem::take(&mut *lock(&self.children));
        let prepare = || children.iter_mut().try_for_each(|child| child(context));
        let prepared: std::thread::Result<Result<(), SpawnError>> = catch_unwind(AssertUnwindSafe(prepare));
        // Back again first, for the next life.
        *lock(&self.children) = children;
        prepared.unwrap_or_else(|panic| resume_unwind(panic))?;
        context.start_in_order();
        Ok(())
    }

    fn handle(&mut self, message: Infallible, _: &mut Context<'_, Self>) -> ActorResult {
        match message {}
    }
}
