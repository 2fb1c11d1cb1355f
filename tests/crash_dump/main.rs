//! Crash dumps: promise X2. Processes that really crash.

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod dump;
mod handlers;
