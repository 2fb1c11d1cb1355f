//! Who is told when an actor ends: monitors, links, and callbacks from outside the system.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::base::{Control, Node};
use super::reason::LinkFailure;
use super::{ActorId, ActorResult, Reason};
use crate::dispatcher::closure::guarded;

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

/// What there is between an actor and one other.
struct Tie {
    other: Arc<dyn Node>,
    /// The other is told when this one ends.
    is_watched: bool,
    /// And this one when the other ends.
    watches: bool,
    /// When one fails, the other is told.
    is_linked: bool,
}

impl Tie {
    fn is_loose(&self) -> bool {
        !self.is_watched && !self.watches && !self.is_linked
    }
}

/// Whom one actor watches, and who watches it. Each tie is known at both its ends, so that nothing is left of it
/// when one of them ends.
#[derive(Default)]
pub(crate) struct Watchers {
    ties: BTreeMap<ActorId, Tie>,
    callbacks: Vec<Callback>,
    /// The actor ended for good: nothing is left to watch.
    ended: Option<Reason>,
}

impl Watchers {
    /// The tie to `other`; an error if the actor has ended.
    fn tie(&mut self, other: &Arc<dyn Node>) -> Result<&mut Tie, Reason> {
        if let Some(reason) = &self.ended {
            return Err(reason.clone());
        }
        let new = || Tie { other: other.clone(), is_watched: false, watches: false, is_linked: false };
        Ok(self.ties.entry(other.base().id).or_insert_with(new))
    }

    /// Changes the tie to `other`, if there is one. What is left of it then is for the caller to drop, without a
    /// lock.
    fn loosen(&mut self, other: ActorId, change: impl FnOnce(&mut Tie)) -> Option<Tie> {
        let tie = self.ties.get_mut(&other)?;
        change(tie);
        if tie.is_loose() { self.ties.remove(&other) } else { None }
    }
}

fn loosen(node: &Arc<dyn Node>, other: ActorId, change: impl FnOnce(&mut Tie)) {
    let loose = node.base().watchers().loosen(other, change);
    drop(loose);
}

fn tell(node: Arc<dyn Node>, signal: Signal) {
    // Should its loop be gone, nobody is left to be told.
    let _ = node.send(Control::Signal(signal));
}

/// Has `watcher`, whose code runs, told when `target` ends; at once, if it has ended.
pub(crate) fn monitor(watcher: &Arc<dyn Node>, target: &Arc<dyn Node>) {
    let target_id = target.base().id;
    let known_here = watcher.base().watchers().tie(target).map(|tie| tie.watches = true).is_ok();
    let known_there =
        known_here && target.base().watchers().tie(watcher).map(|tie| tie.is_watched = true).is_ok();
    if !known_there {
        loosen(watcher, target_id, |tie| tie.watches = false);
        tell(watcher.clone(), Signal::Down { actor: target_id, reason: Reason::Gone, restarts: false });
    }
}

/// Ties two actors, of which the code of the first runs: when one fails, the other is told.
pub(crate) fn link(one: &Arc<dyn Node>, other: &Arc<dyn Node>) {
    let (id, others) = (one.base().id, other.base().id);
    if id == others || one.base().watchers().tie(other).map(|tie| tie.is_linked = true).is_err() {
        return;
    }
    let linked = other.base().watchers().tie(one).map(|tie| tie.is_linked = true);
    if let Err(reason) = linked {
        loosen(one, others, |tie| tie.is_linked = false);
        if reason.is_failure() {
            tell(one.clone(), Signal::LinkFailed { actor: others, reason });
        }
    }
}

pub(crate) fn unlink(one: &Arc<dyn Node>, other: &Arc<dyn Node>) {
    loosen(one, other.base().id, |tie| tie.is_linked = false);
    loosen(other, one.base().id, |tie| tie.is_linked = false);
}

/// Calls `callback` when the actor ends for good; at once, if it has.
pub(crate) fn when_ended(target: &Arc<dyn Node>, callback: impl FnOnce(&Reason) + Send + 'static) {
    let mut watchers = target.base().watchers();
    match watchers.ended.clone() {
        None => watchers.callbacks.push(Box::new(callback)),
        Some(reason) => {
            drop(watchers);
            callback(&reason);
        }
    }
}

/// Tells the watchers of `node` that a life of it ended. All its ties end with that.
pub(crate) fn tell_watchers(node: &Arc<dyn Node>, reason: &Reason, restarts: bool) {
    let base = node.base();
    let watchers = base.known_watchers();
    // Who never had a watcher needs a list of them only to say that it is too late to watch.
    if watchers.is_none() && restarts {
        return;
    }
    let mut watchers = watchers.unwrap_or_else(|| base.watchers());
    let ties = std::mem::take(&mut watchers.ties);
    let mut callbacks = Vec::new();
    if !restarts {
        watchers.ended = Some(reason.clone());
        callbacks = std::mem::take(&mut watchers.callbacks);
    }
    drop(watchers);
    for tie in ties.into_values() {
        let others = tie.other.base().watchers().ties.remove(&base.id);
        drop(others);
        if tie.is_watched {
            let signal = Signal::Down { actor: base.id, reason: reason.clone(), restarts };
            tell(tie.other.clone(), signal);
        }
        if tie.is_linked && reason.is_failure() {
            tell(tie.other, Signal::LinkFailed { actor: base.id, reason: reason.clone() });
        }
    }
    for callback in callbacks {
        if let Err(failure) = guarded(|| callback(reason)) {
            tracing::error!(actor = %base, "a callback for its end: {}", failure.describe());
        }
    }
}
