//! Crash dumps: what the loops of a crashing thread were doing, written out before the process dies (X2).
//!
//! Opt-in, for the whole process. On a fatal signal the crashing thread writes its name, what its loops are doing,
//! and their tracked objects, innermost first, to a file descriptor. Then the handler that was installed before runs,
//! or the signal's default action is taken, as if there had been no dump.
//!
//! ```
//! use mcp_event::crash_dump::{self, Options};
//!
//! crash_dump::install(&Options::new())?;
//! # crash_dump::uninstall();
//! # Ok::<(), mcp_event::Error>(())
//! ```
//!
//! Install it before the loops run: a thread gets the stack that a dump of a stack overflow needs when it enters
//! `run()`.

#[cfg_attr(unix, path = "unix/mod.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub use system::SIGNALS;
pub(crate) use system::enter_loop;
#[cfg(unix)]
pub(crate) use system::forget_other_threads;

use crate::error::Error;

/// The standard error's descriptor.
const STDERR: i32 = 2;

/// Where crash dumps go, and for which signals there are any.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    fd: i32,
    signals: Vec<i32>,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// To the standard error, for all of [`SIGNALS`].
    pub fn new() -> Options {
        Options { fd: STDERR, signals: SIGNALS.to_vec() }
    }

    /// Writes to this file descriptor. It stays the caller's, and must stay open until [`uninstall`].
    pub fn fd(mut self, fd: i32) -> Options {
        self.fd = fd;
        self
    }

    /// Writes a dump for these of [`SIGNALS`] alone.
    pub fn signals(mut self, signals: impl IntoIterator<Item = i32>) -> Options {
        self.signals = signals.into_iter().collect();
        self
    }
}

/// Writes crash dumps from now on, for the whole process, until [`uninstall`]. Installed once more, the new options
/// replace the former ones. From any thread.
///
/// # Errors
/// [`Error::InvalidArgument`] for an empty set of signals, one that is none of [`SIGNALS`], or a descriptor that is
/// open for reading only; [`Error::Os`] for one that is not open. What was installed before then stays as it was.
pub fn install(options: &Options) -> Result<(), Error> {
    system::install(options)
}

/// Writes none any more, and brings the former handlers back, but for a signal that somebody has installed another
/// handler for meanwhile: that one stays, and ours, should it be called, only goes on to the former one. Nothing, if
/// none is installed. From any thread.
pub fn uninstall() {
    system::uninstall();
}
