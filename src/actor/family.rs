//! The children of one actor: who is there, who is started again, in which order they end.
//!
//! This is the decision alone. It runs under the lock of its actor, on whichever thread brings the news, calls
//! nobody, and answers with [`Action`]s that the caller performs after the lock is released. Time and chance
//! are parameters, so that it can be tested exactly.
//!
//! Children are known by numbers that grow in the order of their adoption. A group that is restarted together is
//! first stopped, the youngest first and one at a time, then started, the eldest first and one at a time.
//!
//! The lives of a child are numbered too, from 1. Decisions are carried out, and news arrive, on several threads,
//! so what a child is told names the life that is meant, and so does what is told of it. A child that was cut off
//! may still live when its next life is decided; the end of the former is no news then.

mod roll;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::roll::Roll;
use super::Reason;
use super::supervision::{Backoff, Restart, Strategy, Supervision};
use crate::dispatcher::{Nanos, nanos};

/// How often a child may be started again within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intensity {
    /// None: as often as it takes.
    pub(crate) max_restarts: Option<u32>,
    pub(crate) window: Nanos,
}

/// What a child is to its family.
pub(crate) trait Child: Clone {
    fn restart(&self) -> Restart;
    /// Its own, in the place of the family's.
    fn backoff(&self) -> Option<Backoff>;
    /// Its own: when it is passed, the child is given up, and its family goes on.
    fn intensity(&self) -> Option<Intensity>;
    fn stop_limit(&self) -> Nanos;
}

/// How an actor is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// After the messages that are queued.
    Drain,
    /// After the one that it handles.
    Now,
}

/// A number for something that is waited for.
pub(crate) type Wait = u64;

/// The number of one life of a child; 0 before the first.
pub(crate) type LifeNumber = u32;

/// What is to be done after a decision, in this order.
#[derive(Debug)]
pub(crate) enum Action<C> {
    Start {
        child: C,
        life: LifeNumber,
    },
    /// Ask it to stop, or, if it is down and `leaves`, to say that it will stay so. `leaves`: for good.
    Stop {
        child: C,
        life: LifeNumber,
        how: Stop,
        leaves: bool,
    },
    /// Its time to stop is over: end it without waiting.
    CutOff {
        child: C,
        life: LifeNumber,
        leaves: bool,
    },
    /// Call [`Family::elapsed`] after the time.
    Wait(Wait, Nanos),
    /// No need to.
    Forget(Wait),
    /// The actor itself fails, and its own family decides.
    Fail(Reason),
    /// The last child is gone, as [`Family::stop_all`] asked.
    AllGone,
}

/// What becomes of a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is started again, or told to leave, later.
    Restarts,
    Ends,
    /// It ends: it failed more often than its own intensity allows.
    GivenUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Running,
    /// Down, until its backoff has elapsed.
    Waiting,
    Stopping {
        /// It is not to be started again.
        leaves: bool,
    },
    /// Down, until its group is started.
    Held,
    /// It ended for good, and is about to say that this was its last: see [`Family::left`].
    Leaving,
}

struct Member<C> {
    child: C,
    state: State,
    life: LifeNumber,
}

