//! Children that a careless server leaves behind: deaf to SIGTERM, without stdin, stdout and stderr.

use std::{
    fs::File,
    io::{self, PipeWriter, Read},
    os::fd::AsRawFd,
};

use super::signals;

/// Forks a child, in a session of its own or in this process's group, and returns its pid once it is deaf.
/// No other thread may run yet.
pub fn leave_one(own_session: bool) -> io::Result<i32> {
    // Closed by the child when it is set up.
    let (mut set_up, setting_up) = io::pipe()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    // SAFETY: this is the only thread, so the child may do what it likes; it never returns.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => linger(own_session, &null, setting_up),
        pid => {
            drop(setting_up);
            set_up.read_to_end(&mut Vec::new())?;
            Ok(pid)
        }
    }
}

fn linger(own_session: bool, null: &File, setting_up: PipeWriter) -> ! {
    signals::be_stubborn();
    // SAFETY: plain system calls on descriptors that are open.
    unsafe {
        if own_session {
            libc::setsid();
        }
        for fd in 0..=2 {
            libc::dup2(null.as_raw_fd(), fd);
        }
    }
    drop(setting_up);
    signals::wait_for_death()
}
