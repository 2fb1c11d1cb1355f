//! MCP servers under management: real processes of the example server, well behaved and not.

#![cfg(all(any(target_os = "linux", windows), feature = "servers"))]

#[cfg(not(windows))]
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/example_server.rs"]
mod example_server;

// Those with servers that are shell scripts, signals, and files in `/proc`.
#[cfg(not(windows))]
mod calls;
#[cfg(not(windows))]
mod connection;
#[cfg(not(windows))]
mod crash;
mod directory;
#[cfg(not(windows))]
mod faulty_messages;
#[cfg(not(windows))]
mod health;
mod launcher;
#[cfg(not(windows))]
mod leftover;
#[cfg(not(windows))]
mod life;
#[cfg(not(windows))]
mod many;
#[cfg_attr(windows, path = "process_windows.rs")]
mod process;
mod reload;
mod restart;
mod stage;
mod state;
mod stop;
#[cfg(not(windows))]
mod tools;
#[cfg(windows)]
mod windows;
