//! Managers of MCP servers for C.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread;

use super::change::mcp_event_server_change;
use super::config::mcp_event_server_config;
use super::list::{Shown, mcp_event_server_info, mcp_event_server_list};
use super::log::mcp_event_server_log;
use crate::actor::{System, SystemHandle};
use crate::dispatcher::Dispatcher;
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::core::{Core, inside_callback};
use crate::dispatcher::post::RustJob;
use crate::ffi::actor_system::mcp_event_actor_system;
use crate::ffi::closure::{Data, call_code};
use crate::ffi::dispatcher::{mcp_event_dispatcher, text};
use crate::ffi::handle;
use crate::ffi::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::ffi::text::mcp_event_text;
use crate::server::{Config, ServerError, ServerInfo, Servers, StartError, StateError};
use crate::worker::Worker;

/// MCP servers that are kept running, asked and watched. Its callbacks run on one thread, one at a time: on that of
/// a dispatcher of yours, or on one of the manager's own. What they throw is logged, and ends nothing.
pub struct mcp_event_server_manager {
    config: Config,
    name: Option<String>,
    state_path: Option<PathBuf>,
    /// Held while the servers start.
    on_change: Mutex<Option<Arc<OnChange>>>,
    /// From the start on.
    servers: OnceLock<Servers>,
    system: SystemHandle,
    callbacks: Arc<Core>,
    /// The manager's own system and thread, unless it was given others. They end in this order.
    _system: Option<System>,
    _thread: Option<Worker>,
}

struct OnChange {
    call: unsafe extern "C-unwind" fn(*mut c_void, *const mcp_event_server_info),
    data: Data,
}

/// Takes what changed, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_server_info_closure {
    /// Called with each change of a server's status or reason. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, info: *const mcp_event_server_info)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Settings of a manager. Zero it, then set `size` to `sizeof(mcp_event_server_manager_options)`: fields that a later
/// version adds then keep their defaults.
#[repr(C)]
pub struct mcp_event_server_manager_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// On how many threads the servers are looked after; 0: one.
    pub workers: usize,
    /// No threads of the manager's own, but this system, which must outlive the manager; null: threads.
    pub system: *mut mcp_event_actor_system,
    /// Where callbacks run; null: a thread of the manager's own. If it is shut down or destroyed, what it was still to
    /// call is dropped without a call.
    pub dispatcher: *mut mcp_event_dispatcher,
    /// The state file, unless the configuration names one. Without either, nothing is remembered. Null: none.
    pub state_path: *const c_char,
    /// What the names of the manager's actors begin with; null: "mcp". Two managers in one system need two.
    pub name: *const c_char,
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Failed {
        let text = error.to_string();
        match error {
            StateError::Io { source, .. } => Failed::os(text, &source),
            StateError::InUse { .. } => Failed::new(mcp_event_status::MCP_EVENT_INVALID_STATE, text),
            StateError::Corrupt { .. } | StateError::ForeignVersion { .. } => Failed::invalid(text),
        }
    }
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Failed {
        match error {
            StartError::State(error) => error.into(),
            StartError::Spawn(error) => error.into(),
            StartError::System(error) => error.into(),
            StartError::NotStarted(error) => error.into(),
        }
    }
}

impl From<ServerError> for Failed {
    fn from(error: ServerError) -> Failed {
        let status = match error {
            ServerError::Unknown(_) => mcp_event_status::MCP_EVENT_NOT_FOUND,
            ServerError::ManagerStopped => mcp_event_status::MCP_EVENT_CLOSED,
            ServerError::OnLoop | ServerError::Disabled(_) => mcp_event_status::MCP_EVENT_INVALID_STATE,
            ServerError::InvalidNotification(_) => mcp_event_status::MCP_EVENT_INVALID_ARGUMENT,
        };
        Failed::new(status, error.to_string())
    }
}

/// What a callback of a manager's threw ends nothing.
pub(crate) fn log_failure(callback: &str, outcome: Outcome) {
    if let Err(failure) = outcome {
        tracing::error!("the callback for {callback}: {}", failure.describe());
    }
}

