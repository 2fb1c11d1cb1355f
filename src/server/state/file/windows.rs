use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use windows_sys::Win32::Foundation::ERROR_LOCK_VIOLATION;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_OPEN_REPARSE_POINT, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx,
    MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

/// A file that is locked for as long as this value and the process live: its first byte, which need not be there.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(file: File) -> io::Result<Lock> {
        let how = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
        let mut start = OVERLAPPED::default();
        // SAFETY: the file is open, and for operations that are waited for, so nothing is under way afterwards.
        if unsafe { LockFileEx(file.as_raw_handle(), how, 0, 1, 0, &mut start) } != 0 {
            return Ok(Lock(file));
        }
        match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(ERROR_LOCK_VIOLATION as i32) => {
                Err(ErrorKind::WouldBlock.into())
            }
            error => Err(error),
        }
    }
}

impl Drop for Lock {
    /// To close it is not enough: the system may take its time then.
    fn drop(&mut self) {
        let mut start = OVERLAPPED::default();
        // SAFETY: as above.
        unsafe { UnlockFileEx(self.0.as_raw_handle(), 0, 1, 0, &mut start) };
    }
}

/// To be written, and not to be reached through a link that somebody has put there. Who may read it, the directory
/// says.
pub(super) fn private(options: &mut OpenOptions) -> &OpenOptions {
    options.write(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Puts the file `from` in the place of `to`; as soon as it is there it survives a power cut.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let wide = |path: &Path| path.as_os_str().encode_wide().chain([0]).collect::<Vec<_>>();
    let (from, to) = (wide(from), wide(to));
    // SAFETY: two texts that end with a zero.
    let done = unsafe {
        MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// There is nothing to do after `replace`.
pub(super) fn synchronize_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
