//! What is registered, and what is known of each of them.

use std::collections::HashMap;
use std::io;

use ::mio::event::Event;
use ::mio::{Events, Interest, Registry, Token};

use super::super::{FileReady, OsFd, Raw, Ready, Trigger, order};
use super::WAKE;
use super::system::{self, Probe, Source};
use super::told::Told;

pub(super) struct Registrations {
    /// Whether the kernel reports each edge, or readiness once.
    pub(super) has_edges: bool,
    slots: Vec<Option<Registration>>,
    /// By fd: the slots of those that have a source.
    by_fd: HashMap<OsFd, Vec<usize>>,
    /// How many have a source.
    watching: usize,
    created: u64,
    /// The slots to look into.
    hinted: Vec<usize>,
    probe: Probe,
}

pub(super) struct Registration {
    pub(super) fd: OsFd,
    token: u64,
    trigger: Trigger,
    /// What is watched; 0: nothing.
    pub(super) interest: u32,
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
pub(super) fn kernel_interest(interest: u32) -> Interest {
    let reads = FileReady::READ | FileReady::CLOSED | FileReady::ERROR;
    match (interest & reads.bits() != 0, interest & FileReady::WRITE.bits() != 0) {
        (true, true) => Interest::READABLE | Interest::WRITABLE,
        (false, true) => Interest::WRITABLE,
        (_, false) => Interest::READABLE,
    }
}

pub(super) fn hint(event: &Event) -> Raw {
    let bit = |is: bool, bit: u8| if is { bit } else { 0 };
    Raw(bit(event.is_readable(), Raw::IN) | bit(event.is_writable(), Raw::OUT) | system::faults(event).0)
}

impl Registration {
    /// Has the kernel look at it anew.
    fn try_arm(&mut self, kernel: &Registry) -> io::Result<()> {
        let (Some(source), to_come @ 1..) = (&mut self.source, self.told.to_come(self.interest)) else {
            return Ok(());
        };
        source.rearm(kernel, self.fd, kernel_token(self.token), kernel_interest(to_come))
    }

    /// As [`try_arm`](Self::try_arm); an fd that is closed has nothing more to report.
    fn arm(&mut self, kernel: &Registry) {
        let _ = self.try_arm(kernel);
    }

    /// Notes that the registration in this slot is to be looked into.
    fn take_hint(&mut self, hint: Raw, slot: usize, hinted: &mut Vec<usize>) {
        if self.hint.is_none() {
            hinted.push(slot);
        }
        self.hint = Some(Raw(self.hint.unwrap_or(Raw(0)).0 | hint.0));
    }
}

impl Registrations {
    pub(super) fn new(has_edges: bool) -> Registrations {
        Registrations {
            has_edges,
            slots: Vec::new(),
            by_fd: HashMap::new(),
            watching: 0,
            created: 0,
            hinted: Vec::new(),
            probe: Probe::default(),
        }
    }

    /// A registration that watches nothing yet.
    pub(super) fn insert(&mut self, fd: OsFd, token: u64, trigger: Trigger) {
        let slot = slot(token);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.created += 1;
        let (created, told) = (self.created, Told::default());
        self.slots[slot] =
            Some(Registration { fd, token, trigger, interest: 0, source: None, hint: None, told, created });
    }

