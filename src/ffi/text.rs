//! Texts that the library makes for C.

use std::ffi::{CString, c_char};

use super::actor_reason::c_text;
use super::handle;
use super::status::{Result, guard, mcp_event_status};

/// A text of any length, which is yours to destroy.
pub struct mcp_event_text {
    text: CString,
}

impl mcp_event_text {
    pub(crate) fn give(text: &str) -> *mut mcp_event_text {
        let text = Box::into_raw(Box::new(mcp_event_text { text: c_text(text) }));
        handle::give(text);
        text
    }

    /// # Safety
    /// `text` is null or a living handle.
    unsafe fn get<'a>(text: *const mcp_event_text) -> Result<&'a mcp_event_text> {
        handle::check(text, "the text")?;
        // SAFETY: made by `give`.
        Ok(unsafe { &*text })
    }
}

/// Its characters, in UTF-8, zero-terminated. They live as long as the text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_text_data(
    text: *const mcp_event_text,
    out: *mut *const c_char,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_text::get(text)?.text.as_ptr()) }
    })
}

/// Frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_text_destroy(text: *mut mcp_event_text) -> mcp_event_status {
    guard(|| {
        handle::take(text, "the text")?;
        // SAFETY: made by `give`, and destroyed once.
        drop(unsafe { Box::from_raw(text) });
        Ok(())
    })
}
