//! The pipes that a server has for its input and outputs.
//!
//! Our end takes overlapped operations, so it is that of a named pipe; the server's end is an ordinary handle.

use std::ffi::OsStr;
use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_READ_ATTRIBUTES,
    FILE_WRITE_ATTRIBUTES, OPEN_EXISTING, PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_WAIT,
};

use super::wide::wide;

/// How much a pipe holds.
const CAPACITY: u32 = 64 << 10;

/// Which way what is written goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    FromServer,
}

/// A pipe that is used nowhere yet.
pub(super) struct Pipe {
    /// Our end.
    pub(super) ours: OwnedHandle,
    /// The server's end; it may be inherited.
    pub(super) servers: OwnedHandle,
}

impl Pipe {
    /// `name` belongs to no other pipe of the system.
    pub(super) fn new(name: &str, direction: Direction) -> io::Result<Pipe> {
        let name = wide(OsStr::new(&format!(r"\\.\pipe\mcp-event-{name}")));
        let (our_access, servers_access) = match direction {
            Direction::ToServer => (PIPE_ACCESS_OUTBOUND, GENERIC_READ | FILE_WRITE_ATTRIBUTES),
            Direction::FromServer => (PIPE_ACCESS_INBOUND, GENERIC_WRITE | FILE_READ_ATTRIBUTES),
        };
        // SAFETY: the name ends with a zero.
        let ours = unsafe {
            owned(CreateNamedPipeW(
                name.as_ptr(),
                our_access | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                1,
                CAPACITY,
                CAPACITY,
                0,
                ptr::null(),
            ))?
        };
        let inheritable = SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: ptr::null_mut(),
            bInheritHandle: 1,
        };
        // SAFETY: as above; the attributes are valid for the call.
        let servers = unsafe {
            owned(CreateFileW(
                name.as_ptr(),
                servers_access,
                0,
                &inheritable,
                OPEN_EXISTING,
                0,
                ptr::null_mut(),
            ))?
        };
        Ok(Pipe { ours, servers })
    }
}

/// # Safety
/// What a call that makes a handle has just returned.
unsafe fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}
