//! Streams for C.

use std::ffi::{c_char, c_int, c_void};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::slice;

use super::closure::{Pledge, call_code};
use super::dispatcher::mcp_event_dispatcher;
use super::duration::limit;
use super::file_event::mcp_event_os_fd;
use super::handle;
use super::label::label;
use super::status::{Failed, Result, guard, mcp_event_status, record};
use super::visitor::{Visit, wait_for_visitors};
use crate::dispatcher::closure::Outcome;
use crate::error::Error;
use crate::io::{Received, SendRefusal, Stream};

/// A connection whose I/O the loop does. It may outlive its dispatcher. All functions from any thread.
pub struct mcp_event_stream {
    stream: Stream,
}

/// Bytes have come in.
pub const MCP_EVENT_RECEIVED_DATA: c_int = 0;
/// The peer has ended its sending side. Nothing more is received; sending goes on.
pub const MCP_EVENT_RECEIVED_END: c_int = 1;
/// Receiving has failed, or took longer than its timeout: `mcp_event_last_error()` has the words, and
/// `mcp_event_last_os_error()` the errno, ETIMEDOUT among them. Nothing more is received.
pub const MCP_EVENT_RECEIVED_FAILURE: c_int = 2;

/// Takes what a stream receives, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_receive_closure {
    /// `what` is `MCP_EVENT_RECEIVED_DATA` or another of these; the bytes, at least one, live as long as the call. Not
    /// null.
    pub call: Option<
        unsafe extern "C-unwind" fn(data: *mut c_void, what: c_int, bytes: *const c_void, length: usize),
    >,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Is told how a send ended, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_sent_closure {
    /// Called once, unless the stream is destroyed before. A failure is `MCP_EVENT_OS_ERROR`, and leaves its words and
    /// its errno as a call does. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, status: mcp_event_status)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// A failure as a callback is told of it: the status, and the rest as a call leaves it.
pub(crate) fn tell(result: std::result::Result<(), Error>) -> mcp_event_status {
    match result {
        Ok(()) => mcp_event_status::MCP_EVENT_OK,
        Err(error) => record(error.into()),
    }
}

impl From<SendRefusal> for Failed {
    fn from(refusal: SendRefusal) -> Failed {
        let status = match refusal {
            SendRefusal::Full => mcp_event_status::MCP_EVENT_QUEUE_FULL,
            SendRefusal::ShutDown | SendRefusal::Broken => mcp_event_status::MCP_EVENT_INVALID_STATE,
            SendRefusal::Closed => mcp_event_status::MCP_EVENT_CLOSED,
            SendRefusal::Forked => mcp_event_status::MCP_EVENT_FORKED,
        };
        Failed::new(status, refusal.to_string())
    }
}

impl mcp_event_stream {
    pub(crate) fn give(stream: Stream) -> *mut mcp_event_stream {
        let stream = Box::into_raw(Box::new(mcp_event_stream { stream }));
        handle::give(stream);
        stream
    }

    /// # Safety
    /// `stream` is null or a living handle.
    unsafe fn get<'a>(stream: *const mcp_event_stream) -> Result<Visited<'a>> {
        handle::check(stream, "the stream")?;
        // SAFETY: made by `give`.
        let object = unsafe { &(*stream).stream };
        let visit = if object.is_on_loop() { None } else { Visit::of(stream) };
        Ok(Visited { stream: object, _visit: visit })
    }
}

/// A stream within a call, which on another thread than the loop's may bring about the stream's end.
struct Visited<'a> {
    stream: &'a Stream,
    _visit: Option<Visit>,
}

impl Deref for Visited<'_> {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        self.stream
    }
}

/// Makes a stream of a connected stream socket, which is its own from then on; its number may be another one. When this
/// fails, the fd stays the caller's. The socket is made non-blocking, for all who share its open file.
/// `MCP_EVENT_OS_ERROR` when it is no stream socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_create(
    dispatcher: *mut mcp_event_dispatcher,
    fd: mcp_event_os_fd,
    out: *mut *mut mcp_event_stream,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let dispatcher = unsafe { mcp_event_dispatcher::handle(dispatcher) }?;
        let copy = copy_of(fd)?;
        let stream = dispatcher.create_stream(copy)?;
        // SAFETY: the caller has given it away.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_stream::give(stream)) }
    })
}

/// Another number for what `fd` is, so that it stays the caller's if something fails.
fn copy_of(fd: mcp_event_os_fd) -> Result<OwnedFd> {
    let failed = |source| Failed::from(Error::os(format!("taking over fd {fd}"), source));
    if fd < 0 {
        return Err(failed(std::io::Error::from_raw_os_error(libc::EBADF)));
    }
    // SAFETY: only for this call; a number that is not open is the system's to refuse.
    unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned().map_err(failed)
}

/// Closes the socket, without sending what still waits, and drops the callbacks: none of them begins after this
/// returns, under the rules of `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_destroy(stream: *mut mcp_event_stream) -> mcp_event_status {
    guard(|| {
        handle::take(stream, "the stream")?;
        wait_for_visitors(stream);
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(stream) });
        Ok(())
    })
}

