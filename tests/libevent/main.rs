//! The backend "libevent": a dispatcher that waits in an `event_base`, with events of the program's own on it. Needs
//! libevent's library. That the contract holds there too, the other tests prove with `MCP_EVENT_BACKEND=libevent`.
//!
//! The backend is one of Linux alone.

#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod adopted;
mod fairness;
mod foreign_side;
mod handlers;
mod lifetime;
mod user;
