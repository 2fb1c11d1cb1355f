//! Who watches what, and what of it the kernel is still to be told.
//!
//! Each registration that watches something has one multishot poll request, whatever its trigger. What the kernel
//! reports while the loop sleeps is new, and is delivered as it is. All else is *doubtful*: what it reported while the
//! loop was busy (it notes why it woke, and does not look again), and what was ready in the last iteration and has a
//! level trigger. Of the doubtful ones the loop asks poll(2), all in one call, before it sleeps: so level needs no
//! request an iteration, and nobody is told what is not so any more.
//!
//! A request is known by its registration's index and by a number of its own: what is reported for a former request of
//! the same registration finds nothing.

use std::io;

use io_uring::{cqueue, opcode, squeue, types};

use super::identity::Identity;
use super::ring::Ring;
use super::user_data::UserData;
use crate::poller::{FileReady, OsFd, Raw, Ready, Trigger};

#[derive(Default)]
pub(super) struct Registry {
    places: Vec<Place>,
    /// By fd number: the newest registration that watches it. The others hang on that one.
    watchers: Vec<Option<u32>>,
    /// How many registrations watch an fd that an older one watches too.
    sharing: usize,
    created: u64,
    arms: u32,
    /// Those that are to get a new poll request.
    unarmed: Vec<u32>,
    /// Poll requests that are to end.
    retired: Vec<u64>,
    /// One of them at once, since its fd may be closed next.
    is_urgent: bool,
    /// See the top of this file.
    doubtful: Vec<u32>,
    /// Those that are being asked about, and poll(2)'s answers.
    asked: Vec<u32>,
    answers: Vec<libc::pollfd>,
    /// The number of the present wait, for one callback a registration and wait.
    wait: u64,
    /// The last failure of a request, until somebody tells of it who holds no lock.
    failure: Option<(OsFd, io::Error)>,
}

/// Where a registration lies, at the index that is its token's low half. The lists name places, and each place once,
/// whatever became of the registration there meanwhile.
#[derive(Default)]
struct Place {
    registration: Option<Registration>,
    is_unarmed: bool,
    is_doubtful: bool,
}