/// Tells `closure` what comes in from now on, until it was told of the end or a failure. Replaces the closure before,
/// and ends a pause. `MCP_EVENT_INVALID_STATE` when one was told of the end already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_receive(
    stream: *mut mcp_event_stream,
    closure: mcp_event_receive_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let stream = unsafe { mcp_event_stream::get(stream) }?;
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        let pledge = Pledge::new(closure.data, closure.drop);
        let data = pledge.clone();
        let receiver = move |received: Received<'_>| -> Outcome {
            let (what, bytes) = match received {
                Received::Data(bytes) => (MCP_EVENT_RECEIVED_DATA, bytes),
                Received::End => (MCP_EVENT_RECEIVED_END, &[][..]),
                Received::Failed(error) => {
                    tell(Err(error));
                    (MCP_EVENT_RECEIVED_FAILURE, &[][..])
                }
            };
            let (data, bytes, length) = (data.data(), bytes.as_ptr(), bytes.len());
            // SAFETY: C's promise for as long as the data is not dropped.
            call_code(move || unsafe { call(data, what, bytes.cast(), length) })
        };
        stream.receive_with(receiver).inspect_err(|_| pledge.give_back())?;
        Ok(())
    })
}

/// Receives nothing, until `mcp_event_stream_resume()`: no call of the receive closure begins after this returns. What
/// the peer sends meanwhile fills the system's buffers, until its own sends have to wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_pause(stream: *mut mcp_event_stream) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?.pause();
        Ok(())
    })
}

/// Ends a pause.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_resume(stream: *mut mcp_event_stream) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?.resume();
        Ok(())
    })
}

/// # Safety
/// `bytes` is null or valid for `length`.
unsafe fn slice<'a>(bytes: *const c_void, length: usize) -> Result<&'a [u8]> {
    match (bytes.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Failed::null("the bytes")),
        // SAFETY: the caller's promise.
        (false, length) => Ok(unsafe { slice::from_raw_parts(bytes.cast(), length) }),
    }
}

/// Sends bytes after all that was given before. They are copied as far as the system does not take them at once. Never
/// waits. `MCP_EVENT_QUEUE_FULL` when as many as the limit allows wait already, `MCP_EVENT_INVALID_STATE` after a
/// shutdown or a failure, `MCP_EVENT_CLOSED` when the dispatcher is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_send(
    stream: *mut mcp_event_stream,
    bytes: *const c_void,
    length: usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and bytes that are null or valid.
        let (stream, bytes) = unsafe { (mcp_event_stream::get(stream)?, slice(bytes, length)?) };
        stream.send(bytes).map_err(|error| Failed::from(error.refusal))
    })
}

/// As `mcp_event_stream_send()`, and calls `closure` on the loop when the system has taken all the bytes, or they cannot
/// be sent any more. Never inside this call. Taken is not arrived: of that only an answer of the peer tells.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_send_then(
    stream: *mut mcp_event_stream,
    bytes: *const c_void,
    length: usize,
    closure: mcp_event_sent_closure,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and bytes that are null or valid.
        let (stream, bytes) = unsafe { (mcp_event_stream::get(stream)?, slice(bytes, length)?) };
        let call = closure.call.ok_or_else(|| Failed::null("the closure's call function"))?;
        let pledge = Pledge::new(closure.data, closure.drop);
        let data = pledge.clone();
        let completion = move |result| -> Outcome {
            let (data, status) = (data.data(), tell(result));
            // SAFETY: C's promise for as long as the data is not dropped.
            call_code(move || unsafe { call(data, status) })
        };
        stream.send_with(bytes, completion).map_err(|error| {
            pledge.give_back();
            Failed::from(error.refusal)
        })
    })
}

/// How many bytes that were given to be sent the system has not taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_queued(
    stream: *const mcp_event_stream,
    out: *mut usize,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
    guard(|| unsafe { handle::put(out, mcp_event_stream::get(stream)?.queued()) })
}

/// Refuses to send while this many bytes wait, or more; 0: without a limit, as at first. What is accepted is accepted
/// whole, so the queue may exceed the limit by one send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_set_send_limit(
    stream: *mut mcp_event_stream,
    bytes: usize,
) -> mcp_event_status {
    guard(|| {
        let bytes = if bytes == 0 { usize::MAX } else { bytes };
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?.set_send_limit(bytes);
        Ok(())
    })
}

/// Fails receiving when nothing comes in for this long while it is not paused; 0, as at first: never.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_set_receive_timeout_us(
    stream: *mut mcp_event_stream,
    microseconds: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?
            .set_receive_timeout(limit(microseconds, "the receive timeout")?);
        Ok(())
    })
}

/// Fails sending when bytes wait, and the system takes none of them for this long; 0, as at first: never.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_set_send_timeout_us(
    stream: *mut mcp_event_stream,
    microseconds: i64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?.set_send_timeout(limit(microseconds, "the send timeout")?);
        Ok(())
    })
}

/// Ends the sending side once all that was given is sent: the peer receives the end. Receiving goes on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_shutdown(stream: *mut mcp_event_stream) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?.shutdown();
        Ok(())
    })
}

/// Ends both sides at once, whatever waits: receivers, here and at the peer, are told of an end or a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_abort(stream: *mut mcp_event_stream) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_stream::get(stream) }?.abort();
        Ok(())
    })
}

/// Whether short sends leave at once instead of waiting for more (TCP_NODELAY). For TCP alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_set_nodelay(
    stream: *mut mcp_event_stream,
    at_once: bool,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_stream::get(stream) }?.set_nodelay(at_once)?))
}

/// Its socket, for options of yours; it stays the stream's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_fd(
    stream: *const mcp_event_stream,
    out: *mut mcp_event_os_fd,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
    guard(|| unsafe { handle::put(out, mcp_event_stream::get(stream)?.as_fd().as_raw_fd()) })
}

/// Names its callbacks in reports, under the rules of `mcp_event_timer_set_label`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_stream_set_label(
    stream: *mut mcp_event_stream,
    text: *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and a zero-terminated text.
        unsafe { mcp_event_stream::get(stream)?.set_label(label(text)?) };
        Ok(())
    })
}
