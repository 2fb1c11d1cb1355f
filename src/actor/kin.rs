//! Families at work: brings news to them, and carries out what they decide.

use std::sync::Arc;
use std::time::Duration;

use super::base::{Control, Node, Traits};
use super::cell::Cell;
use super::family::{Action, Fate, Stop, Wait};
use super::reference::ActorRef;
use super::spec::{Make, Spec};
use super::system::Event;
use super::{Actor, ActorState, Reason, SpawnError};
use crate::dispatcher::core::Core;
use crate::dispatcher::{Nanos, Timer};

/// Who starts a new child.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It is started at once.
    Now,
    /// [`start_in_order`] starts it, with others.
    InOrder,
}

/// Makes an actor, a child of `parent`.
pub(crate) fn spawn<A: Actor>(
    parent: &Arc<dyn Node>,
    spec: Spec<A>,
    begin: Begin,
) -> Result<ActorRef<A::Message>, SpawnError> {
    let system = &parent.base().system;
    let core = system.place(spec.placement, &parent.base().core)?;
    let Spec { make, name, bound, restart, settings, dead_letters, .. } = spec;
    let (actor, factory) = match make {
        Make::Once(actor) => (Some(actor), None),
        Make::Anew(factory) => (None, Some(factory)),
    };
    let traits = Traits { name, bound, restart, settings };
    let base = system.base(core, Some(parent.clone()), traits);
    let cell = Cell::new(base, actor, factory, dead_letters);
    let node: Arc<dyn Node> = cell.clone();
    system.keep_name(&node)?;
    let adopted = {
        let mut family = parent.base().family();
        let may_adopt = !family.is_ending() && parent.base().status.state() != ActorState::Stopped;
        let number = node.base().id.get();
        match begin {
            _ if !may_adopt => {}
            Begin::Now => family.adopt(number, node.clone()),
            Begin::InOrder => family.adopt_held(number, node.clone()),
        }
        may_adopt
    };
    if !adopted {
        system.forget_name(node.base());
        return Err(SpawnError::Stopping);
    }
    if begin == Begin::Now
        && let Err(refusal) = node.clone().send(Control::Start { awaited: false })
    {
        system.forget_name(node.base());
        child_exited(&node, &Reason::Stopped).carry_out(&node, &Reason::Stopped);
        return Err(SpawnError::NoLoop(refusal));
    }
    Ok(ActorRef::new(cell))
}

/// Starts the children that were spawned for it.
pub(crate) fn start_in_order(parent: &Arc<dyn Node>) {
    let actions = parent.base().family().start_in_order();
    perform(parent, actions);
}

/// Tells the parent that its child runs.
pub(crate) fn child_started(child: &Arc<dyn Node>) {
    let Some(parent) = &child.base().parent else { return };
    let now = parent.base().core.clock.now();
    let actions = parent.base().family().started(child.base().id.get(), now);
    perform(parent, actions);
}

/// What a family decided on the end of a child.
#[must_use = "it is carried out once the child is done with its end"]
pub(crate) struct Decision {
    pub(crate) fate: Fate,
    actions: Vec<Action<Arc<dyn Node>>>,
}

/// Tells the parent that a life of its child ended.
pub(crate) fn child_exited(child: &Arc<dyn Node>, reason: &Reason) -> Decision {
    let Some(parent) = &child.base().parent else {
        return Decision { fate: Fate::Unknown, actions: Vec::new() };
    };
    let now = parent.base().core.clock.now();
    let chance = child.base().system.random();
    let (fate, actions) = parent.base().family().exited(child.base().id.get(), reason, now, chance);
    Decision { fate, actions }
}

impl Decision {
    pub(crate) fn carry_out(self, child: &Arc<dyn Node>, reason: &Reason) {
        let Some(parent) = &child.base().parent else { return };
        if self.fate == Fate::GivenUp {
            parent.base().system.report(&Event::GivenUp { actor: child.base(), reason });
        }
        for action in self.actions {
            match action {
                Action::Fail => {
                    let failure = Reason::TooManyRestarts(Arc::new(reason.clone()));
                    send(parent.clone(), Control::Fail(failure));
                }
                action => carry_out(parent, action),
            }
        }
    }
}

/// Stops a child for good.
pub(crate) fn stop(child: &Arc<dyn Node>, how: Stop) {
    let Some(parent) = &child.base().parent else { return };
    child.base().status.close();
    let actions = parent.base().family().stop(child.base().id.get(), how);
    perform(parent, actions);
}

pub(crate) fn perform(parent: &Arc<dyn Node>, actions: Vec<Action<Arc<dyn Node>>>) {
    actions.into_iter().for_each(|action| carry_out(parent, action));
}

fn carry_out(parent: &Arc<dyn Node>, action: Action<Arc<dyn Node>>) {
    match action {
        Action::Start(child) => send(child, Control::Start { awaited: true }),
        Action::Stop { child, how, leaves } => {
            if leaves {
                child.base().status.close();
            }
            if how == Stop::Now {
                child.base().status.halt();
            }
            send(child, Control::Stop(how));
        }
        Action::CutOff { child, leaves } => {
            parent.base().system.report(&Event::CutOff { actor: child.base() });
            if leaves {
                child.base().status.close();
                child.base().system.forget_name(child.base());
            }
            send(child, Control::CutOff);
        }
        Action::Retire(child) => send(child, Control::Retire),
        Action::Wait(wait, delay) => arm(parent, wait, delay),
        Action::Forget(wait) => {
            // In two steps: a timer must not be dropped under the lock that its callback takes.
            let timer = parent.base().timers().remove(&wait);
            drop(timer);
        }
        Action::Fail => send(parent.clone(), Control::Fail(Reason::Stopped)),
        Action::AllGone => send(parent.clone(), Control::ChildrenGone),
    }
}

fn send(node: Arc<dyn Node>, control: Control) {
    let core: Arc<Core> = node.base().core.clone();
    if let Err(refusal) = node.send(control) {
        tracing::debug!(dispatcher = %core.name, %refusal, "an actor's loop takes no instructions");
    }
}

fn arm(parent: &Arc<dyn Node>, wait: Wait, delay: Nanos) {
    let family = Arc::downgrade(parent);
    let timer = Arc::new(Timer::new(&parent.base().core, move || {
        let Some(parent) = family.upgrade() else { return };
        let timer = parent.base().timers().remove(&wait);
        let actions = parent.base().family().elapsed(wait);
        perform(&parent, actions);
        drop(timer);
    }));
    // Kept before it is armed: it may fire at once, on another thread.
    parent.base().timers().insert(wait, timer.clone());
    timer.enable(Duration::from_nanos(delay));
}
