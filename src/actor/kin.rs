//! Families at work: brings news to them, and carries out what they decide.
//!
//! No lock is held while anything is carried out, so what two threads carry out may cross. What must not is made
//! known under the family's lock ([`mark`]); the rest names the life that is meant, or comes too late to matter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::base::{Control, Node, Traits};
use super::cell::Cell;
use super::family::{Action, Family, Fate, LifeNumber, Stop, Wait};
use super::reference::ActorRef;
use super::spec::{Make, Spec};
use super::system::Event;
use super::{Actor, ActorState, Reason, SpawnError, watch};
use crate::dispatcher::{Nanos, Timer};

/// Who starts a new child.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It is started at once.
    Now,
    /// [`start_in_order`] starts it, with others.
    InOrder,
}

type Kin = Arc<dyn Node>;
type Actions = Vec<Action<Kin>>;

/// Makes an actor, a child of `parent`.
pub(crate) fn spawn<A: Actor>(
    parent: &Kin,
    spec: Spec<A>,
    begin: Begin,
) -> Result<ActorRef<A::Message>, SpawnError> {
    let parents = parent.base();
    let system = &parents.system;
    let core = system.place(spec.placement, &parents.core)?;
    let Spec { make, name, bound, restart, settings, dead_letters, .. } = spec;
    let (actor, factory) = match make {
        Make::Once(actor) => (Some(actor), None),
        Make::Anew(factory) => (None, Some(factory)),
    };
    let traits = Traits { name, bound, restart, settings };
    let base = system.base(core, Some(parent.clone()), traits);
    let cell = Cell::new(base, actor, factory, dead_letters);
    let node = || -> Kin { cell.clone() };
    system.keep_name(cell.base(), node)?;
    let adopted = {
        let mut family = parents.family();
        let may_adopt = !family.is_ending() && parents.status.state() != ActorState::Stopped;
        let number = cell.base().id.get();
        match begin {
            _ if !may_adopt => {}
            Begin::Now => family.adopt(number, node()),
            Begin::InOrder => family.adopt_held(number, node()),
        }
        may_adopt
    };
    if !adopted {
        end(&node(), &Reason::Stopped);
        return Err(SpawnError::Stopping);
    }
    if begin == Begin::Now
        && let Err(refusal) = cell.send(Control::Start { life: 1, awaited: false })
    {
        lost(&node());
        return Err(SpawnError::NoLoop(refusal));
    }
    Ok(ActorRef::new(cell))
}

/// Starts the children that were spawned for it.
pub(crate) fn start_in_order(parent: &Kin) {
    perform(parent, decide(parent, Family::start_in_order));
}

/// Tells the parent that its child runs.
pub(crate) fn child_started(child: &Kin, life: LifeNumber) {
    let Some(parent) = &child.base().parent else { return };
    let now = parent.base().core.clock.now();
    perform(parent, decide(parent, |family| family.started(child.base().id.get(), life, now)));
}

/// What a family decided on the end of a child's life.
#[must_use = "it is carried out once the child is done with its end"]
pub(crate) struct Decision {
    pub(crate) fate: Fate,
    actions: Actions,
}

/// Tells the parent that a life of its child ended.
pub(crate) fn child_exited(child: &Kin, life: LifeNumber, reason: &Reason) -> Decision {
    let mut fate = Fate::Ends;
    let Some(parent) = &child.base().parent else { return Decision { fate, actions: Vec::new() } };
    let now = parent.base().core.clock.now();
    let chance = child.base().system.random();
    let actions = decide(parent, |family| {
        let decided = family.exited(child.base().id.get(), life, reason, now, chance);
        fate = decided.0;
        decided.1
    });
    Decision { fate, actions }
}

impl Decision {
    pub(crate) fn carry_out(self, child: &Kin, reason: &Reason) {
        let Some(parent) = &child.base().parent else { return };
        if self.fate == Fate::GivenUp {
            child.base().system.report(&Event::GivenUp { actor: child.base(), reason });
        }
        // Should the parent fail, it hears so before its last child has left, so in the life that is meant.
        perform(parent, self.actions);
        if self.fate != Fate::Restarts {
            leave(child);
        }
    }
}

/// Stops a child for good.
pub(crate) fn stop(child: &Kin, how: Stop) {
    let Some(parent) = &child.base().parent else { return };
    child.base().status.close();
    perform(parent, decide(parent, |family| family.stop(child.base().id.get(), how)));
}

