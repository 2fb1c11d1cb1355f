//! Processes by their numbers.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use crate::common::is_readable;
use crate::stage::LIMIT;

/// What a reason calls the number with which a process ended.
pub const EXIT: &str = "exit status";

/// Whether it is there, if only as a zombie.
pub fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

pub fn signal(pid: u32, number: i32) {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::kill(pid as i32, number) }, 0, "{}", io::Error::last_os_error());
}

/// Someone who sees the end of a process, whoever is its parent.
pub struct Witness(u32, OwnedFd);

impl Witness {
    #[track_caller]
    pub fn of(pid: u32) -> Witness {
        // SAFETY: plain system call.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        assert!(fd >= 0, "process {pid} is not there");
        // SAFETY: just made, and ours.
        Witness(pid, unsafe { OwnedFd::from_raw_fd(fd as i32) })
    }

    /// Waits for the end.
    #[track_caller]
    pub fn assert_gone(&self) {
        assert!(is_readable(self.1.as_raw_fd(), Some(LIMIT)), "process {} is left", self.0);
    }
}