/// What is known of a child's former lives.
#[derive(Default)]
struct Record {
    attempt: u32,
    /// When its present life began; none, until it has said so.
    started: Option<Nanos>,
    restarts: VecDeque<Nanos>,
    wait: Option<Wait>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    Restart(u64),
    Group,
    StopLimit(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// This one's end is awaited, or nobody's.
    Stopping(Option<u64>),
    Waiting(Wait),
    /// This one's start is awaited, or nobody's.
    Starting(Option<u64>),
}

/// Children that are restarted together.
struct Group {
    /// Those left to stop, the youngest first.
    to_stop: BTreeSet<u64>,
    /// Those left to start, the eldest first; while they are stopped, all.
    to_start: BTreeSet<u64>,
    step: Step,
    delay: Duration,
}

pub(crate) struct Family<C> {
    supervision: Supervision,
    /// The children are strangers to each other: failures are counted for each by itself.
    is_root: bool,
    members: Roll<Member<C>>,
    /// Of those members that have ended once, or are to stop; most never do.
    records: BTreeMap<u64, Record>,
    restarts: VecDeque<Nanos>,
    group: Option<Group>,
    ending: Ending,
    waits: BTreeMap<Wait, Waited>,
    next_wait: Wait,
}

type Actions<C> = Vec<Action<C>>;

impl<C: Child> Family<C> {
    pub(crate) fn new(supervision: Supervision, is_root: bool) -> Family<C> {
        Family {
            supervision,
            is_root,
            members: Roll::default(),
            records: BTreeMap::new(),
            restarts: VecDeque::new(),
            group: None,
            ending: Ending::No,
            waits: BTreeMap::new(),
            next_wait: 0,
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending != Ending::No
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The children, the eldest first.
    pub(crate) fn children(&self) -> impl Iterator<Item = &C> {
        self.members.values().map(|member| &member.child)
    }

    /// Takes in a child whose first life the caller starts.
    pub(crate) fn adopt(&mut self, number: u64, child: C) {
        self.members.insert(number, Member { child, state: State::Running, life: 1 });
    }

    /// Takes in a child that [`Family::start_in_order`] is to start.
    pub(crate) fn adopt_held(&mut self, number: u64, child: C) {
        self.members.insert(number, Member { child, state: State::Held, life: 0 });
    }

    /// Starts those that are held, the eldest first, each after the one before has started.
    pub(crate) fn start_in_order(&mut self) -> Actions<C> {
        let held = |(number, member): (u64, &Member<C>)| (member.state == State::Held).then_some(number);
        let to_start = self.members.iter().filter_map(held).collect();
        let (to_stop, step) = (BTreeSet::new(), Step::Starting(None));
        self.group = Some(Group { to_stop, to_start, step, delay: Duration::ZERO });
        let mut actions = Vec::new();
        self.advance(&mut actions);
        actions
    }

    /// A child that was to say so has started.
    pub(crate) fn started(&mut self, number: u64, life: LifeNumber, now: Nanos) -> Actions<C> {
        let mut actions = Vec::new();
        let Some(member) = self.members.get_mut(number).filter(|member| member.life == life) else {
            return actions;
        };
        if member.state == State::Starting {
            member.state = State::Running;
        }
        if let Some(record) = self.records.get_mut(&number) {
            record.started = Some(now);
        }
        if let Some(group) = &mut self.group
            && group.step == Step::Starting(Some(number))
        {
            group.step = Step::Starting(None);
            self.advance(&mut actions);
        }
        actions
    }

    /// A life of a child ended; `random` is between 0 and 1. If it does not restart, it is still waited for, until
    /// [`Family::left`].
    pub(crate) fn exited(
        &mut self,
        number: u64,
        life: LifeNumber,
        reason: &Reason,
        now: Nanos,
        random: f64,
    ) -> (Fate, Actions<C>) {
        let mut actions = Vec::new();
        let Some(member) = self.members.get(number) else { return (Fate::Ends, actions) };
        if member.life != life {
            return (Fate::Restarts, actions);
        }
        let fate = match member.state {
            // It was cut off, and is down as far as its family cares.
            State::Held | State::Waiting => return (Fate::Restarts, actions),
            State::Stopping { leaves } => self.stopped(number, leaves, &mut actions),
            State::Starting | State::Running if self.is_ending() => Fate::Ends,
            State::Starting | State::Running => self.ended(number, reason, now, random, &mut actions),
            State::Leaving => Fate::Ends,
        };
        if fate != Fate::Restarts {
            self.end_wait(number, &mut actions);
            self.set(number, State::Leaving);
        }
        self.advance(&mut actions);
        (fate, actions)
    }

    /// A child is done with its end; or it is lost, with its loop.
    pub(crate) fn left(&mut self, number: u64) -> Actions<C> {
        let mut actions = Vec::new();
        self.remove(number, &mut actions);
        self.advance(&mut actions);
        actions
    }

    /// A child that was asked to stop has done so, or is waited for no longer.
    fn stopped(&mut self, number: u64, leaves: bool, actions: &mut Actions<C>) -> Fate {
        if leaves || self.is_ending() {
            return Fate::Ends;
        }
        self.end_wait(number, actions);
        self.set(number, State::Held);
        Fate::Restarts
    }

    /// A child ended of itself.
    fn ended(
        &mut self,
        number: u64,
        reason: &Reason,
        now: Nanos,
        random: f64,
        actions: &mut Actions<C>,
    ) -> Fate {
        let again = match self.restart_of(number) {
            Restart::Permanent => true,
            Restart::Transient => reason.is_failure(),
            Restart::Temporary => false,
        };
        if !again {
            return Fate::Ends;
        }
        match self.count_restart(number, now) {
            Count::Within => {}
            Count::ChildsPassed => return Fate::GivenUp,
            Count::FamilysPassed => {
                // What was about to be started would only be stopped again.
                self.end_group(actions);
                actions.push(Action::Fail(Reason::TooManyRestarts(Arc::new(reason.clone()))));
                return Fate::Ends;
            }
        }
        let delay = self.next_delay(number, now, random);
        match self.supervision.strategy {
            Strategy::OneForOne => self.restart_alone(number, delay, actions),
            Strategy::OneForAll => self.restart_group(number, 0, delay, actions),
            Strategy::RestForOne => self.restart_group(number, number, delay, actions),
        }
        Fate::Restarts
    }

    /// If its family is being started and waits for it, that goes on waiting.
    fn restart_alone(&mut self, number: u64, delay: Duration, actions: &mut Actions<C>) {
        if delay.is_zero() {
            self.start(number, actions);
        } else {
            self.set(number, State::Waiting);
            self.wait_for(number, Waited::Restart(number), nanos(delay), actions);
        }
    }

    /// All from `first` on are stopped, and then started, with those that a former failure had stopped.
    fn restart_group(&mut self, failed: u64, first: u64, mut delay: Duration, actions: &mut Actions<C>) {
        self.set(failed, State::Held);
        let mut to_stop: BTreeSet<_> = self.members.from(first).map(|(number, _)| number).collect();
        let mut to_start = to_stop.clone();
        let mut step = Step::Stopping(None);
        if let Some(former) = self.end_group(actions) {
            to_stop.extend(former.to_stop);
            to_start.extend(former.to_start);
            match former.step {
                Step::Stopping(_) => step = former.step,
                Step::Waiting(_) => {}
                Step::Starting(awaited) => {
                    to_stop.extend(awaited);
                    to_start.extend(awaited);
                }
            }
            delay = delay.max(former.delay);
        }
        self.group = Some(Group { to_stop, to_start, step, delay });
    }

    /// Asks one child to stop, for good.
    pub(crate) fn stop(&mut self, number: u64, how: Stop) -> Actions<C> {
        let mut actions = Vec::new();
        match self.members.get_mut(number) {
            None => {}
            Some(Member { child, state: state @ State::Stopping { .. }, life, .. }) => {
                *state = State::Stopping { leaves: true };
                if how == Stop::Now {
                    actions.push(Action::Stop { child: child.clone(), life: *life, how, leaves: true });
                }
            }
            Some(Member { state: State::Leaving, .. }) => {}
            Some(_) => self.ask_to_stop(number, how, true, &mut actions),
        }
        self.advance(&mut actions);
        actions
    }

    /// Asks all children to stop, the youngest first and one at a time; [`Action::AllGone`] when none is left.
    pub(crate) fn stop_all(&mut self) -> Actions<C> {
        let mut actions = Vec::new();
        if self.ending == Ending::No {
            self.ending = Ending::Yes;
        }
        self.end_group(&mut actions);
        let waits = |(number, member): (u64, &Member<C>)| (member.state == State::Waiting).then_some(number);
        let waiting: Vec<_> = self.members.iter().filter_map(waits).collect();
        for number in waiting {
            self.end_wait(number, &mut actions);
            self.set(number, State::Held);
        }
        self.advance(&mut actions);
        actions
    }

    /// The actor is lost, and cannot wait for its children any more: they are asked to stop, and forgotten.
    pub(crate) fn abandon(&mut self) -> Actions<C> {
        self.ending = Ending::Done;
        self.group = None;
        let mut actions: Vec<_> = std::mem::take(&mut self.waits).into_keys().map(Action::Forget).collect();
        let orphans = std::mem::take(&mut self.members).into_values().rev();
        actions.extend(orphans.filter(|orphan| orphan.state != State::Leaving).map(|orphan| Action::Stop {
            child: orphan.child,
            life: orphan.life,
            how: Stop::Drain,
            leaves: true,
        }));
        actions
    }

    /// The actor begins a new life: it may have children again.
    pub(crate) fn begin_anew(&mut self) {
        self.ending = Ending::No;
        self.restarts.clear();
    }

    /// Whether [`Family::elapsed`] is still to be called.
    pub(crate) fn awaits(&self, wait: Wait) -> bool {
        self.waits.contains_key(&wait)
    }

    /// A wait is over.
    pub(crate) fn elapsed(&mut self, wait: Wait) -> Actions<C> {
        let mut actions = Vec::new();
        match self.waits.remove(&wait) {
            None => return actions,
            Some(Waited::Restart(number)) => self.start(number, &mut actions),
            Some(Waited::Group) => {
                if let Some(group) = &mut self.group {
                    group.step = Step::Starting(None);
                }
            }
            Some(Waited::StopLimit(number)) => {
                let Some(member) = self.members.get(number) else { return actions };
                let (child, life) = (member.child.clone(), member.life);
                let leaves = member.state == State::Stopping { leaves: true };
                let leaves = self.stopped(number, leaves, &mut actions) == Fate::Ends;
                actions.push(Action::CutOff { child, life, leaves });
                if leaves {
                    self.remove(number, &mut actions);
                }
            }
        }
        self.advance(&mut actions);
        actions
    }

    /// Takes the next steps of what goes on one child at a time.
    fn advance(&mut self, actions: &mut Actions<C>) {
        if self.is_ending() {
            return self.advance_ending(actions);
        }
        while let Some(group) = &mut self.group {
            match group.step {
                Step::Waiting(_) | Step::Starting(Some(_)) => return,
                Step::Stopping(asked) => {
                    let Some(number) = asked.or_else(|| group.to_stop.pop_last()) else {
                        self.wait_for_group(actions);
                        continue;
                    };
                    group.step = Step::Stopping(Some(number));
                    match self.members.get(number).map(|member| member.state) {
                        Some(State::Stopping { .. } | State::Leaving) => return,
                        Some(State::Starting | State::Running) => {
                            let leaves = self.restart_of(number) == Restart::Temporary;
                            return self.ask_to_stop(number, Stop::Now, leaves, actions);
                        }
                        Some(State::Waiting | State::Held) | None => {
                            group.step = Step::Stopping(None);
                        }
                    }
                }
                Step::Starting(None) => {
                    let Some(number) = group.to_start.pop_first() else {
                        self.group = None;
                        return;
                    };
                    if self.members.get(number).is_some_and(|member| member.state == State::Held) {
                        group.step = Step::Starting(Some(number));
                        self.start(number, actions);
                    }
                }
            }
        }
    }

    fn advance_ending(&mut self, actions: &mut Actions<C>) {
        let Some((number, member)) = self.members.last() else {
            if self.ending == Ending::Yes {
                self.ending = Ending::Done;
                actions.push(Action::AllGone);
            }
            return;
        };
        match member.state {
            State::Stopping { leaves: true } | State::Leaving => {}
            // It is asked already, but not for good.
            State::Stopping { leaves: false } => actions.extend(self.stop(number, Stop::Now)),
            _ => self.ask_to_stop(number, Stop::Drain, true, actions),
        }
    }

    fn wait_for_group(&mut self, actions: &mut Actions<C>) {
        let delay = self.group.as_ref().map_or(Duration::ZERO, |group| group.delay);
        let step = if delay.is_zero() {
            Step::Starting(None)
        } else {
            Step::Waiting(self.wait(Waited::Group, nanos(delay), actions))
        };
        if let Some(group) = &mut self.group {
            group.step = step;
            group.delay = Duration::ZERO;
        }
    }

    fn ask_to_stop(&mut self, number: u64, how: Stop, leaves: bool, actions: &mut Actions<C>) {
        self.end_wait(number, actions);
        let Some(member) = self.members.get_mut(number) else { return };
        member.state = State::Stopping { leaves };
        let (child, life) = (member.child.clone(), member.life);
        let limit = child.stop_limit();
        actions.push(Action::Stop { child, life, how, leaves });
        if limit < Nanos::MAX {
            self.wait_for(number, Waited::StopLimit(number), limit, actions);
        }
    }

    fn start(&mut self, number: u64, actions: &mut Actions<C>) {
        self.end_wait(number, actions);
        let Some(member) = self.members.get_mut(number) else { return };
        member.state = State::Starting;
        member.life = member.life.wrapping_add(1);
        actions.push(Action::Start { child: member.child.clone(), life: member.life });
    }

    /// Whether there may be one more restart; counts it.
    fn count_restart(&mut self, number: u64, now: Nanos) -> Count {
        let familys =
            Intensity { max_restarts: self.supervision.max_restarts, window: self.supervision.window };
        let own = self.child(number).and_then(|child| child.intensity());
        let own = own.or(self.is_root.then_some(familys));
        let is_known = self.members.contains(number);
        let (intensity, restarts, passed) = match own {
            Some(own) if is_known => {
                (own, &mut self.records.entry(number).or_default().restarts, Count::ChildsPassed)
            }
            _ => (familys, &mut self.restarts, Count::FamilysPassed),
        };
        let Some(max) = intensity.max_restarts else { return Count::Within };
        restarts.retain(|restart| now.saturating_sub(*restart) <= intensity.window);
        restarts.push_back(now);
        if restarts.len() > max as usize { passed } else { Count::Within }
    }

    fn next_delay(&mut self, number: u64, now: Nanos, random: f64) -> Duration {
        let own = self.child(number).and_then(|child| child.backoff());
        let backoff = own.unwrap_or(self.supervision.backoff);
        let Some(record) = self.record(number) else { return Duration::ZERO };
        let lived = record.started.take().map(|started| now.saturating_sub(started));
        if lived.is_some_and(|lived| lived >= nanos(backoff.reset_after)) {
            record.attempt = 0;
        }
        let delay = backoff.delay(record.attempt, random);
        record.attempt = record.attempt.saturating_add(1);
        delay
    }

    /// The record of a child that is known.
    fn record(&mut self, number: u64) -> Option<&mut Record> {
        self.members.contains(number).then(|| self.records.entry(number).or_default())
    }

    fn child(&self, number: u64) -> Option<C> {
        self.members.get(number).map(|member| member.child.clone())
    }

    fn restart_of(&self, number: u64) -> Restart {
        self.members.get(number).map_or(Restart::Temporary, |member| member.child.restart())
    }

    fn set(&mut self, number: u64, state: State) {
        if let Some(member) = self.members.get_mut(number) {
            member.state = state;
        }
    }

    fn wait(&mut self, what: Waited, delay: Nanos, actions: &mut Actions<C>) -> Wait {
        let wait = self.next_wait;
        self.next_wait += 1;
        self.waits.insert(wait, what);
        actions.push(Action::Wait(wait, delay));
        wait
    }

    /// Waits for something that a child's next step ends.
    fn wait_for(&mut self, number: u64, what: Waited, delay: Nanos, actions: &mut Actions<C>) {
        let wait = self.wait(what, delay, actions);
        if let Some(record) = self.record(number) {
            record.wait = Some(wait);
        }
    }

    fn end_group(&mut self, actions: &mut Actions<C>) -> Option<Group> {
        let group = self.group.take()?;
        if let Step::Waiting(wait) = group.step {
            self.waits.remove(&wait);
            actions.push(Action::Forget(wait));
        }
        Some(group)
    }

    fn end_wait(&mut self, number: u64, actions: &mut Actions<C>) {
        if let Some(wait) = self.records.get_mut(&number).and_then(|record| record.wait.take()) {
            self.waits.remove(&wait);
            actions.push(Action::Forget(wait));
        }
    }

    fn remove(&mut self, number: u64, actions: &mut Actions<C>) {
        self.end_wait(number, actions);
        self.members.remove(number);
        self.records.remove(&number);
        if let Some(group) = &mut self.group
            && group.step == Step::Starting(Some(number))
        {
            group.step = Step::Starting(None);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Yes,
    /// And all are gone.
    Done,
}

enum Count {
    Within,
    ChildsPassed,
    FamilysPassed,
}

#[cfg(test)]
mod tests;
