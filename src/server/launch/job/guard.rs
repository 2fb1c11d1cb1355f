//! The thread that guards a server: it carries the server's input and outputs, does to its job what is to be done,
//! and tells the manager what happens.

use std::io;
use std::os::windows::io::AsRawSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::HANDLE;

use super::job_object::Job;
use super::port::{Packet, Port};
use super::process::Child;
use super::relay::Relay;
use super::transfer::Transfer;
use crate::server::launch::ending::{Deed, Ending};
use crate::server::launch::guarded::Reporter;
use crate::server::launch::protocol::Command;
use crate::server::launch::{ProcessEvent, ProcessIdentity};
use crate::task::ExitWatch;

/// Whose news come to the port. The relays have the numbers of what they carry.
pub(super) const STDIN: usize = 0;
pub(super) const STDOUT: usize = 1;
pub(super) const STDERR: usize = 2;
pub(super) const JOB: usize = 3;
const EXIT: usize = 4;
const COMMANDS: usize = 5;

/// The system does not promise its news of a job. When all should have ended, the guard looks itself after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What guards one server.
pub(super) struct Guard {
    /// First, so that it is closed first: of a guard that gives up, nothing lives on.
    job: Job,
    child: Child,
    _exit_watch: ExitWatch,
    relays: [Relay; 3],
    commands: Transfer,
    reporter: Reporter,
    port: Arc<Port>,
    ending: Ending,
    stage: Stage,
}

/// What the manager knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// The server's process has ended.
    Exited,
    /// All have.
    Gone,
}

impl Guard {
    pub(super) fn new(
        port: Arc<Port>,
        job: Job,
        child: Child,
        relays: [Relay; 3],
        reporter: Reporter,
        grace: Duration,
    ) -> io::Result<Guard> {
        port.attach(control(&reporter), COMMANDS)?;
        let told = port.clone();
        let exit_watch = ExitWatch::new(child.handle()?, move || told.post(EXIT))?;
        let (commands, ending, stage) = (Transfer::new(1), Ending::new(grace), Stage::Running);
        Ok(Guard { job, child, _exit_watch: exit_watch, relays, commands, reporter, port, ending, stage })
    }

    /// Until the end of the server, and of all that it started.
    pub(super) fn watch(mut self, identity: ProcessIdentity) {
        let name = identity.launch.clone();
        self.reporter.tell(ProcessEvent::Started(identity));
        self.relays.iter_mut().for_each(Relay::start);
        self.read_command();
        if let Err(error) = self.until_gone().and_then(|()| self.finish()) {
            // The job is closed, and the connection with it.
            tracing::error!(launch = name, %error, "a server cannot be guarded any more, and is ended");
        }
    }

    fn until_gone(&mut self) -> io::Result<()> {
        while self.stage != Stage::Gone {
            if let Some(packet) = self.port.next(self.timeout())? {
                self.hear(packet)?;
            }
            let deed = self.ending.proceed(Instant::now());
            self.carry_out(deed)?;
            self.report()?;
        }
        Ok(())
    }

    /// Carries what is left of the outputs, while there is somebody to read it; nothing is under way then.
    fn finish(&mut self) -> io::Result<()> {
        self.relays[STDIN].cancel();
        while !self.relays.iter().all(Relay::has_ended) {
            if !self.commands.is_under_way() {
                self.relays.iter_mut().for_each(Relay::cancel);
            }
            if let Some(packet) = self.port.next(None)? {
                self.hear(packet)?;
            }
        }
        if self.commands.is_under_way() {
            self.commands.cancel(control(&self.reporter));
        }
        while self.commands.is_under_way() {
            if let Some(Packet { key: COMMANDS, .. }) = self.port.next(None)? {
                self.commands.finished();
            }
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        let step = self.ending.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let look_again = (self.stage == Stage::Exited || self.ending.is_killing()).then_some(LOOK_AGAIN);
        step.into_iter().chain(look_again).min()
    }

    fn hear(&mut self, packet: Packet) -> io::Result<()> {
        match packet.key {
            STDIN | STDOUT | STDERR => self.relays[packet.key].finished(packet.moved),
            COMMANDS => self.obey(packet.moved)?,
            EXIT => {
                let deed = self.ending.exited(Instant::now());
                self.carry_out(deed)?;
            }
            // It only says that somebody has ended.
            _ => {}
        }
        Ok(())
    }

    /// What the manager has sent; nothing, or an error, when it is gone.
    fn obey(&mut self, moved: io::Result<usize>) -> io::Result<()> {
        self.commands.finished();
        if !moved.is_ok_and(|count| count > 0) {
            self.ending.abandon(Instant::now());
            return Ok(());
        }
        let command = Command::decode(self.commands.bytes());
        let deed = command.and_then(|command| self.ending.obey(command));
        self.carry_out(deed)?;
        self.read_command();
        Ok(())
    }

    fn read_command(&mut self) {
        if self.commands.read(control(&self.reporter)).is_err() {
            self.ending.abandon(Instant::now());
        }
    }

    fn carry_out(&mut self, deed: Option<Deed>) -> io::Result<()> {
        match deed {
            None => {}
            Some(Deed::Kill) => self.job.kill()?,
            Some(Deed::Ask) if self.job.is_empty()? => {}
            Some(Deed::Ask) => {
                // Who is not asked does not know, and is killed later.
                if let Err(error) = self.child.ask_group() {
                    tracing::debug!(pid = self.child.id().pid, %error, "a server cannot be asked to end");
                }
            }
        }
        Ok(())
    }

    /// Tells of the ends that were seen. That of the server comes after what it has said last, unless that is not
    /// taken.
    fn report(&mut self) -> io::Result<()> {
        let is_heard = self.relays[STDOUT].is_dry() && self.relays[STDERR].is_dry();
        if self.stage == Stage::Running
            && (is_heard || self.ending.is_killing())
            && let Some(status) = self.child.status()?
        {
            self.stage = Stage::Exited;
            self.reporter.tell(ProcessEvent::Exited(status));
        }
        if self.stage == Stage::Exited && self.job.is_empty()? {
            self.stage = Stage::Gone;
            self.reporter.tell(ProcessEvent::Gone);
        }
        Ok(())
    }
}

/// Where the commands come from.
fn control(reporter: &Reporter) -> HANDLE {
    reporter.connection().as_raw_socket() as HANDLE
}
