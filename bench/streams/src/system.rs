//! The system calls of the benchmark.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub fn listen(fd: i32, backlog: i32) -> io::Result<()> {
    // SAFETY: plain system call.
    checked(unsafe { libc::listen(fd, backlog) }).map(drop)
}

pub fn reset_on_close(fd: i32) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of_val(&linger) as libc::socklen_t;
    // SAFETY: the option is valid for its length.
    let result = unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), length)
    };
    checked(result).map(drop)
}

pub fn end_with_parent() {
    // SAFETY: plain system call.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Puts whoever calls this on one processor, where each runs until it has nothing to do: what one finds ready does not
/// depend on how fast another was just then. A real-time priority that the caller was given stays, as by `chrt`, which
/// keeps other programs out of a run on a busy machine.
pub fn take_turns_on_one_cpu() {
    // SAFETY: plain system calls, on sets and parameters of our own.
    unsafe {
        let mut cpus: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut cpus);
        libc::sched_setaffinity(0, size_of_val(&cpus), &cpus);
        let no_priority = libc::sched_param { sched_priority: 0 };
        if libc::sched_getscheduler(0) == libc::SCHED_OTHER {
            libc::sched_setscheduler(0, libc::SCHED_BATCH, &no_priority);
        }
    }
}

/// Thousands of connections need more open files than a shell allows by default.
pub fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is valid for both calls.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
}

/// CPU time of the calling thread, the kernel's work for it included, in nanoseconds.
pub fn thread_cpu() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is valid for writing.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub struct Epoll(OwnedFd);

impl Epoll {
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: plain system call.
        let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: just made, and nobody else's.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub fn add(&self, fd: i32, events: i32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: data };
        // SAFETY: the event is valid for the call.
        let result = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        checked(result).map(drop)
    }

    pub fn wait<'a>(&self, ready: &'a mut [libc::epoll_event]) -> io::Result<&'a [libc::epoll_event]> {
        loop {
            // SAFETY: the events are valid for writing, for their count.
            let count =
                unsafe { libc::epoll_wait(self.0.as_raw_fd(), ready.as_mut_ptr(), ready.len() as i32, -1) };
            match checked(count) {
                Ok(count) => return Ok(&ready[..count as usize]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
