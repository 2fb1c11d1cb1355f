//! The tree of actors, at one moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::base::Node;
use super::{ActorId, ActorState};

/// All actors of a system at one moment. Its `Display` is a table, children indented under their parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The actors that have no parent, the eldest first.
    pub actors: Vec<ActorInfo>,
}

/// What is known of one actor. The figures are read while it runs, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorInfo {
    /// Its id.
    pub id: ActorId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its type.
    pub kind: &'static str,
    /// What it is doing.
    pub state: ActorState,
    /// The dispatcher that it lives on.
    pub dispatcher: String,
    /// Messages that wait.
    pub queued: u64,
    /// Messages handled, in all its lives.
    pub handled: u64,
    /// How often it was started again.
    pub restarts: u32,
    /// Its children, the eldest first.
    pub children: Vec<ActorInfo>,
}

/// Below `root`. Deep trees are walked without recursion, so that no depth is too much.
pub(crate) fn list(root: &Arc<dyn Node>) -> Vec<ActorInfo> {
    struct Open {
        info: Option<ActorInfo>,
        left: std::vec::IntoIter<Arc<dyn Node>>,
        done: Vec<ActorInfo>,
    }
    let open = |node: &Arc<dyn Node>, info| {
        let children: Vec<_> = match node.base().known_family() {
            Some(family) => family.children().cloned().collect(),
            None => Vec::new(),
        };
        Open { info, left: children.into_iter(), done: Vec::new() }
    };
    let mut path = vec![open(root, None)];
    loop {
        let Some(last) = path.last_mut() else { return Vec::new() };
        match last.left.next() {
            Some(child) => path.push(open(&child, Some(describe(&*child)))),
            None => {
                let done = path.pop();
                match (done, path.last_mut()) {
                    (Some(Open { info: Some(mut info), done, .. }), Some(parent)) => {
                        info.children = done;
                        parent.done.push(info);
                    }
                    (done, _) => return done.map(|root| root.done).unwrap_or_default(),
                }
            }
        }
    }
}

fn describe(node: &dyn Node) -> ActorInfo {
    let base = node.base();
    ActorInfo {
        id: base.id,
        name: base.name().map(|name| name.to_string()),
        kind: node.kind(),
        state: base.status.state(),
        dispatcher: base.core.name.clone(),
        queued: base.depth(),
        handled: base.handled.load(Ordering::Relaxed),
        restarts: base.life().saturating_sub(1),
        children: Vec::new(),
    }
}

impl ActorInfo {
    fn label(&self) -> String {
        // The type's own name, without the modules and type parameters around it.
        let kind = self.kind.split('<').next().unwrap_or(self.kind);
        let kind = kind.rsplit("::").next().unwrap_or(kind);
        match &self.name {
            Some(name) => format!("{name} ({kind})"),
            None => format!("#{} ({kind})", self.id.get()),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<40} {:<10} {:>8} {:>8} {:>10}  on",
            "actor", "state", "restarts", "queued", "handled"
        )?;
        let mut left: Vec<(usize, &ActorInfo)> = self.actors.iter().rev().map(|actor| (0, actor)).collect();
        while let Some((depth, actor)) = left.pop() {
            let label = format!("{:indent$}{}", "", actor.label(), indent = 2 * depth);
            writeln!(
                f,
                "{label:<40} {:<10} {:>8} {:>8} {:>10}  {}",
                actor.state, actor.restarts, actor.queued, actor.handled, actor.dispatcher
            )?;
            left.extend(actor.children.iter().rev().map(|child| (depth + 1, child)));
        }
        Ok(())
    }
}
