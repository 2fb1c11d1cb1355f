//! Notices `fork()`: a child shares the parent's kernel objects and must leave them alone. Windows has none.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

pub(crate) use system::{generation, watch};
