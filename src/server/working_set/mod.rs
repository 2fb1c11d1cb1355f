//! How much memory a server's processes use.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unsupported.rs")]
mod system;

/// The resident bytes of a process and all its descendants; `None` if the process is gone, or the system does
/// not say.
pub(super) use system::of_tree;
