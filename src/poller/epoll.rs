//! The Linux poller.
//!
//! One fd may have several registrations, each with its own mask, trigger and edge state. The first lies in
//! the main epoll instance; the kernel refuses a second one there (EEXIST), so it gets an instance of its own,
//! nested in the main one. The kernel thus keeps all their states apart.
//!
//! `owners` says which registration an fd number in the main instance belongs to. A number is always added,
//! never assumed: success on one that we know means that it was closed and reused, and the former owner is
//! orphaned: nothing is ever changed on its behalf again, and it is told nothing.
//!
//! A registration whose fd was closed before it was removed can live on in the kernel if the file is open
//! under another number (dup, fork): a *ghost* that can no longer be named, so cannot be removed. Its first
//! wake gives it away; then the whole instance is rebuilt under the same number.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{FileReady, Poller, Raw, Ready, Trigger, WaitError, Waker, order};
use crate::dispatcher::Nanos;

/// Tokens of ours in the kernel: the waker's and the timeout's.
const WAKE: u64 = u64::MAX;
/// Marks the number of a nested instance.
const NESTED: u64 = 1 << 63;
/// Ghosts that never show themselves are cleared by a rebuild once there are this many.
const MANY_GHOSTS: usize = 1024;
const BATCH: usize = 256;
const LARGEST_BATCH: usize = 16 * 1024;

pub(super) struct Epoll {
    main: OwnedFd,
    timeouts: Timeouts,
    waker: Arc<Waker>,
    registry: Mutex<Registry>,
    /// How many nested instances and ghosts there are, for `wait` to skip the lock.
    unusual: AtomicUsize,
    /// Only `wait` uses it, which one thread at a time calls; the lock is never contended.
    events: Mutex<Vec<libc::epoll_event>>,
}

#[derive(Default)]
struct Registry {
    registrations: Vec<Option<Registration>>,
    /// By fd number: the token whose registration the main instance holds.
    owners: Vec<Option<u64>>,
    ghosts: HashSet<u64>,
    /// The nested instances, by number, with the token of the registration that has it.
    nested: HashMap<i32, u64>,
    created: u64,
    /// Handed to foreign loops; holds the main instance, and survives its rebuilding.
    outer: Option<OwnedFd>,
}

struct Registration {
    fd: i32,
    token: u64,
    trigger: Trigger,
    /// What the kernel watches; 0: nothing, and the kernel knows nothing of it.
    interest: u32,
    /// Its own instance, if another registration has the main one.
    nested: Option<OwnedFd>,
    /// Its fd was closed, and the number now belongs to another.
    orphaned: bool,
    created: u64,
}

