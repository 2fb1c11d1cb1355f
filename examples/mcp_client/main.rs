//! A client for the example MCP servers in `examples/cpp`, which checks every answer and tells the dialogue.
//!
//! Over stdio it is the official Rust SDK, `rmcp`, that talks: code that knows nothing of this project. Over TCP it
//! is plain sockets and JSON, many at a time.
//!
//! ```text
//! cargo run --example mcp_client -- <mcp_stdio_server> <mcp_tcp_server>
//! ```

mod child;
mod dialogue;
mod stdio;
mod tcp;

use std::{process::ExitCode, time::Duration};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Far longer than the whole dialogue takes: whoever is silent for this long will not answer any more.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let programs: Vec<_> = std::env::args_os().skip(1).collect();
    let [stdio_server, tcp_server] = programs.as_slice() else {
        eprintln!("usage: mcp_client <mcp_stdio_server> <mcp_tcp_server>");
        return ExitCode::FAILURE;
    };
    match stdio::run(stdio_server).and_then(|()| tcp::run(tcp_server)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unexpected: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the dialogue unless `holds`.
fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
