//! A completion port: where the news of everything that a guard waits for comes together.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatus, PostQueuedCompletionStatus,
};
use windows_sys::Win32::System::Threading::INFINITE;

/// A completion port. What is attached to it names itself by a key.
pub(super) struct Port(OwnedHandle);

/// One piece of news.
pub(super) struct Packet {
    /// Whose it is.
    pub(super) key: usize,
    /// Of a finished operation, how many bytes it has moved, or why it failed.
    pub(super) moved: io::Result<usize>,
}

impl Port {
    pub(super) fn new() -> io::Result<Port> {
        // SAFETY: plain system call.
        let handle = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 1) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made, and ours.
        Ok(Port(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// From now on operations on `handle` that finish are news of `key`.
    pub(super) fn attach(&self, handle: HANDLE, key: usize) -> io::Result<()> {
        // SAFETY: both handles are open; it only takes them.
        let port = unsafe { CreateIoCompletionPort(handle, self.raw(), key, 0) };
        if port.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Makes news of `key`, from any thread.
    pub(super) fn post(&self, key: usize) {
        // It fails for want of memory only; who waits looks again after a while.
        // SAFETY: the port is open; there is no operation.
        unsafe { PostQueuedCompletionStatus(self.raw(), 0, key, ptr::null()) };
    }

    /// Waits for the next piece of news; `None` if none came in time.
    pub(super) fn next(&self, timeout: Option<Duration>) -> io::Result<Option<Packet>> {
        // Rounded up, or the last part of a millisecond would be spent in a busy loop.
        let milliseconds = timeout.map_or(INFINITE, |timeout| {
            u32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(INFINITE).min(INFINITE - 1)
        });
        let (mut bytes, mut key, mut operation) = (0, 0, ptr::null_mut());
        // SAFETY: all are valid for writing.
        let done = unsafe {
            GetQueuedCompletionStatus(self.raw(), &mut bytes, &mut key, &mut operation, milliseconds)
        };
        if done != 0 {
            return Ok(Some(Packet { key, moved: Ok(bytes as usize) }));
        }
        match io::Error::last_os_error() {
            error if !operation.is_null() => Ok(Some(Packet { key, moved: Err(error) })),
            error if error.raw_os_error() == Some(WAIT_TIMEOUT as i32) => Ok(None),
            error => Err(error),
        }
    }
}
