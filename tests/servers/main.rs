//! MCP servers under management: real processes of the example server, well behaved and not.

#![cfg(all(target_os = "linux", feature = "servers"))]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/example_server.rs"]
mod example_server;

mod calls;
mod connection;
mod crash;
mod directory;
mod faulty_messages;
mod health;
mod launcher;
mod leftover;
mod life;
mod many;
mod reload;
mod restart;
mod stage;
mod state;
mod stop;
mod tools;
