//! Crash dumps: promise X2. Processes that really crash.

// Windows has no fatal signals.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod dump;
mod handlers;
