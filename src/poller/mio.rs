//! The portable poller: kqueue on macOS and the BSDs, I/O completion ports on Windows, and on Linux a second opinion.
//!
//! mio tells once that something happened to an fd, and in its own words. So its events are hints: how things stand is
//! asked of poll(2), `WSAPoll` on Windows, in one call for all that were hinted at. That gives exact bits on every
//! system, and a hint that is stale tells nobody anything.
//!
//! - *Level:* what is told is armed again before the callbacks run. The kernel looks anew when the loop comes back, so
//!   a registration costs one call an iteration while it is ready, and the poll fd tells the truth.
//! - *Edge:* the kernel's, where it has edges, else [`Told`].
//! - *Several registrations of one fd* have each a [`Source`] of their own, so the kernel keeps their states apart.
//!   Sources also notice that a number was closed and reused: its former registrations are then orphans, on whose
//!   behalf nothing is done any more, and who are told nothing.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use ::mio::event::Event;
use ::mio::{Events, Interest, Poll, Registry, Token};

use self::system::{Probe, Source};
use self::told::Told;
use super::{FileReady, OsFd, Poller, Raw, Ready, Trigger, WaitError, Waker, order};
use crate::dispatcher::Nanos;

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
    /// The system has no edges, so they are ours to find.
    emulates_edges: bool,
}

struct Waiting {
    poll: Poll,
    events: Events,
    batch: usize,
    /// The slots that the kernel hinted at.
    hinted: Vec<usize>,
    probe: Probe,
}

#[derive(Default)]
struct Registrations {
    slots: Vec<Option<Registration>>,
    /// By fd: the slots of those that have a source.
    by_fd: HashMap<OsFd, Vec<usize>>,
    /// How many have a source.
    watching: usize,
    created: u64,
}

struct Registration {
    fd: OsFd,
    token: u64,
    trigger: Trigger,
    /// What is watched; 0: nothing.
    interest: u32,
    /// What the kernel has of it: nothing if nothing is watched, or if it is an orphan.
    source: Option<Source>,
    /// What the kernel says, until it is looked into.
    hint: Option<Raw>,
    told: Told,
    created: u64,
}

fn slot(token: u64) -> usize {
    (token & u64::from(u32::MAX)) as usize
}

/// Where a pointer has 32 bits it is the slot alone; a stale one is then a hint at the wrong registration, which does
/// no harm.
fn kernel_token(token: u64) -> Token {
    Token(token as usize)
}

/// A peer that closes, and errors, show on what is watched for reading.
fn kernel_interest(interest: u32) -> Interest {
    let reads = FileReady::READ | FileReady::CLOSED | FileReady::ERROR;
    match (interest & reads.bits() != 0, interest & FileReady::WRITE.bits() != 0) {
        (true, true) => Interest::READABLE | Interest::WRITABLE,
        (false, true) => Interest::WRITABLE,
        (_, false) => Interest::READABLE,
    }
}

