//! A small MCP server over stdio or HTTP that can also be told to misbehave: the peer that clients and supervisors of
//! servers are tried out on. It uses nothing of this library.
//!
//! ```text
//! cargo run --example mcp_example_server -- --name docker-1 --tools docker
//! cargo run --example mcp_example_server -- --help
//! ```

use std::{env, process::ExitCode};

// With its path, so that its parts lie beside it for every example that includes it.
#[path = "serve.rs"]
mod serve;

fn main() -> ExitCode {
    serve::serve(env::args().skip(1))
}
