//! What every actor is to the others, whatever its messages: a place in the tree, a state, counters.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::Waker;

use super::family::{Child, Family, Intensity, LifeNumber, Stop, Wait};
use super::system::Shared;
use super::watch::Watchers;
use super::{Backoff, Reason, Restart, Signal, Supervision};
use crate::dispatcher::core::Core;
use crate::dispatcher::{Nanos, Timer};
use crate::error::Refusal;

/// Tells the actors of a process apart, for ever. An actor that is restarted keeps its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId(pub(crate) u64);

impl ActorId {
    /// The id as a number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "actor {}", self.0)
    }
}

/// What an actor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ActorState {
    /// It has not run its `started` hook yet.
    Starting,
    /// It handles messages.
    Running,
    /// It handles the messages that are left, and takes no others.
    Draining,
    /// Its hooks and its children end.
    Stopping,
    /// It failed, and waits to be started again.
    Restarting,
    /// It ended for good.
    Stopped,
}

impl fmt::Display for ActorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ActorState::Starting => "starting",
            ActorState::Running => "running",
            ActorState::Draining => "draining",
            ActorState::Stopping => "stopping",
            ActorState::Restarting => "restarting",
            ActorState::Stopped => "stopped",
        })
    }
}

/// An actor's state as any thread may read it: the [`ActorState`], and these bits.
#[derive(Default)]
pub(crate) struct Status(AtomicU8);

/// It takes no more messages.
const CLOSED: u8 = 0x80;
/// Some sender waits for room in the mailbox.
const AWAITED: u8 = 0x40;
/// Its present life, or the next, is to stop without handling another message.
const HALTED: u8 = 0x20;
const STATE: u8 = 0x0f;

impl Status {
    pub(crate) fn state(&self) -> ActorState {
        let bits = self.0.load(Ordering::Acquire);
        match bits & STATE {
            0..=2 if bits & HALTED != 0 => ActorState::Stopping,
            0 => ActorState::Starting,
            1 => ActorState::Running,
            2 => ActorState::Draining,
            3 => ActorState::Stopping,
            4 => ActorState::Restarting,
            _ => ActorState::Stopped,
        }
    }

    /// Nothing special: running, open, not halted, and nobody waits.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ActorState::Running as u8
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Nothing follows the end.
    pub(crate) fn set(&self, state: ActorState) {
        let has_ended = |bits: u8| bits & STATE == ActorState::Stopped as u8;
        let update = |bits: u8| (!has_ended(bits)).then_some(bits & !STATE | state as u8);
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
    }

    /// It ended for good. False if it had.
    pub(crate) fn end(&self) -> bool {
        let update = |bits: u8| Some(bits & !STATE | ActorState::Stopped as u8 | CLOSED);
        let former = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
        former.is_ok_and(|bits| bits & STATE != ActorState::Stopped as u8)
    }

    /// It is to stop now: what is still queued is not handled any more in this life.
    pub(crate) fn halt(&self) {
        self.0.fetch_or(HALTED, Ordering::AcqRel);
    }

    /// It has another life.
    pub(crate) fn end_halt(&self) {
        self.0.fetch_and(!HALTED, Ordering::AcqRel);
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.0.load(Ordering::Acquire) & HALTED != 0
    }

    pub(crate) fn expect_room(&self) {
        self.0.fetch_or(AWAITED, Ordering::AcqRel);
    }

    pub(crate) fn take_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed) & AWAITED != 0
            && self.0.fetch_and(!AWAITED, Ordering::AcqRel) & AWAITED != 0
    }
}

/// Settings that differ from the usual; most actors have none.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) backoff: Option<Backoff>,
    pub(crate) intensity: Option<Intensity>,
    pub(crate) stop_limit: Nanos,
    pub(crate) supervision: Option<Supervision>,
    pub(crate) discards_mail: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            backoff: None,
            intensity: None,
            stop_limit: STOP_LIMIT,
            supervision: None,
            discards_mail: false,
        }
    }
}

/// How long an actor may take to stop, if nothing else is said: five seconds.
pub(crate) const STOP_LIMIT: Nanos = 5_000_000_000;

/// What only some actors need: a name, settings, children, watchers, senders that wait.
pub(crate) struct Extra {
    pub(crate) name: Option<Arc<str>>,
    settings: Option<Box<Settings>>,
    family: Mutex<Family<Arc<dyn Node>>>,
    timers: Mutex<HashMap<Wait, Arc<Timer>>>,
    watchers: Mutex<Watchers>,
    room: Mutex<Vec<Waker>>,
}

