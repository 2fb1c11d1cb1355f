//! The C ABI: `include/mcp_event.h` is generated from this. One file a noun, no logic: check, convert, call,
//! map the error.
//!
//! The conventions that every function here follows are in CONTRIBUTING.md ("The C ABI").

// The names are C's, and so are the safety rules: each function's text says what its arguments must be.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

mod actor;
mod actor_behaviour;
mod actor_context;
mod actor_message;
mod actor_options;
mod actor_reason;
mod actor_reply;
mod actor_system;
mod actor_tree;
mod backend;
/// cbindgen:ignore
mod bridge;
mod clock;
pub(crate) mod closure;
mod crash_dump;
mod dispatcher;
mod duration;
mod file_event;
mod foreign_loop;
mod guard_dog;
mod guard_dog_figures;
mod guard_dog_report;
mod handle;
mod label;
#[cfg(not(windows))]
mod listener;
mod log;
mod metrics;
mod metrics_endpoint;
mod pool;
mod pool_options;
mod pool_report;
mod pressure;
mod scaled_timer;
mod schedulable;
#[cfg(feature = "servers")]
mod server;
mod signal;
mod stats;
mod status;
#[cfg(not(windows))]
mod stream;
mod text;
mod timer;
mod tracked;
mod visitor;
mod watchdog;

#[cfg(feature = "asio")]
pub(crate) use closure::foreign_exception;
#[cfg(unix)]
pub(crate) use visitor::forget_visitors;

/// The version this header belongs to: major * 10000 + minor * 100 + patch. `mcp_event_version()` tells the
/// library's.
pub const MCP_EVENT_VERSION: u32 = 100;

const _: () = {
    // Kept in step with Cargo.toml.
    const fn number(text: &str) -> u32 {
        let bytes = text.as_bytes();
        let (mut value, mut i) = (0, 0);
        while i < bytes.len() {
            value = value * 10 + (bytes[i] - b'0') as u32;
            i += 1;
        }
        value
    }
    let version = number(env!("CARGO_PKG_VERSION_MAJOR")) * 10_000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 100
        + number(env!("CARGO_PKG_VERSION_PATCH"));
    assert!(MCP_EVENT_VERSION == version);
};
