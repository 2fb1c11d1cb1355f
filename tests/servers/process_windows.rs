//! Processes by their numbers.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject};

use crate::stage::LIMIT;

/// What a reason calls the number with which a process ended.
pub const EXIT: &str = "exit code";

fn open(pid: u32) -> Option<OwnedHandle> {
    // SAFETY: plain system call.
    let handle = unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, pid) };
    // SAFETY: just made, and ours.
    (!handle.is_null()).then(|| unsafe { OwnedHandle::from_raw_handle(handle) })
}

fn ends_within(process: &OwnedHandle, milliseconds: u32) -> bool {
    // SAFETY: an open process.
    unsafe { WaitForSingleObject(process.as_raw_handle(), milliseconds) == WAIT_OBJECT_0 }
}

/// Whether it runs; a number may stay taken for a while.
pub fn exists(pid: u32) -> bool {
    open(pid).is_some_and(|process| !ends_within(&process, 0))
}

/// Someone who sees the end of a process, whoever is its parent.
pub struct Witness(u32, OwnedHandle);

impl Witness {
    #[track_caller]
    pub fn of(pid: u32) -> Witness {
        Witness(pid, open(pid).expect("the process is not there"))
    }

    /// Waits for the end.
    #[track_caller]
    pub fn assert_gone(&self) {
        assert!(ends_within(&self.1, LIMIT.as_millis() as u32), "process {} is left", self.0);
    }
}
