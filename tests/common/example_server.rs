//! Where the example MCP server is. Needs nothing else of what the tests share.

use std::env;
use std::path::PathBuf;

/// The server of `examples/mcp_example_server`, which `cargo test` builds along with the tests.
pub fn example_server() -> PathBuf {
    let test = env::current_exe().unwrap();
    // "<profile>/deps/<test>" and "<profile>/examples/<example>".
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let server = profile.join("examples").join("mcp_example_server");
    let server = server.with_extension(env::consts::EXE_EXTENSION);
    assert!(server.is_file(), "{} is missing; `cargo build --examples` makes it", server.display());
    server
}
