//! A fatal signal, as a handler gets it.

use std::fmt;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// Where the codes of signals begin that somebody sent, on macOS and FreeBSD; elsewhere these are not positive.
const SENT: i32 = 0x10001;

#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) signal: i32,
    pub(super) info: *mut libc::siginfo_t,
    pub(super) context: *mut libc::c_void,
}

impl Fault {
    /// Whether the thread itself met it, at an instruction that it would meet again; else somebody sent it.
    pub(super) fn is_synchronous(self) -> bool {
        // SAFETY: valid while the handler runs.
        self.signal != libc::SIGABRT
            && unsafe { self.info.as_ref() }.is_some_and(|info| (1..SENT).contains(&info.si_code))
    }
}

/// "signal 11 (SIGSEGV) at 0x0", "signal 6 (SIGABRT) sent by process 42".
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signal {} ({})", self.signal, name(self.signal))?;
        // SAFETY: valid while the handler runs; such a signal has an address, one that was sent a process.
        unsafe {
            match self.info.as_ref() {
                None => Ok(()),
                Some(info) if self.is_synchronous() => write!(f, " at {:#x}", info.si_addr() as usize),
                Some(info) => write!(f, " sent by process {}", info.si_pid()),
            }
        }
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGABRT => "SIGABRT",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        _ => "unknown",
    }
}

/// A fault that a nested handler can read.
pub(super) struct Noted {
    signal: AtomicI32,
    info: AtomicPtr<libc::siginfo_t>,
    context: AtomicPtr<libc::c_void>,
}

impl Noted {
    pub(super) const fn none() -> Noted {
        Noted {
            signal: AtomicI32::new(0),
            info: AtomicPtr::new(std::ptr::null_mut()),
            context: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    pub(super) fn set(&self, fault: Fault) {
        self.signal.store(fault.signal, Ordering::SeqCst);
        self.info.store(fault.info, Ordering::SeqCst);
        self.context.store(fault.context, Ordering::SeqCst);
    }

    pub(super) fn get(&self) -> Fault {
        Fault {
            signal: self.signal.load(Ordering::SeqCst),
            info: self.info.load(Ordering::SeqCst),
            context: self.context.load(Ordering::SeqCst),
        }
    }
}
