//! What comes of requests to MCP servers, for C.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use super::list::mcp_event_server_status;
use crate::ffi::actor_reason::c_text;
use crate::ffi::handle;
use crate::ffi::status::{guard, mcp_event_status};
use crate::server::{CallError, RpcError};

/// What came of a request.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum mcp_event_call_outcome {
    /// The server answered with a result.
    MCP_EVENT_CALL_RESULT = 0,
    /// The server answered with an error.
    MCP_EVENT_CALL_RPC_ERROR = 1,
    /// No server has this name.
    MCP_EVENT_CALL_UNKNOWN_SERVER = 2,
    /// The server is not ready.
    MCP_EVENT_CALL_DOWN = 3,
    /// No answer came in time. The server was told that nobody waits any more.
    MCP_EVENT_CALL_TIMED_OUT = 4,
    /// It was cancelled.
    MCP_EVENT_CALL_CANCELLED = 5,
    /// The server ended, or was stopped, before it answered.
    MCP_EVENT_CALL_CONNECTION_LOST = 6,
    /// The answer was no valid message.
    MCP_EVENT_CALL_MALFORMED = 7,
    /// The request is not one: its parameters are neither an object nor an array, or its method is empty.
    MCP_EVENT_CALL_INVALID_REQUEST = 8,
    /// The server does not read what it is sent, and too much waits for it.
    MCP_EVENT_CALL_NOT_READING = 9,
    /// The thread of a loop, which must not wait, was to wait for the answer.
    MCP_EVENT_CALL_ON_LOOP = 10,
    /// The manager has stopped.
    MCP_EVENT_CALL_MANAGER_STOPPED = 11,
}

use mcp_event_call_outcome::{
    MCP_EVENT_CALL_CANCELLED, MCP_EVENT_CALL_CONNECTION_LOST, MCP_EVENT_CALL_DOWN,
    MCP_EVENT_CALL_INVALID_REQUEST, MCP_EVENT_CALL_MALFORMED, MCP_EVENT_CALL_MANAGER_STOPPED,
    MCP_EVENT_CALL_NOT_READING, MCP_EVENT_CALL_ON_LOOP, MCP_EVENT_CALL_RESULT, MCP_EVENT_CALL_RPC_ERROR,
    MCP_EVENT_CALL_TIMED_OUT, MCP_EVENT_CALL_UNKNOWN_SERVER,
};

impl From<&CallError> for mcp_event_call_outcome {
    fn from(error: &CallError) -> mcp_event_call_outcome {
        match error {
            CallError::Rpc(_) => MCP_EVENT_CALL_RPC_ERROR,
            CallError::UnknownServer(_) => MCP_EVENT_CALL_UNKNOWN_SERVER,
            CallError::Down { .. } => MCP_EVENT_CALL_DOWN,
            CallError::TimedOut(_) => MCP_EVENT_CALL_TIMED_OUT,
            CallError::Cancelled => MCP_EVENT_CALL_CANCELLED,
            CallError::ConnectionLost(_) | CallError::Transport(_) => MCP_EVENT_CALL_CONNECTION_LOST,
            CallError::Malformed(_) => MCP_EVENT_CALL_MALFORMED,
            CallError::InvalidRequest(_) => MCP_EVENT_CALL_INVALID_REQUEST,
            CallError::NotReading { .. } => MCP_EVENT_CALL_NOT_READING,
            CallError::OnLoop => MCP_EVENT_CALL_ON_LOOP,
            CallError::ManagerStopped => MCP_EVENT_CALL_MANAGER_STOPPED,
        }
    }
}

/// What came of a request. Its strings live as long as it does: as the callback that is given it, or, if a call
/// returned it, until `mcp_event_server_answer_destroy()`.
#[repr(C)]
pub struct mcp_event_server_answer {
    /// In short.
    pub outcome: mcp_event_call_outcome,
    /// The result, as a JSON text; null if there is none.
    pub result: *const c_char,
    /// Why there is no result, in words; null if there is one.
    pub text: *const c_char,
    /// For `MCP_EVENT_CALL_RPC_ERROR`: its code.
    pub code: i64,
    /// For `MCP_EVENT_CALL_RPC_ERROR`: the server's own words.
    pub message: *const c_char,
    /// For `MCP_EVENT_CALL_RPC_ERROR`: more about it, as a JSON text; null if there is no more.
    pub data: *const c_char,
    /// For `MCP_EVENT_CALL_DOWN`: what the server was doing.
    pub status: mcp_event_server_status,
}

/// Takes what came of a request, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_answer_closure {
    /// Called once. Not null.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, answer: *const mcp_event_server_answer)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// An answer with its strings; C sees the first field.
#[repr(C)]
pub(crate) struct Answer {
    view: mcp_event_server_answer,
    _strings: [Option<CString>; 4],
}

impl Answer {
    pub(crate) fn new(result: &Result<serde_json::Value, CallError>) -> Answer {
        let error = result.as_ref().err();
        let rpc = match error {
            Some(CallError::Rpc(error)) => Some(error),
            _ => None,
        };
        let strings = [
            result.as_ref().ok().map(|result| c_text(&result.to_string())),
            error.map(|error| c_text(&error.to_string())),
            rpc.map(|error| c_text(&error.message)),
            rpc.and_then(|error| Some(c_text(&error.data.as_ref()?.to_string()))),
        ];
        let [result, text, message, data] =
            strings.each_ref().map(|text| text.as_ref().map_or(ptr::null(), |text| text.as_ptr()));
        let view = mcp_event_server_answer {
            outcome: error.map_or(MCP_EVENT_CALL_RESULT, mcp_event_call_outcome::from),
            result,
            text,
            code: rpc.map_or(0, |error: &RpcError| error.code),
            message,
            data,
            status: match error {
                Some(CallError::Down { status, .. }) => (*status).into(),
                _ => mcp_event_server_status::MCP_EVENT_SERVER_RUNNING,
            },
        };
        Answer { view, _strings: strings }
    }

    /// What C is shown of it; valid as long as this.
    pub(crate) fn view(&self) -> *const mcp_event_server_answer {
        &self.view
    }

    pub(crate) fn give(self) -> *mut mcp_event_server_answer {
        let answer = Box::into_raw(Box::new(self)).cast();
        handle::give(answer);
        answer
    }
}

/// Frees an answer that a call returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_server_answer_destroy(
    answer: *mut mcp_event_server_answer,
) -> mcp_event_status {
    guard(|| {
        handle::take(answer, "the answer")?;
        // SAFETY: made by `give`, and destroyed once; the view is the first field.
        drop(unsafe { Box::from_raw(answer.cast::<Answer>()) });
        Ok(())
    })
}