fn hint(event: &Event) -> Raw {
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    Raw(bit(event.is_readable(), Raw::IN) | bit(event.is_writable(), Raw::OUT) | system::faults(event).0)
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
            registrations: Mutex::default(),
            waiting: Mutex::new(Waiting {
                poll,
                events: Events::with_capacity(BATCH),
                batch: BATCH,
                hinted: Vec::new(),
                probe: Probe::default(),
            }),
            emulates_edges: !system::HAS_EDGES,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Registrations> {
        self.registrations.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Arms the edges whose readiness, once told, has passed.
    fn renew_edges(&self, probe: &mut Probe) -> io::Result<()> {
        let mut registrations = self.lock();
        let mut told: Vec<_> = registrations
            .slots
            .iter_mut()
            .flatten()
            .filter(|registration| registration.told.is_some())
            .collect();
        probe.ask(told.iter().map(|registration| &**registration))?;
        for (registration, now) in told.iter_mut().zip(probe.answers()) {
            if registration.told.forget_what_passed(now) {
                registration.arm(&self.kernel);
            }
        }
        Ok(())
    }
}

impl Registration {
    /// Has the kernel look at it anew.
    fn try_arm(&mut self, kernel: &Registry) -> io::Result<()> {
        let (token, interest) = (kernel_token(self.token), kernel_interest(self.interest));
        self.source.as_mut().map_or(Ok(()), |source| source.rearm(kernel, self.fd, token, interest))
    }

    /// As [`try_arm`](Self::try_arm); an fd that is closed has nothing more to report.
    fn arm(&mut self, kernel: &Registry) {
        let _ = self.try_arm(kernel);
    }

    /// Takes in how things stand after a hint; whether it is to be told.
    fn learn(&mut self, hint: Raw, now: Raw, emulates_edges: bool) -> bool {
        let news = match self.trigger {
            Trigger::Edge if emulates_edges => self.told.add(hint, now),
            _ => now,
        };
        news.delivered(self.interest) != 0
    }
}

impl Registrations {
    fn get(&mut self, token: u64) -> Option<&mut Registration> {
        self.slots.get_mut(slot(token))?.as_mut().filter(|registration| registration.token == token)
    }

    fn sources(&self, fd: OsFd) -> impl Iterator<Item = &Source> {
        let slots = self.by_fd.get(&fd).into_iter().flatten();
        slots.filter_map(|slot| self.slots[*slot].as_ref()?.source.as_ref())
    }

    /// Starts to watch.
    fn add(&mut self, kernel: &Registry, token: u64, interest: u32) -> io::Result<()> {
        let Some(registration) = self.get(token) else { return Ok(()) };
        let fd = registration.fd;
        let known = self.sources(fd).any(Source::holds_number);
        let source = Source::new(kernel, fd, kernel_token(token), kernel_interest(interest), known)?;
        if known && source.holds_number() {
            self.orphan(fd);
        }
        if let Some(number) = source.own_fd() {
            // It, too, may have got the number of an fd that was closed before its event.
            self.orphan(number);
        }
        if let Some(registration) = self.get(token) {
            registration.interest = interest;
            registration.source = Some(source);
            registration.told = Told::default();
        }
        self.by_fd.entry(fd).or_default().push(slot(token));
        self.watching += 1;
        Ok(())
    }

    /// The number was closed and has become another file's.
    fn orphan(&mut self, fd: OsFd) {
        for slot in self.by_fd.remove(&fd).unwrap_or_default() {
            self.watching -= 1;
            if let Some(registration) = &mut self.slots[slot] {
                registration.source = None;
            }
        }
    }

    /// Stops to watch. Whatever the kernel says, we are done with it.
    fn remove(&mut self, kernel: &Registry, token: u64) {
        let Some(registration) = self.get(token) else { return };
        registration.interest = 0;
        registration.told = Told::default();
        let fd = registration.fd;
        let Some(source) = registration.source.take() else { return };
        source.remove(kernel, fd);
        self.watching -= 1;
        if let Some(slots) = self.by_fd.get_mut(&fd) {
            slots.retain(|other| *other != slot(token));
            if slots.is_empty() {
                self.by_fd.remove(&fd);
            }
        }
    }

    /// Notes what the kernel hints at.
    fn take_hints(&mut self, events: &Events, hinted: &mut Vec<usize>) {
        hinted.clear();
        for event in events.iter().filter(|event| event.token() != WAKE) {
            let slot = slot(event.token().0 as u64);
            let Some(Some(registration)) = self.slots.get_mut(slot) else { continue };
            let Some(source) = &mut registration.source else { continue };
            if kernel_token(registration.token) != event.token() {
                continue;
            }
            let before = registration.hint.unwrap_or_else(|| {
                hinted.push(slot);
                Raw(0)
            });
            registration.hint = Some(Raw(before.0 | source.hint(event).0));
        }
    }

    /// Looks into the hints, and appends what is ready.
    fn look(
        &mut self,
        kernel: &Registry,
        waiting: &mut Waiting,
        emulates_edges: bool,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        let Waiting { hinted, probe, .. } = waiting;
        let first = ready.len();
        let asked = probe.ask(hinted.iter().filter_map(|slot| self.slots[*slot].as_ref()));
        for (slot, now) in hinted.iter().zip(probe.answers()) {
            let Some(registration) = &mut self.slots[*slot] else { continue };
            let hint = registration.hint.take().unwrap_or(Raw(0));
            if asked.is_err() {
                // Not lost: the kernel hints again.
                registration.arm(kernel);
                continue;
            }
            let now = Raw(now.0 | hint.0 & !(Raw::IN | Raw::OUT));
            let is_told = registration.learn(hint, now, emulates_edges);
            if is_told {
                ready.push(Ready { token: registration.token, raw: now });
            }
            // Ready in a way that nobody asked for, it would be reported for ever.
            if registration.trigger != Trigger::Edge && (is_told || now.0 == 0) {
                registration.arm(kernel);
            }
        }
        if self.watching > self.by_fd.len() {
            order::by_creation(&mut ready[first..], |token| {
                self.slots[slot(token)].as_ref().map(|registration| (registration.fd, registration.created))
            });
        }
        asked
    }
}

impl Poller for Mio {
    fn name(&self) -> &'static CStr {
        system::NAME
    }

    fn register(&self, fd: OsFd, token: u64, trigger: Trigger) -> io::Result<()> {
        system::check(fd)?;
        let mut registrations = self.lock();
        let slot = slot(token);
        if registrations.slots.len() <= slot {
            registrations.slots.resize_with(slot + 1, || None);
        }
        registrations.created += 1;
        let created = registrations.created;
        let (interest, source, hint, told) = (0, None, None, Told::default());
        registrations.slots[slot] =
            Some(Registration { fd, token, trigger, interest, source, hint, told, created });
        Ok(())
    }

    fn update(&self, token: u64, interest: &dyn Fn() -> u32, rearm: bool) -> io::Result<()> {
        let mut registrations = self.lock();
        let Some(registration) = registrations.get(token) else { return Ok(()) };
        let before = registration.interest;
        match interest() {
            0 => {
                registrations.remove(&self.kernel, token);
                Ok(())
            }
            after if before == 0 => registrations.add(&self.kernel, token, after),
            after if before != after || rearm => {
                registration.interest = after;
                registration.told = Told::default();
                registration.try_arm(&self.kernel).inspect_err(|_| registration.interest = before)
            }
            _ => Ok(()),
        }
    }

    fn deregister(&self, token: u64) {
        let mut registrations = self.lock();
        if registrations.get(token).is_some() {
            registrations.remove(&self.kernel, token);
            registrations.slots[slot(token)] = None;
        }
    }

    fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let waiting = &mut *waiting;
        if self.emulates_edges {
            self.renew_edges(&mut waiting.probe)?;
        }
        match system::wait(&mut waiting.poll, &mut waiting.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            waited => waited?,
        }
        if waiting.events.is_empty() {
            return Ok(());
        }
        let mut registrations = self.lock();
        registrations.take_hints(&waiting.events, &mut waiting.hinted);
        if !waiting.hinted.is_empty() {
            registrations.look(&self.kernel, waiting, self.emulates_edges, ready)?;
        }
        // A full batch leaves the rest to the next poll; a larger one then saves system calls.
        if waiting.events.iter().count() >= waiting.batch && waiting.batch < LARGEST_BATCH {
            waiting.batch *= 2;
            waiting.events = Events::with_capacity(waiting.batch);
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
