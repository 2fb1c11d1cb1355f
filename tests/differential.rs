//! The same random script on every backend that works here, in simulated time: the callbacks are the same.
//!
//! What the contract leaves open is no difference: the order of different descriptors in a batch is the kernel's (so
//! neighbours are sorted), and an edge may be told more often than it must (F20), which then does not count. It must be
//! told what is ready if it was armed, or if its peer did something that shows.
//!
//! Windows has one backend.

#![cfg(unix)]

mod common;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use mcp_event::*;
use proptest::prelude::*;
use proptest::sample::Index;

const READ: FileReady = FileReady::READ;
const WRITE: FileReady = FileReady::WRITE;
const CLOSED: FileReady = FileReady::CLOSED;
const ERROR: FileReady = FileReady::ERROR;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Socket,
    PipeReader,
    PipeWriter,
}

/// What the callback of a file event does.
#[derive(Debug, Clone)]
enum Behaviour {
    Nothing,
    ReadOne,
    ReadAll,
    SetEnabled(FileReady),
    RegisterAgain,
    ActivateOnce(FileReady),
    Destroy,
}

#[derive(Debug, Clone)]
enum Step {
    Open(Kind),
    PeerWrites(Index),
    PeerReadsAll(Index),
    PeerShutsDown(Index),
    PeerCloses(Index),
    ReadOne(Index),
    ReadAll(Index),
    /// Writes until there is no room.
    Fill(Index),
    /// Closes the watched descriptor; another number may keep the file open.
    Close(Index, bool),
    /// The same, and the number goes to a new file at once.
    Reuse(Index, bool, Kind),
    /// Writes to a file whose watched descriptor was closed.
    Haunt(Index),
    Watch(Index, Trigger, FileReady, Behaviour),
    SetEnabled(Index, FileReady),
    /// In a callback, where changes are coalesced.
    SetEnabledTwice(Index, FileReady, FileReady),
    RegisterIfEmulated(Index, FileReady),
    UnregisterIfEmulated(Index, FileReady),
    Activate(Index, FileReady),
    Destroy(Index),
    DestroyOrphans,
    Post,
    CreateTimer(Duration),
    EnableTimer(Index, Duration),
    DisableTimer(Index),
    ScheduleCurrent(Index),
    ScheduleNext(Index),
    Cancel(Index),
    Advance(Duration),
    Pump,
}

/// A callback that ran, and with what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Called {
    /// The file, the event of it, and what it was told.
    File(usize, usize, u32),
    Timer(usize),
    Post(usize),
    Scheduled(usize),
}

/// A callback, and the iteration of its run that it was in.
type Trace = Vec<(u64, Called)>;

fn check(result: isize) -> Option<usize> {
    usize::try_from(result).ok().filter(|count| *count > 0)
}

/// Reads that many bytes at most; how many came.
fn read(fd: RawFd, most: usize) -> Option<usize> {
    let mut buffer = [0u8; 4096];
    // SAFETY: the buffer has room for that many.
    check(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), most.min(buffer.len())) })
}

fn read_all(fd: RawFd) -> bool {
    let mut any = false;
    while read(fd, usize::MAX).is_some() {
        any = true;
    }
    any
}