/// How a wait of nanoseconds is asked for.
enum Timeouts {
    /// `epoll_pwait2`, Linux 5.11.
    Exact,
    /// A timerfd beside the others.
    Timerfd(OwnedFd),
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub(super) fn new_instance() -> io::Result<OwnedFd> {
    // SAFETY: plain system call; the fd is new and ours.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?)) }
}

fn control(instance: &OwnedFd, operation: libc::c_int, fd: i32, events: u32, data: u64) -> io::Result<()> {
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: `event` lives through the call.
    check(unsafe { libc::epoll_ctl(instance.as_raw_fd(), operation, fd, &mut event) }).map(drop)
}

/// Has `instance` hold `fd`, to be readable when that is.
pub(super) fn hold(instance: &OwnedFd, fd: i32) -> io::Result<()> {
    control(instance, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN as u32, 0)
}

/// Has it hold `fd` no more.
#[cfg(feature = "io_uring")]
pub(super) fn let_go(instance: &OwnedFd, fd: i32) {
    // It holds it: nothing can fail.
    let _ = control(instance, libc::EPOLL_CTL_DEL, fd, 0, 0);
}

/// HUP and ERR come unasked.
fn kernel_mask(interest: u32, trigger: Trigger) -> u32 {
    let bit =
        |ours: FileReady, theirs: libc::c_int| if interest & ours.bits() != 0 { theirs as u32 } else { 0 };
    let edge = if trigger == Trigger::Edge { libc::EPOLLET as u32 } else { 0 };
    bit(FileReady::READ, libc::EPOLLIN)
        | bit(FileReady::WRITE, libc::EPOLLOUT)
        | bit(FileReady::CLOSED, libc::EPOLLRDHUP)
        | edge
}

fn raw(events: u32) -> Raw {
    const SAME: u8 = Raw::IN | Raw::OUT | Raw::ERROR | Raw::HANG_UP;
    const {
        assert!(SAME as i32 == libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLERR | libc::EPOLLHUP);
        assert!(Raw::IN as i32 == libc::EPOLLIN && Raw::OUT as i32 == libc::EPOLLOUT);
        assert!(Raw::ERROR as i32 == libc::EPOLLERR && (Raw::PEER_CLOSED as i32) << 8 == libc::EPOLLRDHUP);
    }
    Raw(events as u8 & SAME | (events >> 8) as u8 & Raw::PEER_CLOSED)
}

fn index(token: u64) -> usize {
    (token & u64::from(u32::MAX)) as usize
}

impl Epoll {
    pub(super) fn new() -> io::Result<Epoll> {
        let main = new_instance()?;
        let waker = Waker::new()?;
        watch_waker(&main, &waker)?;
        let timeouts = Timeouts::choose(&main)?;
        Ok(Epoll {
            main,
            timeouts,
            waker: Arc::new(waker),
            registry: Mutex::new(Registry::default()),
            unusual: AtomicUsize::new(0),
            events: Mutex::new(Vec::with_capacity(BATCH)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn note_unusual(&self, registry: &Registry) {
        self.unusual.store(registry.nested.len() + registry.ghosts.len(), Ordering::Release);
    }

    /// Starts to watch; in the main instance if no other registration has the fd there.
    fn add(&self, registry: &mut Registry, index: usize, interest: u32) -> io::Result<()> {
        let Some(registration) = registry.registrations[index].as_mut() else { return Ok(()) };
        let (fd, token) = (registration.fd, registration.token);
        let mask = kernel_mask(interest, registration.trigger);
        match control(&self.main, libc::EPOLL_CTL_ADD, fd, mask, token) {
            Ok(()) => {
                registration.interest = interest;
                if let Some(former) = registry.own(fd, token) {
                    self.orphan(registry, fd, former);
                }
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                let instance = new_instance()?;
                control(&instance, libc::EPOLL_CTL_ADD, fd, mask, token)?;
                let number = instance.as_raw_fd();
                control(
                    &self.main,
                    libc::EPOLL_CTL_ADD,
                    number,
                    libc::EPOLLIN as u32,
                    NESTED | number as u64,
                )?;
                registration.interest = interest;
                registration.nested = Some(instance);
                registry.nested.insert(number, token);
                // The instance, too, may have got the number of an fd that was closed before its event.
                if let Some(former) = registry.own(number, token) {
                    self.orphan(registry, number, former);
                }
                self.note_unusual(registry);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The number `fd`, which `former` watched, was closed and reused.
    #[cold]
    fn orphan(&self, registry: &mut Registry, fd: i32, former: u64) {
        registry.orphan(fd, former);
        self.note_unusual(registry);
    }

    /// Stops to watch. Whatever the kernel says, we are done with it.
    fn remove(&self, registry: &mut Registry, registration: &mut Registration) {
        if std::mem::take(&mut registration.interest) == 0 {
            return;
        }
        let (fd, token) = (registration.fd, registration.token);
        let orphaned = std::mem::take(&mut registration.orphaned);
        if let Some(instance) = registration.nested.take() {
            // Closing the instance, the only reference to it, removes all of it.
            let number = instance.as_raw_fd();
            registry.nested.remove(&number);
            registry.disown(number, token);
            self.note_unusual(registry);
        } else {
            registry.disown(fd, token);
            if !orphaned && control(&self.main, libc::EPOLL_CTL_DEL, fd, 0, 0).is_err() {
                registry.ghosts.insert(token);
                self.note_unusual(registry);
            }
        }
    }

    fn modify(&self, registry: &mut Registry, index: usize, interest: u32) -> io::Result<()> {
        let Some(registration) = registry.registrations[index].as_mut() else { return Ok(()) };
        let mask = kernel_mask(interest, registration.trigger);
        let instance = registration.nested.as_ref().unwrap_or(&self.main);
        if !registration.orphaned {
            control(instance, libc::EPOLL_CTL_MOD, registration.fd, mask, registration.token)?;
        }
        registration.interest = interest;
        Ok(())
    }

    /// Reads what nested instances have, recognises ghosts, and puts the registrations of one fd in the order
    /// of their creation.
    fn tidy(&self, ready: &mut Vec<Ready>, first: usize) {
        let mut registry = self.lock();
        let mut haunted = registry.ghosts.len() > MANY_GHOSTS;
        for item in &mut ready[first..] {
            if item.token & NESTED != 0 {
                let mut event = libc::epoll_event { events: 0, u64: 0 };
                let number = (item.token & !NESTED) as i32;
                // Closed since the poll, the number may be somebody else's instance now.
                let living = registry.nested.contains_key(&number);
                // SAFETY: `event` lives through the call, and the instance is held by its registration.
                let ready = living && unsafe { libc::epoll_wait(number, &mut event, 1, 0) } == 1;
                let (token, events) = if ready { (event.u64, event.events) } else { (WAKE, 0) };
                *item = Ready { token, raw: raw(events) };
            }
            if registry.ghosts.contains(&item.token) {
                haunted = true;
                item.token = WAKE;
            }
        }
        let rebuilt = if haunted { self.rebuild(&mut registry) } else { Ok(()) };
        ready.retain(|item| item.token != WAKE);
        if !registry.nested.is_empty() {
            order::by_creation(&mut ready[first..], |token| {
                registry.get(token).map(|registration| (registration.fd, registration.created))
            });
        }
        self.note_unusual(&registry);
        drop(registry);
        match rebuilt {
            Ok(()) if haunted => {
                tracing::debug!("rebuilt the epoll instance, to be rid of closed fds that woke it")
            }
            Ok(()) => {}
            // The ghosts stay known, so the next of their wakes tries again.
            Err(error) => tracing::warn!(%error, "cannot rebuild the epoll instance, which closed fds wake"),
        }
    }

    /// Replaces the main instance, under its number, by one that holds the living registrations alone.
    fn rebuild(&self, registry: &mut Registry) -> io::Result<()> {
        let fresh = new_instance()?;
        watch_waker(&fresh, &self.waker)?;
        self.timeouts.watch(&fresh)?;
        let mut closed = Vec::new();
        for (index, registration) in registry.registrations.iter().enumerate() {
            let Some(registration) = registration else { continue };
            if registration.interest == 0 || registration.orphaned {
                continue;
            }
            let added = match &registration.nested {
                Some(nested) => {
                    let number = nested.as_raw_fd();
                    control(&fresh, libc::EPOLL_CTL_ADD, number, libc::EPOLLIN as u32, NESTED | number as u64)
                }
                None => {
                    let mask = kernel_mask(registration.interest, registration.trigger);
                    control(&fresh, libc::EPOLL_CTL_ADD, registration.fd, mask, registration.token)
                }
            };
            match added {
                // There is nothing left to watch.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EBADF | libc::EPERM)) => {
                    closed.push(index)
                }
                added => added?,
            }
        }
        // SAFETY: plain system call on two fds of ours.
        check(unsafe { libc::dup3(fresh.as_raw_fd(), self.main.as_raw_fd(), libc::O_CLOEXEC) })?;
        registry.ghosts.clear();
        for index in closed {
            registry.registrations[index].iter_mut().for_each(|registration| registration.orphaned = true);
        }
        if let Some(outer) = &registry.outer {
            hold(outer, self.main.as_raw_fd())?;
        }
        Ok(())
    }
}

fn watch_waker(instance: &OwnedFd, waker: &Waker) -> io::Result<()> {
    control(instance, libc::EPOLL_CTL_ADD, waker.fd(), (libc::EPOLLIN | libc::EPOLLET) as u32, WAKE)
}

impl Registry {
    /// A registration that watches nothing yet.
    fn insert(&mut self, fd: i32, token: u64, trigger: Trigger) -> io::Result<()> {
        if fd < 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        let index = index(token);
        if self.registrations.len() <= index {
            self.registrations.resize_with(index + 1, || None);
        }
        self.created += 1;
        let created = self.created;
        self.registrations[index] =
            Some(Registration { fd, token, trigger, interest: 0, nested: None, orphaned: false, created });
        Ok(())
    }

    /// The main instance holds `token`'s registration of `fd` now; the one whose it held before, if any.
    fn own(&mut self, fd: i32, token: u64) -> Option<u64> {
        let number = fd as usize;
        if self.owners.len() <= number {
            self.owners.resize(number + 1, None);
        }
        self.owners[number].replace(token)
    }

    /// The number `fd`, which `former` watched, was closed and reused, and all its registrations but the owner's are
    /// orphans: the kernel can no longer be asked to change them, and whatever it still reports for them is not theirs to
    /// hear.
    fn orphan(&mut self, fd: i32, former: u64) {
        let token = self.owners[fd as usize];
        // The others of this fd have nested instances; often there is none.
        let suspects = if !self.nested.is_empty() {
            0..self.registrations.len()
        } else {
            index(former)..index(former) + 1
        };
        for registration in self.registrations[suspects].iter_mut().flatten() {
            if registration.fd != fd || Some(registration.token) == token || registration.interest == 0 {
                continue;
            }
            registration.orphaned = true;
            if let Some(instance) = registration.nested.take() {
                self.nested.remove(&instance.as_raw_fd());
            } else {
                self.ghosts.insert(registration.token);
            }
        }
    }

    fn disown(&mut self, fd: i32, token: u64) {
        if let Some(owner) = self.owners.get_mut(fd as usize) {
            owner.take_if(|owner| *owner == token);
        }
    }

    fn get(&self, token: u64) -> Option<&Registration> {
        self.registrations.get(index(token))?.as_ref().filter(|registration| registration.token == token)
    }
}

impl Poller for Epoll {
    fn name(&self) -> &'static CStr {
        c"epoll"
    }

    fn register(&self, fd: i32, token: u64, trigger: Trigger) -> io::Result<()> {
        self.lock().insert(fd, token, trigger)
    }

    // As the two calls do, in one section of the lock.
    fn watch(&self, fd: i32, token: u64, trigger: Trigger, interest: &dyn Fn() -> u32) -> io::Result<()> {
        let mut registry = self.lock();
        registry.insert(fd, token, trigger)?;
        match interest() {
            0 => Ok(()),
            wanted => self.add(&mut registry, index(token), wanted),
        }
    }

    fn update(&self, token: u64, interest: &dyn Fn() -> u32, rearm: bool) -> io::Result<()> {
        let mut registry = self.lock();
        let Some(before) = registry.get(token).map(|registration| registration.interest) else {
            return Ok(());
        };
        let index = index(token);
        match interest() {
            0 => {
                if let Some(mut registration) = registry.registrations[index].take() {
                    self.remove(&mut registry, &mut registration);
                    registry.registrations[index] = Some(registration);
                }
                Ok(())
            }
            after if before == 0 => self.add(&mut registry, index, after),
            after if before != after || rearm => self.modify(&mut registry, index, after),
            _ => Ok(()),
        }
    }

    fn deregister(&self, token: u64) {
        let mut registry = self.lock();
        let place = registry.registrations.get_mut(index(token));
        let taken = place.and_then(|place| place.take_if(|registration| registration.token == token));
        if let Some(mut registration) = taken {
            self.remove(&mut registry, &mut registration);
        }
    }

    fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Nanos>) -> Result<(), WaitError> {
        let mut events = self.events.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let count = match self.timeouts.wait(&self.main, &mut events, timeout) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let first = ready.len();
        ready.extend(
            events[..count]
                .iter()
                .filter(|event| { event.u64 } != WAKE)
                .map(|event| Ready { token: event.u64, raw: raw(event.events) }),
        );
        // A full batch leaves the rest to the next poll; a larger one then saves system calls.
        if count == events.capacity() && count < LARGEST_BATCH {
            events.clear();
            events.reserve(2 * count);
        }
        if self.unusual.load(Ordering::Acquire) != 0 && ready.len() > first {
            self.tidy(ready, first);
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
        let mut registry = self.lock();
        if let Some(outer) = &registry.outer {
            return Ok(outer.as_raw_fd());
        }
        let outer = new_instance()?;
        hold(&outer, self.main.as_raw_fd())?;
        Ok(registry.outer.insert(outer).as_raw_fd())
    }
}

fn timespec(nanos: Nanos) -> libc::timespec {
    libc::timespec {
        tv_sec: (nanos / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
    }
}

impl Timeouts {
    fn choose(main: &OwnedFd) -> io::Result<Timeouts> {
        let mut events = Vec::with_capacity(1);
        match Timeouts::Exact.wait(main, &mut events, Some(1)) {
            // An old kernel, or a filter of system calls that is older than this one.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                Timeouts::with_timerfd(main)
            }
            _ => Ok(Timeouts::Exact),
        }
    }

    fn with_timerfd(main: &OwnedFd) -> io::Result<Timeouts> {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: plain system call; the fd is new and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(check(libc::timerfd_create(libc::CLOCK_MONOTONIC, flags))?) };
        let timeouts = Timeouts::Timerfd(fd);
        timeouts.watch(main)?;
        Ok(timeouts)
    }

    /// Edge-triggered, so that an expiry wakes once and need not be read.
    fn watch(&self, instance: &OwnedFd) -> io::Result<()> {
        match self {
            Timeouts::Exact => Ok(()),
            Timeouts::Timerfd(fd) => {
                let mask = (libc::EPOLLIN | libc::EPOLLET) as u32;
                control(instance, libc::EPOLL_CTL_ADD, fd.as_raw_fd(), mask, WAKE)
            }
        }
    }

    /// Fills `events` up to its capacity; `None` waits for ever.
    fn wait(
        &self,
        main: &OwnedFd,
        events: &mut Vec<libc::epoll_event>,
        timeout: Option<Nanos>,
    ) -> io::Result<usize> {
        let main = main.as_raw_fd();
        let room = events.capacity() as libc::c_int;
        events.clear();
        let count = match (self, timeout) {
            (Timeouts::Exact, Some(nanos)) if nanos > 0 => {
                let limit = timespec(nanos);
                // SAFETY: `events` has room for that many, and `limit` lives through the call.
                let count = unsafe {
                    libc::syscall(
                        libc::SYS_epoll_pwait2,
                        main,
                        events.as_mut_ptr(),
                        room,
                        &raw const limit,
                        std::ptr::null::<libc::sigset_t>(),
                        0usize,
                    )
                };
                check(count as libc::c_int)?
            }
            _ => {
                if let (Timeouts::Timerfd(fd), Some(nanos)) = (self, timeout)
                    && nanos > 0
                {
                    let setting = libc::itimerspec { it_interval: timespec(0), it_value: timespec(nanos) };
                    // SAFETY: `setting` lives through the call.
                    check(unsafe {
                        libc::timerfd_settime(fd.as_raw_fd(), 0, &setting, std::ptr::null_mut())
                    })?;
                }
                // Without a timeout, or with none at all, the plain call is the quicker one.
                let milliseconds = if timeout == Some(0) { 0 } else { -1 };
                // SAFETY: `events` has room for that many.
                check(unsafe { libc::epoll_wait(main, events.as_mut_ptr(), room, milliseconds) })?
            }
        };
        // SAFETY: the kernel has written that many.
        unsafe { events.set_len(count as usize) };
        Ok(count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timerfd_serves_where_epoll_pwait2_is_missing() {
        let main = new_instance().unwrap();
        let timeouts = Timeouts::with_timerfd(&main).unwrap();
        let mut events = Vec::with_capacity(4);
        assert_eq!(timeouts.wait(&main, &mut events, Some(0)).unwrap(), 0);
        // Waits until the timerfd wakes it, twice: each expiry is an edge of its own.
        for _ in 0..2 {
            assert_eq!(timeouts.wait(&main, &mut events, Some(100_000)).unwrap(), 1);
            assert_eq!({ events[0].u64 }, WAKE);
        }
    }

    #[test]
    fn a_full_batch_grows() {
        let poller = Epoll::new().unwrap();
        let wakers: Vec<_> = (0..BATCH + 1).map(|_| Waker::new().unwrap()).collect();
        for (token, waker) in wakers.iter().enumerate() {
            waker.wake();
            poller.register(waker.fd(), token as u64, Trigger::Level).unwrap();
            poller.update(token as u64, &|| FileReady::READ.bits(), false).unwrap();
        }
        let mut ready = Vec::new();
        poller.wait(&mut ready, Some(0)).unwrap();
        assert_eq!(ready.len(), BATCH);
        ready.clear();
        poller.wait(&mut ready, Some(0)).unwrap();
        assert_eq!(ready.len(), BATCH + 1);
    }
}
