//! The servers of a program, for those who use them.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::actor::ServerMessage;
use super::board::{Board, Place};
use super::call::{Call, CallError, CallKey, CallOptions};
use super::collector::{CollectorMessage, MetricsCollector, Request};
use super::config::{Change, Config};
use super::health::HealthMonitor;
use super::launch::{Launcher, Leftover, LocalLauncher};
use super::log_ring::LogLine;
use super::manager::{Manager, ManagerMessage};
use super::memory::{ChangeHook, Memory};
use super::metrics::{Metrics, MetricsSnapshot};
use super::state::{Desired, State, StateError, StateFile};
use super::state_keeper::StateKeeper;
use super::status::{ServerInfo, write_status};
use crate::actor::{
    ActorRef, AskError, Backoff, Reason, Reply, Restart, SpawnError, Spec, Strategy, Supervision, Supervisor,
    SystemHandle,
};
use crate::dispatcher::core::inside_callback;
use crate::error::Error;
use crate::metrics::Exposition;
use crate::task::oneshot;

/// Why the servers were not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The state file cannot be used.
    State(StateError),
    /// The actors cannot be made.
    Spawn(SpawnError),
    /// The system refused.
    System(Error),
    /// The manager failed before it was there.
    NotStarted(AskError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::State(error) => error.fmt(f),
            StartError::Spawn(error) => error.fmt(f),
            StartError::System(error) => error.fmt(f),
            StartError::NotStarted(error) => write!(f, "the manager did not start: {error}"),
        }
    }
}

impl StdError for StartError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            StartError::State(error) => Some(error),
            StartError::Spawn(error) => Some(error),
            StartError::System(error) => Some(error),
            StartError::NotStarted(error) => Some(error),
        }
    }
}

/// Why something was not done to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerError {
    /// No server has this name.
    Unknown(String),
    /// The configuration says that the server is never started.
    Disabled(String),
    /// A notification is none: its parameters are neither an object nor an array, or its method is empty.
    InvalidNotification(&'static str),
    /// The manager has stopped, or failed at that very moment.
    ManagerStopped,
    /// A loop's own thread must not wait.
    OnLoop,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::Unknown(name) => write!(f, "there is no server named {name:?}"),
            ServerError::Disabled(name) => write!(f, "the server {name:?} is disabled by the configuration"),
            ServerError::InvalidNotification(why) => f.write_str(why),
            ServerError::ManagerStopped => f.write_str("the manager of the servers has stopped"),
            ServerError::OnLoop => {
                f.write_str("a loop's own thread cannot wait for the manager of the servers")
            }
        }
    }
}

impl StdError for ServerError {}

/// Makes [`Servers`] with other than the default settings.
#[must_use]
pub struct Builder {
    config: Config,
    name: String,
    launcher: Arc<dyn Launcher>,
    state_path: Option<PathBuf>,
    on_change: Option<ChangeHook>,
    stop_limit: Duration,
}

impl Builder {
    /// What the names of the actors begin with, `mcp` if nothing is said. Two managers in one system need two.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = name.into();
        self
    }

    /// How servers are started: by default, as processes on this machine.
    pub fn launcher(mut self, launcher: impl Launcher) -> Builder {
        self.launcher = Arc::new(launcher);
        self
    }

    /// The state file, unless the configuration names one. Without either, nothing is remembered.
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.state_path = Some(path.into());
        self
    }

    /// Calls `hook` with each change of a server's status, its reason, its process, its tools, resources and
    /// prompts, and its labels, on the server's loop. It must not wait.
    pub fn on_change(mut self, hook: impl Fn(&ServerInfo) + Send + Sync + 'static) -> Builder {
        self.on_change = Some(Box::new(hook));
        self
    }

    /// Ends what an earlier life of this program left behind, then starts the actors, and the servers that are
    /// to run. Waits for the disk and for the actors, not for the servers; so it must not be called on a loop's
    /// thread, and somebody must run the system's loops.
    ///
    /// A state file that cannot be read is set aside, and said so in the log.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(self, system: &SystemHandle) -> Result<Servers, StartError> {
        if inside_callback() {
            return Err(StartError::NotStarted(AskError::OnLoop));
        }
        let settings = &self.config.state;
        let path = settings.path.clone().or(self.state_path).filter(|_| settings.enabled);
        let (file, mut state) = match path {
            None => (None, State::default()),
            Some(path) => {
                let file = StateFile::open(path).map_err(StartError::State)?;
                let state = load(&file)?;
                (Some(file), state)
            }
        };
        end_leftovers(&mut state, &*self.launcher);
        // What happened to servers that are not configured any more is of no use.
        state.servers.retain(|name, _| self.config.server(name).is_some());
        let state = Arc::new(Mutex::new(state));
        let keeper = file.map(|file| StateKeeper::start(file, state.clone())).transpose();
        let keeper = keeper.map_err(StartError::System)?;
        let memory = Arc::new(Memory {
            name: self.name,
            system: system.clone(),
            launcher: self.launcher,
            board: Board::default(),
            metrics: Metrics::default(),
            keeper,
            config: Mutex::new(self.config),
            state,
            on_change: self.on_change,
            greeting: Mutex::new(None),
        });
        let (manager_is_there, is_there) = oneshot::channel();
        *memory.greeting() = Some(manager_is_there);
        let supervisor = system.start(supervisor(&memory, self.stop_limit)).map_err(StartError::Spawn)?;
        supervisor.when_ended({
            let memory = memory.clone();
            move |_| {
                drop(memory.greeting().take());
                if let Some(keeper) = &memory.keeper {
                    keeper.finish();
                }
            }
        });
        Reply::new(is_there, None).wait().map_err(StartError::NotStarted)?;
        Ok(Servers { memory, supervisor })
    }
}

