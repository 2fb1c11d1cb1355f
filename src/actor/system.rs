//! The system: the loops that actors live on, and what all of them share.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak};
use std::time::Duration;

use super::base::{Base, Control, Node, STOP_LIMIT, Settings, Traits, lock};
use super::kin::{self, Begin};
use super::spec::Placement;
use super::tree::{self, Tree};
use super::{Actor, ActorId, ActorRef, FindError, Reason, Restart, SpawnError, Spec, Supervision};
use crate::chance::Chance;
use crate::dispatcher::core::{Core, inside_callback};
use crate::dispatcher::{Handle, SimulatedClock};
use crate::error::{Error, Refusal};
use crate::worker::{Pool, Worker, WorkerOptions};

/// What happened to an actor that somebody should know of. All of it is logged too.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A life of it ended: it failed, or it is permanent and stopped itself.
    Failed {
        /// The actor.
        actor: &'a dyn Named,
        /// How.
        reason: &'a Reason,
        /// Whether it is started again.
        restarts: bool,
    },
    /// It failed more often than it may, and is not started again.
    GivenUp {
        /// The actor.
        actor: &'a dyn Named,
        /// How it failed the last time.
        reason: &'a Reason,
    },
    /// It did not stop within its time limit, and is waited for no longer.
    CutOff {
        /// The actor.
        actor: &'a dyn Named,
    },
    /// A message came that nobody will handle.
    DeadLetter {
        /// The actor that it was meant for.
        actor: &'a dyn Named,
    },
}

/// An actor, as an [`Event`] shows it.
pub trait Named: fmt::Display + fmt::Debug {
    /// Its id.
    fn id(&self) -> ActorId;
    /// Its name, if it has one.
    fn name(&self) -> Option<&str>;
}

impl Named for Base {
    fn id(&self) -> ActorId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        Base::name(self).map(|name| &**name)
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Event<'_> {
    fn log(&self) {
        match self {
            Event::Failed { actor, reason, restarts: true } => {
                tracing::warn!(%actor, "{reason}; it is started again");
            }
            Event::Failed { actor, reason, restarts: false } => tracing::error!(%actor, "{reason}"),
            Event::GivenUp { actor, reason } => {
                tracing::error!(%actor, "it failed too often, and is given up; the last time: {reason}");
            }
            Event::CutOff { actor } => {
                tracing::error!(%actor, "it did not stop in time, and is cut off");
            }
            Event::DeadLetter { actor } => tracing::debug!(%actor, "a message came too late"),
        }
    }
}

type EventHook = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// What the actors of a system share.
pub(crate) struct Shared {
    /// The loops that actors live on; never none.
    loops: Vec<Handle>,
    /// Counts the time for those that have no loop to count it for them.
    timekeeper: Handle,
    /// It knows the system too, so it is kept alive by the [`System`], and by its children.
    root: OnceLock<Weak<Root>>,
    names: Mutex<HashMap<Arc<str>, Holder>>,
    next_loop: AtomicUsize,
    chance: Chance,
    on_event: Option<EventHook>,
}

/// Who has a name. The id is there to be compared: to look into the node could make this the last to know it.
struct Holder {
    id: ActorId,
    node: Weak<dyn Node>,
}

