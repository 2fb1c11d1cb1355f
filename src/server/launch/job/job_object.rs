//! A job: a server's process and all its descendants, which cannot leave it. They die with its last handle, so
//! with the program that holds that, however it ends.

use std::io;
use std::mem::size_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::JobObjects::{
    CreateJobObjectW, JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JOBOBJECTINFOCLASS, JobObjectAssociateCompletionPortInformation,
    JobObjectBasicAccountingInformation, JobObjectExtendedLimitInformation, QueryInformationJobObject,
    SetInformationJobObject, TerminateJobObject,
};

use super::port::Port;

/// A job, to which this is the only handle.
pub(super) struct Job(OwnedHandle);

/// What the processes of a job that is killed have for their exit code; what `taskkill /f` gives as well.
const KILLED: u32 = 1;

impl Job {
    /// Without a process. When a process of it ends, that is news of `key`.
    pub(super) fn new(port: &Port, key: usize) -> io::Result<Job> {
        // SAFETY: plain system call: no name, and not to be inherited.
        let handle = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made, and ours.
        let job = Job(unsafe { OwnedHandle::from_raw_handle(handle) });
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        // A server that crashes has ended: no dialogue waits for somebody to look at it.
        limits.BasicLimitInformation.LimitFlags =
            JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
        job.set(JobObjectExtendedLimitInformation, &limits)?;
        let news =
            JOBOBJECT_ASSOCIATE_COMPLETION_PORT { CompletionKey: key as *mut _, CompletionPort: port.raw() };
        job.set(JobObjectAssociateCompletionPortInformation, &news)?;
        Ok(job)
    }

    fn set<T>(&self, class: JOBOBJECTINFOCLASS, value: &T) -> io::Result<()> {
        // SAFETY: `value` is what belongs to the class, and only read.
        let done = unsafe {
            SetInformationJobObject(self.raw(), class, ptr::from_ref(value).cast(), size_of::<T>() as u32)
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// Ends all that are in it, at once and for good: none can start another any more.
    pub(super) fn kill(&self) -> io::Result<()> {
        // SAFETY: plain system call.
        if unsafe { TerminateJobObject(self.raw(), KILLED) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Whether no process is in it that lives.
    pub(super) fn is_empty(&self) -> io::Result<bool> {
        let mut figures = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION::default();
        // SAFETY: `figures` is what belongs to the class, and valid for writing.
        let done = unsafe {
            QueryInformationJobObject(
                self.raw(),
                JobObjectBasicAccountingInformation,
                (&raw mut figures).cast(),
                size_of::<JOBOBJECT_BASIC_ACCOUNTING_INFORMATION>() as u32,
                ptr::null_mut(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(figures.ActiveProcesses == 0) }
    }
}
