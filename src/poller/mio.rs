//! The portable poller: kqueue on macOS and the BSDs, I/O completion ports on Windows, and on Linux a second opinion.
//!
//! mio tells once that something happened to an fd, and in its own words. So its events are hints: how things stand is
//! asked of poll(2), `WSAPoll` on Windows, in one call for all that were hinted at. That gives exact bits on every
//! system, and a hint that is stale tells nobody anything.
//!
//! - *Edges* are the kernel's, where it has any.
//! - *Level* is there armed again, once told, before the callbacks run: the kernel looks anew when the loop comes back.
//!   So a registration costs one call an iteration while it is ready, and the poll fd tells the truth.
//! - Where the kernel has no edges, both are made from [`Told`].
//! - *Several registrations of one fd* have each a [`Source`] of their own, so the kernel keeps their states apart.
//!   Sources also notice that a number was closed and reused: its former registrations are then orphans, on whose
//!   behalf nothing is done any more, and who are told nothing.

use std::ffi::CStr;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use ::mio::{Events, Poll, Registry, Token};

use self::registrations::Registrations;
use super::{OsFd, Poller, Ready, Trigger, WaitError, Waker};
use crate::dispatcher::Nanos;

mod registrations;
#[cfg(test)]
mod tests;
mod told;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// The waker's token; no registration has it.
const WAKE: Token = Token(usize::MAX);
const BATCH: usize = 256;
const LARGEST_BATCH: usize = 16 * 1024;

pub(super) struct Mio {
    kernel: Registry,
    waker: Arc<Waker>,
    registrations: Mutex<Registrations>,
    /// Only `wait` uses it, which one thread at a time calls; the lock is never contended.
    waiting: Mutex<Waiting>,
}

struct Waiting {
    poll: Poll,
    events: Events,
    /// How many of them there is room for.
    batch: usize,
}

impl Mio {
    /// By its own name, or by that of what it is on this system.
    pub(super) fn is_named(name: &str) -> bool {
        name == "mio" || name.as_bytes() == system::NAME.to_bytes()
    }

    pub(super) fn new() -> io::Result<Mio> {
        let poll = Poll::new()?;
        Ok(Mio {
            kernel: poll.registry().try_clone()?,
            waker: Arc::new(system::waker(poll.registry())?),
            registrations: Mutex::new(Registrations::new(system::HAS_EDGES)),
            waiting: Mutex::new(Waiting { poll, events: Events::with_capacity(BATCH), batch: BATCH }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Registrations> {
        self.registrations.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Poller for Mio {
    fn name(&self) -> &'static CStr {
        system::NAME
    }

    fn register(&self, fd: OsFd, token: u64, trigger: Trigger) -> io::Result<()> {
        system::check(fd)?;
        self.lock().insert(fd, token, trigger);
        Ok(())
    }

    fn update(&self, token: u64, interest: &dyn Fn() -> u32, rearm: bool) -> io::Result<()> {
        let mut registrations = self.lock();
        registrations.update(&self.kernel, token, interest(), rearm)
    }

    fn deregister(&self, token: u64) {
        self.lock().delete(&self.kernel, token);
    }

    fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Waiting { poll, events, batch } = &mut *waiting;
        let is_any_ready = self.lock().renew(&self.kernel)?;
        match system::wait(poll, events, if is_any_ready { Some(0) } else { timeout }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            waited => waited?,
        }
        let mut registrations = self.lock();
        registrations.take_hints(events);
        registrations.look(&self.kernel, ready)?;
        // A full batch leaves the rest to the next poll; a larger one then saves system calls.
        if events.iter().count() >= *batch && *batch < LARGEST_BATCH {
            *batch *= 2;
            *events = Events::with_capacity(*batch);
        }
        Ok(())
    }

    fn wake(&self) {
        self.waker.wake();
    }

    fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    fn poll_fd(&self) -> io::Result<i32> {
        system::poll_fd(&self.kernel)
    }
}