/// Ids are unique in the process: several systems may know each other's actors.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Shared {
    /// The loop for a new actor.
    pub(crate) fn place(&self, placement: Placement, parents: &Arc<Core>) -> Result<Arc<Core>, SpawnError> {
        let is_worker = |core: &Arc<Core>| self.loops.iter().any(|known| Arc::ptr_eq(known.core(), core));
        match placement {
            Placement::WithParent if is_worker(parents) => Ok(parents.clone()),
            Placement::Next | Placement::WithParent => {
                let next = self.next_loop.fetch_add(1, Ordering::Relaxed) % self.loops.len();
                Ok(self.loops[next].core().clone())
            }
            Placement::Worker(worker) => match self.loops.get(worker) {
                Some(handle) => Ok(handle.core().clone()),
                None => Err(SpawnError::NoWorker { worker, workers: self.loops.len() }),
            },
        }
    }

    pub(crate) fn base(
        self: &Arc<Self>,
        core: Arc<Core>,
        parent: Option<Arc<dyn Node>>,
        traits: Traits,
    ) -> Base {
        let id = ActorId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        Base::new(id, self.clone(), core, parent, traits)
    }

    pub(crate) fn timekeeper(&self) -> Handle {
        self.timekeeper.clone()
    }

    /// Has the name, if there is one, lead to `node`.
    pub(crate) fn keep_name(
        &self,
        base: &Base,
        node: impl FnOnce() -> Arc<dyn Node>,
    ) -> Result<(), SpawnError> {
        let Some(name) = base.name() else { return Ok(()) };
        let mut names = lock(&self.names);
        if names.contains_key(name) {
            return Err(SpawnError::NameTaken(name.to_string()));
        }
        names.insert(name.clone(), Holder { id: base.id, node: Arc::downgrade(&node()) });
        Ok(())
    }

    pub(crate) fn forget_name(&self, base: &Base) {
        let Some(name) = base.name() else { return };
        let mut names = lock(&self.names);
        // The name may be another's by now.
        if names.get(name).is_some_and(|holder| holder.id == base.id) {
            names.remove(name);
        }
    }

    /// Logs an event, and tells the hook. Errors of actors describe themselves there, and may panic doing so.
    pub(crate) fn report(&self, event: &Event<'_>) {
        let told = catch_unwind(AssertUnwindSafe(|| {
            event.log();
            if let Some(hook) = &self.on_event {
                hook(event);
            }
        }));
        if let Err(payload) = told {
            tracing::error!("the event hook of a system: {}", Reason::from_panic(&*payload));
        }
    }

    /// Between 0 and 1.
    pub(crate) fn random(&self) -> f64 {
        self.chance.share()
    }

    fn find<M: Send + 'static>(&self, name: &str) -> Result<ActorRef<M>, FindError> {
        let node = lock(&self.names).get(name).and_then(|holder| holder.node.upgrade());
        let node = node.ok_or_else(|| FindError::Unknown(name.into()))?;
        let actor = node.kind();
        match node.reference().downcast::<ActorRef<M>>() {
            Ok(reference) => Ok(*reference),
            Err(_) => Err(FindError::OtherMessages { name: name.into(), actor }),
        }
    }

    fn root(&self) -> Option<Arc<Root>> {
        self.root.get()?.upgrade()
    }

    fn tree(&self) -> Tree {
        let root = self.root().map(|root| -> Arc<dyn Node> { root });
        Tree { actors: root.map(|root| tree::list(&root)).unwrap_or_default() }
    }
}

/// The parent of those that have none. It has no messages, and does at once what it is told.
pub(crate) struct Root {
    base: Base,
    is_stopped: Mutex<bool>,
    has_stopped: Condvar,
}

impl Root {
    fn begin_stop(self: &Arc<Self>) {
        let node: Arc<dyn Node> = self.clone();
        kin::stop_children(&node);
    }

    fn wait(&self, limit: Duration) -> bool {
        let is_stopped = lock(&self.is_stopped);
        let waited = self.has_stopped.wait_timeout_while(is_stopped, limit, |is_stopped| !*is_stopped);
        *waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0
    }
}

impl Node for Root {
    fn base(&self) -> &Base {
        &self.base
    }

    fn kind(&self) -> &'static str {
        "the root"
    }

    fn send(&self, control: Control) -> Result<(), Refusal> {
        if let Control::ChildrenGone = control {
            *lock(&self.is_stopped) = true;
            self.has_stopped.notify_all();
        }
        Ok(())
    }

    fn reference(self: Arc<Self>) -> Box<dyn std::any::Any> {
        Box::new(())
    }
}

/// How long a drop waits for actors in simulated time before it moves that on.
const GRACE: Duration = Duration::from_secs(1);
/// And by how much at a time: time must not end before the limits, which begin one after the other.
const LONGEST_STEP: Duration = Duration::from_secs(24 * 3600);