impl mcp_event_server_manager {
    /// # Safety
    /// `manager` is null or a living handle.
    pub(crate) unsafe fn get<'a>(
        manager: *const mcp_event_server_manager,
    ) -> Result<&'a mcp_event_server_manager> {
        handle::check(manager, "the manager")?;
        // SAFETY: made by `mcp_event_server_manager_create`.
        Ok(unsafe { &*manager })
    }

    pub(crate) fn servers(&self) -> Result<&Servers> {
        self.servers.get().ok_or_else(|| {
            Failed::new(mcp_event_status::MCP_EVENT_INVALID_STATE, "the manager has not been started")
        })
    }

    /// Where callbacks run, unless a request says otherwise.
    pub(crate) fn callbacks(&self) -> &Arc<Core> {
        &self.callbacks
    }

    /// The hook for changes, while the servers are not started.
    fn before_start(&self) -> Result<MutexGuard<'_, Option<Arc<OnChange>>>> {
        // Whoever starts the servers holds it while it waits for their loops: no loop must wait for it.
        let on_change = match self.on_change.try_lock() {
            Ok(on_change) => on_change,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Failed::new(
                    mcp_event_status::MCP_EVENT_INVALID_STATE,
                    "the manager is being started, or given a closure, on another thread",
                ));
            }
        };
        if self.servers.get().is_some() {
            return Err(Failed::new(
                mcp_event_status::MCP_EVENT_INVALID_STATE,
                "the manager has been started already",
            ));
        }
        Ok(on_change)
    }

    fn start(&self) -> Result {
        let on_change = self.before_start()?;
        let mut builder = Servers::builder(self.config.clone());
        if let Some(name) = &self.name {
            builder = builder.name(name);
        }
        if let Some(path) = &self.state_path {
            builder = builder.state_file(path);
        }
        if let Some(hook) = &*on_change {
            let (core, hook) = (self.callbacks.clone(), hook.clone());
            builder = builder.on_change(move |info| {
                let (info, hook) = (info.clone(), hook.clone());
                // A dispatcher that is shut down takes nothing.
                let _ = core.mail(RustJob(move || hook.show(info)));
            });
        }
        // Nobody else sets it while we hold the hook.
        let _ = self.servers.set(builder.start(&self.system)?);
        Ok(())
    }
}

impl OnChange {
    fn show(&self, info: ServerInfo) {
        let info = Shown::new(info);
        let view = info.view(size_of::<mcp_event_server_info>());
        // SAFETY: C's promise for as long as the data is not dropped.
        log_failure("the changes of servers", call_code(|| unsafe { (self.call)(self.data.data, &view) }));
    }
}

impl Drop for mcp_event_server_manager {
    fn drop(&mut self) {
        if let Some(servers) = self.servers.get() {
            // It fails in callbacks only, which we are not in.
            let _ = servers.stop();
        }
    }
}

/// # Safety
/// As `mcp_event_server_manager_options` says.
unsafe fn build(
    config: &Config,
    options: Option<&mcp_event_server_manager_options>,
) -> Result<mcp_event_server_manager> {
    let (mut name, mut state_path, mut workers) = (None, None, 1);
    let (mut given_system, mut given_callbacks) = (None, None);
    if let Some(options) = options {
        check_size::<mcp_event_server_manager_options>(options.size, "options")?;
        if !options.name.is_null() {
            // SAFETY: C's promise.
            name = Some(unsafe { text(options.name, "options.name") }?.to_owned());
        }
        if !options.state_path.is_null() {
            // SAFETY: C's promise.
            state_path = Some(unsafe { text(options.state_path, "options.state_path") }?.into());
        }
        if !options.system.is_null() {
            if options.workers > 0 {
                return Err(Failed::invalid(
                    "options say both workers and a system; a manager has one or the other",
                ));
            }
            // SAFETY: C's promise: a living handle.
            given_system = Some(unsafe { mcp_event_actor_system::get(options.system) }?.system.handle());
        }
        if !options.dispatcher.is_null() {
            // SAFETY: C's promise: a living handle.
            given_callbacks = Some(unsafe { mcp_event_dispatcher::core(options.dispatcher) }?.clone());
        }
        workers = options.workers.max(1);
    }
    let (thread, callbacks) = match given_callbacks {
        Some(callbacks) => (None, callbacks),
        None => {
            let thread = Worker::with_dispatcher(Dispatcher::new("server_manager")?);
            thread.start(None)?;
            let callbacks = thread.dispatcher().core().clone();
            (Some(thread), callbacks)
        }
    };
    let (own_system, system) = match given_system {
        Some(system) => (None, system),
        None => {
            let own = System::new(workers)?;
            let system = own.handle();
            (Some(own), system)
        }
    };
    Ok(mcp_event_server_manager {
        config: config.clone(),
        name,
        state_path,
        on_change: Mutex::default(),
        servers: OnceLock::new(),
        system,
        callbacks,
        _system: own_system,
        _thread: thread,
    })
}

/// Makes a manager of the servers in `config`, which stays the caller's. It is not started; `options` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_create(
    config: *const mcp_event_server_config,
    options: *const mcp_event_server_manager_options,
    out: *mut *mut mcp_event_server_manager,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle, and options that are null or valid.
        let manager = unsafe { build(mcp_event_server_config::config(config)?, options.as_ref()) }?;
        let manager = Box::into_raw(Box::new(manager));
        handle::give(manager);
        // SAFETY: checked above.
        unsafe { handle::put(out, manager) }
    })
}

/// Has the closure told of each change of a server's status or reason. Replaces the one before.
/// `MCP_EVENT_INVALID_STATE` once the manager has been started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_on_change(
    manager: *mut mcp_event_server_manager,
    closure: mcp_event_server_info_closure,
) -> mcp_event_status {
    guard(|| {
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        // SAFETY: C's promise: a living handle.
        let mut on_change = unsafe { mcp_event_server_manager::get(manager) }?.before_start()?;
        let new = OnChange { call, data: Data::new(closure.data, closure.drop) };
        let former = on_change.replace(Arc::new(new));
        drop(on_change);
        drop(former);
        Ok(())
    })
}