pub(crate) struct Base {
    pub(crate) id: ActorId,
    pub(crate) system: Arc<Shared>,
    pub(crate) core: Arc<Core>,
    /// None for the root alone.
    pub(crate) parent: Option<Arc<dyn Node>>,
    extra: OnceLock<Box<Extra>>,
    /// Messages from other threads, from the loop's own, and those taken out; their difference is the depth.
    sent: AtomicU64,
    sent_here: AtomicU64,
    taken: AtomicU64,
    pub(crate) handled: AtomicU64,
    /// The number of its present life, or its last; 0 before the first. The loop alone changes it.
    pub(crate) life: AtomicU32,
    /// How many messages may wait; `u32::MAX`: any number.
    pub(crate) bound: u32,
    pub(crate) restart: Restart,
    pub(crate) status: Status,
}

impl Drop for Base {
    fn drop(&mut self) {
        self.end();
    }
}

/// The mailbox is full.
pub(crate) struct Full;

impl Base {
    pub(crate) fn new(
        id: ActorId,
        system: Arc<Shared>,
        core: Arc<Core>,
        parent: Option<Arc<dyn Node>>,
        traits: Traits,
    ) -> Base {
        let base = Base {
            id,
            system,
            core,
            parent,
            extra: OnceLock::new(),
            sent: AtomicU64::new(0),
            sent_here: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            life: AtomicU32::new(0),
            bound: traits.bound,
            restart: traits.restart,
            status: Status::default(),
        };
        if traits.name.is_some() || traits.settings.is_some() {
            base.extra_with(traits.name, traits.settings);
        }
        base.core.count_handle();
        base
    }

    /// It ended for good, and is no handle of its loop any more. False if it had.
    pub(crate) fn end(&self) -> bool {
        let is_news = self.status.end();
        if is_news {
            self.core.uncount_handle();
        }
        is_news
    }

    fn extra_with(&self, name: Option<Arc<str>>, settings: Option<Box<Settings>>) -> &Extra {
        self.extra.get_or_init(|| {
            let supervision = settings.as_ref().and_then(|settings| settings.supervision.clone());
            let family = Family::new(supervision.unwrap_or_default(), self.parent.is_none());
            Box::new(Extra {
                name,
                settings,
                family: Mutex::new(family),
                timers: Mutex::default(),
                watchers: Mutex::default(),
                room: Mutex::default(),
            })
        })
    }

    fn extra_or_new(&self) -> &Extra {
        self.extra_with(None, None)
    }

