//! A process group: what a server started and that has not left it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::birth;
use crate::server::launch::{Leftover, ProcessId};

/// How often a group is looked at that is to end: its end is no event.
pub(super) const LOOK: Duration = Duration::from_millis(10);

/// How long a process may take to die of SIGKILL.
const DYING: Duration = Duration::from_secs(5);

/// The group that process `leader` leads. Its number is nobody else's while anybody is in it, if only as a zombie.
#[derive(Clone, Copy)]
pub(super) struct ProcessGroup(libc::pid_t);

impl ProcessGroup {
    /// `None` if that is no number of a process that could lead a group of ours.
    pub(super) fn of(leader: u32) -> Option<ProcessGroup> {
        libc::pid_t::try_from(leader).ok().filter(|&leader| leader > 1).map(ProcessGroup)
    }

    /// Asks all to end. Who is stopped must go on to see it.
    pub(super) fn ask(self) {
        self.send(libc::SIGTERM);
        self.send(libc::SIGCONT);
    }

    pub(super) fn kill(self) {
        self.send(libc::SIGKILL);
    }

    /// Whether nobody is in it.
    pub(super) fn is_empty(self) -> bool {
        self.send(0) == Some(libc::ESRCH)
    }

    /// Why it could not be sent to anybody.
    fn send(self, signal: libc::c_int) -> Option<i32> {
        // SAFETY: plain system call.
        if unsafe { libc::kill(-self.0, signal) } == 0 {
            return None;
        }
        io::Error::last_os_error().raw_os_error()
    }
}

/// Ends the group of a server of an earlier life of this program, and waits for that.
pub(super) fn end(server: ProcessId) -> Leftover {
    let failed = |kind, why| Leftover::Failed(io::Error::new(kind, why));
    let Some(group) = ProcessGroup::of(server.pid) else { return Leftover::Gone };
    match birth::identify(server.pid) {
        found if found.start == 0 && group.is_empty() => return Leftover::Gone,
        // Either the system does not tell when a process was started, or there is none, but a group that it led.
        found if found.start == 0 || server.start == 0 => {
            return failed(io::ErrorKind::Unsupported, "whose its group is cannot be told");
        }
        found if found != server => return Leftover::NotOurs,
        _ => {}
    }
    let deadline = Instant::now() + DYING;
    group.kill();
    while !group.is_empty() {
        if Instant::now() > deadline {
            return failed(io::ErrorKind::TimedOut, "a process does not die of SIGKILL");
        }
        thread::sleep(LOOK);
    }
    Leftover::Ended
}