    /// Watches what `interest` says; `rearm`: also if it did before.
    pub(super) fn update(
        &mut self,
        kernel: &Registry,
        token: u64,
        interest: u32,
        rearm: bool,
    ) -> io::Result<()> {
        let Some(registration) = self.get(token) else { return Ok(()) };
        match registration.interest {
            0 if interest == 0 => Ok(()),
            0 => self.add(kernel, token, interest),
            _ if interest == 0 => {
                self.remove(kernel, token);
                Ok(())
            }
            before if before != interest || rearm => {
                (registration.interest, registration.told) = (interest, Told::newly_armed());
                registration.try_arm(kernel).inspect_err(|_| registration.interest = before)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn delete(&mut self, kernel: &Registry, token: u64) {
        if self.get(token).is_some() {
            self.remove(kernel, token);
            self.slots[slot(token)] = None;
        }
    }

    pub(super) fn get(&mut self, token: u64) -> Option<&mut Registration> {
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
            registration.told = Told::newly_armed();
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

    /// Before a wait, where the kernel has no edges: hints at what was told and is to be told again, and arms the rest
    /// for what is to come. Whether there is anything to look into.
    pub(super) fn renew(&mut self, kernel: &Registry) -> io::Result<bool> {
        if self.has_edges {
            return Ok(false);
        }
        let told = |registration: &&mut Registration| registration.told.is_some();
        self.probe.ask(self.slots.iter_mut().flatten().filter(told).map(|registration| &*registration))?;
        let told = self.slots.iter_mut().enumerate().filter_map(|(slot, registration)| {
            registration.as_mut().filter(told).map(|registration| (slot, registration))
        });
        for ((slot, registration), now) in told.zip(self.probe.answers()) {
            if registration.told.renew(registration.trigger, registration.interest, now) {
                match registration.told.news(now).delivered(registration.interest) {
                    0 => registration.arm(kernel),
                    _ => registration.take_hint(Raw(0), slot, &mut self.hinted),
                }
            }
        }
        Ok(!self.hinted.is_empty())
    }

    /// Notes what the kernel hints at.
    pub(super) fn take_hints(&mut self, events: &Events) {
        for event in events.iter().filter(|event| event.token() != WAKE) {
            let slot = slot(event.token().0 as u64);
            let Some(Some(registration)) = self.slots.get_mut(slot) else { continue };
            let Some(source) = &mut registration.source else { continue };
            if kernel_token(registration.token) == event.token() {
                let hint = source.hint(event);
                registration.take_hint(hint, slot, &mut self.hinted);
            }
        }
        if !self.has_edges && self.is_any_shared() {
            self.hint_at_siblings();
        }
    }

    /// The kernel may report the registrations of one fd in different waits; they are told in one (F13).
    fn hint_at_siblings(&mut self) {
        let hinted_fds: Vec<_> =
            self.hinted.iter().filter_map(|slot| Some(self.slots[*slot].as_ref()?.fd)).collect();
        for slot in hinted_fds.iter().filter_map(|fd| self.by_fd.get(fd)).flatten() {
            if let Some(registration) = &mut self.slots[*slot] {
                registration.take_hint(Raw(0), *slot, &mut self.hinted);
            }
        }
    }

    /// Looks into the hints, and appends what is ready.
    pub(super) fn look(&mut self, kernel: &Registry, ready: &mut Vec<Ready>) -> io::Result<()> {
        // Some may have been deleted since the hint.
        self.hinted.retain(|slot| self.slots[*slot].is_some());
        if self.hinted.is_empty() {
            return Ok(());
        }
        let first = ready.len();
        let asked = self.probe.ask(self.hinted.iter().filter_map(|slot| self.slots[*slot].as_ref()));
        for (slot, now) in self.hinted.drain(..).zip(self.probe.answers()) {
            let Some(registration) = &mut self.slots[slot] else { continue };
            let hint = registration.hint.take().unwrap_or(Raw(0));
            if asked.is_err() {
                // Not lost: the kernel hints again.
                registration.arm(kernel);
                continue;
            }
            let now = Raw(now.0 | hint.0 & !(Raw::IN | Raw::OUT));
            let news = if self.has_edges { now } else { registration.told.add(hint, now) };
            let is_told = news.delivered(registration.interest) != 0;
            if is_told {
                ready.push(Ready { token: registration.token, raw: now });
            }
            // What is ready in a way that nobody asked for would be reported for ever.
            if self.has_edges && registration.trigger != Trigger::Edge && (is_told || now.0 == 0) {
                registration.arm(kernel);
            }
        }
        if self.is_any_shared() {
            order::by_creation(&mut ready[first..], |token| {
                self.slots[slot(token)].as_ref().map(|registration| (registration.fd, registration.created))
            });
        }
        asked
    }

    /// Whether any fd has several registrations.
    fn is_any_shared(&self) -> bool {
        self.watching > self.by_fd.len()
    }
}
