//! What shows figures to others, for C.

use std::ffi::{c_char, c_void};

use super::closure::{Pledge, call_code};
use super::dispatcher::{mcp_event_dispatcher, text};
use super::handle;
use super::pool::mcp_event_pool;
#[cfg(feature = "servers")]
use super::server::manager::mcp_event_server_manager;
use super::status::{Failed, Result, guard, mcp_event_status};
use super::text::mcp_event_text;
use crate::metrics::{Exposition, Registry};

/// Knows whose figures are shown: dispatchers, pools, and sources of the program's own. Each has a name of its own,
/// by which it is shown and removed.
pub struct mcp_event_metrics {
    registry: Registry,
}

impl mcp_event_metrics {
    /// # Safety
    /// `metrics` is null or a living handle.
    pub(crate) unsafe fn registry<'a>(metrics: *const mcp_event_metrics) -> Result<&'a Registry> {
        handle::check(metrics, "the metrics")?;
        // SAFETY: made by `mcp_event_metrics_create`.
        Ok(unsafe { &(*metrics).registry })
    }
}

/// A page of figures that is being written. It lives for the length of a source's call.
pub struct mcp_event_metrics_page {
    _private: [u8; 0],
}

/// Adds figures to a page, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_metrics_source {
    /// Adds to the page. On any thread, by several at a time; it must not wait. What it throws is logged. Not null.
    pub write: Option<unsafe extern "C-unwind" fn(data: *mut c_void, page: *mut mcp_event_metrics_page)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Makes one that shows nothing yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_create(out: *mut *mut mcp_event_metrics) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let metrics = Box::into_raw(Box::new(mcp_event_metrics { registry: Registry::new() }));
        handle::give(metrics);
        // SAFETY: checked above.
        unsafe { handle::put(out, metrics) }
    })
}

/// Shows the figures of a dispatcher, under its name. It may be destroyed before. `MCP_EVENT_INVALID_ARGUMENT` if
/// something has this name already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_add_dispatcher(
    metrics: *mut mcp_event_metrics,
    dispatcher: *const mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: living handles.
        let (registry, dispatcher) =
            unsafe { (mcp_event_metrics::registry(metrics)?, mcp_event_dispatcher::handle(dispatcher)?) };
        Ok(registry.add_dispatcher(dispatcher)?)
    })
}

/// Shows the figures of a pool, and of each of its workers. It may be destroyed before. Fails as
/// `mcp_event_metrics_add_dispatcher()` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_add_pool(
    metrics: *mut mcp_event_metrics,
    name: *const c_char,
    pool: *const mcp_event_pool,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: living handles, and a name that is null or a string.
        let (registry, name, pool) = unsafe {
            (mcp_event_metrics::registry(metrics)?, text(name, "the name")?, mcp_event_pool::get(pool)?)
        };
        Ok(registry.add_pool(name, &pool.pool)?)
    })
}

/// Shows the figures of the servers of a manager that was started. It may be destroyed before. Fails as
/// `mcp_event_metrics_add_dispatcher()` does; `MCP_EVENT_INVALID_STATE` before the start.
#[cfg(feature = "servers")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_add_servers(
    metrics: *mut mcp_event_metrics,
    name: *const c_char,
    manager: *const mcp_event_server_manager,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: living handles, and a name that is null or a string.
        let (registry, name, manager) = unsafe {
            (
                mcp_event_metrics::registry(metrics)?,
                text(name, "the name")?,
                mcp_event_server_manager::get(manager)?,
            )
        };
        let servers = manager.servers()?.clone();
        Ok(registry.add_source(name, move |page| servers.write_to(page))?)
    })
}

/// Has `source` add to each page. Fails as `mcp_event_metrics_add_dispatcher()` does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_add_source(
    metrics: *mut mcp_event_metrics,
    name: *const c_char,
    source: mcp_event_metrics_source,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a name that is null or a string.
        let (registry, name) = unsafe { (mcp_event_metrics::registry(metrics)?, text(name, "the name")?) };
        let write = source.write.ok_or_else(|| Failed::null("the source's write function"))?;
        let pledge = Pledge::new(source.data, source.drop);
        let own = pledge.clone();
        let added = registry.add_source(name, move |page| {
            let (data, page) = (own.data(), std::ptr::from_mut(page).cast::<mcp_event_metrics_page>());
            handle::give(page);
            // SAFETY: C's promise for as long as the data is not dropped, which `own` prevents.
            let outcome = call_code(|| unsafe { write(data, page) });
            if let Err(failure) = outcome {
                tracing::error!("a source of metrics: {}", failure.describe());
            }
            // Given above; a source cannot take it.
            let _ = handle::take(page, "the page");
        });
        if added.is_err() {
            pledge.give_back();
        }
        Ok(added?)
    })
}

/// Adds to a page what is in the text format of Prometheus already. It comes at the end: see to it that no family is
/// in several texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_page_append(
    page: *mut mcp_event_metrics_page,
    appended: *const c_char,
) -> mcp_event_status {
    guard(|| {
        handle::check(page, "the page")?;
        // SAFETY: C's promise: null or a string.
        let appended = unsafe { text(appended, "the text") }?;
        // SAFETY: a living page is an exposition that its source alone may write to.
        unsafe { &mut *page.cast::<Exposition>() }.append(appended);
        Ok(())
    })
}

/// Shows what has this name no more. `MCP_EVENT_NOT_FOUND` if nothing has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_remove(
    metrics: *mut mcp_event_metrics,
    name: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a name that is null or a string.
        let (registry, name) = unsafe { (mcp_event_metrics::registry(metrics)?, text(name, "the name")?) };
        if registry.remove(name) {
            return Ok(());
        }
        let text = format!("no figures are shown under the name {name:?}");
        Err(Failed::new(mcp_event_status::MCP_EVENT_NOT_FOUND, text))
    })
}

/// All figures of this moment in the text format of Prometheus, to be served as
/// `text/plain; version=0.0.4; charset=utf-8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_prometheus(
    metrics: *const mcp_event_metrics,
    out: *mut *mut mcp_event_text,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle. The clone is for sources that destroy it.
        let registry = unsafe { mcp_event_metrics::registry(metrics) }?.clone();
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_text::give(&registry.prometheus())) }
    })
}

/// Destroys it; endpoints that show its figures go on. Its sources are dropped when the last of both is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_metrics_destroy(metrics: *mut mcp_event_metrics) -> mcp_event_status {
    guard(|| {
        handle::take(metrics, "the metrics")?;
        // SAFETY: made by `mcp_event_metrics_create`, and destroyed once.
        drop(unsafe { Box::from_raw(metrics) });
        Ok(())
    })
}
