//! What takes the place of signals: deaf to the console's, or killed by one of the C library's.

use std::{io, process, thread, time::Duration};

use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;

/// After this long a process that ends for nobody ends by itself, so that no test leaves it behind.
const SAFETY_NET: Duration = Duration::from_secs(120);

unsafe extern "system" fn ignore(_: u32) -> i32 {
    1
}

/// Ignores Ctrl-C and Ctrl-Break from now on. The process ends by itself in the end.
pub fn be_stubborn() {
    // SAFETY: the handler runs no code of ours.
    unsafe { SetConsoleCtrlHandler(Some(ignore), 1) };
    thread::spawn(|| {
        thread::sleep(SAFETY_NET);
        process::exit(1);
    });
}

/// Waits to be killed.
pub fn wait_for_death() -> ! {
    loop {
        thread::park();
    }
}

/// Raises `signal` with the C library's own reaction to it; returns if that is not to end the process.
pub fn die_of(signal: i32) -> io::Result<()> {
    // SAFETY: plain calls; the default reaction runs no code of ours.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        if libc::raise(signal) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}
