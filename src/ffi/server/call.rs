//! Requests to MCP servers from C.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use serde_json::Value;

use super::answer::{Answer, mcp_event_answer_closure, mcp_event_server_answer};
use super::manager::{log_failure, mcp_event_server_manager};
use crate::dispatcher::core::Core;
use crate::dispatcher::post::RustJob;
use crate::ffi::actor_reason::c_text;
use crate::ffi::closure::{Data, call_code};
use crate::ffi::dispatcher::{mcp_event_dispatcher, text};
use crate::ffi::duration::limit;
use crate::ffi::handle;
use crate::ffi::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::server::{CallKey, CallOptions, Progress, Servers, WhenDown};

/// A request to a server that is not ready fails at once.
pub const MCP_EVENT_FAIL_WHEN_DOWN: c_int = 0;
/// It waits until the server is ready, no longer than its own time, and fails when the server will not be ready of
/// itself.
pub const MCP_EVENT_WAIT_WHEN_DOWN: c_int = 1;

/// News of a request that takes its time. It, and its text, live as long as the callback that is given it.
#[repr(C)]
pub struct mcp_event_server_progress {
    /// How far it is.
    pub progress: f64,
    /// Whether it is known how far it will go.
    pub has_total: bool,
    /// How far it will go, if that is known.
    pub total: f64,
    /// In words; null if the server says nothing.
    pub message: *const c_char,
}

/// Takes news of a request, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_progress_closure {
    /// Called any number of times, always before the answer. Null: the server is not asked for news.
    pub call:
        Option<unsafe extern "C-unwind" fn(data: *mut c_void, progress: *const mcp_event_server_progress)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// How a request is made. Zero it, then set `size` to `sizeof(mcp_event_call_options)`: fields that a later version
/// adds then keep their defaults.
#[repr(C)]
pub struct mcp_event_call_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// How long the answer may take, a wait for the server included, in microseconds; 0: as configured.
    pub timeout_us: i64,
    /// `MCP_EVENT_FAIL_WHEN_DOWN` or `MCP_EVENT_WAIT_WHEN_DOWN`.
    pub when_down: c_int,
    /// Where the callbacks of this request run; null: where those of the manager do. If it is shut down or destroyed,
    /// what it was still to call is dropped without a call.
    pub dispatcher: *mut mcp_event_dispatcher,
    /// Told how far the request is. Its parameters must be an object then, or none.
    pub on_progress: mcp_event_progress_closure,
}

/// A request, its arguments checked.
struct Request<'a> {
    servers: &'a Servers,
    server: &'a str,
    method: &'a str,
    params: Value,
    options: CallOptions,
    /// Where its callbacks run.
    core: Arc<Core>,
    on_progress: Option<mcp_event_progress_closure>,
}

/// # Safety
/// The manager is null or a living handle, the strings are null or zero-terminated, and the options are null or
/// valid.
unsafe fn request<'a>(
    manager: *const mcp_event_server_manager,
    server: *const c_char,
    method: *const c_char,
    params: *const c_char,
    options: *const mcp_event_call_options,
) -> Result<Request<'a>> {
    // SAFETY: the caller's promise.
    let manager = unsafe { mcp_event_server_manager::get(manager) }?;
    let mut request = Request {
        servers: manager.servers()?,
        // SAFETY: the caller's promise.
        server: unsafe { text(server, "the name of the server") }?,
        // SAFETY: the caller's promise.
        method: unsafe { text(method, "the method") }?,
        // SAFETY: the caller's promise.
        params: unsafe { json(params) }?,
        options: CallOptions::new(),
        core: manager.callbacks().clone(),
        on_progress: None,
    };
    // SAFETY: the caller's promise.
    let Some(options) = (unsafe { options.as_ref() }) else { return Ok(request) };
    check_size::<mcp_event_call_options>(options.size, "options")?;
    if let Some(timeout) = limit(options.timeout_us, "options.timeout_us")? {
        request.options = request.options.timeout(timeout);
    }
    request.options = match options.when_down {
        MCP_EVENT_FAIL_WHEN_DOWN => request.options.when_down(WhenDown::Fail),
        MCP_EVENT_WAIT_WHEN_DOWN => request.options.when_down(WhenDown::Wait),
        other => return Err(Failed::invalid(format!("there is no when_down {other}; there are 0 and 1"))),
    };
    if !options.dispatcher.is_null() {
        // SAFETY: the caller's promise: a living handle.
        request.core = unsafe { mcp_event_dispatcher::core(options.dispatcher) }?.clone();
    }
    request.on_progress = options.on_progress.call.is_some().then_some(options.on_progress);
    Ok(request)
}