/// Actors, and the loops that they live on.
///
/// All functions may be called from any thread. Dropping a system stops its actors, and its workers. In simulated time,
/// in which the [stop limits](Spec::stop_limit) of its actors might never pass, the drop moves the clock on when they have
/// not ended after a second of real time.
pub struct System {
    handle: SystemHandle,
    root: Arc<Root>,
    /// Fields are dropped in this order: first the workers end, then the keeper of time.
    _pool: Option<Pool>,
    _keeper: Option<Worker>,
    /// That of its workers, if their time is simulated.
    clock: Option<SimulatedClock>,
}

/// Reaches a system from anywhere, also from its actors. Cheap to clone; it does not keep the system running.
#[derive(Clone)]
pub struct SystemHandle {
    shared: Arc<Shared>,
}

impl std::ops::Deref for System {
    type Target = SystemHandle;

    fn deref(&self) -> &SystemHandle {
        &self.handle
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

/// Makes a system with other than the default settings.
#[must_use]
pub struct Builder {
    workers: usize,
    worker_options: WorkerOptions,
    loops: Option<Vec<Handle>>,
    supervision: Supervision,
    on_event: Option<EventHook>,
}

impl Builder {
    /// This many workers, each a thread with a loop of its own.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = workers;
        self
    }

    /// The settings of each of its workers, and, but for the bound and the busy polling, of the thread that counts the
    /// time for actors without a parent.
    pub fn worker_options(mut self, options: WorkerOptions) -> Builder {
        self.worker_options = options;
        self
    }

    /// No workers, but loops of yours, which you run. The first also counts the time for actors without a
    /// parent.
    pub fn on(mut self, loops: impl IntoIterator<Item = Handle>) -> Builder {
        self.loops = Some(loops.into_iter().collect());
        self
    }

    /// How actors without a parent are looked after. They are strangers to each other, so the intensity counts
    /// for each by itself, and the strategy is always one for one.
    pub fn supervise(mut self, supervision: Supervision) -> Builder {
        self.supervision = Supervision { strategy: super::Strategy::OneForOne, ..supervision };
        self
    }

    /// Calls `hook` for each [`Event`], on the thread where it happens. It must not wait.
    pub fn on_event(mut self, hook: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Builder {
        self.on_event = Some(Box::new(hook));
        self
    }

    /// Makes the system; its workers run.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] without any worker or loop; what [`PoolBuilder::build`](crate::PoolBuilder::build)
    /// refuses; [`Error::Os`] when the system has no thread or file descriptor left.
    pub fn build(self) -> Result<System, Error> {
        let clock = self.worker_options.clock.clone();
        let (loops, keeper_loop, pool, keeper) = match self.loops {
            Some(loops) => {
                let first = loops.first().cloned();
                (loops, first, None, None)
            }
            None => {
                let keeper_options =
                    WorkerOptions { queue_bound: None, busy_poll: None, ..self.worker_options.clone() };
                let pool = Pool::builder().size(self.workers).worker_options(self.worker_options).build()?;
                pool.start(None)?;
                let loops = (0..pool.len()).map(|i| Ok(pool.worker(i)?.dispatcher().handle()));
                let loops = loops.collect::<Result<Vec<_>, Error>>()?;
                let keeper = Worker::with_options("actor_keeper", &keeper_options)?;
                keeper.start(None)?;
                (loops, Some(keeper.dispatcher().handle()), Some(pool), Some(keeper))
            }
        };
        let Some(keeper_loop) = keeper_loop.filter(|_| !loops.is_empty()) else {
            return Err(Error::InvalidArgument("a system needs a worker, or a loop, to live on".into()));
        };
        let shared = Arc::new(Shared {
            loops,
            timekeeper: keeper_loop.clone(),
            root: OnceLock::new(),
            names: Mutex::default(),
            next_loop: AtomicUsize::new(0),
            chance: Chance::new(),
            on_event: self.on_event,
        });
        let settings = Settings { supervision: Some(self.supervision), ..Settings::default() };
        let traits =
            Traits { name: None, bound: 0, restart: Restart::Temporary, settings: Some(Box::new(settings)) };
        let base = shared.base(keeper_loop.core().clone(), None, traits);
        let root = Arc::new(Root { base, is_stopped: Mutex::new(false), has_stopped: Condvar::new() });
        // It is new, so it has none.
        let _ = shared.root.set(Arc::downgrade(&root));
        Ok(System { handle: SystemHandle { shared }, root, _pool: pool, _keeper: keeper, clock })
    }
}

impl System {
    /// A system with `workers` threads.
    ///
    /// # Errors
    /// As for [`Builder::build`].
    pub fn new(workers: usize) -> Result<System, Error> {
        System::builder().workers(workers).build()
    }

    /// A system with settings of your own; a worker for each processor, if nothing else is said.
    pub fn builder() -> Builder {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Builder {
            workers,
            worker_options: WorkerOptions::default(),
            loops: None,
            supervision: Supervision::default(),
            on_event: None,
        }
    }

    /// A handle that can be cloned and sent to other threads.
    pub fn handle(&self) -> SystemHandle {
        self.handle.clone()
    }

    /// Stops all actors, the youngest first, each after the messages that are queued for it, and waits for them. In
    /// simulated time their [stop limits](Spec::stop_limit) pass when another thread moves the clock.
    ///
    /// # Errors
    /// [`Error::InvalidState`] inside a loop, whose thread must not wait; use
    /// [`begin_stop`](SystemHandle::begin_stop) there, and for loops of your own that nobody else runs.
    pub fn stop(&self) -> Result<(), Error> {
        if inside_callback() {
            return Err(Error::InvalidState("a loop's own thread cannot wait until all actors stop".into()));
        }
        self.root.begin_stop();
        // Every actor has a time limit, so this ends; in simulated time when somebody moves that.
        while !self.root.wait(Duration::MAX) {}
        Ok(())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.root.begin_stop();
        if self._pool.is_none() || inside_callback() {
            return;
        }
        let Some(clock) = &self.clock else {
            while !self.root.wait(Duration::MAX) {}
            return;
        };
        let mut step = Duration::from_nanos(STOP_LIMIT);
        while !self.root.wait(GRACE) {
            clock.advance(step);
            step = (step * 2).min(LONGEST_STEP);
        }
    }
}

impl SystemHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> SystemHandle {
        SystemHandle { shared }
    }

    /// Makes an actor that has one life, and no parent.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn spawn<A: Actor>(&self, actor: A) -> Result<ActorRef<A::Message>, SpawnError> {
        self.start(Spec::once(actor))
    }

