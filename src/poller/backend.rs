//! The backends that can be asked for by name: which are built in, and which of these work here.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Poller;
use super::nested::{ForeignLoop, Nested};
use crate::error::Error;

/// What waits for file descriptors in a dispatcher: one of those that this version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// What it is called, in [`Builder::backend`](crate::Builder::backend) and in `MCP_EVENT_BACKEND`.
    pub name: &'static str,
    /// Whether a dispatcher can run on it.
    pub state: BackendState,
}

/// Whether a dispatcher can run on a [`Backend`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendState {
    /// It can.
    Works,
    /// It is built in, but this system refuses it, for this reason.
    Refused(String),
    /// It is not part of this build, for this reason.
    NotBuiltIn(&'static str),
}

/// All that this version knows by name, whatever the system.
pub(crate) const NAMES: [&CStr; 7] =
    [c"epoll", c"io_uring", c"kqueue", c"iocp", c"mio", c"libevent", c"asio"];

/// What a dispatcher runs on when nobody names a backend.
const BEST: &str = if cfg!(target_os = "linux") { "epoll" } else { "mio" };

/// Every backend that this version knows, with the reason why one cannot be used. Each that is built in is tried.
///
/// ```
/// use mcp_event::{BackendState, Dispatcher, backends};
///
/// for backend in backends() {
///     if backend.state == BackendState::Works {
///         Dispatcher::builder("any").backend(backend.name).build()?;
///     }
/// }
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub fn backends() -> Vec<Backend> {
    names().map(|name| Backend { name, state: state(name) }).collect()
}

fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().filter_map(|name| name.to_str().ok())
}

fn state(name: &str) -> BackendState {
    match make(name) {
        Ok(_) => BackendState::Works,
        Err(Reason::NotBuiltIn(why)) => BackendState::NotBuiltIn(why),
        Err(Reason::Refused(error)) => BackendState::Refused(error.to_string()),
    }
}

/// Why there is no poller.
enum Reason {
    NotBuiltIn(&'static str),
    Refused(Error),
}

impl From<Error> for Reason {
    fn from(error: Error) -> Reason {
        Reason::Refused(error)
    }
}

/// Makes a poller of one of [`NAMES`].
fn make(name: &str) -> Result<Box<dyn Poller>, Reason> {
    match name {
        #[cfg(target_os = "linux")]
        "epoll" => {
            let epoll = super::epoll::Epoll::new();
            Ok(Box::new(epoll.map_err(|source| Error::os("creating an epoll instance", source))?))
        }
        #[cfg(any(feature = "mio", not(target_os = "linux")))]
        name if super::mio::Mio::is_named(name) => {
            let mio = super::mio::Mio::new();
            Ok(Box::new(mio.map_err(|source| Error::os("creating the poller of mio", source))?))
        }
        #[cfg(all(unix, feature = "libevent"))]
        "libevent" => Ok(create_in(Box::new(super::libevent::Libevent::new()?))?),
        #[cfg(feature = "asio")]
        "asio" => Ok(create_in(Box::new(super::asio::Asio::new()?))?),
        #[cfg(all(target_os = "linux", feature = "io_uring"))]
        "io_uring" => Ok(Box::new(super::io_uring::IoUring::new()?)),
        _ => Err(Reason::NotBuiltIn(why_not(name))),
    }
}

/// A poller that waits in an `event_base` of the user's.
///
/// # Safety
/// The base is living until the poller is released, and only the thread that runs the poller touches it, unless it has
/// locks of its own.
pub(crate) unsafe fn adopt_event_base(base: NonNull<c_void>) -> Result<Box<dyn Poller>, Error> {
    #[cfg(all(unix, feature = "libevent"))]
    // SAFETY: the caller's promise.
    return create_in(Box::new(unsafe { super::libevent::Libevent::adopt(base) }?));
    #[cfg(not(all(unix, feature = "libevent")))]
    {
        let _ = base;
        create("libevent")
    }
}

/// Why one of [`NAMES`] is not in this build.
fn why_not(name: &str) -> &'static str {
    match name {
        "epoll" | "io_uring" if cfg!(not(target_os = "linux")) => "it is Linux's",
        "kqueue" if cfg!(any(target_os = "linux", windows)) => "it is macOS's and the BSDs'",
        "iocp" if cfg!(not(windows)) => "it is Windows's",
        "libevent" if cfg!(not(unix)) => "no poller of this system can wait inside another's loop",
        "asio" => "the build had no headers of asio, or was not told to use them",
        _ => "the feature of its name was left out of this build",
    }
}

/// The poller of that name.
pub(crate) fn create(name: &str) -> Result<Box<dyn Poller>, Error> {
    let name = if name == "auto" { BEST } else { name };
    if !names().any(|known| known == name) {
        let known: Vec<_> = names().collect();
        let known = known.join("\", \"");
        return Err(Error::InvalidArgument(format!(
            "there is no backend named \"{name}\"; there are \"auto\", \"{known}\""
        )));
    }
    make(name).map_err(|reason| match reason {
        Reason::NotBuiltIn(why) => {
            Error::Unavailable(format!("the backend \"{name}\" is not built in: {why}"))
        }
        Reason::Refused(error) => error,
    })
}

/// The best that works here, waiting in a foreign loop.
pub(crate) fn create_in(foreign: Box<dyn ForeignLoop>) -> Result<Box<dyn Poller>, Error> {
    let nested = Nested::new(foreign, create(BEST)?);
    Ok(Box::new(nested.map_err(|source| Error::os("making a poll fd", source))?))
}

/// The one that `MCP_EVENT_BACKEND` names, if it works, else the best.
pub(crate) fn create_default() -> Result<Box<dyn Poller>, Error> {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    let Some(name) = std::env::var_os("MCP_EVENT_BACKEND") else { return create(BEST) };
    create(&name.to_string_lossy()).or_else(|error| match error {
        Error::InvalidArgument(_) | Error::Unavailable(_) => {
            // Not a `Once`: who takes the log may come back here.
            if !IS_TOLD.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "MCP_EVENT_BACKEND is ignored");
            }
            create(BEST)
        }
        error => Err(error),
    })
}
