//! Supervision, through the public API.

#[path = "../common/mod.rs"]
mod common;

mod end;
mod lost;
mod panic;
mod restart;
mod stage;
mod stress;
mod tie;
