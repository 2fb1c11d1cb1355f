//! The guard dog: promises W3 to W5.

#[path = "../common/mod.rs"]
mod common;

mod actions;
#[cfg(unix)]
mod backtrace;
mod kill;
#[cfg_attr(windows, allow(dead_code, reason = "some of it only shows in backtraces"))]
mod stage;
#[cfg(target_os = "linux")]
mod tracked;
mod watching;
