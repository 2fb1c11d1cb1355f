//! The backend "asio": an `asio::io_context` of the dispatcher's own, in which it waits.
//!
//! How to wait in one is the header's that users adopt theirs with, `mcp/event/asio_loop.h`; `asio/builtin.cc` makes it
//! part of this library, and cxx calls that.

use std::ffi::CStr;

use cxx::UniquePtr;

use super::WaitError;
use super::nested::ForeignLoop;
use crate::dispatcher::Nanos;
use crate::dispatcher::closure::Failure;
use crate::error::Error;

// Not a namespace that begins with `mcp_event_`: symbols that do are exported.
#[cxx::bridge(namespace = "asio_backend")]
mod bridge {
    struct Outcome {
        stopped: bool,
        /// What a handler threw, or null.
        thrown: UniquePtr<Thrown>,
    }

    unsafe extern "C++" {
        include!("mcp-event/src/poller/asio/builtin.h");

        type Builtin;
        /// A `std::exception_ptr`.
        type Thrown;

        fn create() -> Result<UniquePtr<Builtin>>;
        /// A negative timeout is none.
        fn turn(self: &Builtin, fd: i32, timeout: i64) -> Outcome;
        /// The address of its `mcp::event::ForeignLoop`.
        #[cfg(feature = "ffi")]
        fn object(self: &Builtin) -> usize;
        fn describe(thrown: &Thrown) -> String;
    }
}

pub(super) struct Asio(UniquePtr<bridge::Builtin>);

// SAFETY: an io_context may be used from any thread, and made on one and destroyed on another; one thread at a time takes
// a turn.
unsafe impl Send for Asio {}
// SAFETY: as above.
unsafe impl Sync for Asio {}

impl Asio {
    pub(super) fn new() -> Result<Asio, Error> {
        let created = bridge::create();
        created.map(Asio).map_err(|error| Error::Unavailable(format!("no asio::io_context: {error}")))
    }
}

impl ForeignLoop for Asio {
    fn name(&self) -> &'static CStr {
        c"asio"
    }

    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let limit = timeout.map_or(-1, |nanos| i64::try_from(nanos).unwrap_or(i64::MAX));
        let outcome = self.0.turn(fd, limit);
        if !outcome.thrown.is_null() {
            return Err(WaitError::Handler(Box::new(failure(outcome.thrown))));
        }
        if outcome.stopped { Err(WaitError::Stopped) } else { Ok(()) }
    }

    #[cfg(feature = "ffi")]
    fn cpp_object(&self) -> *mut std::ffi::c_void {
        self.0.object() as *mut _
    }
}

/// The exception itself where the C++ part is linked in; else it becomes a panic.
fn failure(thrown: UniquePtr<bridge::Thrown>) -> Failure {
    let text = bridge::describe(&thrown);
    #[cfg(feature = "ffi")]
    if let Some(exception) = crate::ffi::foreign_exception(|| thrown.into_raw().cast()) {
        return Failure::Foreign(exception);
    }
    Failure::Panic(Box::new(text))
}
