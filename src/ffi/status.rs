//! What every C function returns, and the text of the last failure.

use std::any::type_name;
use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::actor::{AskError, FindError, SpawnError, Why};
use crate::error::{Error, Refusal};

/// How a call ended. `mcp_event_last_error()` has the words.
#[allow(non_camel_case_types)]
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_status {
    /// It did what was asked.
    MCP_EVENT_OK = 0,
    /// A handle, an out-parameter or a callback is null.
    MCP_EVENT_NULL_ARGUMENT = 1,
    /// An argument makes no sense.
    MCP_EVENT_INVALID_ARGUMENT = 2,
    /// Not in this state: a nested run, a pop of the wrong tracked object, ...
    MCP_EVENT_INVALID_STATE = 3,
    /// The dispatcher is shut down and takes no posts until its next run; the actor takes no messages any more.
    MCP_EVENT_CLOSED = 4,
    /// The queue of posts, or the mailbox, is at its bound.
    MCP_EVENT_QUEUE_FULL = 5,
    /// The system refused; `mcp_event_last_os_error()` is its errno.
    MCP_EVENT_OS_ERROR = 6,
    /// A callback threw or panicked; the loop stopped after it.
    MCP_EVENT_CALLBACK_FAILED = 7,
    /// The dispatcher belongs to the parent process.
    MCP_EVENT_FORKED = 8,
    /// An index is outside its range.
    MCP_EVENT_OUT_OF_RANGE = 9,
    /// Not part of this build, or not possible on this system; the text says why.
    MCP_EVENT_UNAVAILABLE = 10,
    /// A bug in the library; the text says where.
    MCP_EVENT_INTERNAL = 11,
    /// Nothing has this name.
    MCP_EVENT_NOT_FOUND = 12,
    /// Another actor has this name.
    MCP_EVENT_NAME_TAKEN = 13,
    /// The request was dropped without a reply.
    MCP_EVENT_NO_REPLY = 14,
    /// The time for it is over.
    MCP_EVENT_TIMED_OUT = 15,
}

/// A failure on its way to C.
pub(crate) struct Failed {
    pub(crate) status: mcp_event_status,
    pub(crate) text: String,
    pub(crate) os_error: c_int,
}

pub(crate) type Result<T = ()> = std::result::Result<T, Failed>;

impl Failed {
    pub(crate) fn new(status: mcp_event_status, text: impl Into<String>) -> Failed {
        Failed { status, text: text.into(), os_error: 0 }
    }

    pub(crate) fn null(what: &str) -> Failed {
        Failed::new(mcp_event_status::MCP_EVENT_NULL_ARGUMENT, format!("{what} is null"))
    }