    /// Makes an actor without a parent.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn start<A: Actor>(&self, spec: Spec<A>) -> Result<ActorRef<A::Message>, SpawnError> {
        let root: Arc<dyn Node> = self.shared.root().ok_or(SpawnError::Stopping)?;
        kin::spawn(&root, spec, Begin::Now)
    }

    /// The actor of this name.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find<M: Send + 'static>(&self, name: &str) -> Result<ActorRef<M>, FindError> {
        self.shared.find(name)
    }

    /// All actors at this moment.
    pub fn tree(&self) -> Tree {
        self.shared.tree()
    }

    /// How many loops actors are placed on.
    pub fn workers(&self) -> usize {
        self.shared.loops.len()
    }

    /// The dispatcher of a worker, counted from 0.
    pub fn dispatcher(&self, worker: usize) -> Option<Handle> {
        self.shared.loops.get(worker).cloned()
    }

    /// Begins to stop all actors, the youngest first. No new ones are made from now on.
    pub fn begin_stop(&self) {
        if let Some(root) = self.shared.root() {
            root.begin_stop();
        }
    }

    /// Waits until all actors have stopped, no longer than `limit`. Whether they have.
    pub fn wait_stopped(&self, limit: Duration) -> bool {
        self.shared.root().is_none_or(|root| root.wait(limit))
    }
}
