//! One actor on its loop: from its first life to its end.
//!
//! A message travels as a job of the dispatcher, so the mailbox is the loop's own queue, and an idle actor has
//! none. What cannot be handled yet (the actor waits to be started again) is parked.
//!
//! All of [`Own`] belongs to the loop's thread. User code runs with the actor borrowed and nothing else.

use std::any::{Any, type_name};
use std::cell::{Cell as LocalCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::base::{ActorState, Base, Control, Full, Node};
use super::family::{Fate, LifeNumber, Stop};
use super::reference::{ActorRef, Recipient};
use super::system::Event;
use super::{Actor, Context, Reason, Stopping, TellError, Why, kin, watch};
use crate::dispatcher::closure::{Outcome, guarded};
use crate::dispatcher::core::OnLoop;
use crate::dispatcher::post::Job;
use crate::dispatcher::{PeriodicTimer, Timer};
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
    actor: RefCell<Option<A>>,
    life: LocalCell<Life>,
    /// What the running user code asked for.
    wish: LocalCell<Wish>,
    /// Why this life ends, while it does.
    reason: RefCell<Option<Reason>>,
    rest: RefCell<Option<Box<Rest<A>>>>,
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

/// A timer of the actor's own, which ends with its life.
enum OwnTimer {
    Once { _timer: Timer },
    Periodic { _timer: PeriodicTimer },
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

// SAFETY: `own` is reached through `Cell::own` alone, by whoever owns the loop, one thread at a time; or by the
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
            actor: RefCell::new(actor),
            life: LocalCell::new(Life::Down),
            wish: LocalCell::new(Wish::Nothing),
            reason: RefCell::new(None),
            rest: RefCell::new(rest),
        };
        Arc::new(Cell { base, own })
    }

    fn own(&self, on_loop: OnLoop<'_>) -> &Own<A> {
        assert!(std::ptr::eq(on_loop.core, &*self.base.core), "an actor belongs to its own loop");
        &self.own
    }

    fn node(self: &Arc<Self>) -> Arc<dyn Node> {
        self.clone()
    }

    fn shared(&self) -> Arc<Self> {
        // SAFETY: `new` alone makes cells, and makes them in an `Arc`, of which `&self` keeps one alive.
        unsafe {
            Arc::increment_strong_count(self);
            Arc::from_raw(self)
        }
    }

    /// What the actor sends itself with a timer: never refused, neither for want of room nor while it stops.
    pub(crate) fn tell_itself(&self, message: A::Message) {
        self.base.count_sent_unbounded();
        drop(self.queue(message, Sender::Itself));
    }

    #[inline]
    fn queue(&self, message: A::Message, sender: Sender) -> Result<(), TellError<A::Message>> {
        let delivery = Delivery { ticket: Ticket(Some(self.shared())), sender, message };
        self.base.core.mail(delivery).map_err(|(_, delivery)| {
            let Delivery { ticket, message, .. } = delivery;
            ticket.into_cell();
            self.base.uncount_sent();
            TellError { why: Why::Stopped, message }
        })
    }

    #[inline]
    fn deliver(self: &Arc<Self>, on_loop: OnLoop<'_>, sender: Sender, message: A::Message) {
        let own = self.own(on_loop);
        let is_plain = self.base.status.is_plain() && own.life.get() == Life::Running;
        if !A::PULLS && is_plain && own.rest.borrow().as_ref().is_none_or(|rest| rest.parked.is_empty()) {
            self.base.count_taken();
            return self.handle(on_loop, message);
        }
        self.deliver_slowly(on_loop, sender, message);
    }

    fn deliver_slowly(self: &Arc<Self>, on_loop: OnLoop<'_>, sender: Sender, message: A::Message) {
        let own = self.own(on_loop);
        if !A::PULLS && own.life.get() == Life::Finishing && sender == Sender::Itself {
            self.base.count_taken();
            return self.handle(on_loop, message);
        }
        let is_alive = matches!(own.life.get(), Life::Running | Life::Draining);
        let handles = is_alive && !self.base.status.is_halted();
        let has_parked = own.rest.borrow().as_ref().is_some_and(|rest| !rest.parked.is_empty());
        if handles && !has_parked && !A::PULLS {
            self.base.count_taken();
            self.handle(on_loop, message);
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

    fn handle(self: &Arc<Self>, on_loop: OnLoop<'_>, message: A::Message) {
        self.base.count_handled();
        let outcome = self.call(on_loop, |actor, context| actor.handle(message, context));
        self.after(on_loop, outcome);
    }

    /// Runs user code on the actor; none, if there is no actor.
    #[inline]
    fn call<R: Default>(
        self: &Arc<Self>,
        on_loop: OnLoop<'_>,
        code: impl FnOnce(&mut A, &mut Context<'_, A>) -> Result<R, super::BoxError>,
    ) -> Result<R, Reason> {
        let mut actor = self.own(on_loop).actor.borrow_mut();
        let Some(actor) = actor.as_mut() else { return Ok(R::default()) };
        let mut context = Context::new(self, on_loop);
        match catch_unwind(AssertUnwindSafe(|| code(actor, &mut context))) {
            Ok(result) => result.map_err(Reason::from_error),
            Err(payload) => Err(Reason::from_panic(&*payload)),
        }
    }

    /// Does what user code asked for.
    #[inline]
    fn after(self: &Arc<Self>, on_loop: OnLoop<'_>, outcome: Result<(), Reason>) {
        let own = self.own(on_loop);
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
                    let outcome = self.call(on_loop, |actor, context| actor.started(context));
                    if outcome.is_ok() && awaited {
                        kin::child_started(&self.node(), life);
                    }
                    self.after(on_loop, outcome);
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
            drop(self.base.core.mail(Pump(self.clone())));
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
        let reason = match own.life.get() {
            Life::Running => Reason::Normal,
            Life::Draining | Life::Finishing => Reason::Stopped,
            Life::Down | Life::LosingChildren | Life::Ended => return,
        };
        if let Err(reason) = outcome {
            return self.fail(on_loop, reason);
        }
        self.base.status.set(ActorState::Stopping);
        own.reason.borrow_mut().get_or_insert(reason);
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
                self.handle(on_loop, message);
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
        *own.reason.borrow_mut() = Some(reason);
        own.life.set(Life::Finishing);
        self.clear_timers(own);
        let outcome = self.call(on_loop, |actor, context| actor.stopping(context).map(Some));
        match outcome {
            Err(reason) => self.fail(on_loop, reason),
            Ok(Some(Stopping::Later)) => {
                wake_reader(own);
                self.after(on_loop, Ok(()));
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
        *own.reason.borrow_mut() = Some(reason);
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
        let reason = own.reason.take().unwrap_or(Reason::Stopped);
        let stopped = self.call(on_loop, |actor, _| {
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
            Life::LosingChildren => drop(own.reason.replace(Some(reason))),
            _ => self.fail(on_loop, reason),
        }
    }

    fn signal(self: &Arc<Self>, on_loop: OnLoop<'_>, signal: super::Signal) {
        if matches!(self.own(on_loop).life.get(), Life::Running | Life::Draining | Life::Finishing) {
            let outcome = self.call(on_loop, |actor, context| actor.signal(signal, context));
            self.after(on_loop, outcome);
        }
    }

    /// Destructors are user code, and may panic.
    fn drop_actor(&self, own: &Own<A>) {
        let actor = own.actor.take();
        if let Err(failure) = guarded(|| drop(actor)) {
            tracing::error!(actor = %self.base, "its destructor: {}", failure.describe());
        }
    }

    fn clear_timers(&self, own: &Own<A>) {
        let timers = own.rest.borrow_mut().as_mut().map(|rest| std::mem::take(&mut rest.timers));
        drop(timers);
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

    fn obey(self: &Arc<Self>, on_loop: OnLoop<'_>, control: Control) {
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
        let early = own.rest.borrow_mut().as_mut().map(|rest| std::mem::take(&mut rest.early));
        for control in early.into_iter().flatten() {
            drop(self.base.core.mail(Instruction { cell: Some(self.clone()), control: Some(control) }));
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

    /// Sends the actor what `message` gives, after `delay`.
    pub(crate) fn arm_once(
        &self,
        on_loop: OnLoop<'_>,
        delay: Duration,
        mut message: impl FnMut() -> Option<A::Message> + Send + 'static,
    ) -> u64 {
        let key = self.next_timer_key(on_loop);
        let cell = Arc::downgrade(&self.shared());
        let timer = Timer::new(&self.base.core, move || {
            let Some(cell) = cell.upgrade() else { return };
            if let Some(message) = message() {
                cell.tell_itself(message);
            }
            if let Some(on_loop) = cell.base.core.running_here() {
                cell.disarm(on_loop, key);
            }
        });
        timer.enable(delay);
        self.keep_timer(on_loop, key, OwnTimer::Once { _timer: timer });
        key
    }

    /// Sends the actor what `message` gives, every `interval`.
    pub(crate) fn arm_periodic(
        &self,
        on_loop: OnLoop<'_>,
        interval: Duration,
        mut message: impl FnMut() -> A::Message + Send + 'static,
    ) -> u64 {
        let key = self.next_timer_key(on_loop);
        let cell = Arc::downgrade(&self.shared());
        let timer = PeriodicTimer::new(&self.base.core, move || {
            let Some(cell) = cell.upgrade() else { return };
            match catch_unwind(AssertUnwindSafe(&mut message)) {
                Ok(message) => cell.tell_itself(message),
                Err(payload) => {
                    if let Some(on_loop) = cell.base.core.running_here() {
                        cell.fail(on_loop, Reason::from_panic(&*payload));
                    }
                }
            }
        });
        timer.enable(interval);
        self.keep_timer(on_loop, key, OwnTimer::Periodic { _timer: timer });
        key
    }

    fn next_timer_key(&self, on_loop: OnLoop<'_>) -> u64 {
        let mut rest = self.own(on_loop).rest.borrow_mut();
        let next = &mut rest.get_or_insert_default().next_timer;
        *next += 1;
        *next
    }

    fn keep_timer(&self, on_loop: OnLoop<'_>, key: u64, timer: OwnTimer) {
        self.own(on_loop).rest.borrow_mut().get_or_insert_default().timers.insert(key, timer);
    }

    /// Whether there was such a timer.
    pub(crate) fn disarm(&self, on_loop: OnLoop<'_>, key: u64) -> bool {
        let timer = self.own(on_loop).rest.borrow_mut().as_mut().and_then(|rest| rest.timers.remove(&key));
        timer.is_some()
    }
}

impl<A: Actor> Node for Cell<A> {
    fn base(&self) -> &Base {
        &self.base
    }

    fn kind(&self) -> &'static str {
        type_name::<A>()
    }

    fn send(self: Arc<Self>, control: Control) -> Result<(), Refusal> {
        let core = self.base.core.clone();
        let instruction = Instruction { cell: Some(self), control: Some(control) };
        core.mail(instruction).map_err(|(refusal, mut instruction)| {
            // The sender knows, and sees to it.
            instruction.cell = None;
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

/// A message on its way. Should the loop be shut down before it arrives, it is dropped, and counted.
struct Delivery<A: Actor> {
    ticket: Ticket<A>,
    sender: Sender,
    message: A::Message,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Anybody,
    Itself,
}

struct Ticket<A: Actor>(Option<Arc<Cell<A>>>);

impl<A: Actor> Ticket<A> {
    /// The cell, to count by itself what becomes of the message.
    #[inline]
    fn into_cell(mut self) -> Option<Arc<Cell<A>>> {
        self.0.take()
    }
}

impl<A: Actor> Drop for Ticket<A> {
    fn drop(&mut self) {
        if let Some(cell) = &self.0 {
            cell.base.count_taken();
        }
    }
}

impl<A: Actor> Job for Delivery<A> {
    fn run(self) -> Outcome {
        let Delivery { ticket, sender, message } = self;
        if let Some(cell) = ticket.into_cell()
            && let Some(on_loop) = cell.base.core.running_here()
        {
            cell.deliver(on_loop, sender, message);
        }
        Ok(())
    }
}

impl<A: Actor> Recipient<A::Message> for Cell<A> {
    #[inline]
    fn tell(&self, message: A::Message) -> Result<(), TellError<A::Message>> {
        let base = &self.base;
        if base.status.is_closed() {
            return Err(TellError { why: Why::Stopped, message });
        }
        let here = base.core.is_running_here();
        let counted = if here { base.count_sent_here() } else { base.count_sent() };
        if let Err(Full) = counted {
            return Err(TellError { why: Why::Full, message });
        }
        self.queue(message, Sender::Anybody)
    }
}

/// Should the loop be shut down before it arrives, the actor is lost. What is told is told once, so it is gone
/// when that has been done.
struct Instruction<A: Actor> {
    cell: Option<Arc<Cell<A>>>,
    control: Option<Control>,
}

impl<A: Actor> Job for Instruction<A> {
    fn run(mut self) -> Outcome {
        if let (Some(cell), Some(control)) = (self.cell.take(), self.control.take())
            && let Some(on_loop) = cell.base.core.running_here()
        {
            cell.obey(on_loop, control);
        }
        Ok(())
    }
}

impl<A: Actor> Drop for Instruction<A> {
    fn drop(&mut self) {
        let is_news = !matches!(self.control, Some(Control::Signal(_)));
        if let Some(cell) = self.cell.take().filter(|_| is_news) {
            kin::lost(&cell.node());
        }
    }
}

struct Pump<A: Actor>(Arc<Cell<A>>);

impl<A: Actor> Job for Pump<A> {
    fn run(self) -> Outcome {
        if let Some(on_loop) = self.0.base.core.running_here() {
            self.0.pump(on_loop);
        }
        Ok(())
    }
}
