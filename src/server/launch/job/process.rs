//! Processes by their handles, which keep their numbers from passing to others.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::os::windows::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, FILETIME, HANDLE, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    PROCESS_TERMINATE, TerminateProcess, WaitForSingleObject,
};

use crate::server::launch::{Leftover, ProcessId};

/// How long a process may take to die.
const DYING: Duration = Duration::from_secs(5);

/// A server's process.
pub(super) struct Child {
    handle: OwnedHandle,
    id: ProcessId,
}

impl Child {
    pub(super) fn new(handle: OwnedHandle, pid: u32) -> io::Result<Child> {
        let start = start_time(handle.as_raw_handle())?;
        Ok(Child { handle, id: ProcessId { pid, start } })
    }

    pub(super) fn id(&self) -> ProcessId {
        self.id
    }

    /// One more handle to it.
    pub(super) fn handle(&self) -> io::Result<OwnedHandle> {
        self.handle.try_clone()
    }

    /// How it has ended, if it has.
    pub(super) fn status(&self) -> io::Result<Option<ExitStatus>> {
        if !ends_within(self.handle.as_raw_handle(), Duration::ZERO)? {
            return Ok(None);
        }
        let mut code = 0;
        // SAFETY: an open process; `code` is valid for writing.
        if unsafe { GetExitCodeProcess(self.handle.as_raw_handle(), &mut code) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Some(ExitStatus::from_raw(code)))
    }

    /// Sends Ctrl-Break to its group: to those of its descendants that share its console, and did not leave it.
    pub(super) fn ask_group(&self) -> io::Result<()> {
        // SAFETY: plain system call.
        if unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, self.id.pid) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

/// Ends a process of an earlier life of this program, and waits for that. What it started ended with that life.
pub(super) fn end(process: ProcessId) -> Leftover {
    match end_here(process) {
        Ok(leftover) => leftover,
        Err(error) => Leftover::Failed(error),
    }
}

fn end_here(process: ProcessId) -> io::Result<Leftover> {
    let access = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE | PROCESS_TERMINATE;
    // SAFETY: plain system call.
    let handle = unsafe { OpenProcess(access, 0, process.pid) };
    if handle.is_null() {
        return match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(ERROR_INVALID_PARAMETER as i32) => Ok(Leftover::Gone),
            error => Err(error),
        };
    }
    // SAFETY: just made, and ours.
    let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
    if start_time(handle.as_raw_handle())? != process.start {
        return Ok(Leftover::NotOurs);
    }
    if ends_within(handle.as_raw_handle(), Duration::ZERO)? {
        return Ok(Leftover::Gone);
    }
    // SAFETY: an open process.
    if unsafe { TerminateProcess(handle.as_raw_handle(), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    if ends_within(handle.as_raw_handle(), DYING)? {
        return Ok(Leftover::Ended);
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "a process does not die"))
}

fn ends_within(process: HANDLE, time: Duration) -> io::Result<bool> {
    // SAFETY: an open process.
    match unsafe { WaitForSingleObject(process, time.as_millis() as u32) } {
        WAIT_OBJECT_0 => Ok(true),
        WAIT_FAILED => Err(io::Error::last_os_error()),
        _ => Ok(false),
    }
}

/// When a process was started, as the system counts: in steps of 100 ns, from 1601 on.
fn start_time(process: HANDLE) -> io::Result<u64> {
    let [mut start, mut exit, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: all are valid for writing.
    if unsafe { GetProcessTimes(process, &mut start, &mut exit, &mut kernel, &mut user) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(start.dwHighDateTime) << 32 | u64::from(start.dwLowDateTime))
}