fn load(file: &StateFile) -> Result<State, StartError> {
    match file.load() {
        Ok(state) => Ok(state),
        Err(error @ StateError::Io { .. }) => Err(StartError::State(error)),
        Err(error) => {
            let aside = file.set_aside().map_err(StartError::State)?;
            tracing::error!(%error, aside = %aside.display(), "the state file is set aside; all begins anew");
            Ok(State::default())
        }
    }
}

fn end_leftovers(state: &mut State, launcher: &dyn Launcher) {
    for (name, server) in &mut state.servers {
        let Some(identity) = server.process.take() else { continue };
        let pid = identity.server.pid;
        match launcher.end_leftover(&identity) {
            Leftover::Ended => {
                tracing::warn!(server = name, pid, "an earlier life left it behind; it is ended")
            }
            Leftover::Gone | Leftover::NotOurs => {}
            Leftover::Failed(error) => tracing::error!(server = name, pid, %error, "it is left behind"),
        }
    }
}

/// The actors that are always there, in the order of their start: who is told things before who tells them.
fn supervisor(memory: &Arc<Memory>, stop_limit: Duration) -> Spec<Supervisor> {
    let named = |role: &str| format!("{}/{role}", memory.name);
    let (metrics, health, manager) = (memory.clone(), memory.clone(), memory.clone());
    let (metrics_name, health_name, manager_name) = (named("metrics"), named("health"), named("manager"));
    let wait = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(10));
    Supervisor::new()
        .child(move || {
            let memory = metrics.clone();
            Spec::new(move || MetricsCollector::new(memory.clone()))
                .name(metrics_name.clone())
                .restart(Restart::Permanent)
        })
        .child(move || {
            let memory = health.clone();
            Spec::new(move || HealthMonitor::new(memory.clone()))
                .name(health_name.clone())
                .restart(Restart::Permanent)
        })
        .child(move || {
            let memory = manager.clone();
            Spec::new(move || Manager::new(memory.clone()))
                .name(manager_name.clone())
                .restart(Restart::Permanent)
                .supervise(Supervision::new(Strategy::OneForOne).unlimited().backoff(wait))
                .stop_limit(stop_limit)
        })
        .spec(Supervision::new(Strategy::OneForOne).unlimited().backoff(wait))
        .name(memory.name.clone())
        .stop_limit(stop_limit + Duration::from_secs(5))
}

/// The servers of a program: what a [`Config`] names, kept running, asked and watched. Cheap to clone; all
/// functions may be called from any thread. They run until [`stop`](Servers::stop), or until their actors'
/// system stops.
///
/// ```no_run
/// use mcp_event::actor::System;
/// use mcp_event::server::{Config, Servers};
/// use serde_json::json;
///
/// let system = System::new(2)?;
/// let servers = Servers::start(&system, Config::from_file("servers.json")?)?;
/// let options = mcp_event::server::CallOptions::new().when_down(mcp_event::server::WhenDown::Wait);
/// let tools = servers.call_with("files", "tools/list", json!({}), options).wait()?;
/// println!("{tools:#}");
/// servers.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Servers {
    memory: Arc<Memory>,
    supervisor: ActorRef<Infallible>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("name", &self.memory.name).finish_non_exhaustive()
    }
}

impl Servers {
    /// Starts servers with the default settings; see [`Builder::start`].
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(system: &SystemHandle, config: Config) -> Result<Servers, StartError> {
        Servers::builder(config).start(system)
    }