/// What completions are to those who take them out.
pub(super) enum News<'a> {
    /// What the kernel reported just now: it is told as it is.
    Fresh(&'a mut Vec<Ready>),
    /// See the top of this file.
    Doubtful,
    /// What a new ring reports: of an edge that the former one watched too, its index, for it may be no transition.
    Known(&'a mut Vec<u32>),
}

struct Registration {
    fd: OsFd,
    token: u64,
    trigger: Trigger,
    /// What it watches; 0: nothing, and the kernel knows nothing of it.
    interest: u32,
    /// The number of its poll request; 0 for none.
    arm: u32,
    /// The former ring had a request of it.
    is_known: bool,
    /// Its fd was closed, and the number may belong to another now: it is told nothing, until it is enabled anew.
    is_orphan: bool,
    /// What the fd named when it began to watch.
    identity: Option<Identity>,
    /// Another that watches the same fd.
    next: Option<u32>,
    created: u64,
    /// The wait that last reported it, and where in the batch.
    reported: (u64, usize),
}

impl Registration {
    fn is_watching(&self) -> bool {
        self.interest != 0 && !self.is_orphan
    }

    fn is_level(&self) -> bool {
        self.trigger != Trigger::Edge
    }
}

/// HUP and ERR come unasked.
fn poll_mask(interest: u32) -> libc::c_short {
    let bit = |ours: FileReady, theirs| if interest & ours.bits() != 0 { theirs } else { 0 };
    bit(FileReady::READ, libc::POLLIN)
        | bit(FileReady::WRITE, libc::POLLOUT)
        | bit(FileReady::CLOSED, libc::POLLRDHUP)
}

/// Of what the kernel reports, that which concerns `interest`: the ring reports RDHUP unasked, too.
fn raw(events: libc::c_short, interest: u32) -> Raw {
    let events = events & (poll_mask(interest) | libc::POLLERR | libc::POLLHUP);
    let bit = |theirs, ours| if events & theirs != 0 { ours } else { 0 };
    Raw(bit(libc::POLLIN, Raw::IN)
        | bit(libc::POLLOUT, Raw::OUT)
        | bit(libc::POLLRDHUP, Raw::PEER_CLOSED)
        | bit(libc::POLLERR, Raw::ERROR)
        | bit(libc::POLLHUP, Raw::HANG_UP))
}

fn index(token: u64) -> u32 {
    token as u32
}

impl Registry {
    pub(super) fn register(&mut self, fd: OsFd, token: u64, trigger: Trigger) {
        let place = index(token) as usize;
        if self.places.len() <= place {
            self.places.resize_with(place + 1, Place::default);
        }
        self.created += 1;
        self.places[place].registration = Some(Registration {
            fd,
            token,
            trigger,
            interest: 0,
            arm: 0,
            is_known: false,
            is_orphan: false,
            identity: None,
            next: None,
            created: self.created,
            reported: (0, 0),
        });
    }

    fn at(&mut self, index: u32) -> Option<&mut Registration> {
        self.places.get_mut(index as usize)?.registration.as_mut()
    }

    fn get(&self, token: u64) -> Option<&Registration> {
        let registration = self.places.get(index(token) as usize)?.registration.as_ref();
        registration.filter(|registration| registration.token == token)
    }

    /// Whether something is to be submitted.
    pub(super) fn has_changes(&self) -> bool {
        !self.unarmed.is_empty() || !self.retired.is_empty()
    }

    /// Whether that must not wait.
    pub(super) fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    pub(super) fn has_doubtful(&self) -> bool {
        !self.doubtful.is_empty()
    }

    /// Takes over what `token` is to watch; see [`Poller::update`](crate::poller::Poller::update). `no_epoll` is for
    /// [`Identity::of`].
    pub(super) fn update(
        &mut self,
        token: u64,
        interest: &dyn Fn() -> u32,
        rearm: bool,
        no_epoll: OsFd,
    ) -> io::Result<()> {
        let Some(registration) = self.get(token) else { return Ok(()) };
        let (fd, before, known) = (registration.fd, registration.interest, registration.identity);
        let (is_orphan, after) = (registration.is_orphan, interest());
        if after == 0 {
            self.stop(token);
        } else if before == 0 {
            let identity = Identity::of(fd, no_epoll)?;
            self.start(index(token), after, identity);
        } else if before != after {
            // It has no say over a number that belongs to others by now.
            let is_disowned = is_orphan && self.watchers[fd as usize].is_some();
            if !is_disowned && Some(Identity::of(fd, no_epoll)?) != known {
                // As epoll says of a number that names another file by now.
                return Err(io::Error::from_raw_os_error(libc::ENOENT));
            }
            self.change(index(token), after);
        } else if rearm {
            self.doubt(index(token));
        }
        Ok(())
    }

    fn start(&mut self, index: u32, interest: u32, identity: Identity) {
        let Some(registration) = self.at(index) else { return };
        (registration.interest, registration.identity) = (interest, Some(identity));
        let number = registration.fd as usize;
        if self.watchers.len() <= number {
            self.watchers.resize(number + 1, None);
        }
        // The number may have been closed and reused since others began to watch it.
        let mut other = self.watchers[number];
        while let Some(index) = other {
            let Some(registration) = self.at(index) else { break };
            let is_reused = registration.identity != Some(identity);
            other = registration.next;
            if is_reused {
                self.orphan(index);
            }
        }
        let former = self.watchers[number].replace(index);
        self.sharing += usize::from(former.is_some());
        if let Some(registration) = self.at(index) {
            registration.next = former;
        }
        self.rearm(index);
    }

    fn change(&mut self, index: u32, interest: u32) {
        let Some(registration) = self.at(index) else { return };
        registration.interest = interest;
        if !registration.is_orphan {
            self.retire(index);
            self.rearm(index);
        }
    }

    /// Watches nothing any more.
    fn stop(&mut self, token: u64) {
        let Some(registration) = self.at(index(token)) else { return };
        let is_linked = registration.is_watching();
        (registration.interest, registration.is_orphan) = (0, false);
        if is_linked {
            self.unlink(index(token));
            self.is_urgent |= self.retire(index(token));
        }
    }

    /// Its fd was closed.
    fn orphan(&mut self, index: u32) {
        let Some(registration) = self.at(index) else { return };
        if registration.is_watching() {
            registration.is_orphan = true;
            self.unlink(index);
            self.is_urgent |= self.retire(index);
        }
    }

    /// Leaves the list of those that watch the same fd.
    fn unlink(&mut self, index: u32) {
        let Some(registration) = self.at(index) else { return };
        let (number, next) = (registration.fd as usize, registration.next.take());
        let Some(head) = self.watchers[number] else { return };
        self.sharing -= usize::from(head != index || next.is_some());
        if head == index {
            self.watchers[number] = next;
            return;
        }
        let mut before = head;
        while let Some(registration) = self.at(before) {
            match registration.next {
                Some(found) if found == index => {
                    registration.next = next;
                    return;
                }
                Some(other) => before = other,
                None => return,
            }
        }
    }

    pub(super) fn deregister(&mut self, token: u64) {
        if self.get(token).is_some() {
            self.stop(token);
            self.places[index(token) as usize].registration = None;
        }
    }

    /// Ends its poll request, if it has one.
    fn retire(&mut self, index: u32) -> bool {
        let arm = self.at(index).map_or(0, |registration| std::mem::take(&mut registration.arm));
        if arm != 0 {
            self.retired.push(UserData::Poll { index, arm }.encode());
        }
        arm != 0
    }

    /// Has it get a poll request.
    fn rearm(&mut self, index: u32) {
        if !std::mem::replace(&mut self.places[index as usize].is_unarmed, true) {
            self.unarmed.push(index);
        }
    }

    pub(super) fn doubt(&mut self, index: u32) {
        if !std::mem::replace(&mut self.places[index as usize].is_doubtful, true) {
            self.doubtful.push(index);
        }
    }

    /// The ring is a new one, which knows nothing yet.
    pub(super) fn forget_requests(&mut self) {
        self.retired.clear();
        self.is_urgent = false;
        for index in 0..self.places.len() as u32 {
            let Some(registration) = self.at(index) else { continue };
            registration.is_known = std::mem::take(&mut registration.arm) != 0;
            if registration.is_watching() {
                self.rearm(index);
            }
        }
    }

    /// Puts all changes into the ring's queue.
    pub(super) fn submit(&mut self, ring: &mut Ring) -> io::Result<()> {
        while let Some(request) = self.retired.last() {
            let cancel = opcode::AsyncCancel::new(*request).build();
            push(ring, cancel, UserData::Nobody)?;
            self.retired.pop();
        }
        self.is_urgent = false;
        let unarmed = std::mem::take(&mut self.unarmed);
        let mut rest = unarmed.iter();
        let result = rest.try_for_each(|index| self.arm(*index, ring));
        // If there was no room, the others wait for the next time.
        self.unarmed.extend(rest);
        if self.unarmed.is_empty() {
            self.unarmed = unarmed;
            self.unarmed.clear();
        }
        result
    }

    fn arm(&mut self, index: u32, ring: &mut Ring) -> io::Result<()> {
        let arm = self.arms.wrapping_add(1).max(1);
        self.arms = arm;
        self.places[index as usize].is_unarmed = false;
        let Some(registration) = self.at(index) else { return Ok(()) };
        if !registration.is_watching() || registration.arm != 0 {
            return Ok(());
        }
        registration.arm = arm;
        let mask = poll_mask(registration.interest) as u32;
        let poll = opcode::PollAdd::new(types::Fd(registration.fd), mask).multi(true).build();
        push(ring, poll, UserData::Poll { index, arm }).inspect_err(|_| {
            self.retire(index);
            self.rearm(index);
        })
    }

    /// A wait begins, whose batch is new.
    pub(super) fn begin_wait(&mut self) {
        self.wait += 1;
    }

    /// What the poll request `arm` reports.
    pub(super) fn complete(
        &mut self,
        (index, arm): (u32, u32),
        completion: &cqueue::Entry,
        news: &mut News<'_>,
    ) {
        let Some(registration) = self.at(index).filter(|registration| registration.arm == arm) else {
            return;
        };
        let (fd, is_known) = (registration.fd, registration.is_known && !registration.is_level());
        if !cqueue::more(completion.flags()) {
            registration.arm = 0;
        }
        let result = completion.result();
        match (-result, news) {
            // Closed before the kernel heard of it.
            (libc::EBADF, _) => return self.orphan(index),
            (code, _) if code > 0 => {
                // The thread that made the request is gone, if it is ECANCELED.
                if code != libc::ECANCELED {
                    self.failure = Some((fd, io::Error::from_raw_os_error(code)));
                }
            }
            (_, News::Known(known)) if is_known => known.push(index),
            (_, News::Known(_) | News::Doubtful) => self.doubt(index),
            (_, News::Fresh(ready)) => self.tell(index, result as libc::c_short, ready),
        }
        if self.at(index).is_some_and(|registration| registration.arm == 0) {
            self.rearm(index);
        }
    }

    /// What went wrong with a request since the last call; it is tried again.
    pub(super) fn take_failure(&mut self) -> Option<(OsFd, io::Error)> {
        self.failure.take()
    }

    fn tell(&mut self, index: u32, events: libc::c_short, ready: &mut Vec<Ready>) {
        let Some(registration) = self.at(index) else { return };
        let raw = raw(events, registration.interest);
        if raw.0 != 0 && registration.is_watching() {
            let is_level = registration.is_level();
            self.report(index, raw, ready);
            if is_level {
                self.doubt(index);
            }
        }
    }

    fn report(&mut self, index: u32, raw: Raw, ready: &mut Vec<Ready>) {
        let wait = self.wait;
        let Some(registration) = self.at(index) else { return };
        let token = registration.token;
        if let (reported, place) = registration.reported
            && reported == wait
            && let Some(item) = ready.get_mut(place)
        {
            item.raw.0 |= raw.0;
        } else {
            registration.reported = (wait, ready.len());
            ready.push(Ready { token, raw });
        }
    }

    /// Asks of the doubtful ones, and tells what is so; level ones that are ready stay doubtful. Without `ready`, those
    /// that are ready stay so, and the others are not doubtful any more.
    pub(super) fn resolve(&mut self, mut ready: Option<&mut Vec<Ready>>) -> io::Result<()> {
        self.ask()?;
        std::mem::swap(&mut self.doubtful, &mut self.asked);
        for position in 0..self.asked.len() {
            let (index, events) = (self.asked[position], self.answers[position].revents);
            self.places[index as usize].is_doubtful = false;
            match &mut ready {
                _ if events & libc::POLLNVAL != 0 => self.orphan(index),
                Some(ready) => self.tell(index, events, ready),
                None if events != 0 => self.doubt(index),
                None => {}
            }
        }
        self.asked.clear();
        Ok(())
    }

    /// Fills `answers` for `doubtful`.
    fn ask(&mut self) -> io::Result<()> {
        let places = &self.places;
        self.answers.clear();
        self.answers.extend(self.doubtful.iter().map(|index| {
            let registration = places[*index as usize].registration.as_ref();
            match registration.filter(|registration| registration.is_watching()) {
                Some(registration) => {
                    libc::pollfd { fd: registration.fd, events: poll_mask(registration.interest), revents: 0 }
                }
                // Not asked about, and not ready.
                None => libc::pollfd { fd: -1, events: 0, revents: 0 },
            }
        }));
        poll_now(&mut self.answers)
    }

    /// Among the places that one fd's registrations have in the batch, the oldest gets the first.
    pub(super) fn order(&self, batch: &mut [Ready]) {
        if self.sharing != 0 {
            crate::poller::order::by_creation(batch, |token| {
                self.get(token).map(|registration| (registration.fd, registration.created))
            });
        }
    }
}

fn push(ring: &mut Ring, entry: squeue::Entry, user_data: UserData) -> io::Result<()> {
    // SAFETY: these entries point to nothing.
    unsafe { ring.push(&entry.user_data(user_data.encode())) }
}

/// poll(2) without waiting.
fn poll_now(questions: &mut [libc::pollfd]) -> io::Result<()> {
    if questions.is_empty() {
        return Ok(());
    }
    loop {
        // SAFETY: the questions live through the call.
        if unsafe { libc::poll(questions.as_mut_ptr(), questions.len() as libc::nfds_t, 0) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            // More than the process may have descriptors: several registrations of one fd.
            Some(libc::EINVAL) if questions.len() > 1 => {
                let (left, right) = questions.split_at_mut(questions.len() / 2);
                poll_now(left)?;
                return poll_now(right);
            }
            _ => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::poller::Waker;

    #[test]
    fn one_place_is_asked_about_once_however_many_registrations_it_had() {
        let waker = Waker::new().unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let mut registry = Registry::default();
        for generation in 0..100 {
            let token = generation << 32;
            registry.register(reader.as_raw_fd(), token, Trigger::Level);
            for _ in 0..2 {
                registry.update(token, &|| FileReady::READ.bits(), true, waker.fd()).unwrap();
            }
            assert_eq!((registry.doubtful.len(), registry.unarmed.len()), (1, 1));
            registry.deregister(token);
        }
        registry.resolve(None).unwrap();
        assert!(!registry.has_doubtful());
    }
}
