//! Configurations of MCP servers for C.

use std::env;
use std::ffi::{CString, c_char};

use crate::ffi::actor_reason::c_text;
use crate::ffi::dispatcher::text;
use crate::ffi::handle;
use crate::ffi::status::{Failed, Result, guard, mcp_event_status};
use crate::server::{Config, ConfigError};

/// Which MCP servers there are, and how each is supervised: a valid configuration. It does not change.
pub struct mcp_event_server_config {
    config: Config,
    warnings: Vec<CString>,
}

impl mcp_event_server_config {
    fn give(config: Config) -> *mut mcp_event_server_config {
        let warnings = config.warnings.iter().map(|warning| c_text(&warning.to_string())).collect();
        let config = Box::into_raw(Box::new(mcp_event_server_config { config, warnings }));
        handle::give(config);
        config
    }

    /// # Safety
    /// `config` is null or a living handle.
    unsafe fn get<'a>(config: *const mcp_event_server_config) -> Result<&'a mcp_event_server_config> {
        handle::check(config, "the configuration")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*config })
    }

    /// # Safety
    /// `config` is null or a living handle.
    pub(crate) unsafe fn config<'a>(config: *const mcp_event_server_config) -> Result<&'a Config> {
        // SAFETY: the caller's promise.
        Ok(&unsafe { mcp_event_server_config::get(config) }?.config)
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Failed {
        let text = error.to_string();
        match error {
            ConfigError::Unreadable { source, .. } => Failed::os(text, &source),
            ConfigError::Invalid { .. } => Failed::invalid(text),
        }
    }
}

/// Makes a configuration from its JSON text; variables are those of the environment. `MCP_EVENT_INVALID_ARGUMENT`
/// for a wrong one: the last error says where in it, as a JSON path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_config_create(
    json: *const c_char,
    out: *mut *mut mcp_event_server_config,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise.
        let json = unsafe { text(json, "the JSON text") }?;
        let config = Config::parse(json, |name| env::var(name).ok())?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_server_config::give(config)) }
    })
}

/// Likewise, from a file. `MCP_EVENT_OS_ERROR` if it cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_config_create_from_file(
    path: *const c_char,
    out: *mut *mut mcp_event_server_config,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise.
        let config = Config::from_file(unsafe { text(path, "the path") }?)?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_server_config::give(config)) }
    })
}

/// How many things in it have no effect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_config_warning_count(
    config: *const mcp_event_server_config,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_server_config::get(config)?.warnings.len()) }
    })
}

/// One of them in words, with its JSON path. It lives as long as the configuration. `MCP_EVENT_OUT_OF_RANGE` for an
/// index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_config_warning(
    config: *const mcp_event_server_config,
    index: usize,
    out: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let warnings = &unsafe { mcp_event_server_config::get(config) }?.warnings;
        let warning = handle::nth(warnings, index, "warning")?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, warning.as_ptr()) }
    })
}

/// Frees it. Managers that were given it have their own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_config_destroy(
    config: *mut mcp_event_server_config,
) -> mcp_event_status {
    guard(|| {
        handle::take(config, "the configuration")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(config) });
        Ok(())
    })
}
