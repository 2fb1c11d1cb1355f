use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, thread};

use super::{exit_fd, failed};
use crate::dispatcher::Handle;
use crate::error::Error;
use crate::task::AsyncFd;
use crate::task::oneshot::{self, Receiver};

pub(super) enum Source {
    /// Readable once the process has exited.
    Fd(AsyncFd<OwnedFd>),
    /// Cancelled once it was awaited to its end.
    Thread(Receiver<()>),
}

impl Source {
    pub(super) fn of(dispatcher: &Handle, pid: u32) -> Result<Source, Error> {
        let number = match libc::pid_t::try_from(pid) {
            Ok(number) if number > 0 => number,
            _ => {
                let text = format!("{pid} is no pid: those are from 1 to {}", libc::pid_t::MAX);
                return Err(Error::InvalidArgument(text));
            }
        };
        match exit_fd(number) {
            Ok(fd) => Ok(Source::Fd(dispatcher.watch_readiness(fd)?)),
            Err(error) if is_for_the_parent(&error) => {
                wait_on_thread(number).map_err(|source| failed(pid, source))
            }
            Err(source) => Err(failed(pid, source)),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Source::Fd(fd) => fd.poll_read_ready(cx),
            Source::Thread(exited) => Pin::new(exited).poll(cx).map(|_exited| Ok(())),
        }
    }
}

/// Whether `waitid` may know more: an older system, a sandbox that knows only that, or a zombie where those are hidden
/// from kqueue.
fn is_for_the_parent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
        || (cfg!(not(target_os = "linux")) && error.raw_os_error() == Some(libc::ESRCH))
}

/// Waits for a child in a thread of its own, which lives as long as the child.
fn wait_on_thread(pid: libc::pid_t) -> io::Result<Source> {
    // Who is no child is told at once.
    wait_for_exit(pid, libc::WNOHANG)?;
    let (sender, exited) = oneshot::channel();
    let work = move || {
        // An error means that somebody reaped it: it has exited, too.
        let _ = wait_for_exit(pid, 0);
        // Nobody may wait any more.
        let _ = sender.send(());
    };
    thread::Builder::new().name(format!("exit of {pid}")).spawn(work)?;
    Ok(Source::Thread(exited))
}

/// Waits until the child has exited, and leaves it to be reaped.
fn wait_for_exit(pid: libc::pid_t, options: libc::c_int) -> io::Result<()> {
    loop {
        // SAFETY: all zeros are a value of this type.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOWAIT | options;
        // SAFETY: `info` is valid for writing.
        if unsafe { libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, options) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatcher::{Dispatcher, RunType};
    use crate::task::process_exit::ProcessExit;
    use std::process::{Command, Stdio};

    #[test]
    fn without_pidfds_a_thread_waits() {
        let dispatcher = Dispatcher::new("test").unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let exit = ProcessExit(wait_on_thread(child.id() as libc::pid_t).unwrap());
        let handle = dispatcher.handle();
        let mut task = dispatcher
            .spawn(async move {
                exit.await.unwrap();
                handle.exit();
            })
            .unwrap();
        dispatcher.run(RunType::NonBlock).unwrap();
        assert!(!task.is_finished());
        drop(child.stdin.take());
        dispatcher.run(RunType::Block).unwrap();
        task.wait().unwrap();
        assert!(child.wait().unwrap().success(), "reaped by somebody else");
    }

    #[test]
    fn without_pidfds_only_children_are_watched() {
        for pid in [1, std::process::id() as libc::pid_t, libc::pid_t::MAX] {
            assert_eq!(wait_on_thread(pid).err().unwrap().raw_os_error(), Some(libc::ECHILD));
        }
    }
}
