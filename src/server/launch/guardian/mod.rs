//! Launching servers on Linux: each under a guardian, a process that lets nothing of it outlive us.

mod image;
mod process;
mod remains;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::{Launch, LaunchError, Launched, Leftover, ProcessId, ProcessIdentity};
use crate::poller::os_fd::set_nonblocking;
use image::Image;
use process::Guardian;

pub(super) fn launch(launch: &Launch) -> Result<Launched, LaunchError> {
    let failed = |source| LaunchError::os(format!("starting the guardian of {}", launch.name), source);
    let _places = hold_first_descriptors().map_err(failed)?;
    let name = remains::new_launch_name().map_err(failed)?;
    let boot = remains::boot_id().map_err(failed)?;
    let (control, guardians_end) = socket_pair().map_err(failed)?;
    let mut child =
        image::run(|image| spawn(launch, &name, image, guardians_end.as_raw_fd())).map_err(failed)?;
    drop(guardians_end);

    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // It is not reaped, so the number is still its own.
    let guardian = remains::process_id(child.id());
    let no_server_yet = ProcessId { pid: 0, start: 0 };
    let unknown = ProcessId { pid: child.id(), start: 0 };
    let identity = ProcessIdentity {
        server: no_server_yet,
        guardian: *guardian.as_ref().unwrap_or(&unknown),
        boot,
        launch: name,
    };
    // From here on a failure ends the guardian, too, by dropping this.
    let process = Box::new(Guardian::new(launch.name.clone(), control, child, identity));
    guardian.map_err(failed)?;
    let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
        return Err(failed(io::Error::other("a pipe is missing")));
    };
    let (stdin, stdout, stderr) = (OwnedFd::from(stdin), OwnedFd::from(stdout), OwnedFd::from(stderr));
    for fd in [&stdin, &stdout, &stderr] {
        set_nonblocking(fd).map_err(failed)?;
    }
    Ok(Launched { stdin, stdout, stderr, process })
}

pub(super) fn end_leftover(identity: &ProcessIdentity) -> Leftover {
    remains::end(identity)
}

/// Whichever of the first three descriptors a host has closed, opened for a while, so that nothing which a child
/// needs under another number gets one of these.
fn hold_first_descriptors() -> io::Result<Vec<File>> {
    let mut held = Vec::new();
    loop {
        let file = File::open("/dev/null")?;
        if file.as_raw_fd() > 2 {
            return Ok(held);
        }
        held.push(file);
    }
}

/// A pair of sockets for packets.
fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: two numbers are written.
    let made = unsafe {
        libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr())
    };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and ours.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Starts the guardian, which starts the server.
fn spawn(launch: &Launch, name: &str, image: &Image, control: RawFd) -> io::Result<Child> {
    let mut command = Command::new(image.path());
    command
        .arg0(format!("mcp-guardian {}", launch.name))
        .arg(control.to_string())
        .arg(std::process::id().to_string())
        .arg(u64::try_from(launch.grace.as_millis()).unwrap_or(u64::MAX).to_string())
        .arg(&launch.command)
        .args(&launch.args)
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .env(remains::LAUNCH_VARIABLE, name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(directory) = &launch.cwd {
        command.current_dir(directory);
    }
    let prepare = move || {
        // A session of its own, out of reach of the terminal's signals; and its end of the socket.
        // SAFETY: plain system calls.
        if unsafe { libc::setsid() < 0 || libc::fcntl(control, libc::F_SETFD, 0) < 0 } {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes plain system calls only.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}
