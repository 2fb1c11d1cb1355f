pub use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
pub use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use mcp_event::{AsOsFd, FileReady, OsFd};

/// Signals that are free to be used.
pub const SIGNAL: i32 = libc::SIGUSR1;
pub const OTHER_SIGNAL: i32 = libc::SIGUSR2;

/// A signal that no other caller gets, as far as there are so many.
pub fn own_signal() -> i32 {
    static NEXT: AtomicI32 = AtomicI32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    {
        assert!(libc::SIGRTMIN() + number <= libc::SIGRTMAX());
        libc::SIGRTMIN() + number
    }
    #[cfg(not(target_os = "linux"))]
    {
        use libc::*;
        const FREE: [i32; 13] = [
            SIGUSR1, SIGUSR2, SIGHUP, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGIO, SIGURG, SIGWINCH,
            SIGQUIT, SIGTERM,
        ];
        FREE[number as usize % FREE.len()]
    }
}

/// What the system says of a number that is nobody's.
pub const NOT_OPEN: i32 = libc::EBADF;

/// What can be watched.
pub trait Watchable {
    fn os_fd(&self) -> OsFd;
}

impl<T: AsOsFd> Watchable for T {
    fn os_fd(&self) -> OsFd {
        self.as_fd().as_raw_fd()
    }
}

/// The C library's, of this thread.
pub fn errno() -> &'static mut i32 {
    #[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as location;
    #[cfg(target_os = "linux")]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    use libc::__error as location;
    // SAFETY: the thread's own.
    unsafe { &mut *location() }
}

/// Whether it ended by `abort()`.
pub fn has_aborted(status: ExitStatus) -> bool {
    status.signal() == Some(libc::SIGABRT)
}

pub fn pipe() -> (PipeReader, PipeWriter) {
    std::io::pipe().unwrap()
}

pub fn socket_pair() -> (Socket, Socket) {
    Socket::pair().unwrap()
}

/// The same file under a number that is given to none that is watched. An event whose descriptor was closed under it
/// would else come to watch this end, if it got that number, and io_uring keeps open what it watches.
pub fn out_of_the_way<T: From<OwnedFd>>(end: impl Into<OwnedFd>) -> T {
    const AFAR: i32 = 200;
    let end = end.into();
    // SAFETY: plain system call.
    let number = unsafe { libc::fcntl(end.as_raw_fd(), libc::F_DUPFD_CLOEXEC, AFAR) };
    assert!(number >= AFAR, "{}", std::io::Error::last_os_error());
    // SAFETY: new, and nobody else's.
    unsafe { OwnedFd::from_raw_fd(number) }.into()
}

/// Whether `fd` is readable within `timeout`; `None` waits for ever.
pub fn is_readable(fd: OsFd, timeout: Option<Duration>) -> bool {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // Rounded up, or the last part of a millisecond would be spent in a busy loop.
    let milliseconds = timeout.map_or(-1, |timeout| timeout.as_micros().div_ceil(1000) as i32);
    // SAFETY: one entry, valid for the call.
    unsafe { libc::poll(&mut entry, 1, milliseconds) == 1 }
}

/// What the kernel says of `fd`, as an event with this mask is told it.
pub fn told(fd: OsFd, mask: FileReady) -> FileReady {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN | libc::POLLOUT | RDHUP, revents: 0 };
    // SAFETY: one entry, valid for the call.
    unsafe { libc::poll(&mut entry, 1, 0) };
    let has = |bits| entry.revents & bits != 0;
    let broken = has(libc::POLLERR | libc::POLLHUP);
    let ready = [
        (has(libc::POLLIN) || broken, FileReady::READ),
        (has(libc::POLLOUT) || broken, FileReady::WRITE),
        (has(RDHUP | libc::POLLHUP), FileReady::CLOSED),
        (has(libc::POLLERR), FileReady::ERROR),
    ];
    let ready = ready.into_iter().filter(|(is, _)| *is).fold(FileReady::NONE, |all, (_, bit)| all | bit);
    match ready & mask {
        FileReady::NONE if broken => mask & (FileReady::CLOSED | FileReady::ERROR),
        told => told,
    }
}

#[cfg(target_os = "linux")]
const RDHUP: libc::c_short = libc::POLLRDHUP;
/// Other systems have no word for it.
#[cfg(not(target_os = "linux"))]
const RDHUP: libc::c_short = 0;

/// Forks; `child` must succeed in the child.
#[track_caller]
pub fn in_forked_child(child: impl FnOnce()) {
    // SAFETY: the child runs `child` alone, and then ends without returning.
    match unsafe { libc::fork() } {
        0 => end_child(child),
        pid => assert_child_succeeded(pid),
    }
}

/// Runs `work` and ends the process, without the parent's clean-up.
pub fn end_child(work: impl FnOnce()) -> ! {
    // SAFETY: plain system calls.
    unsafe {
        // So that a child that hangs fails the test instead of hanging it.
        libc::alarm(30);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        libc::_exit(if result.is_ok() { 0 } else { 101 });
    }
}

#[track_caller]
pub fn assert_child_succeeded(pid: i32) {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert_eq!(
        (libc::WIFEXITED(status), libc::WEXITSTATUS(status)),
        (true, 0),
        "the child failed: {status:#x}"
    );
}
