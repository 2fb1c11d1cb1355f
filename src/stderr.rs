//! The standard error, without the lock of Rust's own, which a stuck thread may hold.

use std::fs::File;
use std::io::{self, Write};
use std::mem::ManuallyDrop;

/// Writes it at once, as far as that is possible.
pub(crate) fn write(text: &str) {
    // SAFETY: one that is not open takes nothing; and it is not closed, since it is never dropped.
    let mut file = ManuallyDrop::new(unsafe {
        #[cfg(unix)]
        {
            use std::os::fd::{AsRawFd, FromRawFd};
            File::from_raw_fd(io::stderr().as_raw_fd())
        }
        #[cfg(windows)]
        {
            use std::os::windows::io::{AsRawHandle, FromRawHandle};
            File::from_raw_handle(io::stderr().as_raw_handle())
        }
    });
    let _ = file.write_all(text.as_bytes());
}
