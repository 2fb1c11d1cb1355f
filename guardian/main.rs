//! The guardian: a process between a manager and one server, which leaves nothing behind of that server.
//!
//! It starts the server, and as a *subreaper* becomes the parent of all its orphans, so that whatever the server
//! started stays among its descendants: launchers' children, daemons, what has a session of its own. It ends them
//! all when the manager asks for it, when the server has ended, and when the manager is gone, however that came
//! about. Should it be killed itself, the server dies with it, and the manager ends the rest.
//!
//! It is a small program of its own because it must outlive the manager's death by SIGKILL, and because a
//! subreaper would change what a host means by its children. No heap, no threads, no signal handlers: it waits in
//! `poll`, with all signals blocked.
//!
//! Arguments: the descriptor of the socket to the manager, the manager's process number, the grace between the
//! steps in milliseconds; then the server's command. Working directory, environment and the first three
//! descriptors are the server's.

#![no_std]
#![no_main]
#![deny(unsafe_op_in_unsafe_fn)]

mod family;
mod protocol;
mod server;
mod sys;
mod text;

use core::ffi::{CStr, c_char};
use core::str::FromStr;

use family::{Family, Stat};
use protocol::{Command, Report};
use sys::{Arguments, Fd};

/// Without a message: there is nobody to read it. The server dies with us.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    sys::exit(101)
}

/// # Safety
/// Called by the C library alone.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(_: i32, argv: *const *const c_char) -> i32 {
    // SAFETY: they are what it gives to `main`.
    let arguments = unsafe { Arguments::new(argv) };
    match Setup::read(arguments) {
        Some(setup) => guard(setup),
        // Started by hand.
        None => 2,
    }
}

/// What the manager's launcher asks for.
struct Setup {
    control: Fd,
    manager: i32,
    grace: u64,
    command: Arguments,
}

impl Setup {
    fn read(arguments: Arguments) -> Option<Setup> {
        let (_name, rest) = arguments.split_first()?;
        let (control, rest) = rest.split_first()?;
        let (manager, rest) = rest.split_first()?;
        let (grace, command) = rest.split_first()?;
        Some(Setup { control: number(control)?, manager: number(manager)?, grace: number(grace)?, command })
    }
}

fn number<T: FromStr>(text: &CStr) -> Option<T> {
    text.to_str().ok()?.parse().ok()
}

fn guard(setup: Setup) -> i32 {
    sys::block_signals();
    sys::set_name(c"mcp-guardian");
    sys::keep_only(setup.control);
    let manager = sys::watch_process(setup.manager);
    if sys::parent_pid() != setup.manager {
        return 0;
    }
    let tell = |report: Report| sys::send_packet(setup.control, &report.encode());
    let ready = sys::adopt_orphans().and_then(|()| sys::child_events()).and_then(|children| {
        let family = Family::new().ok_or(sys::ENOENT)?;
        Ok((children, family, server::start(setup.command)?))
    });
    let (children, family, server) = match ready {
        Ok(ready) => ready,
        Err(errno) => {
            tell(Report::ExecFailed { errno });
            tell(Report::AllGone);
            return 0;
        }
    };
    tell(Report::Started { pid: server, start: Stat::of(server).map_or(0, |stat| stat.start) });
    let guardian = Guardian {
        control: setup.control,
        commands: setup.control,
        manager,
        children,
        family,
        server,
        grace: setup.grace,
        step: Step::Serving,
        is_asked: false,
    };
    guardian.watch();
    tell(Report::AllGone);
    0
}

/// How far the end of the server has come. A deadline leads to the next step.
#[derive(Clone, Copy)]
enum Step {
    /// It is not to end.
    Serving,
    /// The manager is gone, so the server's input has ended, and the server may end by itself.
    Abandoned { deadline: u64 },
    /// All have got SIGTERM.
    Terminating { deadline: u64 },
    /// All get SIGKILL.
    Killing,
}

struct Guardian {
    /// The socket to the manager, for reports.
    control: Fd,
    /// The same, for commands; -1 when no more can come.
    commands: Fd,
    /// Readable when the manager has ended. It tells what the socket does not if a forked child of the manager
    /// keeps that open.
    manager: Fd,
    children: Fd,
    family: Family,
    server: i32,
    grace: u64,
    step: Step,
    /// All have got SIGTERM already; to some programs a second one means haste.
    is_asked: bool,
}

impl Guardian {
    /// Until no descendant is left.
    fn watch(mut self) {
        loop {
            let [command, end_of_manager, _] =
                sys::wait_readable([self.commands, self.manager, self.children], self.timeout());
            if !self.reap_all() {
                return;
            }
            if command {
                self.receive();
            }
            if end_of_manager {
                self.abandon();
            }
            if self.timeout() == 0 {
                self.next_step();
            }
        }
    }

    /// To the next deadline, in milliseconds; -1 if there is none.
    fn timeout(&self) -> i32 {
        match self.step {
            Step::Serving | Step::Killing => -1,
            Step::Abandoned { deadline } | Step::Terminating { deadline } => {
                deadline.saturating_sub(sys::now()).try_into().unwrap_or(i32::MAX)
            }
        }
    }

    fn deadline(&self) -> u64 {
        sys::now().saturating_add(self.grace)
    }

    /// Reaps whoever has ended; whether there are others.
    fn reap_all(&mut self) -> bool {
        // The descriptor is emptied first: who ends from now on makes it readable again.
        while sys::read_some(self.children, &mut [0; 128]).is_ok() {}
        let mut reaped = false;
        loop {
            match sys::reap() {
                Ok(Some((pid, status))) => {
                    reaped = true;
                    if pid == self.server {
                        sys::send_packet(self.control, &Report::Exited { status }.encode());
                        self.end_the_rest();
                    }
                }
                Ok(None) => break,
                Err(()) => return false,
            }
        }
        // What a process started before it died has just become our child. It is always its end that tells us.
        if reaped && matches!(self.step, Step::Killing) {
            self.kill();
        }
        true
    }

    fn receive(&mut self) {
        let mut packet = [0; 8];
        match sys::receive(self.commands, &mut packet) {
            None => {}
            Some([]) => self.abandon(),
            Some(packet) => match Command::decode(packet) {
                Some(Command::Terminate) => self.ask(),
                Some(Command::Kill) => self.kill(),
                None => {}
            },
        }
    }

    /// Nobody is there any more who could ask for anything.
    fn abandon(&mut self) {
        (self.commands, self.manager) = (-1, -1);
        if let Step::Serving = self.step {
            self.step = Step::Abandoned { deadline: self.deadline() };
        }
    }

    /// The server has ended, and what it started is to follow.
    fn end_the_rest(&mut self) {
        if let Step::Serving | Step::Abandoned { .. } = self.step {
            self.terminate();
        }
    }

    fn next_step(&mut self) {
        match self.step {
            Step::Abandoned { .. } => self.terminate(),
            Step::Terminating { .. } => self.kill(),
            Step::Serving | Step::Killing => {}
        }
    }

    fn terminate(&mut self) {
        self.step = Step::Terminating { deadline: self.deadline() };
        if !self.is_asked {
            self.ask();
        }
    }

    /// Who is stopped must go on to see it.
    fn ask(&mut self) {
        self.is_asked = true;
        self.family.signal(self.server, sys::SIGTERM);
        self.family.signal(self.server, sys::SIGCONT);
    }

    fn kill(&mut self) {
        self.step = Step::Killing;
        self.family.signal(self.server, sys::SIGKILL);
    }
}