/// Ends what an earlier life of the program left behind, by the state file, then starts the servers that are to run.
/// Waits for the disk, not for the servers. `MCP_EVENT_OS_ERROR` or `MCP_EVENT_INVALID_STATE` if the state file
/// cannot be used, or another manager uses it; one may try again. `MCP_EVENT_INVALID_STATE` in a callback of a loop,
/// and for a manager that was started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_start(
    manager: *mut mcp_event_server_manager,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| unsafe { mcp_event_server_manager::get(manager) }?.start())
}

/// Stops all servers at the same time, and waits until nothing is left of them. What was not answered yet is answered
/// with a failure. `MCP_EVENT_INVALID_STATE` in a callback of a loop, whose thread must not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_stop(
    manager: *mut mcp_event_server_manager,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_server_manager::get(manager) }?.servers()?.stop()?))
}

/// Begins to stop all servers, at the same time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_begin_stop(
    manager: *mut mcp_event_server_manager,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let ended = unsafe { mcp_event_server_manager::get(manager) }?.servers()?.begin_stop();
        drop(ended);
        Ok(())
    })
}

/// Stops all servers, waits until nothing is left of them and the manager's own callbacks have run, and destroys the
/// manager. In a callback of a loop it does not wait: all that happens on another thread then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_destroy(
    manager: *mut mcp_event_server_manager,
) -> mcp_event_status {
    guard(|| {
        handle::take(manager, "the manager")?;
        // SAFETY: made by `mcp_event_server_manager_create`, and destroyed once.
        let manager = unsafe { Box::from_raw(manager) };
        if inside_callback() {
            // Without a thread it is dropped here, and the servers end without anybody's waiting.
            let _ = thread::Builder::new().name("server_manager_end".into()).spawn(move || drop(manager));
        }
        Ok(())
    })
}

/// All servers at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_list(
    manager: *const mcp_event_server_manager,
    out: *mut *mut mcp_event_server_list,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let servers = unsafe { mcp_event_server_manager::get(manager) }?.servers()?.list();
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_server_list::give(servers)) }
    })
}

/// # Safety
/// The manager is null or a living handle, the string is null or zero-terminated.
unsafe fn with_server(
    manager: *const mcp_event_server_manager,
    server: *const c_char,
    act: impl FnOnce(&Servers, &str) -> std::result::Result<(), ServerError>,
) -> Result {
    // SAFETY: the caller's promise.
    let servers = unsafe { mcp_event_server_manager::get(manager) }?.servers()?;
    // SAFETY: the caller's promise.
    Ok(act(servers, unsafe { text(server, "the name of the server") }?)?)
}

/// Has a server run, now and in later lives of the program. `MCP_EVENT_NOT_FOUND` for an unknown one,
/// `MCP_EVENT_CLOSED` once the manager has stopped; `MCP_EVENT_INVALID_STATE` in a callback of a loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_start_server(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
) -> mcp_event_status {
    // SAFETY: C's promise.
    guard(|| unsafe { with_server(manager, server, Servers::start_server) })
}

/// Has a server not run, now and in later lives of the program, and waits until nothing is left of it. Fails as
/// `mcp_event_server_manager_start_server()` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_stop_server(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
) -> mcp_event_status {
    // SAFETY: C's promise.
    guard(|| unsafe { with_server(manager, server, Servers::stop_server) })
}

/// Ends a server, and starts it anew. Fails as `mcp_event_server_manager_start_server()` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_restart_server(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
) -> mcp_event_status {
    // SAFETY: C's promise.
    guard(|| unsafe { with_server(manager, server, Servers::restart_server) })
}

/// What a server wrote to its stderr: the lines from `number` on, counted from 1, that are still known. None, for an
/// unknown server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_log_since(
    manager: *const mcp_event_server_manager,
    server: *const c_char,
    number: u64,
    out: *mut *mut mcp_event_server_log,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let servers = unsafe { mcp_event_server_manager::get(manager) }?.servers()?;
        // SAFETY: C's promise.
        let lines = servers.log_since(unsafe { text(server, "the name of the server") }?, number);
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_server_log::give(lines)) }
    })
}

/// Takes a new configuration over, which stays the caller's, as far as it differs: servers that are the same in both
/// do not notice. `MCP_EVENT_CLOSED` once the manager has stopped; `MCP_EVENT_INVALID_STATE` in a callback of a loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_reload(
    manager: *mut mcp_event_server_manager,
    config: *const mcp_event_server_config,
    out: *mut *mut mcp_event_server_change,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let servers = unsafe { mcp_event_server_manager::get(manager) }?.servers()?;
        // SAFETY: C's promise: a living handle.
        let change = servers.reload(unsafe { mcp_event_server_config::config(config) }?.clone())?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_server_change::give(change)) }
    })
}

/// The figures of this moment, and the status of each server, in the text format of Prometheus.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_prometheus(
    manager: *const mcp_event_server_manager,
    out: *mut *mut mcp_event_text,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let text = unsafe { mcp_event_server_manager::get(manager) }?.servers()?.prometheus();
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_text::give(&text)) }
    })
}
