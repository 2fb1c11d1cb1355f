//! The poller on io_uring, where Linux has it.
//!
//! What the thread that runs the loop changes is submitted by the one call that waits; only a request that ends is
//! ended at once, since it keeps its file open, and the caller may close the fd next. See [`registry`] for what happens
//! between the kernel's report and a callback.
//!
//! A ring belongs to one thread ([`ring`]): the one that runs the loop, or outside `run()` the one that last had a use
//! for it. Others add to the lists of the registry and wake the loop; where nobody runs it and a request is to end, the
//! whole ring is given up, and the next to need one makes a new one and watches all anew. Readiness that exists then is
//! delivered again, also for an edge: rather twice than never.
//!
//! The poll fd is an epoll instance that holds the ring. Outside `run()`, once somebody has asked for it, all changes go
//! to the kernel at once, what is ready but was already taken from the ring wakes it, and the ring is one that the kernel
//! serves without being asked, for only such a one tells epoll.

mod identity;
mod operation;
mod registry;
mod ring;
mod user_data;

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};

use io_uring::{cqueue, opcode, types};

pub(crate) use self::operation::{Completion, OperationId, Supply, Taken};
use self::registry::{News, Registry};
use self::ring::{Ring, Service};
use self::user_data::UserData;
use super::{OsFd, Poller, Ready, Trigger, WaitError, Waker, epoll};
use crate::dispatcher::Nanos;
use crate::dispatcher::core::thread_number;
use crate::error::Error;

/// How many completions a wait takes, lest a flood keeps the loop from its timers.
const LARGEST_BATCH: usize = 16 * 1024;

pub(crate) struct IoUring {
    waker: Arc<Waker>,
    /// How its rings are served, unless somebody watches the poll fd.
    service: Service,
    /// Never held while the kernel waits.
    state: Mutex<State>,
    /// Taken after `state`; while the loop runs, by its thread alone, so never contended.
    ring: Mutex<Ring>,
}

struct State {
    registry: Registry,
    /// Whose the ring is, as [`thread_number`]; 0 while it is disabled.
    owner: u64,
    /// Who runs the loop; 0 for nobody.
    runner: u64,
    ring_fd: i32,
    /// Whether the ring hears the waker.
    is_listening: bool,
    /// How many rings there were before.
    ring_number: u64,
    /// The poll fd; it survives the ring.
    outer: Option<OwnedFd>,
    completions: Vec<Completion>,
    /// The number of a former ring that did more than could be taken out.
    lost: Option<u64>,
}

impl State {
    /// Keeps what has completed of an operation for its owner.
    fn note_operation(&mut self, completion: &cqueue::Entry) {
        if let UserData::Operation(id) = UserData::decode(completion.user_data()) {
            let (result, flags) = (completion.result(), completion.flags());
            self.completions.push(Completion { id, ring: self.ring_number, result, flags });
        }
    }

    /// Keeps what has completed in a ring that is given up: all of it, if the kernel still says.
    fn take_out(&mut self, former: &mut Ring) {
        loop {
            let is_served = former.has_overflow() && former.serve().is_ok();
            let mut count = 0;
            for completion in former.completions() {
                self.note_operation(&completion);
                count += 1;
            }
            if !is_served || count == 0 {
                break;
            }
        }
        if former.has_overflow() {
            self.lost = Some(self.ring_number);
        }
    }

    /// The kernel never took these operations: they have ended, and did nothing.
    fn note_untaken(&mut self, requests: &[u64]) {
        for user_data in requests {
            if let UserData::Operation(id) = UserData::decode(*user_data) {
                let result = -libc::ECANCELED;
                self.completions.push(Completion { id, ring: self.ring_number, result, flags: 0 });
            }
        }
    }
}

impl IoUring {
    pub(super) fn new() -> Result<IoUring, Error> {
        IoUring::served(Service::OnRequest)
    }

