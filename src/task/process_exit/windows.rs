//! One of the system's threads waits for the process.

use std::future::Future;
use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::pin::Pin;
use std::task::{Context, Poll};

use windows_sys::Win32::Foundation::ERROR_INVALID_PARAMETER;
use windows_sys::Win32::System::Threading::{
    GetProcessId, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
};

use super::exit_watch::ExitWatch;
use super::failed;
use crate::dispatcher::Handle;
use crate::error::Error;
use crate::task::oneshot::{self, Receiver};

pub(super) struct Source {
    exited: Receiver<()>,
    _watch: ExitWatch,
}

impl Source {
    pub(super) fn of(_: &Handle, pid: u32) -> Result<Source, Error> {
        if pid == 0 {
            return Err(Error::InvalidArgument("0 is no pid".into()));
        }
        open(pid).and_then(watch).map_err(|source| failed(pid, source))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.exited).poll(cx).map(|_exited| Ok(()))
    }
}

fn open(pid: u32) -> io::Result<OwnedHandle> {
    // SAFETY: plain system call.
    let process = unsafe { OpenProcess(PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and ours.
    let owned = unsafe { OwnedHandle::from_raw_handle(process) };
    // The numbers that follow a process's are taken for its own.
    // SAFETY: an open process.
    if unsafe { GetProcessId(process) } == pid {
        return Ok(owned);
    }
    Err(io::Error::from_raw_os_error(ERROR_INVALID_PARAMETER as i32))
}

fn watch(process: OwnedHandle) -> io::Result<Source> {
    let (sender, exited) = oneshot::channel();
    let tell = move || {
        // Nobody may wait any more.
        let _ = sender.send(());
    };
    Ok(Source { exited, _watch: ExitWatch::new(process, tell)? })
}