    /// Servers with settings of your own.
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            name: "mcp".into(),
            launcher: Arc::new(LocalLauncher::new()),
            state_path: None,
            on_change: None,
            stop_limit: Duration::from_secs(60),
        }
    }

    /// Sends a request to a server, with its configured timeout; fails at once if it is not ready. `params` is
    /// an object, an array, or null for none.
    ///
    /// What goes wrong shows in the [`Call`].
    pub fn call(&self, server: &str, method: &str, params: Value) -> Call {
        self.call_with(server, method, params, CallOptions::new())
    }

    /// Sends a request to a server.
    pub fn call_with(&self, server: &str, method: &str, params: Value, options: CallOptions) -> Call {
        let params = Some(params).filter(|params| !params.is_null());
        match self.memory.board.find(server) {
            Some(place) => Call::start(place.actor, method.to_owned(), params, options),
            None => Call::refused(CallError::UnknownServer(server.to_owned())),
        }
    }

    /// Sends a request to a server, for who cannot await the answer: `done` is called with it, or with why there is
    /// none, exactly once, on the thread where that becomes known; should it be known at once, that is this one. It
    /// must not wait. The key is for [`cancel`](Servers::cancel).
    pub fn call_then(
        &self,
        server: &str,
        method: &str,
        params: Value,
        options: CallOptions,
        done: impl FnOnce(Result<Value, CallError>) + Send + 'static,
    ) -> CallKey {
        let params = Some(params).filter(|params| !params.is_null());
        match self.memory.board.find(server) {
            Some(place) => Call::start_then(place.actor, method.to_owned(), params, options, done),
            None => {
                done(Err(CallError::UnknownServer(server.to_owned())));
                CallKey::new()
            }
        }
    }

    /// Cancels a request of [`call_then`](Servers::call_then) to this server; the server is told. Nothing, if its
    /// outcome is known already.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn cancel(&self, server: &str, call: CallKey) -> Result<(), ServerError> {
        self.find(server)?.actor.tell(ServerMessage::Cancel(call)).map_err(|_| ServerError::ManagerStopped)
    }

    /// Sends a notification to a server; `params` as for [`call`](Servers::call). One that is not ready does not
    /// get it.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn notify(&self, server: &str, method: &str, params: Value) -> Result<(), ServerError> {
        let params = Some(params).filter(|params| !params.is_null());
        if method.is_empty() {
            return Err(ServerError::InvalidNotification("the method of a notification must not be empty"));
        }
        if params.as_ref().is_some_and(|params| !params.is_object() && !params.is_array()) {
            return Err(ServerError::InvalidNotification(
                "the parameters of a notification must be an object or an array",
            ));
        }
        let notify = ServerMessage::Notify { method: method.to_owned(), params };
        self.find(server)?.actor.tell(notify).map_err(|_| ServerError::ManagerStopped)
    }

    /// Has a server run, now and in later lives of the program. Does not wait until it does.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn start_server(&self, server: &str) -> Result<(), ServerError> {
        let place = self.find_enabled(server)?;
        self.memory.set_desired(server, Desired::Running);
        place.actor.tell(ServerMessage::Start).map_err(|_| ServerError::ManagerStopped)
    }

    /// Has a server not run, now and in later lives of the program, and waits until nothing is left of it.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn stop_server(&self, server: &str) -> Result<(), ServerError> {
        may_wait()?;
        self.begin_stop_server(server)?.wait().map_err(no_reply)
    }

    /// Likewise, without a wait; the reply comes with the end.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn begin_stop_server(&self, server: &str) -> Result<Reply<()>, ServerError> {
        let place = self.find(server)?;
        self.memory.set_desired(server, Desired::Stopped);
        Ok(place.actor.ask(|reply| ServerMessage::Stop(Some(reply))))
    }

    /// Ends a server, and starts it anew; one that does not run is started. Does not wait for that.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn restart_server(&self, server: &str) -> Result<(), ServerError> {
        let place = self.find_enabled(server)?;
        place.actor.tell(ServerMessage::Restart).map_err(|_| ServerError::ManagerStopped)
    }

    /// Asks a server now whether it is well, beside the checks that are made from time to time, and waits for the
    /// answer.
    ///
    /// # Errors
    /// Why it is not well, or cannot be asked.
    pub fn check(&self, server: &str) -> Result<(), CallError> {
        let Some(place) = self.memory.board.find(server) else {
            return Err(CallError::UnknownServer(server.to_owned()));
        };
        match place.actor.ask(ServerMessage::Check).wait() {
            Ok(result) => result,
            Err(AskError::OnLoop) => Err(CallError::OnLoop),
            Err(_) => Err(CallError::ManagerStopped),
        }
    }

    /// What is known of a server now.
    pub fn info(&self, server: &str) -> Option<ServerInfo> {
        Some(self.memory.board.find(server)?.entry.with(ServerInfo::clone))
    }

    /// What is known of all servers now, in the order of the configuration.
    pub fn list(&self) -> Vec<ServerInfo> {
        self.memory.board.all().iter().map(|place| place.entry.with(ServerInfo::clone)).collect()
    }

    /// What a server wrote to its stderr: the lines from `number` on, counted from 1, that are still known.
    pub fn log_since(&self, server: &str, number: u64) -> Vec<LogLine> {
        self.memory.board.find(server).map(|place| place.entry.log_since(number)).unwrap_or_default()
    }

    /// What is remembered of the servers: desired states, history, processes. Also without a state file, for this
    /// life of the program.
    pub fn history(&self) -> State {
        self.memory.state().clone()
    }

    /// Takes a new configuration over: servers that are new in it are started, those that are not in it any more
    /// are stopped and forgotten, those that are reached in another way are started anew, and all others go on.
    /// The path of the state file stays. Does not wait for starts and stops.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn reload(&self, config: Config) -> Result<Change, ServerError> {
        may_wait()?;
        self.begin_reload(config)?.wait().map_err(no_reply)
    }

    /// Begins to take a new configuration over, as [`reload`](Servers::reload) does; the reply comes when that is
    /// done.
    ///
    /// # Errors
    /// [`ServerError::ManagerStopped`].
    pub fn begin_reload(&self, config: Config) -> Result<Reply<Change>, ServerError> {
        let config = Box::new(config);
        let manager = self.memory.manager().map_err(|_| ServerError::ManagerStopped)?;
        Ok(manager.ask(|reply| ManagerMessage::Reload { config, reply }))
    }

    /// The figures, with all that happened before.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn metrics(&self) -> Result<MetricsSnapshot, ServerError> {
        let collector = self.memory.collector().map_err(|_| ServerError::ManagerStopped)?;
        collector.ask(|reply| CollectorMessage::Ask(Request::Snapshot(reply))).wait().map_err(no_reply)
    }

    /// The figures of this moment, without a wait: what actors have told each other, but not yet counted, is
    /// missing. With the status of each server, in the text format of Prometheus.
    pub fn prometheus(&self) -> String {
        let mut page = Exposition::new();
        self.write_to(&mut page);
        page.to_string()
    }

    /// Adds that to a page.
    pub fn write_to(&self, page: &mut Exposition) {
        self.memory.metrics.snapshot().write_to(page);
        write_status(page, &self.list());
    }

    /// Stops all servers at the same time, and then the actors that looked after them; waits for the end, and
    /// until the state is written.
    ///
    /// # Errors
    /// [`ServerError::OnLoop`].
    pub fn stop(&self) -> Result<(), ServerError> {
        may_wait()?;
        // Should the system be gone, so are they.
        let _ = self.begin_stop().wait();
        if let Some(keeper) = &self.memory.keeper {
            keeper.finish();
            keeper.wait();
        }
        Ok(())
    }

    /// Kills all servers and what they started, without asking them first, as [`stop`](Servers::stop) does in the
    /// end; for whoever stops them, and cannot wait. They are not started again by themselves.
    pub fn kill(&self) {
        for place in self.memory.board.all() {
            // An actor that is gone has no process.
            let _ = place.actor.tell(ServerMessage::Kill);
        }
    }

    /// Begins to stop them all; the reply comes with the end. The state is written by then, or soon after.
    pub fn begin_stop(&self) -> Reply<Reason> {
        let ended = self.supervisor.ended();
        self.supervisor.stop();
        ended
    }

    fn find(&self, server: &str) -> Result<Place, ServerError> {
        self.memory.board.find(server).ok_or_else(|| ServerError::Unknown(server.to_owned()))
    }

    fn find_enabled(&self, server: &str) -> Result<Place, ServerError> {
        let place = self.find(server)?;
        match self.memory.config().server(server) {
            Some(config) if config.settings.disabled => Err(ServerError::Disabled(server.to_owned())),
            _ => Ok(place),
        }
    }
}

/// Nothing is begun where the end could not be waited for.
fn may_wait() -> Result<(), ServerError> {
    if inside_callback() { Err(ServerError::OnLoop) } else { Ok(()) }
}

fn no_reply(error: AskError) -> ServerError {
    match error {
        AskError::OnLoop => ServerError::OnLoop,
        _ => ServerError::ManagerStopped,
    }
}
