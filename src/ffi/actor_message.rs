//! Messages of actors for C: bytes, or whatever else their data points to, and how to free it.

use std::ffi::c_void;

use super::actor_reply::mcp_event_reply;
use super::closure::Data;
use super::status::{Failed, Result};

/// A message, or a reply. A call that takes one owns `data` when it succeeds, and `drop(data)` is called exactly
/// once, whatever becomes of the message; when it fails, `data` stays the caller's and `drop` is not called.
///
/// A callback that is given one may take its data over: it sets `drop` to null.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_message {
    /// The message, for the two sides to understand; null if there is nothing to say.
    pub data: *mut c_void,
    /// Its size in bytes. The library does not look at them.
    pub size: usize,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

impl mcp_event_message {
    pub(crate) const EMPTY: mcp_event_message =
        mcp_event_message { data: std::ptr::null_mut(), size: 0, drop: None };
}

/// A message of C's that is ours.
pub(crate) struct Message {
    data: Data,
    size: usize,
}

impl Message {
    pub(crate) fn new(message: mcp_event_message) -> Result<Message> {
        if message.data.is_null() && message.size > 0 {
            return Err(Failed::invalid(format!("a message of {} bytes has null data", message.size)));
        }
        Ok(Message::from_raw(message))
    }

    pub(crate) fn from_raw(message: mcp_event_message) -> Message {
        Message { data: Data::new(message.data, message.drop), size: message.size }
    }

    pub(crate) fn into_raw(self) -> mcp_event_message {
        let size = self.size;
        let (data, drop) = self.data.into_parts();
        mcp_event_message { data, size, drop }
    }

    /// For a call that failed: the data stays the caller's.
    pub(crate) fn give_back(mut self) {
        self.data.give_back();
    }
}

/// What lies in the mailbox of an actor of C's.
pub(crate) enum Mail {
    /// A message, and where to send the reply if it is a request.
    Message { message: Message, reply: Option<Box<mcp_event_reply>> },
    /// One of the actor's own periodic messages could not be made, which is its failure.
    Failure(String),
}

// A mail and the actor that it goes to fit into the queue of the loop, so that telling allocates nothing.
const _: () = assert!(size_of::<Mail>() <= 5 * size_of::<usize>());

impl Mail {
    pub(crate) fn message(message: Message) -> Mail {
        Mail::Message { message, reply: None }
    }

    /// For a call that failed: the message stays the caller's.
    pub(crate) fn give_back(self) {
        if let Mail::Message { message, .. } = self {
            message.give_back();
        }
    }
}
