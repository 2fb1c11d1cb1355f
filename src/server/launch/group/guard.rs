//! The thread that guards a server: it does to its group what is to be done, and tells the manager what happens.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Child;
use std::time::{Duration, Instant};

use super::process_group::{LOOK, ProcessGroup};
use crate::server::launch::ending::{Deed, Ending};
use crate::server::launch::guarded::Reporter;
use crate::server::launch::protocol::Command;
use crate::server::launch::{ProcessEvent, ProcessIdentity};
use crate::task::exit_fd;

/// What guards one server.
pub(super) struct Guard {
    child: Child,
    group: ProcessGroup,
    /// Readable when the server's process has ended; `None` when that is known.
    exit: Option<OwnedFd>,
    reporter: Reporter,
    /// The manager may send something.
    is_managed: bool,
    ending: Ending,
    is_gone: bool,
}

impl Guard {
    pub(super) fn new(child: Child, reporter: Reporter, grace: Duration) -> io::Result<Guard> {
        let group = ProcessGroup::of(child.id()).ok_or(ErrorKind::InvalidData)?;
        let ending = Ending::new(grace);
        let mut guard =
            Guard { child, group, exit: None, reporter, is_managed: true, ending, is_gone: false };
        match exit_fd(guard.pid() as libc::pid_t) {
            Ok(fd) => guard.exit = Some(fd),
            // It has ended already: some systems say so of a zombie.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(error) => return Err(error),
        }
        Ok(guard)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Until the end of the server, and of all that are left in its group.
    pub(super) fn watch(mut self, identity: ProcessIdentity) {
        self.reporter.tell(ProcessEvent::Started(identity));
        while self.exit.is_some() {
            self.wait(None);
        }
        let deed = self.ending.exited(Instant::now());
        // It is a zombie still, so the group is its own.
        self.carry_out(deed);
        // It fails in a program that ignores SIGCHLD or reaps all children: then nobody knows.
        if let Ok(status) = self.child.wait() {
            self.reporter.tell(ProcessEvent::Exited(status));
        }
        while !self.group.is_empty() {
            self.wait(Some(LOOK));
        }
        self.is_gone = true;
        self.reporter.tell(ProcessEvent::Gone);
    }

    /// Waits for what may happen next, so long at most, and does what is due.
    fn wait(&mut self, most: Option<Duration>) {
        let step = self.ending.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let commands = self.is_managed.then(|| self.reporter.connection().as_raw_fd());
        let exit = self.exit.as_ref().map(AsRawFd::as_raw_fd);
        let [has_commands, has_exited] = poll_readable([commands, exit], step.into_iter().chain(most).min());
        if has_exited {
            self.exit = None;
        }
        if has_commands {
            self.obey();
        }
        let deed = self.ending.proceed(Instant::now());
        self.carry_out(deed);
    }

    fn obey(&mut self) {
        let mut command = [0];
        let deed = match self.reporter.connection().read(&mut command) {
            Ok(1) => Command::decode(&command).and_then(|command| self.ending.obey(command)),
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            // The manager is gone.
            _ => {
                self.is_managed = false;
                self.ending.abandon(Instant::now());
                None
            }
        };
        self.carry_out(deed);
    }

    fn carry_out(&self, deed: Option<Deed>) {
        match deed {
            None => {}
            Some(Deed::Ask) => self.group.ask(),
            Some(Deed::Kill) => self.group.kill(),
        }
    }
}

/// One that gives up before the end leaves nobody behind.
impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_gone {
            self.group.kill();
            // It is dying.
            let _ = self.child.wait();
        }
    }
}

/// Waits until one of `fds` is readable or closed, or so long; which are. None, if that cannot be said: the caller
/// asks again.
fn poll_readable<const N: usize>(fds: [Option<libc::c_int>; N], timeout: Option<Duration>) -> [bool; N] {
    let mut entries = fds.map(|fd| libc::pollfd { fd: fd.unwrap_or(-1), events: libc::POLLIN, revents: 0 });
    // Rounded up, or the last part of a millisecond would be spent in a busy loop.
    let milliseconds = timeout.map_or(-1, |timeout| {
        libc::c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX)
    });
    // SAFETY: N entries, valid for the call.
    match unsafe { libc::poll(entries.as_mut_ptr(), N as libc::nfds_t, milliseconds) } {
        -1 => [false; N],
        _ => entries.map(|entry| entry.revents != 0),
    }
}
