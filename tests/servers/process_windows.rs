//! Processes by their numbers.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

/// What a reason calls the number with which a process ended.
pub const EXIT: &str = "exit code";

fn open(pid: u32) -> Option<OwnedHandle> {
    // SAFETY: plain system call.
    let handle = unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, pid) };
    // SAFETY: just made, and ours.
    (!handle.is_null()).then(|| unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Whether it runs; a number may stay taken for a while.
pub fn exists(pid: u32) -> bool {
    // SAFETY: an open process.
    open(pid)
        .is_some_and(|process| unsafe { WaitForSingleObject(process.as_raw_handle(), 0) != WAIT_OBJECT_0 })
}
