//! A guardian, as its manager sees it: a child process, and a socket to it. See guardian/main.rs for the other
//! side.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::thread;

use super::remains;
use crate::server::launch::protocol::{Command, REPORT_SIZE, Report};
use crate::server::launch::{Process, ProcessEvent, ProcessId, ProcessIdentity};

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was reported yet.
    Starting,
    /// The server was started, or could not be.
    Decided,
    /// The guardian has ended and is reaped.
    Gone,
}

/// A guardian and what it guards.
pub(super) struct Guardian {
    /// Taken by the reaper at the end.
    link: Option<Link>,
    /// A forked child must leave it alone.
    manager: u32,
}

/// What is needed to see a guardian to its end.
struct Link {
    name: String,
    control: OwnedFd,
    child: Child,
    /// The server's part is zero until it was started.
    identity: ProcessIdentity,
    stage: Stage,
}

impl Guardian {
    /// `control` is our end of the socket; `identity` has no server yet.
    pub(super) fn new(name: String, control: OwnedFd, child: Child, identity: ProcessIdentity) -> Guardian {
        let link = Link { name, control, child, identity, stage: Stage::Starting };
        Guardian { link: Some(link), manager: std::process::id() }
    }

    fn link(&self) -> &Link {
        self.link.as_ref().expect("it is taken by drop() alone")
    }

    fn own_link(&mut self) -> io::Result<&mut Link> {
        if std::process::id() != self.manager {
            return Err(io::Error::other("the server belongs to the parent process"));
        }
        Ok(self.link.as_mut().expect("it is taken by drop() alone"))
    }
}

impl Process for Guardian {
    fn event_fd(&self) -> BorrowedFd<'_> {
        self.link().control.as_fd()
    }

    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>> {
        self.own_link()?.next_event()
    }

    fn terminate(&mut self) -> io::Result<()> {
        self.own_link()?.send(Command::Terminate)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.own_link()?.send(Command::Kill)
    }

    fn identity(&self) -> Option<ProcessIdentity> {
        let identity = &self.link().identity;
        (identity.server.pid != 0).then(|| identity.clone())
    }
}

/// The guardian ends the server, and a thread waits for that: a child must be reaped, and should the guardian be
/// killed meanwhile, somebody has to do its work.
impl Drop for Guardian {
    fn drop(&mut self) {
        let Some(link) = self.link.take().filter(|link| link.stage != Stage::Gone) else { return };
        if std::process::id() != self.manager {
            return;
        }
        let name = link.name.clone();
        link.say_good_bye();
        let reaper = thread::Builder::new().name("mcp-reaper".into()).spawn(move || link.see_to_the_end());
        if let Err(error) = reaper {
            tracing::warn!(server = name, %error, "no thread to wait for the end of the server's guardian");
        }
    }
}

impl Link {
    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>> {
        if self.stage == Stage::Gone {
            return Ok(None);
        }
        let mut packet = [0; REPORT_SIZE];
        let event = match self.receive(&mut packet)? {
            None => return Ok(None),
            Some(0) => self.lost(),
            Some(size) => match Report::decode(&packet[..size]) {
                Some(report) => self.event(report),
                None => return Err(io::Error::new(io::ErrorKind::InvalidData, "no report of a guardian")),
            },
        };
        Ok(Some(event))
    }

    fn event(&mut self, report: Report) -> ProcessEvent {
        match report {
            Report::Started { pid, start } => {
                self.stage = Stage::Decided;
                self.identity.server = ProcessId { pid: pid.unsigned_abs(), start };
                ProcessEvent::Started(self.identity.clone())
            }
            Report::ExecFailed { errno } => {
                self.stage = Stage::Decided;
                ProcessEvent::ExecFailed(io::Error::from_raw_os_error(errno))
            }
            Report::Exited { status } => ProcessEvent::Exited(ExitStatus::from_raw(status)),
            Report::AllGone => self.gone(),
        }
    }

    /// The guardian was killed. The server dies with it; what that started is for us to end.
    fn lost(&mut self) -> ProcessEvent {
        if self.stage == Stage::Starting {
            // The end is still there to be seen.
            self.stage = Stage::Decided;
            let why = "its guardian ended before it had started the server";
            return ProcessEvent::ExecFailed(io::Error::other(why));
        }
        tracing::warn!(server = self.name, "the server's guardian was killed");
        if let Err(error) = remains::kill(&self.identity) {
            tracing::warn!(server = self.name, %error, "processes of the server may be left");
        }
        self.gone()
    }

    /// Reaps the guardian, which does nothing any more but end.
    fn gone(&mut self) -> ProcessEvent {
        // It fails in a program that ignores SIGCHLD or reaps all children: then it is reaped already.
        let _ = self.child.wait();
        self.stage = Stage::Gone;
        ProcessEvent::Gone
    }

    /// A packet, without waiting; `None` if there is none, 0 when the guardian has closed.
    fn receive(&self, packet: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            // SAFETY: at most the packet is written.
            let size = unsafe {
                libc::recv(
                    self.control.as_raw_fd(),
                    packet.as_mut_ptr().cast(),
                    packet.len(),
                    libc::MSG_DONTWAIT,
                )
            };
            if size >= 0 {
                return Ok(Some(size as usize));
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Ok(None),
                // It was killed with a command unread.
                io::ErrorKind::ConnectionReset => return Ok(Some(0)),
                _ => return Err(error),
            }
        }
    }

    fn send(&self, command: Command) -> io::Result<()> {
        let byte = command as u8;
        loop {
            // SAFETY: one byte is read.
            let sent = unsafe {
                libc::send(
                    self.control.as_raw_fd(),
                    (&raw const byte).cast(),
                    1,
                    libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                )
            };
            if sent >= 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                // It has ended, as the next event will tell.
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => return Ok(()),
                _ => return Err(error),
            }
        }
    }

    /// No command will follow: to the guardian that is the end of its manager.
    fn say_good_bye(&self) {
        // It fails when the guardian has ended.
        // SAFETY: plain system call.
        unsafe { libc::shutdown(self.control.as_raw_fd(), libc::SHUT_WR) };
    }

    fn see_to_the_end(mut self) {
        while self.stage != Stage::Gone {
            match self.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => self.wait(),
                Err(error) => {
                    tracing::warn!(server = self.name, %error, "the end of the server's guardian goes unseen");
                    return;
                }
            }
        }
    }

    fn wait(&self) {
        let mut entry = libc::pollfd { fd: self.control.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, valid for the call. If it fails, the caller asks again.
        unsafe { libc::poll(&mut entry, 1, -1) };
    }
}
