//! What the tracked objects of another thread's loop say of themselves. Linux alone can have a copy of the process tell.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unsupported.rs")]
mod system;

pub(super) use system::describe;
