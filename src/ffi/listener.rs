//! Listeners and connects for C.

use std::ffi::{c_char, c_void};
use std::ptr::null_mut;

use super::closure::{Pledge, call_code};
use super::dispatcher::{mcp_event_dispatcher, text};
use super::duration::limit;
use super::handle;
use super::label::label;
use super::status::{Failed, Result, guard, mcp_event_status};
use super::stream::{mcp_event_stream, tell};
use super::text::mcp_event_text;
use crate::dispatcher::closure::Outcome;
use crate::error::Error;
use crate::io::{Address, Connect, Listener, Stream};

/// Accepts connections. It may outlive its dispatcher. All functions from any thread.
pub struct mcp_event_listener {
    listener: Listener,
}

/// An attempt to connect. It may outlive its dispatcher. All functions from any thread.
pub struct mcp_event_connect {
    connect: Connect,
}

/// Takes a stream, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_stream_closure {
    /// With `MCP_EVENT_OK`, the stream is yours. Else it is null, and the failure leaves its words and its errno as a
    /// call does. Not null.
    pub call: Option<
        unsafe extern "C-unwind" fn(
            data: *mut c_void,
            status: mcp_event_status,
            stream: *mut mcp_event_stream,
        ),
    >,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

impl mcp_event_stream_closure {
    /// What calls it, and the pledge of its data.
    fn take(
        self,
    ) -> Result<(impl FnMut(std::result::Result<Stream, Error>) -> Outcome + Send + 'static, Pledge)> {
        let call = self.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        let pledge = Pledge::new(self.data, self.drop);
        let data = pledge.clone();
        let told = move |result: std::result::Result<Stream, Error>| -> Outcome {
            let data = data.data();
            let (status, stream) = match result {
                Ok(stream) => (mcp_event_status::MCP_EVENT_OK, mcp_event_stream::give(stream)),
                Err(error) => (tell(Err(error)), null_mut()),
            };
            // SAFETY: C's promise for as long as the data is not dropped.
            call_code(move || unsafe { call(data, status, stream) })
        };
        Ok((told, pledge))
    }
}

/// # Safety
/// `address` is null or zero-terminated.
unsafe fn parse(address: *const c_char) -> Result<Address> {
    // SAFETY: the caller's promise.
    Ok(unsafe { text(address, "the address") }?.parse::<Address>()?)
}

/// Listens on an address: `127.0.0.1:80`, `[::1]:80`, or `unix:` and a path, which must not exist yet, and stays when
/// the listener goes. `closure` is given each connection, or told why one that waits cannot be accepted: then the
/// listener rests for a tenth of a second, and tries again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_listener_create(
    dispatcher: *mut mcp_event_dispatcher,
    address: *const c_char,
    closure: mcp_event_stream_closure,
    out: *mut *mut mcp_event_listener,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        let (dispatcher, address) = unsafe { (mcp_event_dispatcher::handle(dispatcher)?, parse(address)?) };
        let (mut told, pledge) = closure.take()?;
        let listener = dispatcher
            .listen_with(&address, move |accepted| told(accepted.map(|(stream, _)| stream)))
            .inspect_err(|_| pledge.give_back())?;
        let listener = Box::into_raw(Box::new(mcp_event_listener { listener }));
        handle::give(listener);
        // SAFETY: checked above.
        unsafe { handle::put(out, listener) }
    })
}

/// The address that it listens on, with the port that the system chose; as `mcp_event_listener_create()` takes it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_listener_address(
    listener: *const mcp_event_listener,
    out: *mut *mut mcp_event_text,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        handle::check(listener, "the listener")?;
        // SAFETY: a living handle.
        let address = unsafe { &*listener }.listener.address()?;
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_text::give(&address.to_string())) }
    })
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_listener_set_label(
    listener: *mut mcp_event_listener,
    text: *const c_char,
) -> mcp_event_status {
    guard(|| {
        handle::check(listener, "the listener")?;
        // SAFETY: a living handle, and C's promise: a zero-terminated text.
        unsafe { (*listener).listener.set_label(label(text)?) };
        Ok(())
    })
}

/// Closes the socket: its closure is not called after this returns, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_listener_destroy(listener: *mut mcp_event_listener) -> mcp_event_status {
    guard(|| {
        handle::take(listener, "the listener")?;
        // SAFETY: made above, and destroyed once.
        drop(unsafe { Box::from_raw(listener) });
        Ok(())
    })
}

/// Connects to an address, as `mcp_event_listener_create()` takes it, and tells `closure` on the loop how that ended;
/// never inside this call. It fails with ETIMEDOUT when it takes longer than `timeout_us`; with 0, when the system
/// gives up. What can be refused at once is refused here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_connect_create(
    dispatcher: *mut mcp_event_dispatcher,
    address: *const c_char,
    timeout_us: i64,
    closure: mcp_event_stream_closure,
    out: *mut *mut mcp_event_connect,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        let (dispatcher, address) = unsafe { (mcp_event_dispatcher::handle(dispatcher)?, parse(address)?) };
        let timeout = limit(timeout_us, "the timeout")?;
        let (told, pledge) = closure.take()?;
        let connect = dispatcher.connect_with(address, timeout, told).inspect_err(|_| pledge.give_back())?;
        let connect = Box::into_raw(Box::new(mcp_event_connect { connect }));
        handle::give(connect);
        // SAFETY: checked above.
        unsafe { handle::put(out, connect) }
    })
}

/// Names its callback in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_connect_set_label(
    connect: *mut mcp_event_connect,
    text: *const c_char,
) -> mcp_event_status {
    guard(|| {
        handle::check(connect, "the connect")?;
        // SAFETY: a living handle, and C's promise: a zero-terminated text.
        unsafe { (*connect).connect.set_label(label(text)?) };
        Ok(())
    })
}

/// Gives up, unless it has ended: its closure is not called after this returns, under the rules of
/// `mcp_event_timer_destroy`. A stream that it made stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_connect_destroy(connect: *mut mcp_event_connect) -> mcp_event_status {
    guard(|| {
        handle::take(connect, "the connect")?;
        // SAFETY: made above, and destroyed once.
        drop(unsafe { Box::from_raw(connect) });
        Ok(())
    })
}
