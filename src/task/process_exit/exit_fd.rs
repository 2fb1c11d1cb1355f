//! Descriptors that are readable once a process has exited.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// A descriptor that is readable once process `pid` has exited, with a zombie at once. `ESRCH` if there is no such
/// process, or on systems with kqueue, if it is a zombie already; `ENOSYS` if the system has no such descriptors.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn exit_fd(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: plain system call.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    match libc::c_int::try_from(fd) {
        // SAFETY: a new fd, which nobody else owns.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// As above: a kqueue of which the exit is the only event, and which nobody empties.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub(crate) fn exit_fd(pid: libc::pid_t) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    use std::ptr;

    // SAFETY: plain system call.
    let fd = unsafe { libc::kqueue() };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new fd, which nobody else owns.
    let queue = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all zeros are a value of this type.
    let mut exit: libc::kevent = unsafe { std::mem::zeroed() };
    exit.ident = pid as _;
    exit.filter = libc::EVFILT_PROC as _;
    exit.flags = libc::EV_ADD as _;
    exit.fflags = libc::NOTE_EXIT;
    // SAFETY: plain system calls; the one event is only read.
    let failed = unsafe {
        libc::fcntl(queue.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) < 0
            || libc::kevent(queue.as_raw_fd(), &exit, 1, ptr::null_mut(), 0, ptr::null()) < 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(queue) }
}

/// As above: a system that has none.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
pub(crate) fn exit_fd(_: libc::pid_t) -> io::Result<OwnedFd> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}