fn write(fd: RawFd, bytes: &[u8]) -> Option<usize> {
    // SAFETY: the bytes are there.
    check(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}

/// A descriptor that is watched, and its other end.
struct File {
    number: usize,
    own: OwnedFd,
    peer: Option<OwnedFd>,
}

impl File {
    fn open(number: usize, kind: Kind) -> File {
        let (own, peer): (OwnedFd, OwnedFd) = match kind {
            Kind::Socket => UnixStream::pair().map(|(own, peer)| (own.into(), peer.into())).unwrap(),
            Kind::PipeReader => io::pipe().map(|(reader, writer)| (reader.into(), writer.into())).unwrap(),
            Kind::PipeWriter => io::pipe().map(|(reader, writer)| (writer.into(), reader.into())).unwrap(),
        };
        for fd in [&own, &peer] {
            // SAFETY: plain system call.
            assert_eq!(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
        }
        File { number, own, peer: Some(out_of_the_way(peer)) }
    }

    fn fd(&self) -> RawFd {
        self.own.as_raw_fd()
    }

    fn peer(&self) -> RawFd {
        self.peer.as_ref().map_or(-1, |peer| peer.as_raw_fd())
    }
}

/// A file event, as its callback sees it.
struct Event {
    number: usize,
    file: usize,
    fd: RawFd,
    trigger: Trigger,
    behaviour: Behaviour,
    handle: Slot<FileEvent>,
    life: Mutex<Life>,
}

#[derive(Default)]
struct Life {
    mask: FileReady,
    /// It was armed, and has been told nothing since.
    is_fresh: bool,
    /// What its peer did, and it has not been told of.
    stirred: FileReady,
    was_activated: bool,
    /// Its descriptor was closed under it: what it is told does not count.
    is_orphan: bool,
    is_destroyed: bool,
}

impl Event {
    fn with_life<R>(&self, work: impl FnOnce(&mut Life) -> R) -> R {
        work(&mut self.life.lock().unwrap())
    }

    fn is_alive(&self) -> bool {
        self.with_life(|life| !life.is_orphan && !life.is_destroyed)
    }

    /// What an edge need not be told would merge with an activation.
    fn may_be_activated(&self) -> bool {
        self.trigger != Trigger::Edge || self.with_life(|life| life.mask.is_empty())
    }

    /// Whether what it is told counts.
    fn counts(&self, ready: FileReady) -> bool {
        self.with_life(|life| {
            if life.is_orphan {
                return false;
            }
            if self.trigger != Trigger::Edge || life.mask.is_empty() {
                return true;
            }
            let must = life.is_fresh || ready.intersects(life.stirred);
            if must {
                (life.is_fresh, life.stirred) = (false, FileReady::NONE);
            }
            must
        })
    }

    fn arm(&self, mask: FileReady) {
        self.with_life(|life| (life.mask, life.is_fresh) = (mask, true));
    }

    fn set_enabled(&self, mask: FileReady) {
        self.handle.with(|handle| handle.set_enabled(mask)).unwrap();
        self.arm(mask);
    }

    fn activate(&self, bits: FileReady) {
        self.handle.with(|handle| handle.activate(bits)).unwrap();
    }

    fn destroy(&self) {
        self.with_life(|life| life.is_destroyed = true);
        self.handle.destroy();
    }

    fn behave(&self) {
        match self.behaviour {
            Behaviour::Nothing => {}
            Behaviour::ReadOne => _ = read(self.fd, 1),
            Behaviour::ReadAll => _ = read_all(self.fd),
            Behaviour::SetEnabled(mask) => self.set_enabled(mask),
            Behaviour::RegisterAgain => {
                self.handle.with(|handle| handle.register_if_emulated_edge(READ | WRITE)).unwrap();
            }
            Behaviour::ActivateOnce(bits) => {
                let is_first = self.with_life(|life| !std::mem::replace(&mut life.was_activated, true));
                if is_first && self.may_be_activated() {
                    self.activate(bits);
                }
            }
            Behaviour::Destroy => self.destroy(),
        }
    }
}

/// One backend's run of the script.
struct World {
    dispatcher: Dispatcher,
    clock: SimulatedClock,
    log: Log<(u64, Called)>,
    files: Vec<File>,
    /// Files that are open, but no more under their watched number, and the other ends.
    ghosts: Vec<(OwnedFd, Option<OwnedFd>)>,
    events: Vec<Arc<Event>>,
    timers: Vec<Timer>,
    schedulables: Vec<SchedulableCallback>,
    opened: usize,
    posted: usize,
    traces: Vec<Trace>,
}

impl World {
    fn new(backend: &str) -> World {
        let (clock, log) = (SimulatedClock::new(), Log::new());
        let dispatcher = Dispatcher::builder("test").clock(&clock).backend(backend).build().unwrap();
        let noting = |number| Self::noting(&dispatcher, &log, Called::Scheduled(number));
        let schedulables =
            (0..3).map(|number| dispatcher.create_schedulable_callback(noting(number))).collect();
        World {
            dispatcher,
            clock,
            log,
            files: Vec::new(),
            ghosts: Vec::new(),
            events: Vec::new(),
            timers: Vec::new(),
            schedulables,
            opened: 0,
            posted: 0,
            traces: Vec::new(),
        }
    }

    /// A callback that logs `called`.
    fn noting(
        dispatcher: &Dispatcher,
        log: &Log<(u64, Called)>,
        called: Called,
    ) -> impl FnMut() + Send + use<> {
        let (handle, log) = (dispatcher.handle(), log.clone());
        move || log.add((handle.stats().iterations, called.clone()))
    }

    fn note(&self, called: Called) -> impl FnMut() + Send + use<> {
        Self::noting(&self.dispatcher, &self.log, called)
    }

    fn open(&mut self, kind: Kind) -> File {
        self.opened += 1;
        File::open(self.opened, kind)
    }

    fn stir(&self, file: usize, by: FileReady) {
        for event in self.events.iter().filter(|event| event.file == file) {
            event.with_life(|life| life.stirred = life.stirred | by);
        }
    }

    fn watch(&mut self, file: usize, trigger: Trigger, mask: FileReady, behaviour: Behaviour) {
        let (number, file) = (self.events.len(), &self.files[file]);
        let life = Life { mask, is_fresh: true, ..Life::default() };
        let event = Arc::new(Event {
            number,
            file: file.number,
            fd: file.fd(),
            trigger,
            behaviour,
            handle: Slot::new(),
            life: Mutex::new(life),
        });
        let (inner, handle, log) = (Arc::downgrade(&event), self.dispatcher.handle(), self.log.clone());
        let callback = move |ready: FileReady| {
            let Some(event) = inner.upgrade() else { return };
            if event.counts(ready) {
                log.add((handle.stats().iterations, Called::File(event.file, event.number, ready.bits())));
                event.behave();
            }
        };
        event.handle.put(self.dispatcher.create_file_event(file.fd(), trigger, mask, callback).unwrap());
        self.events.push(event);
    }

    fn step(&mut self, step: Step) {
        let file = |index: &Index| (!self.files.is_empty()).then(|| index.index(self.files.len()));
        let event = |index: &Index| {
            let alive: Vec<_> = self.events.iter().filter(|event| event.is_alive()).collect();
            (!alive.is_empty()).then(|| (*index.get(&alive)).clone())
        };
        let timer = |index: &Index| (!self.timers.is_empty()).then(|| index.get(&self.timers));
        match step {
            Step::Open(kind) => {
                let file = self.open(kind);
                self.files.push(file);
            }
            Step::PeerWrites(index) => {
                if let Some(file) = file(&index).map(|file| &self.files[file])
                    && write(file.peer(), b"x").is_some()
                {
                    self.stir(file.number, READ);
                }
            }
            Step::PeerReadsAll(index) => {
                if let Some(file) = file(&index).map(|file| &self.files[file]) {
                    let was_writable = !told(file.fd(), WRITE).is_empty();
                    if read_all(file.peer()) && !was_writable {
                        self.stir(file.number, WRITE);
                    }
                }
            }
            Step::PeerShutsDown(index) => {
                if let Some(file) = file(&index).map(|file| &self.files[file]) {
                    // SAFETY: plain system call, which fails for pipes.
                    if unsafe { libc::shutdown(file.peer(), libc::SHUT_WR) } == 0 {
                        self.stir(file.number, READ | CLOSED);
                    }
                }
            }
            Step::PeerCloses(index) => {
                if let Some(file) = file(&index)
                    && self.files[file].peer.take().is_some()
                {
                    self.stir(self.files[file].number, READ | WRITE | CLOSED | ERROR);
                }
            }
            Step::ReadOne(index) => _ = file(&index).map(|file| read(self.files[file].fd(), 1)),
            Step::ReadAll(index) => _ = file(&index).map(|file| read_all(self.files[file].fd())),
            Step::Fill(index) => {
                if let Some(file) = file(&index) {
                    while write(self.files[file].fd(), &[0; 4096]).is_some() {}
                }
            }
            Step::Close(index, open_elsewhere) => {
                if let Some(file) = file(&index) {
                    self.leave_number(file, open_elsewhere);
                    self.files.swap_remove(file);
                }
            }
            Step::Reuse(index, open_elsewhere, kind) => {
                if let Some(file) = file(&index) {
                    self.leave_number(file, open_elsewhere);
                    let fresh = self.open(kind);
                    let reused = &mut self.files[file];
                    // SAFETY: both are open and the test's own.
                    assert!(unsafe { libc::dup2(fresh.fd(), reused.fd()) } >= 0);
                    (reused.number, reused.peer) = (fresh.number, fresh.peer);
                }
            }
            Step::Haunt(index) => {
                if !self.ghosts.is_empty()
                    && let (_, Some(peer)) = index.get(&self.ghosts)
                {
                    write(peer.as_raw_fd(), b"x");
                }
            }
            Step::Watch(index, trigger, mask, behaviour) => {
                if let Some(file) = file(&index) {
                    self.watch(file, trigger, mask, behaviour);
                }
            }
            Step::SetEnabled(index, mask) => {
                if let Some(event) = event(&index) {
                    event.set_enabled(mask);
                }
            }
            Step::SetEnabledTwice(index, first, second) => {
                if let Some(event) = event(&index) {
                    let change = move || {
                        if event.is_alive() {
                            event.set_enabled(first);
                            event.set_enabled(second);
                        }
                    };
                    self.dispatcher.post(change).unwrap();
                    self.pump();
                }
            }
            Step::RegisterIfEmulated(index, mask) => {
                if let Some(event) = event(&index) {
                    event.handle.with(|handle| handle.register_if_emulated_edge(mask)).unwrap();
                }
            }
            Step::UnregisterIfEmulated(index, mask) => {
                if let Some(event) = event(&index) {
                    event.handle.with(|handle| handle.unregister_if_emulated_edge(mask)).unwrap();
                }
            }
            Step::Activate(index, bits) => {
                if let Some(event) = event(&index).filter(|event| event.may_be_activated()) {
                    event.activate(bits);
                }
            }
            Step::Destroy(index) => {
                if let Some(event) = event(&index) {
                    event.destroy();
                }
            }
            Step::DestroyOrphans => {
                let orphans = self.events.iter().filter(|event| event.with_life(|life| life.is_orphan));
                orphans.for_each(|event| event.destroy());
            }
            Step::Post => {
                self.posted += 1;
                self.dispatcher.post(self.note(Called::Post(self.posted))).unwrap();
            }
            Step::CreateTimer(delay) => {
                let timer = self.dispatcher.create_timer(self.note(Called::Timer(self.timers.len())));
                timer.enable(delay);
                self.timers.push(timer);
            }
            Step::EnableTimer(index, delay) => _ = timer(&index).map(|timer| timer.enable(delay)),
            Step::DisableTimer(index) => _ = timer(&index).map(Timer::disable),
            Step::ScheduleCurrent(index) => index.get(&self.schedulables).schedule_current_iteration(),
            Step::ScheduleNext(index) => index.get(&self.schedulables).schedule_next_iteration(),
            Step::Cancel(index) => index.get(&self.schedulables).cancel(),
            Step::Advance(time) => self.clock.advance(time),
            Step::Pump => self.pump(),
        }
    }

    /// The number of this file is about to go.
    fn leave_number(&mut self, file: usize, open_elsewhere: bool) {
        let file = &mut self.files[file];
        for event in self.events.iter().filter(|event| event.file == file.number) {
            event.with_life(|life| life.is_orphan = true);
        }
        if open_elsewhere {
            self.ghosts.push((file.own.try_clone().unwrap(), file.peer.take()));
        }
    }

    fn pump(&mut self) {
        let before = self.dispatcher.stats().iterations;
        pump(&self.dispatcher);
        let mut trace = self.log.take();
        for called in &mut trace {
            called.0 -= before;
        }
        // Neighbours of one iteration, if they are of different files.
        let is_of_file = |called: &Called| matches!(called, Called::File(..));
        for batch in trace.chunk_by_mut(|a, b| a.0 == b.0 && is_of_file(&a.1) == is_of_file(&b.1)) {
            batch.sort_by_key(|(_, called)| if let Called::File(file, ..) = called { *file } else { 0 });
        }
        self.traces.push(trace);
    }
}

/// What the script leads to.
fn run(backend: &str, script: &[Step]) -> Vec<Trace> {
    let mut world = World::new(backend);
    [Step::Open(Kind::Socket), Step::Open(Kind::PipeReader)].into_iter().for_each(|step| world.step(step));
    script.iter().for_each(|step| world.step(step.clone()));
    world.pump();
    world.traces
}

fn mask() -> impl Strategy<Value = FileReady> {
    (0u32..16).prop_map(|bits| FileReady::from_bits(bits).unwrap())
}

fn bits() -> impl Strategy<Value = FileReady> {
    (1u32..16).prop_map(|bits| FileReady::from_bits(bits).unwrap())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Socket), Just(Kind::PipeReader), Just(Kind::PipeWriter)]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![Just(Trigger::Level), Just(Trigger::Edge), Just(Trigger::EmulatedEdge)]
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        6 => Just(Behaviour::Nothing),
        2 => Just(Behaviour::ReadOne),
        2 => Just(Behaviour::ReadAll),
        1 => mask().prop_map(Behaviour::SetEnabled),
        1 => Just(Behaviour::RegisterAgain),
        1 => bits().prop_map(Behaviour::ActivateOnce),
        1 => Just(Behaviour::Destroy),
    ]
}