    fn settings(&self) -> Option<&Settings> {
        self.extra.get()?.settings.as_deref()
    }

    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.extra.get()?.name.as_ref()
    }

    /// The family, made when it is first needed. No user code runs under its lock.
    pub(crate) fn family(&self) -> MutexGuard<'_, Family<Arc<dyn Node>>> {
        lock(&self.extra_or_new().family)
    }

    /// The family, if it was ever needed.
    pub(crate) fn known_family(&self) -> Option<MutexGuard<'_, Family<Arc<dyn Node>>>> {
        Some(lock(&self.extra.get()?.family))
    }

    pub(crate) fn timers(&self) -> MutexGuard<'_, HashMap<Wait, Arc<Timer>>> {
        lock(&self.extra_or_new().timers)
    }

    pub(crate) fn watchers(&self) -> MutexGuard<'_, Watchers> {
        lock(&self.extra_or_new().watchers)
    }

    pub(crate) fn known_watchers(&self) -> Option<MutexGuard<'_, Watchers>> {
        Some(lock(&self.extra.get()?.watchers))
    }

    pub(crate) fn life(&self) -> LifeNumber {
        self.life.load(Ordering::Relaxed)
    }

    /// Messages that wait.
    pub(crate) fn depth(&self) -> u64 {
        // First what was taken: read in this order, the difference is never negative.
        let taken = self.taken.load(Ordering::Acquire);
        let sent = self.sent.load(Ordering::Acquire) + self.sent_here.load(Ordering::Acquire);
        sent.saturating_sub(taken)
    }

    /// Counts a message that the loop's own thread sends.
    #[inline]
    pub(crate) fn count_sent_here(&self) -> Result<(), Full> {
        if self.bound != u32::MAX {
            return self.count_bounded();
        }
        add_alone(&self.sent_here);
        Ok(())
    }

    /// Counts a message that another thread sends.
    #[inline]
    pub(crate) fn count_sent(&self) -> Result<(), Full> {
        if self.bound != u32::MAX {
            return self.count_bounded();
        }
        self.count_sent_unbounded();
        Ok(())
    }

    /// Never counts more than the bound, not even for a moment: a sender that saw that would wait for room that
    /// nobody is going to make.
    fn count_bounded(&self) -> Result<(), Full> {
        let add = |sent: u64| {
            let all = sent.wrapping_add(self.sent_here.load(Ordering::Acquire));
            let depth = all.saturating_sub(self.taken.load(Ordering::Acquire));
            (depth < u64::from(self.bound)).then_some(sent.wrapping_add(1))
        };
        self.sent.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).map_or(Err(Full), |_| Ok(()))
    }

    /// Counts a message that is sent whether there is room or not.
    pub(crate) fn count_sent_unbounded(&self) {
        self.sent.fetch_add(1, Ordering::AcqRel);
    }

    /// It was refused after all.
    pub(crate) fn uncount_sent(&self) {
        self.sent.fetch_sub(1, Ordering::AcqRel);
        self.wake_senders();
    }

    /// Counts a message that was taken out, by the loop.
    #[inline]
    pub(crate) fn count_taken(&self) {
        add_alone(&self.taken);
        if self.bound == u32::MAX {
            return;
        }
        // Either a sender that waits sees the room, or we see the sender.
        fence(Ordering::SeqCst);
        if !self.status.is_plain() && self.status.take_awaited() {
            self.wake_senders();
        }
    }

    #[inline]
    pub(crate) fn count_handled(&self) {
        add_alone(&self.handled);
    }

    /// Has `waker` woken when there may be room, or the actor ended.
    pub(crate) fn wait_for_room(&self, waker: &Waker) {
        let mut room = lock(&self.extra_or_new().room);
        if !room.iter().any(|known| known.will_wake(waker)) {
            room.push(waker.clone());
        }
        drop(room);
        self.status.expect_room();
        fence(Ordering::SeqCst);
    }

    pub(crate) fn wake_senders(&self) {
        if let Some(extra) = self.extra.get() {
            let room = std::mem::take(&mut *lock(&extra.room));
            room.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn discards_mail(&self) -> bool {
        self.settings().is_some_and(|settings| settings.discards_mail)
    }
}

/// What a [`Base`] is made from.
pub(crate) struct Traits {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) bound: u32,
    pub(crate) restart: Restart,
    pub(crate) settings: Option<Box<Settings>>,
}

/// What one actor, or its family, tells another.
pub(crate) enum Control {
    Start {
        life: LifeNumber,
        /// Whether the family waits for it.
        awaited: bool,
    },
    Stop {
        life: LifeNumber,
        how: Stop,
        /// For good: who is down stays so.
        leaves: bool,
    },
    /// Its time to stop is over.
    CutOff {
        life: LifeNumber,
    },
    /// Another of the messages that are parked may be handled.
    Pump,
    /// It is to fail.
    Fail(Reason),
    /// What runs in the life of this number came to its end; of an actor that takes its messages itself.
    StoryEnded {
        life: LifeNumber,
        outcome: Result<(), Reason>,
    },
    /// Its last child is gone.
    ChildrenGone,
    Signal(Signal),
}

/// An actor of any kind.
pub(crate) trait Node: Send + Sync {
    fn base(&self) -> &Base;
    /// The type of the actor.
    fn kind(&self) -> &'static str;
    /// Queues `control` behind all that this thread sent before.
    ///
    /// An error when its loop is gone; should that go before `control` is run, see [`lost`](super::kin::lost).
    fn send(&self, control: Control) -> Result<(), Refusal>;
    /// An `ActorRef` of its kind of messages.
    fn reference(self: Arc<Self>) -> Box<dyn Any>;
}

impl Child for Arc<dyn Node> {
    fn restart(&self) -> Restart {
        self.base().restart
    }

    fn backoff(&self) -> Option<Backoff> {
        self.base().settings()?.backoff
    }

    fn intensity(&self) -> Option<Intensity> {
        self.base().settings()?.intensity
    }

    fn stop_limit(&self) -> Nanos {
        self.base().settings().map_or(STOP_LIMIT, |settings| settings.stop_limit)
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "actor {} ({name})", self.id.0),
            None => self.id.fmt(f),
        }
    }
}

/// Adds to a counter that one thread alone changes.
#[inline]
fn add_alone(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Release);
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
