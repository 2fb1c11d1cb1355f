//! Starting a server's process, the leader of a session and a group of its own.

use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use crate::server::launch::Launch;
use crate::server::launch::name::LAUNCH_VARIABLE;

/// Starts what `launch` says, with these ends of its pipes, which are closed here.
pub(super) fn spawn(
    launch: &Launch,
    name: &str,
    stdin: PipeReader,
    stdout: PipeWriter,
    stderr: PipeWriter,
) -> io::Result<Child> {
    let mut command = Command::new(&launch.command);
    command
        .args(&launch.args)
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .env(LAUNCH_VARIABLE, name)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    if let Some(directory) = &launch.cwd {
        command.current_dir(directory);
    }
    // SAFETY: plain system call.
    let most_files = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) };
    let most_files = most_files.clamp(256, MOST_FILES) as libc::c_int;
    let manager = std::process::id();
    // SAFETY: between fork and exec it makes plain system calls only.
    unsafe { command.pre_exec(move || prepare(manager, most_files)) };
    command.spawn()
}

/// Some systems allow so many open files that to look at each would take long.
const MOST_FILES: libc::c_long = 1 << 16;

/// Signals are numbered below this everywhere.
const SIGNALS: libc::c_int = 128;

/// Leaves behind what the manager has: its session, its descriptors, what it ignores.
fn prepare(manager: u32, most_files: libc::c_int) -> io::Result<()> {
    // SAFETY: plain system calls. What has no such descriptor or signal refuses, and nothing is done.
    unsafe {
        if libc::setsid() < 0 {
            return Err(io::Error::last_os_error());
        }
        for signal in 1..SIGNALS {
            libc::signal(signal, libc::SIG_DFL);
        }
        for fd in 3..most_files {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
    die_with_parent(manager)
}

/// The server's process gets SIGKILL when the manager ends, however that comes about.
#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
fn die_with_parent(manager: u32) -> io::Result<()> {
    let mut signal = libc::SIGKILL;
    // SAFETY: the command reads a signal's number. It fails on systems that do not know it.
    unsafe { libc::procctl(libc::P_PID, 0, libc::PROC_PDEATHSIG_CTL, (&raw mut signal).cast()) };
    // SAFETY: plain system call.
    if unsafe { libc::getppid() } as u32 == manager {
        return Ok(());
    }
    // It has ended before that.
    Err(io::Error::from_raw_os_error(libc::ESRCH))
}

/// The system has nothing for that.
#[cfg(not(any(target_os = "freebsd", target_os = "dragonfly")))]
fn die_with_parent(_: u32) -> io::Result<()> {
    Ok(())
}
