//! Signals: deaf to one, or killed by one.

use std::io;

/// After this many seconds a process that ends for nobody ends by itself, so that no test leaves it behind.
const SAFETY_NET_SECONDS: u32 = 120;

/// Ignores SIGTERM from now on. The process ends by itself in the end.
pub fn be_stubborn() {
    // SAFETY: plain system calls; nothing of ours runs in a handler.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
        libc::alarm(SAFETY_NET_SECONDS);
    }
}

/// Waits for a signal that kills.
pub fn wait_for_death() -> ! {
    loop {
        // SAFETY: plain system call.
        unsafe { libc::pause() };
    }
}

/// Sends `signal` to this process with the system's own reaction to it; returns if that is not to end it.
pub fn die_of(signal: i32) -> io::Result<()> {
    // SAFETY: plain system calls; the default reaction runs no code of ours.
    unsafe {
        // Refused for those that nobody can catch, whose reaction is the system's anyway.
        libc::signal(signal, libc::SIG_DFL);
        if libc::raise(signal) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
