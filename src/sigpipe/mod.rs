//! SIGPIPE, which a write to a pipe that nobody reads any more would raise. Rust programs ignore it, but it ends a
//! program in C or C++ that does not. All here may be called in a signal handler. Windows has none.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub(crate) use system::SigpipeBlocked;
