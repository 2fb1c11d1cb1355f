//! Launching servers: what they are given, how they end, and that nothing is ever left of them. All with real
//! processes; that one is gone is asked of its pidfd.

#![cfg(all(target_os = "linux", feature = "servers"))]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod end;
mod host;
mod leftover;
mod manager;
mod orphans;
mod server;
mod setting;