    fn served(service: Service) -> Result<IoUring, Error> {
        let ring = Ring::new(service)?;
        let waker = Waker::new().map_err(|source| Error::os("creating an eventfd", source))?;
        let state = State {
            registry: Registry::default(),
            owner: 0,
            runner: 0,
            ring_fd: ring.fd(),
            is_listening: false,
            ring_number: 0,
            outer: None,
            completions: Vec::new(),
            lost: None,
        };
        Ok(IoUring {
            waker: Arc::new(waker),
            service: ring.service(),
            state: Mutex::new(state),
            ring: Mutex::new(ring),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Makes the ring the calling thread's, who may use it.
    fn own(&self, state: &mut State, ring: &mut Ring) -> io::Result<()> {
        let is_fit = state.outer.is_none() || ring.service() == Service::Unasked;
        if is_fit && state.owner == 0 {
            ring.enable()?;
            state.owner = thread_number();
        }
        if is_fit && state.owner == thread_number() {
            return Ok(());
        }
        let fresh = Ring::new(if state.outer.is_none() { self.service } else { Service::Unasked })?;
        fresh.enable()?;
        if let Some(outer) = &state.outer {
            epoll::hold(outer, fresh.fd())?;
            epoll::let_go(outer, ring.fd());
        }
        state.ring_fd = fresh.fd();
        let mut former = std::mem::replace(ring, fresh);
        if state.owner == thread_number() {
            // What was made for it, it does; what it refuses has not been taken.
            let _ = former.submit();
        }
        let was_quiet = state.is_listening && former.is_quiet();
        former.stop();
        state.take_out(&mut former);
        state.note_untaken(former.unsubmitted());
        state.owner = thread_number();
        state.is_listening = false;
        state.ring_number += 1;
        state.registry.forget_requests();
        self.queue_changes(state, ring)?;
        ring.enter(Some(0), 0)?;
        let mut known = Vec::new();
        let harvested = self.harvest(state, ring, News::Known(&mut known));
        // Both rings watch. If the former has seen nothing by now, what the new one has told is known.
        if harvested.is_err() || !was_quiet || !former.is_quiet() {
            known.into_iter().for_each(|index| state.registry.doubt(index));
            if harvested? {
                self.waker.wake();
            }
        }
        Ok(())
    }

    /// Puts into the ring's queue what it does not know yet.
    fn queue_changes(&self, state: &mut State, ring: &mut Ring) -> io::Result<()> {
        if !state.is_listening {
            let poll = opcode::PollAdd::new(types::Fd(self.waker.fd()), libc::POLLIN as u32).multi(true);
            // SAFETY: the entry points to nothing.
            unsafe { ring.push(&poll.build().user_data(UserData::Wake.encode()))? };
            state.is_listening = true;
        }
        state.registry.submit(ring)
    }

    /// Takes the completions out. True if the loop is not to sleep.
    fn harvest(&self, state: &mut State, ring: &mut Ring, mut news: News<'_>) -> io::Result<bool> {
        let (mut is_woken, mut is_asked, mut count) = (false, false, 0);
        loop {
            let before = count;
            for completion in ring.completions() {
                count += 1;
                match UserData::decode(completion.user_data()) {
                    UserData::Nobody => {}
                    UserData::Wake => {
                        is_woken = true;
                        state.is_listening &= cqueue::more(completion.flags());
                    }
                    UserData::Poll { index, arm } => {
                        state.registry.complete((index, arm), &completion, &mut news);
                    }
                    UserData::Operation(_) => {
                        is_woken = true;
                        state.note_operation(&completion);
                    }
                }
            }
            let is_dry = count == before && is_asked;
            if is_dry || count >= LARGEST_BATCH || !ring.has_work() {
                return Ok(is_woken);
            }
            // The kernel delivers a few at a time, unless it is told to wait for more.
            ring.enter(Some(0), 0)?;
            is_asked = true;
        }
    }

    /// After a change: brings it to the kernel if it must not wait. What fails stays on the lists for the next wait,
    /// which reports it if it fails again.
    fn apply(&self, mut state: MutexGuard<'_, State>) {
        if state.registry.has_changes() || state.registry.has_doubtful() {
            let applied = self.try_to_apply(&mut state);
            // Before it is logged, which is code of the user's.
            drop(state);
            self.report(applied, "a change of what is watched has to wait");
        }
    }

    /// Logs an error, and has the loop try again.
    fn report(&self, outcome: io::Result<()>, consequence: &str) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "{consequence}");
            self.waker.wake();
        }
    }

