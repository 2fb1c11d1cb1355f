//! What can be watched: file descriptors; on Windows, sockets.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

#[cfg(feature = "servers")]
pub(crate) use system::Stream;
pub use system::{AsOsFd, BorrowedOsFd, OsFd, OwnedOsFd};
pub(crate) use system::{is_readable, is_writable, number, raw, set_nonblocking, stream_of};
