//! One overlapped operation at a time, with the memory that it needs.
//!
//! The system writes to the buffer and to the operation's record while it is under way. So they lie on the heap,
//! nothing touches them meanwhile, and they are freed only when the end of it was heard.

use std::io;
use std::mem;
use std::ops::Range;
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, HANDLE};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, OVERLAPPED};

/// A buffer, and perhaps an operation on it.
pub(super) struct Transfer {
    record: Box<OVERLAPPED>,
    buffer: Box<[u8]>,
    is_under_way: bool,
}

// SAFETY: the record is plain data, for the system.
unsafe impl Send for Transfer {}

/// When an operation that was begun has done what it can. Either way that is news for its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    AtOnce,
    Later,
}

impl Transfer {
    /// With room for so many bytes.
    pub(super) fn new(size: usize) -> Transfer {
        Transfer { record: Box::default(), buffer: vec![0; size].into_boxed_slice(), is_under_way: false }
    }

    /// Begins to read into the buffer.
    pub(super) fn read(&mut self, from: HANDLE) -> io::Result<Done> {
        self.begin(|buffer, record| {
            // SAFETY: both stay until the end of the operation was heard.
            unsafe { ReadFile(from, buffer.as_mut_ptr(), buffer.len() as u32, ptr::null_mut(), record) }
        })
    }

    /// Begins to write a part of the buffer.
    pub(super) fn write(&mut self, to: HANDLE, part: Range<usize>) -> io::Result<Done> {
        self.begin(|buffer, record| {
            let part = &buffer[part];
            // SAFETY: as above.
            unsafe { WriteFile(to, part.as_ptr(), part.len() as u32, ptr::null_mut(), record) }
        })
    }

    fn begin(&mut self, call: impl FnOnce(&mut [u8], *mut OVERLAPPED) -> i32) -> io::Result<Done> {
        assert!(!self.is_under_way, "one operation at a time");
        *self.record = OVERLAPPED::default();
        let done = match call(&mut self.buffer, &mut *self.record) {
            0 => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(ERROR_IO_PENDING as i32) => Done::Later,
                error => return Err(error),
            },
            _ => Done::AtOnce,
        };
        self.is_under_way = true;
        Ok(done)
    }

    /// The end of the operation was heard.
    pub(super) fn finished(&mut self) {
        self.is_under_way = false;
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// Has the operation on `handle` end soon, which is still to be heard.
    pub(super) fn cancel(&self, handle: HANDLE) {
        // It fails when the operation has just ended.
        // SAFETY: the record is that of the operation.
        unsafe { CancelIoEx(handle, &*self.record) };
    }

    /// What was read; nothing is under way.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.is_under_way {
            // Whoever gave up before the end leaves the memory to the system.
            mem::forget((mem::take(&mut self.record), mem::take(&mut self.buffer)));
        }
    }
}
