//! Waiting for a process to exit: by a descriptor that says so (a pidfd, a kqueue), by a thread of the system's on
//! Windows, and where there is neither, by a thread that waits for the child.

#[cfg(unix)]
mod exit_fd;
#[cfg(windows)]
mod exit_watch;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::{Child, ExitStatus};
use std::task::{Context, Poll, ready};

#[cfg(unix)]
pub(crate) use self::exit_fd::exit_fd;
#[cfg(all(windows, feature = "servers"))]
pub(crate) use self::exit_watch::ExitWatch;
use self::system::Source;
use crate::dispatcher::Handle;
use crate::error::Error;

/// A future that is done when a process has exited; made by [`Handle::process_exit`]. It does not reap it, and may
/// be awaited on any thread.
#[must_use = "a future does nothing unless it is awaited"]
pub struct ProcessExit(Source);

impl Future for ProcessExit {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(cx)
    }
}

impl fmt::Debug for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessExit").finish_non_exhaustive()
    }
}

/// A future of a child's status; made by [`Handle::child_exit`]. It reaps the child.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct ChildExit<'a> {
    child: &'a mut Child,
    /// `None` when it was reaped before.
    exit: Option<ProcessExit>,
}

impl Future for ChildExit<'_> {
    type Output = io::Result<ExitStatus>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        if let Some(exit) = &mut self.exit {
            ready!(Pin::new(exit).poll(cx))?;
            self.exit = None;
        }
        // It has exited: this does not block.
        Poll::Ready(self.child.wait())
    }
}

impl Handle {
    /// Waits for the process `pid` to exit; one that has exited and is not reaped counts. Without pidfds (Linux
    /// before 5.3), only for children of this process; and elsewhere but on Windows, one that has exited counts
    /// only if it is a child.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a number that is no pid; [`Error::Os`] when there is no such process, or too
    /// many fds.
    pub fn process_exit(&self, pid: u32) -> Result<ProcessExit, Error> {
        self.core().check_fork()?;
        Source::of(self, pid).map(ProcessExit)
    }

    /// Waits for `child` to exit, and gives its status; at once, if it was reaped by its own functions before.
    ///
    /// # Errors
    /// As for [`process_exit`](Handle::process_exit).
    pub fn child_exit<'a>(&self, child: &'a mut Child) -> Result<ChildExit<'a>, Error> {
        // Its pid may be another's, if it was reaped.
        let reaped = child.try_wait().map_err(|source| failed(child.id(), source))?.is_some();
        let exit = if reaped { None } else { Some(self.process_exit(child.id())?) };
        Ok(ChildExit { child, exit })
    }
}

fn failed(pid: u32, source: io::Error) -> Error {
    Error::os(format!("watching process {pid}"), source)
}