    fn try_to_apply(&self, state: &mut State) -> io::Result<()> {
        let me = thread_number();
        if state.runner != 0 && state.runner != me {
            self.waker.wake();
            return Ok(());
        }
        self.end_requests(state)?;
        if state.runner != 0 {
            return Ok(());
        }
        if state.owner != 0 && state.owner != me {
            // Not worth a new ring: whoever waits next has one made.
            self.waker.wake();
            return Ok(());
        }
        self.surface(state)
    }

    /// Ends the requests that are to end at once.
    fn end_requests(&self, state: &mut State) -> io::Result<()> {
        if !state.registry.is_urgent() {
            return Ok(());
        }
        let mut ring = self.ring();
        self.own(state, &mut ring)?;
        self.queue_changes(state, &mut ring)?;
        // Also what ends them waits its turn, behind what others became ready by.
        loop {
            let before = ring.completion_count();
            ring.enter(Some(0), 0)?;
            if !ring.has_tasks() || ring.completion_count() == before {
                return Ok(());
            }
        }
    }

    /// Before the thread leaves: takes the completions that wait in the kernel for room, where another thread would not
    /// find them.
    fn stand_still(&self, state: &mut State) -> io::Result<()> {
        let mut ring = self.ring();
        if state.owner == thread_number()
            && ring.has_overflow()
            && self.harvest(state, &mut ring, News::Doubtful)?
        {
            self.waker.wake();
        }
        Ok(())
    }

    /// Outside `run()`: makes the poll fd, if somebody has it, tell the truth.
    fn surface(&self, state: &mut State) -> io::Result<()> {
        if state.outer.is_none() {
            return Ok(());
        }
        let mut ring = self.ring();
        self.own(state, &mut ring)?;
        self.queue_changes(state, &mut ring)?;
        ring.enter(Some(0), 0)?;
        let is_woken = self.harvest(state, &mut ring, News::Doubtful)?;
        state.registry.resolve(None)?;
        // Requests that have ended are made again; what they report stays in the ring, and so shows.
        self.queue_changes(state, &mut ring)?;
        if ring.has_unsubmitted() {
            ring.enter(Some(0), 0)?;
        }
        if is_woken || state.registry.has_doubtful() || !state.completions.is_empty() {
            self.waker.wake();
        }
        Ok(())
    }
}

