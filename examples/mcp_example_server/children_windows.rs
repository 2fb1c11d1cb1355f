//! Children that a careless server leaves behind: deaf to Ctrl-Break, without stdin, stdout and stderr.

use std::{
    env,
    io::{self, BufRead, BufReader},
    os::windows::process::CommandExt,
    process::{Command, Stdio},
};

use windows_sys::Win32::System::Threading::{CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS};

/// Starts a child, with neither our console nor our group or with both, and returns its pid once it is deaf.
pub fn leave_one(own_session: bool) -> io::Result<i32> {
    let flags = if own_session { CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS } else { 0 };
    let mut child = Command::new(env::current_exe()?)
        .args(["--name", "child", "--ignore-sigterm"])
        .creation_flags(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // It says last that it stays, since its stdin has ended.
    let says = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    BufReader::new(says).lines().map_while(Result::ok).find(|line| line.contains("stays"));
    Ok(child.id() as i32)
}
