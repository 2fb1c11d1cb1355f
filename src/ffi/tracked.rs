//! Tracked objects for C.

use std::ffi::{c_char, c_void};
use std::fmt::{self, Write};

use super::dispatcher::mcp_event_dispatcher;
use super::status::{Failed, guard, mcp_event_status};

/// Takes a piece of a dump: `length` bytes of text, not zero-terminated.
pub type mcp_event_dump_sink =
    Option<unsafe extern "C-unwind" fn(sink_data: *mut c_void, text: *const c_char, length: usize)>;

/// Describes `object` by calls of `sink(sink_data, ...)`, indented by `indent` levels.
pub type mcp_event_dump = Option<
    unsafe extern "C-unwind" fn(
        object: *const c_void,
        indent: i32,
        sink: mcp_event_dump_sink,
        sink_data: *mut c_void,
    ),
>;

type Dump = unsafe extern "C-unwind" fn(*const c_void, i32, mcp_event_dump_sink, *mut c_void);

/// Collects what a C function says. A character may come in pieces.
unsafe extern "C-unwind" fn write_to_sink(collected: *mut c_void, text: *const c_char, length: usize) {
    if text.is_null() || length == 0 {
        return;
    }
    // SAFETY: `collected` is what `dump_foreign` passed, and the text is as long as said.
    let (collected, bytes) =
        unsafe { (&mut *collected.cast::<Vec<u8>>(), std::slice::from_raw_parts(text.cast::<u8>(), length)) };
    collected.extend_from_slice(bytes);
}

unsafe fn dump_foreign(object: *const (), dump: usize, out: &mut dyn Write, indent: usize) -> fmt::Result {
    // SAFETY: the function pointer stored by `mcp_event_dispatcher_push_tracked`.
    let dump = unsafe { std::mem::transmute::<usize, Dump>(dump) };
    let mut text = Vec::<u8>::new();
    // SAFETY: C's promise while the object is tracked.
    unsafe { dump(object.cast(), indent as i32, Some(write_to_sink), (&raw mut text).cast()) };
    out.write_str(&String::from_utf8_lossy(&text))
}

/// Pushes an object on the stack of what the loop is working on; `dump` describes it. It must not throw.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_push_tracked(
    dispatcher: *mut mcp_event_dispatcher,
    object: *const c_void,
    dump: mcp_event_dump,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let core = unsafe { mcp_event_dispatcher::core(dispatcher) }?;
        let dump = dump.ok_or_else(|| Failed::null("the dump function"))?;
        if object.is_null() {
            return Err(Failed::null("the tracked object"));
        }
        core.tracked.push(object.cast(), (dump_foreign, dump as usize));
        Ok(())
    })
}

/// Pops the innermost object, which must be `object`; else `MCP_EVENT_INVALID_STATE`, and nothing is popped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_pop_tracked(
    dispatcher: *mut mcp_event_dispatcher,
    object: *const c_void,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_dispatcher::core(dispatcher) }?.tracked.pop(object.cast())?))
}

/// Describes the tracked objects, innermost first, by calls of `sink(sink_data, ...)`. On the loop's thread, or
/// while nobody runs it; else `MCP_EVENT_INVALID_STATE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_dump_tracked(
    dispatcher: *mut mcp_event_dispatcher,
    sink: mcp_event_dump_sink,
    sink_data: *mut c_void,
) -> mcp_event_status {
    guard(|| {
        let sink = sink.ok_or_else(|| Failed::null("the sink"))?;
        // SAFETY: C's promise: a living handle.
        let text = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.dump_tracked()?;
        // SAFETY: C's promise.
        unsafe { sink(sink_data, text.as_ptr().cast(), text.len()) };
        Ok(())
    })
}