/// # Safety
/// `params` is null or a zero-terminated string.
pub(crate) unsafe fn json(params: *const c_char) -> Result<Value> {
    if params.is_null() {
        return Ok(Value::Null);
    }
    // SAFETY: the caller's promise.
    let params = unsafe { text(params, "the parameters") }?;
    serde_json::from_str(params)
        .map_err(|error| Failed::invalid(format!("the parameters are no JSON: {error}")))
}

impl Request<'_> {
    /// Has the closure for news called on its loop. From now on it is ours.
    fn with_progress(mut self) -> Self {
        let Some(mcp_event_progress_closure { call: Some(call), data, drop }) = self.on_progress else {
            return self;
        };
        let (core, data) = (self.core.clone(), Arc::new(Data::new(data, drop)));
        self.options = self.options.on_progress(move |news| {
            let data = data.clone();
            // A dispatcher that is shut down takes nothing.
            let _ = core.mail(RustJob(move || show(&news, call, &data)));
        });
        self
    }
}

type OnProgress = unsafe extern "C-unwind" fn(*mut c_void, *const mcp_event_server_progress);

fn show(news: &Progress, call: OnProgress, data: &Data) {
    let message = news.message.as_deref().map(c_text);
    let shown = mcp_event_server_progress {
        progress: news.progress,
        has_total: news.total.is_some(),
        total: news.total.unwrap_or(0.0),
        message: message.as_ref().map_or(std::ptr::null(), |message| message.as_ptr()),
    };
    // SAFETY: C's promise for as long as the data is not dropped.
    log_failure("the progress of a request", call_code(|| unsafe { call(data.data, &shown) }));
}

/// Sends a request to a server. `params` is a JSON text, or null for none; `options` may be null. What comes of it,
/// whatever it is, comes to `closure`, once, also when the manager is destroyed meanwhile. The number is for
/// `mcp_event_server_manager_cancel()`; the closure may be called before it is written. The call fails, and both
/// closures stay the caller's, for arguments that make no sense, and if the manager was not started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_call(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
    method: *const c_char,
    params: *const c_char,
    options: *const mcp_event_call_options,
    closure: mcp_event_answer_closure,
    out: *mut u64,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        // SAFETY: C's promise.
        let request = unsafe { request(manager, server, method, params, options) }?.with_progress();
        let Request { servers, server, method, params, options, core, .. } = request;
        let data = Data::new(closure.data, closure.drop);
        let key = servers.call_then(server, method, params, options, move |result| {
            // A dispatcher that is shut down takes nothing.
            let _ = core.mail(RustJob(move || {
                let (data, answer) = (data, Answer::new(&result));
                // SAFETY: C's promise for as long as the data is not dropped.
                let outcome = call_code(|| unsafe { call(data.data, answer.view()) });
                log_failure("the answer to a request", outcome);
            }));
        });
        // SAFETY: checked above.
        unsafe { handle::put(out, key.0) }
    })
}

/// Likewise, and waits for what comes of it, which is the caller's to destroy. On the thread of a loop, which must
/// not wait, that is `MCP_EVENT_CALL_ON_LOOP`, at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_call_wait(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
    method: *const c_char,
    params: *const c_char,
    options: *const mcp_event_call_options,
    out: *mut *mut mcp_event_server_answer,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise.
        let request = unsafe { request(manager, server, method, params, options) }?.with_progress();
        let Request { servers, server, method, params, options, .. } = request;
        let result = servers.call_with(server, method, params, options).wait();
        // SAFETY: checked above.
        unsafe { handle::put(out, Answer::new(&result).give()) }
    })
}

/// Cancels the request of this number to this server, which is told. Nothing, if its outcome is known already.
/// `MCP_EVENT_NOT_FOUND` for an unknown server, `MCP_EVENT_CLOSED` once the manager has stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_cancel(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
    call: u64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let servers = unsafe { mcp_event_server_manager::get(manager) }?.servers()?;
        // SAFETY: C's promise.
        let server = unsafe { text(server, "the name of the server") }?;
        Ok(servers.cancel(server, CallKey(call))?)
    })
}

/// Sends a notification to a server. `params` is a JSON text, or null for none. A server that is not ready does not
/// get it. `MCP_EVENT_NOT_FOUND` for an unknown server, `MCP_EVENT_CLOSED` once the manager has stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_manager_notify(
    manager: *mut mcp_event_server_manager,
    server: *const c_char,
    method: *const c_char,
    params: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise.
        let request = unsafe { request(manager, server, method, params, std::ptr::null()) }?;
        Ok(request.servers.notify(request.server, request.method, request.params)?)
    })
}
