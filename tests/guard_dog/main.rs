//! The guard dog: promises W3 to W5.

#[path = "../common/mod.rs"]
mod common;

mod actions;
mod backtrace;
mod kill;
mod stage;
mod tracked;
mod watching;
