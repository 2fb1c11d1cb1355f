//! Asking another thread where it is.

#[cfg_attr(unix, path = "unix/mod.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

#[cfg(unix)]
pub(crate) use system::answer;
pub(super) use system::{SIGNAL, prepare, stack_of};
