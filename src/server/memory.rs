//! What the actors of the management share, and what outlives each of them.

use std::sync::{Arc, Mutex, MutexGuard};

use super::board::Board;
use super::collector::CollectorMessage;
use super::config::Config;
use super::health::HealthMessage;
use super::launch::Launcher;
use super::manager::ManagerMessage;
use super::metrics::Metrics;
use super::state::State;
use super::state_keeper::StateKeeper;
use super::status::ServerInfo;
use crate::actor::{ActorRef, FindError, SystemHandle};
use crate::dispatcher::closure::guarded;
use crate::task::oneshot;

pub(crate) struct Memory {
    /// What the names of the actors begin with.
    pub(crate) name: String,
    pub(crate) system: SystemHandle,
    pub(crate) launcher: Arc<dyn Launcher>,
    pub(crate) board: Board,
    pub(crate) metrics: Metrics,
    pub(crate) keeper: Option<StateKeeper>,
    pub(crate) config: Mutex<Config>,
    pub(crate) state: Mutex<State>,
    pub(crate) on_change: Option<ChangeHook>,
    /// Whom the manager tells that it is there, for the first time.
    pub(crate) greeting: Mutex<Option<oneshot::Sender<()>>>,
}

/// What a user wants to be called with the changes of servers.
pub(crate) type ChangeHook = Box<dyn Fn(&ServerInfo) + Send + Sync>;

impl Memory {
    /// Held for single operations, never while an actor is told anything.
    pub(crate) fn config(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Likewise.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn greeting(&self) -> MutexGuard<'_, Option<oneshot::Sender<()>>> {
        self.greeting.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Changes the state, and has it saved.
    pub(crate) fn remember(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        if let Some(keeper) = &self.keeper {
            keeper.save(state.clone());
        }
    }

    /// Tells the user that a server's status changed.
    pub(crate) fn tell_change(&self, info: &ServerInfo) {
        if let Some(hook) = &self.on_change
            && let Err(failure) = guarded(|| hook(info))
        {
            tracing::error!("the hook for changes of servers: {}", failure.describe());
        }
    }

    pub(crate) fn manager(&self) -> Result<ActorRef<ManagerMessage>, FindError> {
        self.system.find(&format!("{}/manager", self.name))
    }

    pub(crate) fn health(&self) -> Result<ActorRef<HealthMessage>, FindError> {
        self.system.find(&format!("{}/health", self.name))
    }

    pub(crate) fn collector(&self) -> Result<ActorRef<CollectorMessage>, FindError> {
        self.system.find(&format!("{}/metrics", self.name))
    }
}