    /// The system refused.
    pub(crate) fn os(text: impl Into<String>, source: &io::Error) -> Failed {
        Failed {
            status: mcp_event_status::MCP_EVENT_OS_ERROR,
            text: text.into(),
            os_error: source.raw_os_error().unwrap_or(0),
        }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Failed {
        Failed::new(mcp_event_status::MCP_EVENT_INVALID_ARGUMENT, text)
    }
}

/// Checks the size that C set in a struct of type `T`, which C calls `what`.
pub(crate) fn check_size<T>(size: usize, what: &str) -> Result {
    if size < size_of::<T>() {
        let name = type_name::<T>().rsplit("::").next().unwrap_or_default();
        return Err(Failed::invalid(format!("{what}.size is {size}; set it to sizeof({name})")));
    }
    Ok(())
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        let text = error.to_string();
        let status = match error {
            Error::InvalidArgument(_) => mcp_event_status::MCP_EVENT_INVALID_ARGUMENT,
            Error::InvalidState(_) => mcp_event_status::MCP_EVENT_INVALID_STATE,
            Error::OutOfRange(_) => mcp_event_status::MCP_EVENT_OUT_OF_RANGE,
            Error::Os { source, .. } => return Failed::os(text, &source),
            Error::Forked => mcp_event_status::MCP_EVENT_FORKED,
            Error::Unavailable(_) => mcp_event_status::MCP_EVENT_UNAVAILABLE,
        };
        Failed::new(status, text)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Failed {
        let status = match refusal {
            Refusal::Closed => mcp_event_status::MCP_EVENT_CLOSED,
            Refusal::Full => mcp_event_status::MCP_EVENT_QUEUE_FULL,
            Refusal::Forked => mcp_event_status::MCP_EVENT_FORKED,
        };
        Failed::new(status, refusal.to_string())
    }
}

impl From<Why> for Failed {
    fn from(why: Why) -> Failed {
        let status = match why {
            Why::Stopped => mcp_event_status::MCP_EVENT_CLOSED,
            Why::Full => mcp_event_status::MCP_EVENT_QUEUE_FULL,
        };
        Failed::new(status, why.to_string())
    }
}

impl From<SpawnError> for Failed {
    fn from(error: SpawnError) -> Failed {
        let status = match error {
            SpawnError::NameTaken(_) => mcp_event_status::MCP_EVENT_NAME_TAKEN,
            SpawnError::Stopping => mcp_event_status::MCP_EVENT_INVALID_STATE,
            SpawnError::NoWorker { .. } => mcp_event_status::MCP_EVENT_OUT_OF_RANGE,
            SpawnError::NoLoop(refusal) => return refusal.into(),
        };
        Failed::new(status, error.to_string())
    }
}

impl From<FindError> for Failed {
    fn from(error: FindError) -> Failed {
        let status = match error {
            FindError::Unknown(_) => mcp_event_status::MCP_EVENT_NOT_FOUND,
            FindError::OtherMessages { .. } => mcp_event_status::MCP_EVENT_INVALID_ARGUMENT,
        };
        Failed::new(status, error.to_string())
    }
}

impl From<AskError> for Failed {
    fn from(error: AskError) -> Failed {
        let status = match error {
            AskError::Refused(why) => return why.into(),
            AskError::NoReply => mcp_event_status::MCP_EVENT_NO_REPLY,
            AskError::TimedOut => mcp_event_status::MCP_EVENT_TIMED_OUT,
            AskError::OnLoop => mcp_event_status::MCP_EVENT_INVALID_STATE,
        };
        Failed::new(status, error.to_string())
    }
}

struct LastError {
    /// None: no failure yet.
    text: Option<CString>,
    os_error: c_int,
    /// How many failures there were.
    count: u64,
}

thread_local! {
    static LAST_ERROR: RefCell<LastError> = const {
        RefCell::new(LastError { text: None, os_error: 0, count: 0 })
    };
}

/// How many failures this thread has left a text of.
pub(crate) fn failure_count() -> u64 {
    LAST_ERROR.try_with(|last| last.borrow().count).unwrap_or(0)
}

/// The text of the last one.
pub(crate) fn failure_text() -> Option<String> {
    let text = |last: &RefCell<LastError>| Some(last.borrow().text.as_ref()?.to_string_lossy().into_owned());
    LAST_ERROR.try_with(text).ok().flatten()
}

/// Runs the body of a C function: nothing unwinds out of it, and a failure leaves its text.
pub(crate) fn guard(body: impl FnOnce() -> Result) -> mcp_event_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => mcp_event_status::MCP_EVENT_OK,
        Ok(Err(failed)) => record(failed),
        Err(_) => record(Failed::new(mcp_event_status::MCP_EVENT_INTERNAL, "a panic inside the library")),
    }
}

/// Leaves the failure's text.
#[cold]
pub(crate) fn record(failed: Failed) -> mcp_event_status {
    let text = CString::new(failed.text.replace('\0', "?")).unwrap_or_default();
    // On a thread that is ending there is nobody left to read it.
    let _ = LAST_ERROR.try_with(|last| {
        let mut last = last.borrow_mut();
        *last = LastError { text: Some(text), os_error: failed.os_error, count: last.count + 1 };
    });
    failed.status
}

/// The text of the last failure on this thread, or "". It is valid until the next failure on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_event_last_error() -> *const c_char {
    LAST_ERROR
        .try_with(|last| last.borrow().text.as_ref().map(|text| text.as_ptr()))
        .ok()
        .flatten()
        .unwrap_or(c"".as_ptr())
}

/// The errno of the last failure on this thread, if it was `MCP_EVENT_OS_ERROR`, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_event_last_os_error() -> c_int {
    LAST_ERROR.try_with(|last| last.borrow().os_error).unwrap_or(0)
}

/// A status as a word, for logs: "ok", "null argument", ... "unknown status" for other numbers. Static.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_event_status_name(status: c_int) -> *const c_char {
    name(status).as_ptr()
}

fn name(status: c_int) -> &'static CStr {
    match status {
        0 => c"ok",
        1 => c"null argument",
        2 => c"invalid argument",
        3 => c"invalid state",
        4 => c"closed",
        5 => c"queue full",
        6 => c"os error",
        7 => c"callback failed",
        8 => c"forked",
        9 => c"out of range",
        10 => c"unavailable",
        11 => c"internal",
        12 => c"not found",
        13 => c"name taken",
        14 => c"no reply",
        15 => c"timed out",
        _ => c"unknown status",
    }
}

impl mcp_event_status {
    /// The status as a word.
    pub(crate) fn name(self) -> Cow<'static, str> {
        name(self as c_int).to_string_lossy()
    }
}

/// The version of the library that runs, as `MCP_EVENT_VERSION`: major * 10000 + minor * 100 + patch. Compare it
/// with the header's.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_event_version() -> u32 {
    super::MCP_EVENT_VERSION
}