fn delay() -> impl Strategy<Value = Duration> {
    (0u64..4).prop_map(Duration::from_millis)
}

fn file_step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        2 => kind().prop_map(Step::Open),
        6 => index().prop_map(Step::PeerWrites),
        2 => index().prop_map(Step::PeerReadsAll),
        1 => index().prop_map(Step::PeerShutsDown),
        1 => index().prop_map(Step::PeerCloses),
        1 => index().prop_map(Step::ReadOne),
        1 => index().prop_map(Step::ReadAll),
        2 => index().prop_map(Step::Fill),
        1 => (index(), any::<bool>()).prop_map(|(file, open)| Step::Close(file, open)),
        1 => (index(), any::<bool>(), kind()).prop_map(|(file, open, kind)| Step::Reuse(file, open, kind)),
        1 => index().prop_map(Step::Haunt),
    ]
}

fn event_step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        8 => (index(), trigger(), mask(), behaviour())
            .prop_map(|(file, trigger, mask, behaviour)| Step::Watch(file, trigger, mask, behaviour)),
        3 => (index(), mask()).prop_map(|(event, mask)| Step::SetEnabled(event, mask)),
        3 => (index(), mask(), mask()).prop_map(|(event, a, b)| Step::SetEnabledTwice(event, a, b)),
        1 => (index(), mask()).prop_map(|(event, mask)| Step::RegisterIfEmulated(event, mask)),
        1 => (index(), mask()).prop_map(|(event, mask)| Step::UnregisterIfEmulated(event, mask)),
        2 => (index(), bits()).prop_map(|(event, bits)| Step::Activate(event, bits)),
        1 => index().prop_map(Step::Destroy),
        1 => Just(Step::DestroyOrphans),
    ]
}

fn other_step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        Just(Step::Post),
        delay().prop_map(Step::CreateTimer),
        (index(), delay()).prop_map(|(timer, delay)| Step::EnableTimer(timer, delay)),
        index().prop_map(Step::DisableTimer),
        index().prop_map(Step::ScheduleCurrent),
        index().prop_map(Step::ScheduleNext),
        index().prop_map(Step::Cancel),
        delay().prop_map(Step::Advance),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![4 => file_step(), 4 => event_step(), 2 => other_step(), 4 => Just(Step::Pump)]
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn all_backends_call_the_same(script in proptest::collection::vec(step(), 1..60)) {
        let works = |backend: &Backend| backend.state == BackendState::Works;
        let mut backends = backends().into_iter().filter(works).map(|backend| backend.name);
        let first = backends.next().unwrap();
        let expected = run(first, &script);
        for other in backends {
            prop_assert_eq!(&expected, &run(other, &script), "{} and {} differ", first, other);
        }
    }
}
