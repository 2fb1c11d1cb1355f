use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file that is locked for as long as this value and the process live.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(file: File) -> io::Result<Lock> {
        // SAFETY: only takes numbers; the descriptor is open.
        match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
            0 => Ok(Lock(file)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Lock {
    /// To close it is not enough: a child that is between its fork and its exec has the lock too.
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::flock(self.0.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// To be written, by nobody else to be read, and not to be reached through a link that somebody has put there.
pub(super) fn private(options: &mut OpenOptions) -> &OpenOptions {
    options.write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW)
}

/// Makes sure that a name which was changed in it survives a power cut.
pub(super) fn synchronize_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Puts the file `from` in the place of `to`.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}
