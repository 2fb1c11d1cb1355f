//! Starting a server as a process of which nothing is ever left behind.
//!
//! A [`Launcher`] makes a [`Process`] out of a [`Launch`]; [`LocalLauncher`] makes one on this machine: on Linux under
//! a guardian (`guardian`), on Windows in a job (`job`), elsewhere in a process group (`group`). docs/no-orphans.md tells
//! what each holds.

mod check;
#[cfg(any(test, not(mcp_event_guardian)))]
mod connection;
#[cfg(any(test, not(mcp_event_guardian)))]
mod ending;
mod error;
#[cfg(all(unix, any(test, not(mcp_event_guardian))))]
mod group;
#[cfg(any(test, not(mcp_event_guardian)))]
mod guarded;
#[cfg(mcp_event_guardian)]
mod guardian;
mod identity;
#[cfg(windows)]
mod job;
mod local;
#[cfg(any(test, not(mcp_event_guardian)))]
mod name;
#[path = "../../../guardian/protocol.rs"]
mod protocol;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::poller::{BorrowedOsFd, OwnedOsFd};

pub use error::LaunchError;
pub use identity::{ProcessId, ProcessIdentity};
pub use local::LocalLauncher;

/// What to start.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// The server's name, for people: `ps` and the log show it.
    pub name: String,
    /// The program. Without a slash it is looked for in the `PATH` of the server's environment.
    pub command: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are added to the environment of this process, or replace those in it.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory; `None` for that of this process. A relative command is relative to it.
    pub cwd: Option<PathBuf>,
    /// The time between the steps when the server is left alone: from the end of its input to SIGTERM, and from
    /// SIGTERM to SIGKILL. In milliseconds, rounded down.
    pub grace: Duration,
}

impl Launch {
    /// A server without arguments, with the environment and the directory of this process, and a grace of two
    /// seconds.
    pub fn new(name: impl Into<String>, command: impl Into<OsString>) -> Launch {
        Launch {
            name: name.into(),
            command: command.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            grace: Duration::from_secs(2),
        }
    }
}

/// Without the values of the environment, which hold secrets.
impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Launch")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("args", &self.args)
            .field("env", &variables)
            .field("cwd", &self.cwd)
            .field("grace", &self.grace)
            .finish()
    }
}

/// Starts servers.
///
/// ```
/// use mcp_event::server::{Launch, Launcher, LocalLauncher, ProcessEvent};
/// use std::os::fd::AsRawFd;
///
/// let mut launch = Launch::new("example", "sh");
/// launch.args = vec!["-c".into(), "exit 3".into()];
/// let mut launched = LocalLauncher::new().launch(&launch)?;
/// let mut status = None;
/// loop {
///     match launched.process.next_event()? {
///         Some(ProcessEvent::Exited(exit)) => status = exit.code(),
///         Some(ProcessEvent::Gone) => break,
///         Some(_) => {}
///         None => {
///             // A program with a dispatcher has a file event do this.
///             let mut entry =
///                 libc::pollfd { fd: launched.process.event_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
///             unsafe { libc::poll(&mut entry, 1, -1) };
///         }
///     }
/// }
/// assert_eq!(status, Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Launcher: Send + Sync + 'static {
    /// Starts a server. That the command does not exist, or is no program, comes as
    /// [`ProcessEvent::ExecFailed`].
    ///
    /// # Errors
    /// See [`LaunchError`]. Nothing was started then.
    fn launch(&self, launch: &Launch) -> Result<Launched, LaunchError>;

    /// Ends what an earlier life of this program started and could not end, as `identity`, noted in that life,
    /// says. A process that only has the number of one of ours is not touched. Waits until all are gone, some
    /// milliseconds as a rule.
    fn end_leftover(&self, identity: &ProcessIdentity) -> Leftover;
}

/// A server that is being started: our ends of its input and outputs, non-blocking and closed on exec, and its
/// process.
pub struct Launched {
    /// Where it reads from. Closing it tells the server to end.
    pub stdin: OwnedOsFd,
    /// Where it writes its messages to.
    pub stdout: OwnedOsFd,
    /// Where it writes what is meant for people.
    pub stderr: OwnedOsFd,
    /// The process.
    pub process: Box<dyn Process>,
}

/// A server's process, with all its descendants.
///
/// Dropping it ends them: it does not wait, but nothing is left of them after twice the grace. The same happens
/// when this program ends, in whatever way. In a child that this program forked it is inert.
pub trait Process: Send {
    /// Readable when [`Process::next_event`] has something. Not to be watched after [`ProcessEvent::Gone`].
    fn event_fd(&self) -> BorrowedOsFd<'_>;

    /// What happened next; `None` if nothing has yet, and after [`ProcessEvent::Gone`]. Does not wait.
    ///
    /// # Errors
    /// What the system says; or this is a forked child.
    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>>;

    /// Asks the server and all its descendants to end: SIGTERM, on Windows Ctrl-Break. Nothing follows by itself; see
    /// [`Process::kill`]. Does nothing when they are gone.
    ///
    /// # Errors
    /// As [`Process::next_event`].
    fn terminate(&mut self) -> io::Result<()>;

    /// Ends the server and all its descendants: SIGKILL, until none is left. Does nothing when they are gone.
    ///
    /// # Errors
    /// As [`Process::next_event`].
    fn kill(&mut self) -> io::Result<()>;

    /// Who it is, to note for [`Launcher::end_leftover`]; `None` until it was started.
    fn identity(&self) -> Option<ProcessIdentity>;
}

/// What happens to a process: it is `Started` and has `Exited`, or `ExecFailed`; then it is `Gone`. `Exited` does
/// not come if the process's guardian was killed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessEvent {
    /// The program runs.
    Started(ProcessIdentity),
    /// It could not be run: not found, not executable, no program, ...
    ExecFailed(io::Error),
    /// The server's process has ended. What it started and left behind is being ended.
    Exited(ExitStatus),
    /// Neither it nor any descendant is left. The last event.
    Gone,
}

/// What became of a process of an earlier life.
#[derive(Debug)]
#[non_exhaustive]
pub enum Leftover {
    /// It was still there, or a descendant of it was; none is any more.
    Ended,
    /// Nothing was left of it.
    Gone,
    /// Nothing was left of it; one of its numbers belongs to another process now, which was left alone.
    NotOurs,
    /// It is still there, or that cannot be told, for this reason.
    Failed(io::Error),
}
