//! Starting a server's process: in its job from its first instruction on, and with three handles of ours only.

use std::ffi::c_void;
use std::io;
use std::mem::{size_of, size_of_val};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::GetConsoleCP;
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, CreateProcessW,
    DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT, InitializeProcThreadAttributeList,
    PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROC_THREAD_ATTRIBUTE_JOB_LIST, PROCESS_INFORMATION,
    STARTF_USESTDHANDLES, STARTUPINFOEXW, UpdateProcThreadAttribute,
};

use super::command_line::CommandLine;
use super::job_object::Job;
use super::process::Child;
use super::wide::wide;

/// Starts `line` in `job`. `stdio` is inherited, and nothing else.
pub(super) fn spawn(
    line: &mut CommandLine,
    environment: &[u16],
    directory: Option<&Path>,
    stdio: [&OwnedHandle; 3],
    job: &Job,
) -> io::Result<Child> {
    let program = wide(line.program.as_os_str());
    let directory = directory.map(|directory| wide(directory.as_os_str()));
    let inherited = stdio.map(AsRawHandle::as_raw_handle);
    let jobs = [job.raw()];
    let mut attributes = Attributes::new(2)?;
    attributes.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &inherited)?;
    attributes.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, &jobs)?;
    let mut start = STARTUPINFOEXW::default();
    start.StartupInfo.cb = size_of::<STARTUPINFOEXW>() as u32;
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    [start.StartupInfo.hStdInput, start.StartupInfo.hStdOutput, start.StartupInfo.hStdError] = inherited;
    start.lpAttributeList = attributes.list();
    // A group of its own: out of reach of Ctrl-C, and within that of what we send to it. A program without a
    // console does not get a window with its servers.
    let group = CREATE_NEW_PROCESS_GROUP | if has_console() { 0 } else { CREATE_NO_WINDOW };
    let mut made = PROCESS_INFORMATION::default();
    // SAFETY: texts that end with a zero, the environment with two; the attributes and what they point to live; the
    // command line may be written.
    let done = unsafe {
        CreateProcessW(
            program.as_ptr(),
            line.text.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            1,
            group | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT,
            environment.as_ptr().cast(),
            directory.as_ref().map_or(ptr::null(), |directory| directory.as_ptr()),
            (&raw const start).cast(),
            &mut made,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and ours. The thread's is needed no more.
    let (process, _thread) =
        unsafe { (OwnedHandle::from_raw_handle(made.hProcess), OwnedHandle::from_raw_handle(made.hThread)) };
    Child::new(process, made.dwProcessId)
}

fn has_console() -> bool {
    // SAFETY: it only asks.
    unsafe { GetConsoleCP() != 0 }
}

/// What a process is started with beside the usual. It points to what it was given.
struct Attributes<'a> {
    /// Aligned as anything.
    buffer: Vec<u128>,
    _values: std::marker::PhantomData<&'a ()>,
}

impl<'a> Attributes<'a> {
    fn new(count: u32) -> io::Result<Attributes<'a>> {
        let mut size = 0;
        // SAFETY: without a buffer it only writes the size.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), count, 0, &mut size) };
        let mut buffer = vec![0_u128; size.div_ceil(size_of::<u128>())];
        // SAFETY: a buffer of that size.
        if unsafe { InitializeProcThreadAttributeList(buffer.as_mut_ptr().cast(), count, 0, &mut size) } == 0
        {
            return Err(io::Error::last_os_error());
        }
        Ok(Attributes { buffer, _values: std::marker::PhantomData })
    }

    fn list(&mut self) -> *mut c_void {
        self.buffer.as_mut_ptr().cast()
    }

    fn set(&mut self, attribute: u32, values: &'a [HANDLE]) -> io::Result<()> {
        // SAFETY: a list that was made; the values outlive it.
        let done = unsafe {
            UpdateProcThreadAttribute(
                self.list(),
                0,
                attribute as usize,
                values.as_ptr().cast(),
                size_of_val(values),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        // SAFETY: a list that was made, and is used no more.
        unsafe { DeleteProcThreadAttributeList(self.list()) };
    }
}
