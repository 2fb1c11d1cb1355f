//! Loops of other libraries for dispatchers to wait in.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;

use super::closure::{Pledge, call_code};
use super::dispatcher::text;
use super::status::{Failed, Result, check_size};
use crate::dispatcher::{Builder, Dispatcher, Label, Nanos};
use crate::poller::{ForeignLoop, WaitError};

/// The turn is over.
pub const MCP_EVENT_TURN_OVER: c_int = 0;
/// Somebody stopped the foreign loop: the dispatcher leaves its run() as after an exit.
pub const MCP_EVENT_TURN_STOPPED: c_int = 1;

/// A loop of another library, for a dispatcher to wait in, so that one thread serves both: see
/// `mcp_event_dispatcher_options`. Zero it, then set `size` to `sizeof(mcp_event_foreign_loop)`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_foreign_loop {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// What `mcp_event_dispatcher_backend()` says of a dispatcher in it; as a label. Not null.
    pub name: *const c_char,
    /// Waits until `fd`, the same at each call, is readable, `timeout_ns` is over (a negative one never is), or a
    /// handler of the loop's own has run. Runs the handlers that are due, but no endless row of them, and does not go
    /// on waiting after one: what it asked of the dispatcher is seen when this returns. To return early is harmless.
    /// Returns `MCP_EVENT_TURN_OVER`, `MCP_EVENT_TURN_STOPPED`, or a negative errno, with which the run fails. On the
    /// dispatcher's thread. Not null.
    pub turn: Option<unsafe extern "C-unwind" fn(data: *mut c_void, fd: c_int, timeout_ns: i64) -> c_int>,
    /// Passed to both functions. The dispatcher's once it is made.
    pub data: *mut c_void,
    /// Frees `data` after the last turn; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// C's, as the poller turns it.
struct CLoop {
    name: Label,
    turn: unsafe extern "C-unwind" fn(*mut c_void, c_int, i64) -> c_int,
    data: Pledge,
    /// The data is a `mcp::event::ForeignLoop`.
    is_cpp: bool,
}

impl ForeignLoop for CLoop {
    fn name(&self) -> &'static CStr {
        self.name.c_text()
    }

    fn turn(&self, fd: i32, timeout: Option<Nanos>) -> std::result::Result<(), WaitError> {
        let limit = timeout.map_or(-1, |nanos| i64::try_from(nanos).unwrap_or(i64::MAX));
        let mut result = MCP_EVENT_TURN_OVER;
        // SAFETY: C's promise for as long as the data is not dropped.
        call_code(|| result = unsafe { (self.turn)(self.data.data(), fd, limit) })
            .map_err(WaitError::Handler)?;
        match result {
            MCP_EVENT_TURN_OVER => Ok(()),
            MCP_EVENT_TURN_STOPPED => Err(WaitError::Stopped),
            errno if errno < 0 => Err(io::Error::from_raw_os_error(errno.saturating_neg()).into()),
            other => Err(io::Error::other(format!("a foreign loop's turn returned {other}")).into()),
        }
    }

    fn cpp_object(&self) -> *mut c_void {
        if self.is_cpp { self.data.data() } else { std::ptr::null_mut() }
    }
}

/// Makes a dispatcher in `foreign`, whose data stays the caller's if that fails.
///
/// # Safety
/// `foreign` is what its fields say; with `is_cpp`, its data a `mcp::event::ForeignLoop`.
pub(crate) unsafe fn build_in(
    foreign: &mcp_event_foreign_loop,
    is_cpp: bool,
    builder: Builder,
) -> Result<Dispatcher> {
    check_size::<mcp_event_foreign_loop>(foreign.size, "the foreign loop")?;
    // SAFETY: the caller's promise.
    let name = Label::new(unsafe { text(foreign.name, "the foreign loop's name") }?)?;
    let turn = foreign.turn.ok_or_else(|| Failed::null("the foreign loop's turn function"))?;
    let data = Pledge::new(foreign.data, foreign.drop);
    let nested = CLoop { name, turn, data: data.clone(), is_cpp };
    builder.nested_in(Box::new(nested)).build().map_err(|error| {
        data.give_back();
        error.into()
    })
}
