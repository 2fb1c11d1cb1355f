//! Crash dumps for C.

use std::ffi::c_int;
use std::slice;

use super::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::crash_dump::{self, Options};

/// Where crash dumps go, and for which signals there are any. Zero it, then set `size` to
/// `sizeof(mcp_event_crash_dump_options)`.
#[repr(C)]
pub struct mcp_event_crash_dump_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// Written to; it stays the caller's and must stay open. 0: the standard error.
    pub fd: c_int,
    /// Some of SIGSEGV, SIGBUS, SIGABRT, SIGFPE and SIGILL, or null: all of them.
    pub signals: *const c_int,
    /// How many there are.
    pub signal_count: usize,
}

/// # Safety
/// As `options` says: so many signals.
unsafe fn options(options: &mcp_event_crash_dump_options) -> Result<Options> {
    check_size::<mcp_event_crash_dump_options>(options.size, "options")?;
    let mut wanted = Options::new();
    if options.fd != 0 {
        wanted = wanted.fd(options.fd);
    }
    if !options.signals.is_null() {
        // SAFETY: the caller's promise.
        let signals = unsafe { slice::from_raw_parts(options.signals, options.signal_count) };
        wanted = wanted.signals(signals.iter().copied());
    } else if options.signal_count != 0 {
        return Err(Failed::null("options.signals"));
    }
    Ok(wanted)
}

/// From now on, when a thread of the process meets one of the signals, writes what its loops are doing, and their
/// tracked objects, innermost first. Then the former handler runs, or the signal's default action is taken. `options`
/// may be null. Installed once more, the new options replace the former ones. To be called before the loops run: a
/// thread gets the stack that the dump of a stack overflow needs when it enters `mcp_event_dispatcher_run()`.
/// `MCP_EVENT_INVALID_ARGUMENT` for no signal, or others, and for a descriptor that is open for reading only;
/// `MCP_EVENT_OS_ERROR` for one that is not open (EBADF).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_crash_dump_install(
    options: *const mcp_event_crash_dump_options,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: null or valid.
        let options = match unsafe { options.as_ref() } {
            // SAFETY: C's promise.
            Some(options) => unsafe { self::options(options) }?,
            None => Options::new(),
        };
        Ok(crash_dump::install(&options)?)
    })
}

/// Writes no dumps any more, and brings the former handlers back, but where somebody has installed another one since.
/// Nothing, if none is installed.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_event_crash_dump_uninstall() -> mcp_event_status {
    guard(|| {
        crash_dump::uninstall();
        Ok(())
    })
}
