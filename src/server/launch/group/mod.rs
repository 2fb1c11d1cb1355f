//! Launching servers where there is no guardian: each leads a process group, guarded by a thread.

mod birth;
mod guard;
mod process_group;
mod spawn;

use std::os::fd::OwnedFd;
use std::{io, thread};

use super::guarded;
use super::name::new_launch_name;
use super::{Launch, LaunchError, Launched, Leftover, ProcessIdentity};
use crate::poller::os_fd::set_nonblocking;
use guard::Guard;

pub(super) fn launch(launch: &Launch) -> Result<Launched, LaunchError> {
    let failed = |source| LaunchError::os(format!("starting {}", launch.name), source);
    let name = new_launch_name();
    let (guarded, reporter) = guarded::pair().map_err(failed)?;
    let (servers_stdin, stdin) = io::pipe().map_err(failed)?;
    let (stdout, servers_stdout) = io::pipe().map_err(failed)?;
    let (stderr, servers_stderr) = io::pipe().map_err(failed)?;
    let (stdin, stdout, stderr) = (OwnedFd::from(stdin), OwnedFd::from(stdout), OwnedFd::from(stderr));
    for fd in [&stdin, &stdout, &stderr] {
        set_nonblocking(fd).map_err(failed)?;
    }
    match spawn::spawn(launch, &name, servers_stdin, servers_stdout, servers_stderr) {
        Err(why) => reporter.could_not_run(why),
        Ok(child) => {
            // From here on a failure ends the process, too, by dropping its guard.
            let guard = Guard::new(child, reporter, launch.grace).map_err(failed)?;
            let identity = ProcessIdentity::unguarded(birth::identify(guard.pid()), name);
            let thread = thread::Builder::new().name(format!("mcp-guard {}", launch.name));
            thread.spawn(move || guard.watch(identity)).map_err(failed)?;
        }
    }
    Ok(Launched { stdin, stdout, stderr, process: Box::new(guarded) })
}

pub(super) fn end_leftover(identity: &ProcessIdentity) -> Leftover {
    process_group::end(identity.server)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
