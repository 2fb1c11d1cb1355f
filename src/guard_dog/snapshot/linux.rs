//! What the tracked objects of another thread's loop say of themselves.
//!
//! Only their own thread knows that they are there and not half changed; and that one is stuck. So a child process
//! describes them: a copy of this process at one moment, in which the thread of the guard dog is the only one. The
//! stack is held still until the copy is made, so no object is gone; one that was being changed may be nonsense,
//! which can crash or hang the child, and it alone. The child has little time, and its end harms nobody.
//!
//! The child is made by the bare system call. `fork()` would run the program's own `pthread_atfork` handlers here and
//! wait for the locks of the allocator, any of which the stuck thread may hold: then the guard dog would be stuck as
//! well, and with it all who allocate. The other way round, a lock that another thread holds at that moment stays
//! locked in the child; if a description needs it, it runs out of time. The parent gets no SIGCHLD.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::dispatcher::tracked::{Frozen, TrackedStack};
use crate::error::Error;
use crate::guard_dog::signals_blocked::SignalsBlocked;

/// How long the descriptions may take, all together.
const LIMIT: Duration = Duration::from_secs(2);
/// And how long they may be, in bytes.
const ROOM: usize = 64 * 1024;

/// Describes all objects on the stack, innermost first; empty, if there are none. If the child does not come to an
/// end, what it said until then, and why it said no more.
pub(in crate::guard_dog) fn describe(stack: &TrackedStack) -> Result<String, Error> {
    let frozen = stack.freeze();
    if frozen.is_empty() {
        return Ok(String::new());
    }
    let (reader, writer) =
        io::pipe().map_err(|source| Error::os("making a pipe for the tracked objects", source))?;
    let blocked = SignalsBlocked::new();
    let child = fork(&frozen, writer.as_raw_fd())
        .map_err(|source| Error::os("making a process that describes the tracked objects", source))?;
    drop((frozen, blocked, writer));
    let mut bytes = Vec::new();
    let trouble = listen(OwnedFd::from(reader).into(), &child, &mut bytes);
    let end = child.end(if trouble.is_some() { Duration::ZERO } else { LIMIT });
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if let Some(trouble) = trouble.or(end) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text += &format!("({trouble})\n");
    }
    Ok(text)
}

/// The process that describes, by its pidfd.
struct Child(OwnedFd);

/// Makes it; returns in the parent only.
fn fork(frozen: &Frozen<'_>, out: i32) -> io::Result<Child> {
    let mut pidfd = -1_i32;
    // SAFETY: like `fork`, but with no signal at its end; the child calls `in_child` alone. The kernel writes the
    // pidfd before it returns.
    match unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_PIDFD, 0, &raw mut pidfd, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => in_child(frozen, out),
        // SAFETY: a new descriptor, which is ours.
        _ => Ok(Child(unsafe { OwnedFd::from_raw_fd(pidfd) })),
    }
}

/// Signals are blocked here, so those of faults end it at once, without the program's handlers.
fn in_child(frozen: &Frozen<'_>, out: i32) -> ! {
    // SAFETY: plain system calls. It is to end with its parent, leave no core file, and `abort()` unblocks its
    // signal.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
    }
    // SAFETY: this thread is the only one of this process.
    unsafe { frozen.dump(&mut Pipe(out)) };
    // SAFETY: what the program does at its exit is not for a copy of it.
    unsafe { libc::_exit(0) }
}

/// The writing end, without a buffer.
struct Pipe(i32);

impl fmt::Write for Pipe {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // SAFETY: the bytes are as many as said. The pipe has nobody to wait for but the parent.
            match unsafe { libc::write(self.0, rest.as_ptr().cast(), rest.len()) } {
                written if written > 0 => rest = &rest[written as usize..],
                _ => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}

/// Reads what the child says until it ends. Why it was not heard to the end.
fn listen(mut from: File, child: &Child, bytes: &mut Vec<u8>) -> Option<String> {
    let deadline = Instant::now() + LIMIT;
    // SAFETY: plain system call.
    unsafe { libc::fcntl(from.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let mut has_ended = false;
    loop {
        let mut chunk = [0; 4096];
        match from.read(&mut chunk) {
            // A process that was forked meanwhile may hold the other end open.
            Ok(0) => return None,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !has_ended => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Some(format!("the description did not end within {LIMIT:?}"));
                }
                has_ended = wait(from.as_raw_fd(), child, left);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        if bytes.len() > ROOM {
            bytes.truncate(ROOM);
            return Some(format!("and more than {ROOM} bytes"));
        }
    }
}

/// Waits for more to read, or the child's end, which is returned.
fn wait(from: i32, child: &Child, left: Duration) -> bool {
    let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut entries = [entry(from), entry(child.0.as_raw_fd())];
    // SAFETY: two entries, valid for the call.
    unsafe { libc::poll(entries.as_mut_ptr(), 2, left.as_millis() as i32 + 1) };
    entries[1].revents != 0
}

impl Child {
    /// Makes sure that it is gone, and kills it if it is not within `patience`. How it ended, if that was its own
    /// fault.
    fn end(self, patience: Duration) -> Option<String> {
        let fd = self.0.as_raw_fd();
        let is_over = {
            let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, valid for the call.
            unsafe { libc::poll(&mut entry, 1, patience.as_millis() as i32) == 1 }
        };
        if !is_over {
            // SAFETY: no information goes with it.
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, 0, 0) };
        }
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        loop {
            // SAFETY: `info` is valid for writing. The child sends no signal at its end, which is what __WALL is for.
            let reaped = unsafe {
                libc::waitid(libc::P_PIDFD, fd as libc::id_t, info.as_mut_ptr(), libc::WEXITED | libc::__WALL)
            };
            if reaped == 0 {
                break;
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return None;
            }
        }
        // SAFETY: written by the call; all-zero before.
        let (code, status) = unsafe { (info.assume_init_ref().si_code, info.assume_init_ref().si_status()) };
        let by_signal = code == libc::CLD_KILLED || code == libc::CLD_DUMPED;
        (by_signal && is_over).then(|| format!("the description ended by signal {status}"))
    }
}
