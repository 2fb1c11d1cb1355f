//! One actor on its loop: from its first life to its end.
//!
//! A message travels as a job of the dispatcher, so the mailbox is the loop's own queue, and an idle actor has
//! none. What cannot be handled yet (the actor waits to be started again) is parked.
//!
//! All of [`Own`] belongs to the loop's thread. User code runs with the actor borrowed and nothing else.

mod timer;

use std::any::{Any, type_name};
use std::cell::{Cell as LocalCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use self::timer::OwnTimer;
use super::base::{ActorState, Base, Control, Full, Node};
use super::delivery::{Delivery, Hold, Itself, Lease, Parcel, Sender};
use super::family::{Fate, LifeNumber, Stop};
use super::instruction::Instruction;
use super::reference::{ActorRef, Recipient};
use super::system::Event;
use super::{Actor, Context, Reason, Stopping, TellError, Why, kin, watch};
use crate::dispatcher::closure::guarded;
use crate::dispatcher::core::OnLoop;
use crate::error::Refusal;

/// Makes a new actor for each life.
pub(crate) type Factory<A> = Box<dyn FnMut() -> A + Send>;

/// What is done with messages that nobody will handle.
pub(crate) type DeadLetters<M> = Box<dyn FnMut(M) + Send>;

pub(crate) struct Cell<A: Actor> {
    base: Base,
    own: Own<A>,
}

/// The loop's part of an actor.
struct Own<A: Actor> {
    /// How many [`Lease`]s of it there are.
    leases: LocalCell<usize>,
    actor: RefCell<Option<A>>,
    life: LocalCell<Life>,
    /// What the running user code asked for.
    wish: LocalCell<Wish>,
    /// Why this life ends, while it does; none, if it was asked to.
    reason: LocalCell<Option<Box<Reason>>>,
    rest: RefCell<Option<Box<Rest<A>>>>,
}

impl<A: Actor> Own<A> {
    fn ends_by(&self, reason: Reason) {
        let is_usual = matches!(reason, Reason::Stopped);
        self.reason.set((!is_usual).then(|| Box::new(reason)));
    }
}

/// What only some actors need.
struct Rest<A: Actor> {
    factory: Option<Factory<A>>,
    dead_letters: Option<DeadLetters<A::Message>>,
    parked: VecDeque<A::Message>,
    timers: HashMap<u64, OwnTimer>,
    next_timer: u64,
    /// Of an actor that takes its messages itself: who waits for one.
    reader: Option<Waker>,
    /// What its family said of a life that has not begun yet.
    early: Vec<Control>,
}

impl<A: Actor> Default for Rest<A> {
    fn default() -> Rest<A> {
        Rest {
            factory: None,
            dead_letters: None,
            parked: VecDeque::new(),
            timers: HashMap::new(),
            next_timer: 0,
            reader: None,
            early: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Not started, or down and perhaps started again.
    Down,
    Running,
    /// It stops once the parked messages are handled.
    Draining,
    /// Its `stopping` hook said that it will say when it is done.
    Finishing,
    /// Its children end.
    LosingChildren,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    Stop,
    Finish,
}

// SAFETY: `own` is reached through `Cell::own` and `Cell::leases` alone, by whoever owns the loop, one thread at a time; or by the
// one that drops the cell. What is in it is `Send`.
unsafe impl<A: Actor> Sync for Cell<A> {}

impl<A: Actor> Cell<A> {
    pub(crate) fn new(
        base: Base,
        actor: Option<A>,
        factory: Option<Factory<A>>,
        dead_letters: Option<DeadLetters<A::Message>>,
    ) -> Arc<Cell<A>> {
        let rest = (factory.is_some() || dead_letters.is_some())
            .then(|| Box::new(Rest { factory, dead_letters, ..Rest::default() }));
        let own = Own {
            leases: LocalCell::new(0),
            actor: RefCell::new(actor),
            life: LocalCell::new(Life::Down),
            wish: LocalCell::new(Wish::Nothing),
            reason: LocalCell::new(None),
            rest: RefCell::new(rest),
        };
        Arc::new(Cell { base, own })
    }

    /// How many leases of it there are: for its loop's owner alone.
    #[inline]
    pub(super) fn leases(&self) -> &LocalCell<usize> {
        &self.own.leases
    }

    fn own(&self, on_loop: OnLoop<'_>) -> &Own<A> {
        assert!(std::ptr::eq(on_loop.core, &*self.base.core), "an actor belongs to its own loop");
        &self.own
    }

    fn node(self: &Arc<Self>) -> Arc<dyn Node> {
        self.clone()
    }

    pub(super) fn shared(&self) -> Arc<Self> {
        // SAFETY: `new` alone makes cells, and makes them in an `Arc`, of which `&self` keeps one alive.
        unsafe {
            Arc::increment_strong_count(self);
            Arc::from_raw(self)
        }
    }

    /// What the actor sends itself with a timer: never refused, neither for want of room nor while it stops.
    pub(crate) fn tell_itself(&self, message: A::Message) {
        self.base.count_sent_unbounded();
        drop(self.queue(Itself(self.shared()), message));
    }

    #[inline]
    fn queue<H: Hold<A>>(&self, hold: H, message: A::Message) -> Result<(), TellError<A::Message>> {
        self.base.core.mail(Delivery::new(hold, message)).map_err(|(_, delivery)| {
            let (_, message) = delivery.open();
            self.base.uncount_sent();
            TellError { why: Why::Stopped, message }
        })
    }

    /// A message arrives.
    #[inline(always)]
    pub(super) fn deliver(
        self: &Arc<Self>,
        on_loop: OnLoop<'_>,
        sender: Sender,
        message: Parcel<'_, A::Message>,
    ) {
        let own = self.own(on_loop);
        let is_plain = self.base.status.is_plain() && own.life.get() == Life::Running;
        if !A::PULLS && is_plain && own.rest.borrow().as_ref().is_none_or(|rest| rest.parked.is_empty()) {
            self.base.count_taken();
            return self.handle_with(on_loop, own, |actor, context| actor.handle(message.open(), context));
        }
        self.deliver_slowly(on_loop, sender, message.open());
    }

    #[inline(never)]
    fn deliver_slowly(self: &Arc<Self>, on_loop: OnLoop<'_>, sender: Sender, message: A::Message) {
        let own = self.own(on_loop);
        if !A::PULLS && own.life.get() == Life::Finishing && sender == Sender::Itself {
            self.base.count_taken();
            return self.handle(on_loop, own, message);
        }
        let is_alive = matches!(own.life.get(), Life::Running | Life::Draining);
        // One that was lost with its loop is over, also when the loop is run again.
        let is_lost = self.base.status.state() == ActorState::Stopped;
        let handles = is_alive && !is_lost && !self.base.status.is_halted();
        let has_parked = own.rest.borrow().as_ref().is_some_and(|rest| !rest.parked.is_empty());
        if handles && !has_parked && !A::PULLS {
            self.base.count_taken();
            self.handle(on_loop, own, message);
        } else if handles || self.keeps_mail(own) {
            // Counted as taken when it leaves there.
            own.rest.borrow_mut().get_or_insert_default().parked.push_back(message);
            wake_reader(own);
        } else {
            self.base.count_taken();
            self.bury(on_loop, message);
        }
    }

    /// Whether a message that comes now may be handled in a later life.
    fn keeps_mail(&self, own: &Own<A>) -> bool {
        let never_lived = own.life.get() == Life::Down && self.base.status.state() == ActorState::Starting;
        let ended = own.life.get() == Life::Ended || self.base.status.is_closed();
        never_lived || !ended && !self.base.discards_mail()
    }

    #[inline(never)]
    fn handle(self: &Arc<Self>, on_loop: OnLoop<'_>, own: &Own<A>, message: A::Message) {
        self.handle_with(on_loop, own, |actor, context| actor.handle(message, context));
    }

    #[inline(always)]
    fn handle_with(
        self: &Arc<Self>,
        on_loop: OnLoop<'_>,
        own: &Own<A>,
        code: impl FnOnce(&mut A, &mut Context<'_, A>) -> Result<(), super::BoxError>,
    ) {
        self.base.count_handled();
        let outcome = self.call(on_loop, own, code);
        self.after(on_loop, own, outcome);
    }

    /// Runs user code on the actor; none, if there is no actor. Each code is called in one place, so this is inline there.
    #[inline(always)]
    fn call<R: Default>(
        self: &Arc<Self>,
        on_loop: OnLoop<'_>,
        own: &Own<A>,
        code: impl FnOnce(&mut A, &mut Context<'_, A>) -> Result<R, super::BoxError>,
    ) -> Result<R, Reason> {
        let mut actor = own.actor.borrow_mut();
        let Some(actor) = actor.as_mut() else { return Ok(R::default()) };
        let mut context = Context::new(self, on_loop);
        match catch_unwind(AssertUnwindSafe(|| code(actor, &mut context))) {
            Ok(result) => result.map_err(Reason::from_error),
            Err(payload) => Err(Reason::from_panic(&*payload)),
        }
    }

    /// Does what user code asked for.
    #[inline]
    fn after(self: &Arc<Self>, on_loop: OnLoop<'_>, own: &Own<A>, outcome: Result<(), Reason>) {
        match outcome {
            Err(reason) => self.fail(on_loop, reason),
            Ok(()) => match own.wish.replace(Wish::Nothing) {
                Wish::Nothing => {}
                Wish::Stop => self.begin_stop(on_loop, Reason::Normal),
                Wish::Finish => self.end_children(on_loop),
            },
        }
    }

    fn start(self: &Arc<Self>, on_loop: OnLoop<'_>, life: LifeNumber, awaited: bool) {
        let own = self.own(on_loop);
        if let Some(mut family) = self.base.known_family() {
            family.begin_anew();
        }
        self.base.life.store(life, Ordering::Relaxed);
        if self.base.status.is_halted() {
            self.end_unlived(on_loop);
        } else {
            own.life.set(Life::Running);
            self.base.status.set(ActorState::Running);
            match self.make(own) {
                Err(reason) => self.fail(on_loop, reason),
                Ok(()) => {
                    let outcome = self.call(on_loop, own, |actor, context| actor.started(context));
                    if outcome.is_ok() && awaited {
                        kin::child_started(&self.node(), life);
                    }
                    self.after(on_loop, own, outcome);
                }
            }
        }
        self.pump_later(own);
        self.recall(own);
    }

    /// Makes the actor of this life, if the first was not given.
    fn make(&self, own: &Own<A>) -> Result<(), Reason> {
        if own.actor.borrow().is_some() {
            return Ok(());
        }
        let factory = own.rest.borrow_mut().as_mut().and_then(|rest| rest.factory.take());
        let Some(mut factory) = factory else {
            return Err(Reason::from_error("it was given by value, and cannot be made again".into()));
        };
        let made = catch_unwind(AssertUnwindSafe(&mut factory));
        own.rest.borrow_mut().get_or_insert_default().factory = Some(factory);
        *own.actor.borrow_mut() = Some(made.map_err(|payload| Reason::from_panic(&*payload))?);
        Ok(())
    }

    /// Has the parked messages handled, one a turn; and, if it drains, has it stop after the last.
    fn pump_later(self: &Arc<Self>, own: &Own<A>) {
        let has_parked = own.rest.borrow().as_ref().is_some_and(|rest| !rest.parked.is_empty());
        let pumps = match own.life.get() {
            Life::Running => has_parked,
            Life::Draining => true,
            _ => false,
        };
        if A::PULLS {
            wake_reader(own);
        } else if pumps {
            drop(self.base.core.mail(Instruction::new(self.clone(), Control::Pump)));
        }
    }

    /// The next message of an actor that takes them itself; `None` when it is to stop.
    pub(crate) fn poll_message(&self, on_loop: OnLoop<'_>, waker: &Waker) -> Poll<Option<A::Message>> {
        let own = self.own(on_loop);
        let life = own.life.get();
        if !matches!(life, Life::Running | Life::Draining) || self.base.status.is_halted() {
            return Poll::Ready(None);
        }
        let mut rest = own.rest.borrow_mut();
        let rest = rest.get_or_insert_default();
        if let Some(message) = rest.parked.pop_front() {
            self.base.count_taken();
            self.base.count_handled();
            return Poll::Ready(Some(message));
        }
        if life == Life::Draining {
            return Poll::Ready(None);
        }
        rest.reader = Some(waker.clone());
        Poll::Pending
    }

    /// What runs for an actor that takes its messages itself has come to its end.
    fn story_ended(self: &Arc<Self>, on_loop: OnLoop<'_>, life: LifeNumber, outcome: Result<(), Reason>) {
        if life != self.base.life.load(Ordering::Relaxed) {
            return;
        }
        let own = self.own(on_loop);
        let of_itself = match own.life.get() {
            Life::Running => !self.base.status.is_halted(),
            Life::Draining | Life::Finishing => false,
            Life::Down | Life::LosingChildren | Life::Ended => return,
        };
        if let Err(reason) = outcome {
            return self.fail(on_loop, reason);
        }
        self.base.status.set(ActorState::Stopping);
        if of_itself {
            own.ends_by(Reason::Normal);
        }
        self.clear_timers(own);
        self.end_children(on_loop);
    }

    fn pump(self: &Arc<Self>, on_loop: OnLoop<'_>) {
        let own = self.own(on_loop);
        let life = own.life.get();
        if !matches!(life, Life::Running | Life::Draining) || self.base.status.is_halted() {
            return;
        }
        let message = own.rest.borrow_mut().as_mut().and_then(|rest| rest.parked.pop_front());
        match message {
            Some(message) => {
                self.base.count_taken();
                self.handle(on_loop, own, message);
            }
            None if life == Life::Draining => self.begin_stop(on_loop, Reason::Stopped),
            None => {}
        }
        self.pump_later(own);
    }

    fn ask_to_stop(self: &Arc<Self>, on_loop: OnLoop<'_>, how: Stop, leaves: bool) {
        let own = self.own(on_loop);
        match own.life.get() {
            Life::Down if leaves => self.end_unlived(on_loop),
            Life::Running if how == Stop::Drain => {
                self.base.status.set(ActorState::Draining);
                own.life.set(Life::Draining);
                self.pump_later(own);
            }
            Life::Running | Life::Draining => self.begin_stop(on_loop, Reason::Stopped),
            // A life that ended before it heard that it should.
            Life::Down | Life::Finishing | Life::LosingChildren | Life::Ended => {}
        }
    }

    fn begin_stop(self: &Arc<Self>, on_loop: OnLoop<'_>, reason: Reason) {
        let own = self.own(on_loop);
        self.base.status.set(ActorState::Stopping);
        own.ends_by(reason);
        own.life.set(Life::Finishing);
        self.clear_timers(own);
        let outcome = self.call(on_loop, own, |actor, context| actor.stopping(context).map(Some));
        match outcome {
            Err(reason) => self.fail(on_loop, reason),
            Ok(Some(Stopping::Later)) => {
                wake_reader(own);
                self.after(on_loop, own, Ok(()));
            }
            Ok(Some(Stopping::Now) | None) => {
                own.wish.set(Wish::Nothing);
                self.end_children(on_loop);
            }
        }
    }

    /// This life ends here: no hook is called on what may be broken.
    fn fail(self: &Arc<Self>, on_loop: OnLoop<'_>, reason: Reason) {
        let own = self.own(on_loop);
        if matches!(own.life.get(), Life::Down | Life::LosingChildren | Life::Ended) {
            return;
        }
        self.base.status.set(ActorState::Stopping);
        own.wish.set(Wish::Nothing);
        own.ends_by(reason);
        self.clear_timers(own);
        self.drop_actor(own);
        self.end_children(on_loop);
    }

    fn end_children(self: &Arc<Self>, on_loop: OnLoop<'_>) {
        let own = self.own(on_loop);
        own.life.set(Life::LosingChildren);
        if self.base.known_family().is_some_and(|family| !family.is_empty()) {
            kin::stop_children(&self.node());
        } else {
            self.end_life(on_loop);
        }
    }

    fn end_life(self: &Arc<Self>, on_loop: OnLoop<'_>) {
        let own = self.own(on_loop);
        let reason = own.reason.take().map_or(Reason::Stopped, |reason| *reason);
        let stopped = self.call(on_loop, own, |actor, _| {
            actor.stopped(&reason);
            Ok(())
        });
        if let Err(failure) = stopped {
            tracing::error!(actor = %self.base, "in its stopped hook: {failure}");
        }
        self.clear_timers(own);
        self.drop_actor(own);
        own.wish.set(Wish::Nothing);
        self.report_end(on_loop, &reason);
        self.recall(own);
    }

    /// Its turn to live is over before it lived: it was stopped, or is down, and stays so.
    fn end_unlived(self: &Arc<Self>, on_loop: OnLoop<'_>) {
        self.drop_actor(self.own(on_loop));
        self.report_end(on_loop, &Reason::Stopped);
    }

    /// It is down: its family decides what comes next.
    fn report_end(self: &Arc<Self>, on_loop: OnLoop<'_>, reason: &Reason) {
        self.own(on_loop).life.set(Life::Down);
        let node = self.node();
        let decision = kin::child_exited(&node, self.base.life(), reason);
        let restarts = decision.fate == Fate::Restarts;
        if restarts {
            self.base.status.set(ActorState::Restarting);
        }
        // Who is stopped and started with its siblings did not fail.
        if reason.is_failure() || restarts && matches!(reason, Reason::Normal) {
            self.base.system.report(&Event::Failed { actor: &self.base, reason, restarts });
        }
        if restarts {
            if self.base.discards_mail() {
                self.bury_parked(on_loop);
            }
            watch::tell_watchers(&node, reason, true);
        } else {
            self.end_for_good(on_loop, reason);
        }
        decision.carry_out(&node, reason);
    }

    fn end_for_good(self: &Arc<Self>, on_loop: OnLoop<'_>, reason: &Reason) {
        let own = self.own(on_loop);
        own.life.set(Life::Ended);
        self.base.status.close();
        self.bury_parked(on_loop);
        // It may hold on to much, and those who know the actor hold on to its cell.
        let factory = own.rest.borrow_mut().as_mut().and_then(|rest| rest.factory.take());
        if let Err(failure) = guarded(|| drop(factory)) {
            tracing::error!(actor = %self.base, "its factory's destructor: {}", failure.describe());
        }
        kin::end(&self.node(), reason);
    }

    fn cut_off(self: &Arc<Self>, on_loop: OnLoop<'_>) {
        let limit = super::family::Child::stop_limit(&self.node());
        let (own, reason) = (self.own(on_loop), Reason::CutOff(Duration::from_nanos(limit)));
        match own.life.get() {
            Life::LosingChildren => own.ends_by(reason),
            _ => self.fail(on_loop, reason),
        }
    }

    fn signal(self: &Arc<Self>, on_loop: OnLoop<'_>, signal: super::Signal) {
        let own = self.own(on_loop);
        if matches!(own.life.get(), Life::Running | Life::Draining | Life::Finishing) {
            let outcome = self.call(on_loop, own, |actor, context| actor.signal(signal, context));
            self.after(on_loop, own, outcome);
        }
    }

    /// Destructors are user code, and may panic.
    fn drop_actor(&self, own: &Own<A>) {
        let actor = own.actor.take();
        if let Err(failure) = guarded(|| drop(actor)) {
            tracing::error!(actor = %self.base, "its destructor: {}", failure.describe());
        }
    }

    fn bury_parked(self: &Arc<Self>, on_loop: OnLoop<'_>) {
        let parked =
            self.own(on_loop).rest.borrow_mut().as_mut().map(|rest| std::mem::take(&mut rest.parked));
        for message in parked.into_iter().flatten() {
            self.base.count_taken();
            self.bury(on_loop, message);
        }
    }

    /// A message that nobody handles any more.
    fn bury(self: &Arc<Self>, on_loop: OnLoop<'_>, message: A::Message) {
        let own = self.own(on_loop);
        self.base.system.report(&Event::DeadLetter { actor: &self.base });
        let hook = own.rest.borrow_mut().as_mut().and_then(|rest| rest.dead_letters.take());
        match hook {
            None => {
                if let Err(failure) = guarded(|| drop(message)) {
                    tracing::error!(actor = %self.base, "a message's destructor: {}", failure.describe());
                }
            }
            Some(mut hook) => {
                if let Err(failure) = guarded(|| hook(message)) {
                    tracing::error!(actor = %self.base, "its dead letter hook: {}", failure.describe());
                }
                own.rest.borrow_mut().get_or_insert_default().dead_letters = Some(hook);
            }
        }
    }

    pub(crate) fn obey(self: &Arc<Self>, on_loop: OnLoop<'_>, control: Control) {
        let own = self.own(on_loop);
        let (life, state) = (self.base.life(), own.life.get());
        match control {
            Control::Start { life: next, .. } if next <= life || state == Life::Ended => {}
            Control::Start { life: next, awaited } if state == Life::Down => {
                self.start(on_loop, next, awaited)
            }
            Control::Stop { life: meant, .. } | Control::CutOff { life: meant } if meant < life => {}
            Control::Stop { life: meant, how, leaves } if meant == life => {
                self.ask_to_stop(on_loop, how, leaves)
            }
            Control::CutOff { life: meant } if meant == life => self.cut_off(on_loop),
            early @ (Control::Start { .. } | Control::Stop { .. } | Control::CutOff { .. }) => {
                if state != Life::Ended {
                    own.rest.borrow_mut().get_or_insert_default().early.push(early);
                }
            }
            Control::Pump => self.pump(on_loop),
            Control::Fail(reason) => self.fail(on_loop, reason),
            Control::StoryEnded { life: meant, outcome } => self.story_ended(on_loop, meant, outcome),
            Control::ChildrenGone => {
                if state == Life::LosingChildren {
                    self.end_life(on_loop);
                }
            }
            Control::Signal(signal) => self.signal(on_loop, signal),
        }
    }

    /// What came early is said again.
    fn recall(self: &Arc<Self>, own: &Own<A>) {
        let early = match own.rest.borrow_mut().as_mut() {
            Some(rest) if !rest.early.is_empty() => std::mem::take(&mut rest.early),
            _ => return,
        };
        for control in early {
            drop(self.base.core.mail(Instruction::new(self.clone(), control)));
        }
    }

    // What a context offers.

    pub(crate) fn wish_to_stop(&self, on_loop: OnLoop<'_>) {
        let own = self.own(on_loop);
        if own.wish.get() == Wish::Nothing && own.life.get() != Life::Finishing {
            own.wish.set(Wish::Stop);
        }
    }

    pub(crate) fn wish_to_finish(&self, on_loop: OnLoop<'_>) {
        let own = self.own(on_loop);
        if own.life.get() == Life::Finishing {
            own.wish.set(Wish::Finish);
        }
    }
}

impl<A: Actor> Node for Cell<A> {
    fn base(&self) -> &Base {
        &self.base
    }

    fn kind(&self) -> &'static str {
        type_name::<A>()
    }

    fn send(&self, control: Control) -> Result<(), Refusal> {
        let instruction = Instruction::new(self.shared(), control);
        self.base.core.mail(instruction).map_err(|(refusal, instruction)| {
            instruction.take_back();
            refusal
        })
    }

    fn reference(self: Arc<Self>) -> Box<dyn Any> {
        Box::new(ActorRef::<A::Message>::new(self))
    }
}

fn wake_reader<A: Actor>(own: &Own<A>) {
    let reader = own.rest.borrow_mut().as_mut().and_then(|rest| rest.reader.take());
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl<A: Actor> Recipient<A::Message> for Cell<A> {
    #[inline]
    fn tell(&self, message: A::Message) -> Result<(), TellError<A::Message>> {
        let base = &self.base;
        if base.status.is_closed() {
            return Err(TellError { why: Why::Stopped, message });
        }
        let Some(on_loop) = base.core.running_here() else {
            return match base.count_sent() {
                Ok(()) => self.queue(self.shared(), message),
                Err(Full) => Err(TellError { why: Why::Full, message }),
            };
        };
        if base.core.check_open().is_err() {
            return Err(TellError { why: Why::Stopped, message });
        }
        if let Err(Full) = base.count_sent_here() {
            return Err(TellError { why: Why::Full, message });
        }
        let room = on_loop.own_room();
        on_loop.queue_mail(room, Delivery::new(Lease::new(self, on_loop), message));
        Ok(())
    }
}
