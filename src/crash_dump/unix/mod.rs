//! Crash dumps of Unix: in the handler of the fatal signal.

mod chain;
mod fault;
mod handler;
mod output;
mod report;
mod signal_stack;
mod thread;
mod turn;

pub(crate) use thread::{enter_loop, forget_other_threads};

use std::io;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::{Options, STDERR};
use crate::error::Error;

/// The signals that a crash dump can be written for, and is by default: SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL.
pub const SIGNALS: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGFPE, libc::SIGILL];

/// Checks them; the set of wanted signals.
fn check(options: &Options) -> Result<u32, Error> {
    if options.signals.is_empty() {
        return Err(Error::InvalidArgument("no signal is named to write a crash dump for".into()));
    }
    let mut wanted = 0;
    for signal in &options.signals {
        let Some(place) = place_of(*signal) else {
            return Err(Error::InvalidArgument(format!(
                "signal {signal} is none of SIGSEGV, SIGBUS, SIGABRT, SIGFPE and SIGILL"
            )));
        };
        wanted |= 1 << place;
    }
    // SAFETY: it only asks.
    let flags = unsafe { libc::fcntl(options.fd, libc::F_GETFL) };
    if flags == -1 {
        let source = io::Error::last_os_error();
        return Err(Error::os(format!("checking fd {} for crash dumps", options.fd), source));
    }
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        return Err(Error::InvalidArgument(format!("fd {} is open for reading only", options.fd)));
    }
    Ok(wanted)
}

fn place_of(signal: i32) -> Option<usize> {
    SIGNALS.iter().position(|known| *known == signal)
}

/// Where a dump is written to.
static FD: AtomicI32 = AtomicI32::new(STDERR);
/// The signals, by their place in [`SIGNALS`], for which one is written.
static WANTED: AtomicU32 = AtomicU32::new(0);

/// The signals whose handler is ours, or was until another library put its own on top.
static HELD: Mutex<u32> = Mutex::new(0);

fn held() -> MutexGuard<'static, u32> {
    HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn is_wanted(signal: i32) -> bool {
    place_of(signal).is_some_and(|place| WANTED.load(Ordering::SeqCst) & 1 << place != 0)
}

fn is_installed() -> bool {
    WANTED.load(Ordering::Relaxed) != 0
}

pub(super) fn install(options: &Options) -> Result<(), Error> {
    let wanted = check(options)?;
    crate::fork::watch();
    let mut held = held();
    for (place, signal) in SIGNALS.into_iter().enumerate() {
        if wanted & !*held & 1 << place != 0 {
            chain::install(place, signal)
                .map_err(|source| Error::os(format!("handling signal {signal}"), source))?;
            *held |= 1 << place;
        }
    }
    FD.store(options.fd, Ordering::SeqCst);
    WANTED.store(wanted, Ordering::SeqCst);
    release(&mut held, !wanted);
    Ok(())
}

pub(super) fn uninstall() {
    let mut held = held();
    WANTED.store(0, Ordering::SeqCst);
    release(&mut held, !0);
}

/// Lets go of those of `signals` whose handler is still ours.
fn release(held: &mut u32, signals: u32) {
    for (place, signal) in SIGNALS.into_iter().enumerate() {
        if *held & signals & 1 << place != 0 && chain::uninstall(place, signal) {
            *held &= !(1 << place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_refused(options: &Options, why: &str) {
        let refused = check(options).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        assert_refused(&Options::new().signals([]), "no signal");
        for signal in [0, -1, libc::SIGTERM, libc::SIGKILL, 65, i32::MAX] {
            assert_refused(&Options::new().signals([libc::SIGSEGV, signal]), "is none of SIGSEGV");
        }
        for fd in [-1, i32::MAX] {
            assert_refused(&Options::new().fd(fd), "Bad file descriptor");
        }
        let (reader, _writer) = std::io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
        assert_refused(&Options::new().fd(fd), "for reading only");
    }

    #[test]
    fn a_signal_that_is_named_twice_counts_once() {
        let options = Options::new().signals([libc::SIGABRT, libc::SIGABRT]);
        assert_eq!(check(&options).unwrap().count_ones(), 1);
        assert_eq!(check(&Options::new()).unwrap().count_ones(), 5);
    }
}
