//! Launching servers: what they are given, how they end, and that nothing is ever left of them. All with real
//! processes; that one is gone is asked of its pidfd, on Windows of a handle.

#![cfg(all(any(target_os = "linux", windows), feature = "servers"))]

#[cfg(not(windows))]
#[path = "../common/mod.rs"]
mod common;
#[cfg(windows)]
#[path = "../common/example_server.rs"]
mod example_server;

#[cfg(not(windows))]
mod bad_input;
#[cfg(not(windows))]
mod end;
#[cfg(not(windows))]
mod host;
#[cfg(not(windows))]
mod leftover;
#[cfg(not(windows))]
mod manager;
#[cfg(not(windows))]
mod orphans;
#[cfg(not(windows))]
mod server;
#[cfg(not(windows))]
mod setting;
#[cfg(windows)]
mod windows;
