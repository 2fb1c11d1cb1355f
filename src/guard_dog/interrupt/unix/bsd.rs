//! macOS and the BSDs: a signal to a thread carries nothing, so the thread looks for a slot that wants its stack. One
//! that comes too late goes on to whoever else handles the signal.

use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use super::slot::{Request, Slot, Writer};
use crate::thread_id;

/// Nothing that a handler may do wakes a waiting thread on all of these systems.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether this signal is a question, whose the answer is.
pub(super) fn asked<'a>(slots: &'a [Slot], _: &libc::siginfo_t) -> Option<Option<Writer<'a>>> {
    let thread = thread_id::ask();
    slots.iter().find_map(|slot| slot.begin(thread)).map(Some)
}

pub(super) fn send(thread: i32, signal_number: i32, _: &Slot) -> io::Result<()> {
    check(send_to(thread, signal_number))
}

#[cfg(target_vendor = "apple")]
fn send_to(thread: i32, signal_number: i32) -> i32 {
    // SAFETY: of a name that is no thread's any more, there is no thread; it is asked for in a list.
    unsafe {
        match libc::pthread_from_mach_thread_np(thread as libc::mach_port_t) {
            0 => libc::ESRCH,
            thread => libc::pthread_kill(thread, signal_number),
        }
    }
}

#[cfg(target_os = "freebsd")]
fn send_to(thread: i32, signal_number: i32) -> i32 {
    // SAFETY: plain system calls.
    unsafe { libc::thr_kill2(libc::getpid(), thread.into(), signal_number) }
}

#[cfg(target_os = "netbsd")]
fn send_to(thread: i32, signal_number: i32) -> i32 {
    unsafe extern "C" {
        fn _lwp_kill(thread: libc::lwpid_t, signal: libc::c_int) -> libc::c_int;
    }
    // SAFETY: plain system call.
    unsafe { _lwp_kill(thread, signal_number) }
}

#[cfg(target_os = "openbsd")]
fn send_to(thread: i32, signal_number: i32) -> i32 {
    unsafe extern "C" {
        fn thrkill(thread: libc::pid_t, signal: libc::c_int, control_block: *mut libc::c_void)
        -> libc::c_int;
    }
    // SAFETY: plain system call, of this process's threads alone.
    unsafe { thrkill(thread, signal_number, std::ptr::null_mut()) }
}

/// Of a system call, or of a function that returns its error.
fn check(result: i32) -> io::Result<()> {
    match result {
        0 => Ok(()),
        -1 => Err(io::Error::last_os_error()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Until the frames are there, or the time is over.
pub(super) fn wait(request: &Request<'_>) {
    let deadline = Instant::now() + super::LIMIT;
    while request.pending().is_some() && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}

pub(super) fn wake(_: *const u32) {}

/// What the system tells of a thread: nothing.
pub(super) struct Status;

impl Status {
    pub(super) fn of(_: i32) -> Status {
        Status
    }

    pub(super) fn blocks(&self, _: i32) -> bool {
        false
    }
}

impl fmt::Display for Status {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
