//! A server that a thread of this process guards, as its manager sees it; and how that thread tells what happens.
//!
//! Between them is a connection. Manager to thread, each byte is a [`Command`]; thread to manager, each byte says
//! that one more event is in the channel. So what a loop watches is the connection, and what it carries needs no
//! encoding. Its end means that the other side is gone.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::connection::{Connection, borrowed, connected_pair};
use super::protocol::Command;
use super::{Process, ProcessEvent, ProcessIdentity};
use crate::poller::BorrowedOsFd;
use crate::sigpipe::SigpipeBlocked;

/// The manager's side.
pub(super) struct Guarded {
    connection: Connection,
    events: Receiver<ProcessEvent>,
    /// `None` until it was started.
    identity: Option<ProcessIdentity>,
    is_gone: bool,
    /// A forked child must leave it alone.
    manager: u32,
}

/// The guarding thread's side.
pub(super) struct Reporter {
    connection: Connection,
    events: Sender<ProcessEvent>,
}

/// Both sides.
pub(super) fn pair() -> io::Result<(Guarded, Reporter)> {
    let (ours, threads) = connected_pair()?;
    ours.set_nonblocking(true)?;
    let (sender, events) = channel();
    let guarded =
        Guarded { connection: ours, events, identity: None, is_gone: false, manager: std::process::id() };
    Ok((guarded, Reporter { connection: threads, events: sender }))
}

impl Reporter {
    /// Tells the manager, if it is there still.
    pub(super) fn tell(&self, event: ProcessEvent) {
        if self.events.send(event).is_ok() {
            write_byte(&self.connection, 0);
        }
    }

    /// Tells that nothing runs, for this reason.
    pub(super) fn could_not_run(self, why: io::Error) {
        self.tell(ProcessEvent::ExecFailed(why));
        self.tell(ProcessEvent::Gone);
    }

    /// Where the commands come from.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// One byte, which is lost if nobody is there to read it.
fn write_byte(mut connection: &Connection, byte: u8) {
    let sigpipe = SigpipeBlocked::new();
    while let Err(error) = connection.write(&[byte]) {
        if error.kind() != ErrorKind::Interrupted {
            return sigpipe.take_back();
        }
    }
}

impl Guarded {
    fn check_fork(&self) -> io::Result<()> {
        if std::process::id() == self.manager {
            return Ok(());
        }
        Err(io::Error::other("the server belongs to the parent process"))
    }

    fn send(&self, command: Command) -> io::Result<()> {
        self.check_fork()?;
        // If nobody reads it, all has ended, as the next event will tell.
        if !self.is_gone {
            write_byte(&self.connection, command as u8);
        }
        Ok(())
    }

    /// The next event that a byte was sent for.
    fn take(&mut self) -> ProcessEvent {
        // Nothing follows if the thread has ended before its time, by a panic: with it, all that it guarded.
        let event = self.events.try_recv().unwrap_or(ProcessEvent::Gone);
        match &event {
            ProcessEvent::Started(identity) => self.identity = Some(identity.clone()),
            ProcessEvent::Gone => self.is_gone = true,
            ProcessEvent::ExecFailed(_) | ProcessEvent::Exited(_) => {}
        }
        event
    }
}

impl Process for Guarded {
    fn event_fd(&self) -> BorrowedOsFd<'_> {
        borrowed(&self.connection)
    }

    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>> {
        self.check_fork()?;
        if self.is_gone {
            return Ok(None);
        }
        loop {
            return match self.connection.read(&mut [0]) {
                Ok(_) => Ok(Some(self.take())),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Some(self.take())),
                Err(error) => Err(error),
            };
        }
    }

    fn terminate(&mut self) -> io::Result<()> {
        self.send(Command::Terminate)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.send(Command::Kill)
    }

    fn identity(&self) -> Option<ProcessIdentity> {
        self.identity.clone()
    }
}