impl Poller for IoUring {
    fn name(&self) -> &'static CStr {
        c"io_uring"
    }

    fn register(&self, fd: OsFd, token: u64, trigger: Trigger) -> io::Result<()> {
        if fd < 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        self.lock().registry.register(fd, token, trigger);
        Ok(())
    }

    fn update(&self, token: u64, interest: &dyn Fn() -> u32, rearm: bool) -> io::Result<()> {
        let mut state = self.lock();
        state.registry.update(token, interest, rearm, self.waker.fd())?;
        self.apply(state);
        Ok(())
    }

    fn deregister(&self, token: u64) {
        let mut state = self.lock();
        state.registry.deregister(token);
        self.apply(state);
    }

    fn enter(&self) {
        self.lock().runner = thread_number();
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.runner = 0;
        let shown = self
            .stand_still(&mut state)
            // What another thread has asked for since the last wait.
            .and_then(|()| self.end_requests(&mut state))
            .and_then(|()| self.surface(&mut state));
        drop(state);
        self.report(shown, "outside run(), what is watched may be out of date");
    }

    fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let mut state = self.lock();
        let mut ring = self.ring();
        let first = ready.len();
        self.own(&mut state, &mut ring)?;
        state.registry.begin_wait();
        self.queue_changes(&mut state, &mut ring)?;
        let mut is_woken = false;
        if ring.has_completions() || ring.has_work() {
            if ring.has_unsubmitted() || ring.has_work() {
                ring.enter(Some(0), 0)?;
            }
            is_woken = self.harvest(&mut state, &mut ring, News::Doubtful)?;
        }
        if state.registry.has_doubtful() {
            state.registry.resolve(Some(ready))?;
        }
        self.queue_changes(&mut state, &mut ring)?;
        let has_news = is_woken || ready.len() > first || !state.completions.is_empty();
        let timeout = if has_news { Some(0) } else { timeout };
        if timeout != Some(0) || ring.has_unsubmitted() {
            drop(state);
            ring.enter(timeout, u32::from(timeout != Some(0)))?;
            state = self.lock();
            self.harvest(&mut state, &mut ring, News::Fresh(ready))?;
        }
        state.registry.order(&mut ready[first..]);
        let failure = state.registry.take_failure();
        drop((state, ring));
        if let Some((fd, error)) = failure {
            tracing::warn!(fd, %error, "watching failed, and is tried again");
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
        let mut state = self.lock();
        if let Some(outer) = &state.outer {
            return Ok(outer.as_raw_fd());
        }
        let outer = epoll::new_instance()?;
        epoll::hold(&outer, state.ring_fd)?;
        let number = state.outer.insert(outer).as_raw_fd();
        if state.runner == 0 {
            // What shows nothing is not given out.
            self.surface(&mut state).inspect_err(|_| state.outer = None)?;
        }
        Ok(number)
    }

    fn ring(&self) -> Option<&IoUring> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::BorrowedFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::poller::{FileReady, Raw, os_fd};

    const NOTHING: [u64; 0] = [];
    const SERVICES: [Service; 3] = [Service::OnRequest, Service::InPassing, Service::Unasked];
    const TRIGGERS: [Trigger; 3] = [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge];

    fn watch(poller: &IoUring, fd: i32, token: u64, trigger: Trigger) {
        poller.register(fd, token, trigger).unwrap();
        poller.update(token, &|| FileReady::READ.bits(), false).unwrap();
    }

    /// The tokens of what a wait finds.
    fn wait(poller: &IoUring, timeout: Option<Nanos>) -> Vec<u64> {
        let mut ready = Vec::new();
        poller.wait(&mut ready, timeout).unwrap();
        assert!(ready.iter().all(|item| item.raw == Raw(Raw::IN)));
        ready.iter().map(|item| item.token).collect()
    }

    #[test]
    fn it_works_however_the_ring_is_served() {
        for (service, trigger) in SERVICES.into_iter().flat_map(|service| TRIGGERS.map(|it| (service, it))) {
            let poller = IoUring::served(service).unwrap();
            assert_eq!(poller.ring().service(), service);
            let (mut socket, mut peer) = UnixStream::pair().unwrap();
            watch(&poller, socket.as_raw_fd(), 7, trigger);
            assert_eq!(wait(&poller, Some(0)), NOTHING);
            // While it sleeps, and while it does not.
            std::thread::scope(|scope| {
                scope.spawn(|| (&peer).write_all(b"x").unwrap());
                assert_eq!(wait(&poller, None), [7]);
            });
            let again = if trigger == Trigger::Edge { vec![] } else { vec![7] };
            assert_eq!(wait(&poller, Some(0)), again, "{service:?} {trigger:?}");
            peer.write_all(b"x").unwrap();
            assert_eq!(wait(&poller, Some(0)), [7]);
            // What is read before it looks is no news.
            peer.write_all(b"x").unwrap();
            socket.read_exact(&mut [0; 3]).unwrap();
            assert_eq!(wait(&poller, Some(0)), NOTHING);
            poller.wake();
            assert_eq!(wait(&poller, None), NOTHING);
        }
    }

    #[test]
    fn nothing_is_lost_when_there_are_more_than_the_queues_hold() {
        // More than there is room for in the queue of completions, many times that in the queue of submissions.
        const EVENTS: u64 = 6_000;
        for service in SERVICES {
            let poller = IoUring::served(service).unwrap();
            let (socket, mut peer) = UnixStream::pair().unwrap();
            let fds: Vec<_> = (0..60).map(|_| socket.try_clone().unwrap()).collect();
            for token in 0..EVENTS {
                watch(&poller, fds[token as usize % fds.len()].as_raw_fd(), token, Trigger::Edge);
            }
            for _ in 0..2 {
                assert_eq!(wait(&poller, Some(0)), NOTHING);
                peer.write_all(b"x").unwrap();
                let mut told = vec![0; EVENTS as usize];
                while told.contains(&0) {
                    wait(&poller, Some(0)).into_iter().for_each(|token| told[token as usize] += 1);
                }
                // A request that found no room for its completion is made again, which finds what is ready again.
                while !wait(&poller, Some(0)).is_empty() {}
            }
        }
    }

    #[test]
    fn p7_the_poll_fd_hears_of_everything_also_after_a_flood() {
        // More than there is room for.
        const EVENTS: u64 = 6_000;
        let poller = IoUring::new().unwrap();
        // SAFETY: it is open for as long as the poller is there.
        let poll_fd = unsafe { BorrowedFd::borrow_raw(poller.poll_fd().unwrap()) };
        let is_awake = || os_fd::is_readable(&poll_fd).is_ok();
        let (mut socket, mut peer) = UnixStream::pair().unwrap();
        let (quiet, mut quiet_peer) = UnixStream::pair().unwrap();
        poller.enter();
        watch(&poller, quiet.as_raw_fd(), EVENTS, Trigger::Edge);
        for token in 0..EVENTS {
            watch(&poller, socket.as_raw_fd(), token, Trigger::Edge);
        }
        assert_eq!(wait(&poller, Some(0)), NOTHING);
        poller.leave();
        assert!(!is_awake());
        // Each time one of them is in the flood, which is over when it is looked at.
        let mut later = quiet_peer.try_clone().unwrap();
        let flooded: [[&mut dyn FnMut(); 2]; 2] = [
            [&mut || poller.wake(), &mut || ()],
            [&mut || quiet_peer.write_all(b"x").unwrap(), &mut || later.write_all(b"x").unwrap()],
        ];
        for [flood, afterwards] in flooded {
            peer.write_all(b"x").unwrap();
            flood();
            socket.read_exact(&mut [0]).unwrap();
            let _ = quiet.set_nonblocking(true).and_then(|()| (&quiet).read(&mut [0]));
            poller.update(0, &|| FileReady::READ.bits(), true).unwrap();
            afterwards();
            assert!(is_awake());
            poller.enter();
            wait(&poller, Some(0));
            poller.leave();
        }
    }

    #[test]
    fn f16_a_change_of_what_was_closed_is_an_error_also_once_that_is_noticed() {
        let poller = IoUring::new().unwrap();
        let (socket, mut peer) = UnixStream::pair().unwrap();
        watch(&poller, socket.as_raw_fd(), 7, Trigger::Level);
        peer.write_all(b"x").unwrap();
        assert_eq!(wait(&poller, Some(0)), [7]);
        drop(socket);
        assert_eq!(wait(&poller, Some(0)), NOTHING);
        let both = FileReady::READ | FileReady::WRITE;
        let error = poller.update(7, &|| both.bits(), false).unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOENT)), "{error}");
        assert_eq!(wait(&poller, Some(0)), NOTHING);
    }

    #[test]
    fn operations_share_the_ring() {
        let poller = IoUring::new().unwrap();
        let (socket, peer) = UnixStream::pair().unwrap();
        let mut buffer = Box::new([0u8; 4]);
        let id = OperationId { place: 3, generation: 9 };
        let mut receive = || {
            let fd = types::Fd(peer.as_raw_fd());
            let entry = opcode::Recv::new(fd, buffer.as_mut_ptr(), buffer.len() as u32).build();
            // SAFETY: the buffer outlives the completion, which is waited for.
            unsafe { poller.submit(id, entry).unwrap() };
        };
        receive();
        assert_eq!(wait(&poller, Some(0)), NOTHING);
        (&socket).write_all(b"data").unwrap();
        assert_eq!(wait(&poller, None), NOTHING);
        let mut completions = Vec::new();
        poller.take_completions(&mut completions);
        assert_eq!(completions.iter().map(|it| (it.id, it.result)).collect::<Vec<_>>(), [(id, 4)]);
        receive();
        wait(&poller, Some(0));
        poller.cancel(id).unwrap();
        assert_eq!(wait(&poller, None), NOTHING);
        poller.take_completions(&mut completions);
        assert_eq!(completions.last().map(|it| it.result), Some(-libc::ECANCELED));
        assert_eq!(&*buffer, b"data");
    }
}
