//! What the actors of the management share, and what outlives each of them.

use std::sync::{Arc, Mutex, MutexGuard};

use super::board::Board;
use super::collector::CollectorMessage;
use super::config::{Config, ServerConfig};
use super::health::HealthMessage;
use super::launch::{Launcher, ProcessIdentity};
use super::manager::ManagerMessage;
use super::metrics::Metrics;
use super::state::{Desired, Event, EventKind, State};
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
    pub(crate) state: Arc<Mutex<State>>,
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
    fn remember(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        if let Some(keeper) = &self.keeper {
            keeper.save();
        }
    }

    /// Something happened to a server.
    pub(crate) fn record(&self, server: &str, event: Event) {
        self.remember(|state| {
            let state = state.server(server);
            let ran_before = state.history().any(|event| event.kind == EventKind::Started);
            state.restarts += u64::from(event.kind == EventKind::Started && ran_before);
            state.record(event);
        });
    }

    /// A server has a process now, or none any more.
    pub(crate) fn set_process(&self, server: &str, identity: Option<&ProcessIdentity>) {
        self.remember(|state| state.server(server).process = identity.cloned());
    }

    /// A user wants a server to run, or not.
    pub(crate) fn set_desired(&self, server: &str, desired: Desired) {
        self.remember(|state| state.server(server).desired = Some(desired));
    }

    /// A server is not configured any more.
    pub(crate) fn forget(&self, server: &str) {
        self.remember(|state| drop(state.servers.remove(server)));
    }

    /// Whether a server is to run: what its user last asked for counts, then what the configuration says.
    pub(crate) fn is_wanted(&self, config: &ServerConfig) -> bool {
        let desired = self.state().servers.get(&config.name).and_then(|server| server.desired);
        !config.settings.disabled
            && desired.map_or(config.settings.autostart, |desired| desired == Desired::Running)
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
