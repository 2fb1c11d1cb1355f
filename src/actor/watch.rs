//! Who is told when an actor ends: monitors, links, and callbacks from outside the system.

use std::sync::Arc;

use super::base::{Control, Node};
use super::reason::LinkFailure;
use super::{ActorId, ActorResult, Reason};

/// What an actor is told of another, by its [`signal`](super::Actor::signal) hook.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Signal {
    /// An actor that it monitors ended. A monitor is told once; one that is started again is to be monitored
    /// again.
    Down {
        /// The actor that ended.
        actor: ActorId,
        /// How.
        reason: Reason,
        /// Whether it is started again.
        restarts: bool,
    },
    /// An actor that it is linked to failed. The link is gone.
    LinkFailed {
        /// The actor that failed.
        actor: ActorId,
        /// How.
        reason: Reason,
    },
}

impl Signal {
    /// What it means to an actor that does not say otherwise: with those it is linked to, it fails.
    pub fn into_result(self) -> ActorResult {
        match self {
            Signal::Down { .. } => Ok(()),
            Signal::LinkFailed { actor, reason } => Err(Box::new(LinkFailure { actor, reason })),
        }
    }
}

type Callback = Box<dyn FnOnce(&Reason) + Send>;

enum Watcher {
    Monitor(Arc<dyn Node>),
    Link(Arc<dyn Node>),
    Callback(Callback),
}

/// The watchers of one actor.
#[derive(Default)]
pub(crate) struct Watchers {
    all: Vec<Watcher>,
    /// The actor ended for good: nothing is left to watch.
    ended: Option<Reason>,
}

/// Says that the actor ended before.
pub(crate) struct Ended(pub(crate) Reason);

impl Watchers {
    fn add(&mut self, watcher: Watcher) -> Result<(), (Ended, Watcher)> {
        match &self.ended {
            None => self.all.push(watcher),
            Some(reason) => return Err((Ended(reason.clone()), watcher)),
        }
        Ok(())
    }

    fn remove_links(&mut self, to: ActorId) {
        self.all.retain(|watcher| !matches!(watcher, Watcher::Link(node) if node.base().id == to));
    }
}

fn tell(node: Arc<dyn Node>, signal: Signal) {
    // Should its loop be gone, nobody is left to be told.
    let _ = node.send(Control::Signal(signal));
}

/// Has `watcher` told when `target` ends; at once, if it has ended.
pub(crate) fn monitor(watcher: &Arc<dyn Node>, target: &Arc<dyn Node>) {
    let added = target.base().watchers().add(Watcher::Monitor(watcher.clone()));
    if added.is_err() {
        let signal = Signal::Down { actor: target.base().id, reason: Reason::Gone, restarts: false };
        tell(watcher.clone(), signal);
    }
}

/// Ties two actors: when one fails, the other is told.
pub(crate) fn link(one: &Arc<dyn Node>, other: &Arc<dyn Node>) {
    if one.base().id == other.base().id {
        return;
    }
    for (from, to) in [(one, other), (other, one)] {
        let added = to.base().watchers().add(Watcher::Link(from.clone()));
        if let Err((Ended(reason), _)) = added
            && reason.is_failure()
        {
            tell(from.clone(), Signal::LinkFailed { actor: to.base().id, reason });
        }
    }
}

pub(crate) fn unlink(one: &Arc<dyn Node>, other: &Arc<dyn Node>) {
    one.base().watchers().remove_links(other.base().id);
    other.base().watchers().remove_links(one.base().id);
}

/// Calls `callback` when the actor ends for good; at once, if it has.
pub(crate) fn when_ended(target: &Arc<dyn Node>, callback: impl FnOnce(&Reason) + Send + 'static) {
    let added = target.base().watchers().add(Watcher::Callback(Box::new(callback)));
    if let Err((Ended(reason), Watcher::Callback(callback))) = added {
        callback(&reason);
    }
}

/// Tells the watchers of `node` that it ended.
pub(crate) fn tell_watchers(node: &dyn Node, reason: &Reason, restarts: bool) {
    let base = node.base();
    // Who never had a watcher needs a list of them only to say that it is too late to watch.
    let Some(mut watchers) = base.known_watchers() else {
        if !restarts {
            base.watchers().ended = Some(reason.clone());
        }
        return;
    };
    if !restarts {
        watchers.ended = Some(reason.clone());
    }
    let keeps = |watcher: &Watcher| restarts && matches!(watcher, Watcher::Callback(_));
    let (keep, told): (Vec<_>, Vec<_>) = watchers.all.drain(..).partition(keeps);
    watchers.all = keep;
    drop(watchers);
    for watcher in told {
        match watcher {
            Watcher::Monitor(watcher) => {
                let signal = Signal::Down { actor: base.id, reason: reason.clone(), restarts };
                tell(watcher, signal);
            }
            Watcher::Link(other) => {
                other.base().watchers().remove_links(base.id);
                if reason.is_failure() {
                    tell(other, Signal::LinkFailed { actor: base.id, reason: reason.clone() });
                }
            }
            Watcher::Callback(callback) => callback(reason),
        }
    }
}
