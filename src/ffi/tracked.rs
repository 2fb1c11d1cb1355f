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

/// Hands on what a C function says, as it says it: in a crash dump there is no place to collect it. A character may
/// come in pieces.
struct Pieces<'a> {
    out: &'a mut dyn Write,
    /// The beginning of a character.
    begun: [u8; 4],
    length: usize,
    result: fmt::Result,
}

impl Pieces<'_> {
    fn add(&mut self, mut bytes: &[u8]) -> fmt::Result {
        loop {
            if self.length == 0 {
                let (text, rest) = valid_prefix(bytes);
                self.out.write_str(text)?;
                bytes = rest;
            }
            let Some((next, rest)) = bytes.split_first() else { return Ok(()) };
            self.begun[self.length] = *next;
            let begun = &self.begun[..=self.length];
            match str::from_utf8(begun).map_err(|error| error.error_len()) {
                Ok(character) => {
                    self.out.write_str(character)?;
                    (self.length, bytes) = (0, rest);
                }
                Err(None) => (self.length, bytes) = (begun.len(), rest),
                Err(Some(wrong)) => {
                    self.out.write_char(char::REPLACEMENT_CHARACTER)?;
                    // A byte that only shows that those before it are wrong may begin another character.
                    bytes = if wrong == begun.len() { rest } else { bytes };
                    self.length = 0;
                }
            }
        }
    }

    fn end(self) -> fmt::Result {
        self.result?;
        if self.length == 0 { Ok(()) } else { self.out.write_char(char::REPLACEMENT_CHARACTER) }
    }
}

fn valid_prefix(bytes: &[u8]) -> (&str, &[u8]) {
    let valid = match str::from_utf8(bytes) {
        Ok(text) => return (text, &[]),
        Err(error) => error.valid_up_to(),
    };
    let (valid, rest) = bytes.split_at(valid);
    (str::from_utf8(valid).unwrap_or_default(), rest)
}

unsafe extern "C-unwind" fn write_to_sink(pieces: *mut c_void, text: *const c_char, length: usize) {
    if text.is_null() || length == 0 {
        return;
    }
    // SAFETY: `pieces` is what `dump_foreign` passed, and the text is as long as said.
    let (pieces, bytes) =
        unsafe { (&mut *pieces.cast::<Pieces<'_>>(), std::slice::from_raw_parts(text.cast::<u8>(), length)) };
    if pieces.result.is_ok() {
        pieces.result = pieces.add(bytes);
    }
}

unsafe fn dump_foreign(object: *const (), dump: usize, out: &mut dyn Write, indent: usize) -> fmt::Result {
    // SAFETY: the function pointer stored by `mcp_event_dispatcher_push_tracked`.
    let dump = unsafe { std::mem::transmute::<usize, Dump>(dump) };
    let mut pieces = Pieces { out, begun: [0; 4], length: 0, result: Ok(()) };
    // SAFETY: C's promise while the object is tracked.
    unsafe { dump(object.cast(), indent as i32, Some(write_to_sink), (&raw mut pieces).cast()) };
    pieces.end()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_in_pieces_is_the_same_as_in_one(
            pieces in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..6),
                    ".{0,4}".prop_flat_map(|text| {
                        let bytes = text.into_bytes();
                        (0..=bytes.len()).prop_map(move |from| bytes[from..].to_vec())
                    }),
                    prop::sample::select(vec![b"\xe2\x82".to_vec(), b"\xac".to_vec(), b"\xf0\x9f".to_vec()]),
                ],
                0..8,
            ),
        ) {
            let mut text = String::new();
            let mut writer = Pieces { out: &mut text, begun: [0; 4], length: 0, result: Ok(()) };
            for piece in &pieces {
                writer.add(piece).unwrap();
            }
            writer.end().unwrap();
            let whole = pieces.concat();
            prop_assert_eq!(text, String::from_utf8_lossy(&whole));
        }
    }
}