/// Stops all children; [`Control::ChildrenGone`] when that is done.
pub(crate) fn stop_children(parent: &Kin) {
    perform(parent, decide(parent, Family::stop_all));
}

/// The loop of an actor takes no more, or has dropped what the actor was told: it ends, as far as others can tell,
/// without another word of its own. Its children are stopped.
pub(crate) fn lost(node: &Kin) {
    let mut work = VecDeque::new();
    give_up(node, &mut work);
    work_off(work);
}

fn give_up(node: &Kin, work: &mut Work) {
    if node.base().parent.is_some() && end(node, &Reason::LoopGone) {
        if node.base().known_family().is_some() {
            plan(node, decide(node, Family::abandon), work);
        }
        if let Some(parent) = &node.base().parent {
            plan(parent, decide(parent, |family| family.left(node.base().id.get())), work);
        }
    }
}

/// The family waits for it no longer.
fn leave(child: &Kin) {
    let Some(parent) = &child.base().parent else { return };
    perform(parent, decide(parent, |family| family.left(child.base().id.get())));
}

/// Makes known that an actor ended for good. False if it was known.
pub(crate) fn end(node: &Kin, reason: &Reason) -> bool {
    let base = node.base();
    let is_news = base.end();
    if is_news {
        base.system.forget_name(base);
        base.wake_senders();
        watch::tell_watchers(node, reason, false);
    }
    is_news
}

fn decide(parent: &Kin, decision: impl FnOnce(&mut Family<Kin>) -> Actions) -> Actions {
    let mut family = parent.base().family();
    let actions = decision(&mut family);
    actions.iter().for_each(mark);
    actions
}

/// What holds from the moment of the decision, whenever the child is told.
fn mark(action: &Action<Kin>) {
    match action {
        Action::Start { child, .. } => child.base().status.end_halt(),
        Action::Stop { child, how, leaves, .. } => {
            if *leaves {
                child.base().status.close();
            }
            if *how == Stop::Now {
                child.base().status.halt();
            }
        }
        Action::CutOff { child, leaves: true, .. } => {
            child.base().status.close();
            child.base().system.forget_name(child.base());
        }
        _ => {}
    }
}

/// What is to be carried out, each with the parent that it is about.
type Work = VecDeque<(Kin, Action<Kin>)>;

fn plan(parent: &Kin, actions: Actions, work: &mut Work) {
    work.extend(actions.into_iter().map(|action| (parent.clone(), action)));
}

fn perform(parent: &Kin, actions: Actions) {
    let mut work = VecDeque::new();
    plan(parent, actions, &mut work);
    work_off(work);
}

/// In a loop, not in recursion: when a loop is gone, one lost child leads to the next.
fn work_off(mut work: Work) {
    while let Some((parent, action)) = work.pop_front() {
        let (node, control) = match action {
            Action::Start { child, life } => (child, Control::Start { life, awaited: true }),
            Action::Stop { child, life, how, leaves } => (child, Control::Stop { life, how, leaves }),
            Action::CutOff { child, life, .. } => {
                parent.base().system.report(&Event::CutOff { actor: child.base() });
                (child, Control::CutOff { life })
            }
            Action::Fail(reason) => (parent, Control::Fail(reason)),
            Action::AllGone => (parent, Control::ChildrenGone),
            Action::Wait(wait, delay) => {
                arm(&parent, wait, delay);
                continue;
            }
            Action::Forget(wait) => {
                disarm(&parent, wait);
                continue;
            }
        };
        if let Err(refusal) = node.send(control) {
            tracing::debug!(actor = %node.base(), %refusal, "its loop takes no instructions");
            give_up(&node, &mut work);
        }
    }
}

fn arm(parent: &Kin, wait: Wait, delay: Nanos) {
    let family = Arc::downgrade(parent);
    let timer = Arc::new(Timer::new(&parent.base().core, move || {
        let Some(parent) = family.upgrade() else { return };
        perform(&parent, decide(&parent, |family| family.elapsed(wait)));
        disarm(&parent, wait);
    }));
    // Kept before it is armed: it may fire at once, on another thread.
    parent.base().timers().insert(wait, timer.clone());
    timer.enable(Duration::from_nanos(delay));
    // Another thread may have been told before to forget it.
    let is_awaited = parent.base().family().awaits(wait);
    if !is_awaited {
        disarm(parent, wait);
    }
}

/// In two steps: a timer must not be dropped under the lock that its callback takes.
fn disarm(parent: &Kin, wait: Wait) {
    let timer = parent.base().timers().remove(&wait);
    drop(timer);
}
