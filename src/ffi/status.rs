//! What every C function returns, and the text of the last failure.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// The dispatcher is shut down and takes no posts until its next run.
    MCP_EVENT_CLOSED = 4,
    /// The queue of posts is at its bound.
    MCP_EVENT_QUEUE_FULL = 5,
    /// The system refused; `mcp_event_last_os_error()` is its errno.
    MCP_EVENT_OS_ERROR = 6,
    /// A callback threw or panicked; the loop stopped after it.
    MCP_EVENT_CALLBACK_FAILED = 7,
    /// The dispatcher belongs to the parent process.
    MCP_EVENT_FORKED = 8,
    /// An index is outside its range.
    MCP_EVENT_OUT_OF_RANGE = 9,
    /// This poller is not built in, or does not work here.
    MCP_EVENT_UNAVAILABLE = 10,
    /// A bug in the library; the text says where.
    MCP_EVENT_INTERNAL = 11,
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

    pub(crate) fn invalid(text: impl Into<String>) -> Failed {
        Failed::new(mcp_event_status::MCP_EVENT_INVALID_ARGUMENT, text)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        let (status, os_error) = match &error {
            Error::InvalidArgument(_) => (mcp_event_status::MCP_EVENT_INVALID_ARGUMENT, 0),
            Error::InvalidState(_) => (mcp_event_status::MCP_EVENT_INVALID_STATE, 0),
            Error::OutOfRange(_) => (mcp_event_status::MCP_EVENT_OUT_OF_RANGE, 0),
            Error::Os { source, .. } => {
                (mcp_event_status::MCP_EVENT_OS_ERROR, source.raw_os_error().unwrap_or(0))
            }
            Error::Forked => (mcp_event_status::MCP_EVENT_FORKED, 0),
            Error::Unavailable(_) => (mcp_event_status::MCP_EVENT_UNAVAILABLE, 0),
        };
        Failed { status, text: error.to_string(), os_error }
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

struct LastError {
    /// None: no failure yet.
    text: Option<CString>,
    os_error: c_int,
}

thread_local! {
    static LAST_ERROR: RefCell<LastError> = const { RefCell::new(LastError { text: None, os_error: 0 }) };
}

/// Runs the body of a C function: nothing unwinds out of it, and a failure leaves its text.
pub(crate) fn guard(body: impl FnOnce() -> Result) -> mcp_event_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => mcp_event_status::MCP_EVENT_OK,
        Ok(Err(failed)) => record(failed),
        Err(_) => record(Failed::new(mcp_event_status::MCP_EVENT_INTERNAL, "a panic inside the library")),
    }
}

#[cold]
fn record(failed: Failed) -> mcp_event_status {
    let text = CString::new(failed.text.replace('\0', "?")).unwrap_or_default();
    // On a thread that is ending there is nobody left to read it.
    let _ = LAST_ERROR.try_with(|last| {
        *last.borrow_mut() = LastError { text: Some(text), os_error: failed.os_error };
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
        _ => c"unknown status",
    }
    .as_ptr()
}

/// The version of the library that runs, as `MCP_EVENT_VERSION`: major * 10000 + minor * 100 + patch. Compare it
/// with the header's.
#[unsafe(no_mangle)]
pub extern "C" fn mcp_event_version() -> u32 {
    super::MCP_EVENT_VERSION
}
