//! File events against poll(2): random lives of descriptors that are watched several times, closed, duplicated
//! and reused (promises F1 to F5 and F10 to F15).

// Windows has no such numbers to duplicate and reuse.
#![cfg(unix)]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, FileEvent, FileReady, Trigger};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Debug, Clone)]
enum Step {
    OpenPipe,
    OpenSocket,
    /// The peer writes, reads nothing, and goes.
    Write(Index),
    ReadAll(Index),
    ShutDownPeer(Index),
    ClosePeer(Index),
    /// Closes the watched descriptor itself; another number may keep the file open.
    Close(Index, bool),
    Watch(Index, Trigger, FileReady),
    SetEnabled(Index, FileReady),
    /// In a callback, where changes are coalesced.
    SetEnabledTwice(Index, FileReady, FileReady),
    Destroy(Index),
    Pump,
}

enum Watched {
    Pipe(PipeReader, Option<PipeWriter>),
    Socket(Socket, Option<Socket>),
}

impl Watched {
    fn fd(&self) -> RawFd {
        match self {
            Watched::Pipe(reader, _) => reader.os_fd(),
            Watched::Socket(socket, _) => socket.os_fd(),
        }
    }

    fn duplicate(&self) -> OwnedFd {
        match self {
            Watched::Pipe(reader, _) => reader.try_clone().unwrap().into(),
            Watched::Socket(socket, _) => socket.try_clone().unwrap().into(),
        }
    }

    /// Whether that changed anything.
    fn write(&mut self) -> bool {
        match self {
            Watched::Pipe(_, Some(writer)) => writer.write_all(b"x").is_ok(),
            Watched::Socket(_, Some(peer)) => peer.write_all(b"x").is_ok(),
            _ => false,
        }
    }

    fn read_all(&mut self) {
        let mut buffer = [0; 4096];
        let is_ready = |fd| is_readable(fd, Some(Duration::ZERO));
        while is_ready(self.fd()) {
            let count = match self {
                Watched::Pipe(reader, _) => reader.read(&mut buffer),
                Watched::Socket(socket, _) => socket.read(&mut buffer),
            };
            if count.is_ok_and(|count| count == 0) {
                return;
            }
        }
    }

    fn shut_down_peer(&mut self) -> bool {
        matches!(self, Watched::Socket(_, Some(peer)) if peer.shutdown(Shutdown::Write).is_ok())
    }

    fn close_peer(&mut self) -> bool {
        match self {
            Watched::Pipe(_, writer) => writer.take().is_some(),
            Watched::Socket(_, peer) => peer.take().is_some(),
        }
    }
}

struct Event {
    handle: Arc<FileEvent>,
    log: Log<FileReady>,
    fd: RawFd,
    trigger: Trigger,
    /// What it still watches.
    mask: FileReady,
    /// Armed since the last pump, so an edge must show what is ready.
    is_fresh: bool,
    /// Its peer wrote or went since the last pump.
    is_stirred: bool,
    /// Its descriptor was closed under it.
    is_orphan: bool,
}

impl Event {
    fn check(&mut self) {
        let heard = self.log.take();
        if self.is_orphan {
            return;
        }
        let expected = told(self.fd, self.mask);
        let nothing = expected.is_empty();
        match self.trigger {
            _ if nothing => assert_eq!(heard, []),
            Trigger::Level | Trigger::EmulatedEdge => assert_eq!(heard, [expected]),
            Trigger::Edge if self.is_fresh => assert_eq!(heard, [expected]),
            Trigger::Edge if self.is_stirred && self.mask.contains(FileReady::READ) => {
                assert_eq!(heard, [expected]);
            }
            // A spurious wake tells the truth too.
            Trigger::Edge => assert!(heard.is_empty() || heard == [expected], "{heard:?}"),
        }
        if self.trigger == Trigger::EmulatedEdge && !nothing {
            self.mask = FileReady::from_bits(self.mask.bits() & !expected.bits()).unwrap();
        }
        (self.is_fresh, self.is_stirred) = (false, false);
    }
}

#[derive(Default)]
struct World {
    files: Vec<Watched>,
    events: Vec<Event>,
    duplicates: Vec<OwnedFd>,
}

impl World {
    fn stir(&mut self, file: usize, stirred: bool) {
        let fd = self.files[file].fd();
        let events = self.events.iter_mut().filter(|event| event.fd == fd && !event.is_orphan);
        events.for_each(|event| event.is_stirred |= stirred);
    }

    fn set_enabled(&mut self, event: usize, mask: FileReady) {
        let event = &mut self.events[event];
        (event.mask, event.is_fresh) = (mask, true);
    }

    /// An event that is still entitled to its descriptor.
    fn entitled(&self, index: &Index) -> Option<usize> {
        let entitled: Vec<_> =
            (0..self.events.len()).filter(|event| !self.events[*event].is_orphan).collect();
        (!entitled.is_empty()).then(|| *index.get(&entitled))
    }

    fn step(&mut self, dispatcher: &Dispatcher, step: Step) {
        let file = |index: &Index| (!self.files.is_empty()).then(|| index.index(self.files.len()));
        match step {
            Step::OpenPipe => {
                let (reader, writer) = pipe();
                self.files.push(Watched::Pipe(reader, Some(out_of_the_way(writer))));
            }
            Step::OpenSocket => {
                let (socket, peer) = socket_pair();
                self.files.push(Watched::Socket(socket, Some(out_of_the_way(peer))));
            }
            Step::Write(index) => {
                if let Some(file) = file(&index) {
                    let stirred = self.files[file].write();
                    self.stir(file, stirred);
                }
            }
            Step::ReadAll(index) => {
                if let Some(file) = file(&index) {
                    self.files[file].read_all();
                }
            }
            Step::ShutDownPeer(index) => {
                if let Some(file) = file(&index) {
                    let stirred = self.files[file].shut_down_peer();
                    self.stir(file, stirred);
                }
            }
            Step::ClosePeer(index) => {
                if let Some(file) = file(&index) {
                    let stirred = self.files[file].close_peer();
                    self.stir(file, stirred);
                }
            }
            Step::Close(index, open_elsewhere) => {
                if let Some(file) = file(&index) {
                    let closed = self.files.swap_remove(file);
                    self.duplicates.extend(open_elsewhere.then(|| closed.duplicate()));
                    let events = self.events.iter_mut().filter(|event| event.fd == closed.fd());
                    events.for_each(|event| event.is_orphan = true);
                }
            }
            Step::Watch(index, trigger, mask) => {
                if let Some(file) = file(&index) {
                    let (fd, log) = (self.files[file].fd(), Log::new());
                    let told = log.clone();
                    let handle = dispatcher
                        .create_file_event(fd, trigger, mask, move |ready| told.add(ready))
                        .unwrap();
                    let (handle, is_fresh) = (Arc::new(handle), true);
                    let (is_stirred, is_orphan) = (false, false);
                    self.events.push(Event {
                        handle,
                        log,
                        fd,
                        trigger,
                        mask,
                        is_fresh,
                        is_stirred,
                        is_orphan,
                    });
                }
            }
            Step::SetEnabled(index, mask) => {
                if let Some(event) = self.entitled(&index) {
                    self.events[event].handle.set_enabled(mask).unwrap();
                    self.set_enabled(event, mask);
                }
            }
            Step::SetEnabledTwice(index, first, second) => {
                if let Some(event) = self.entitled(&index) {
                    let handle = self.events[event].handle.clone();
                    let change = move || {
                        handle.set_enabled(first).unwrap();
                        handle.set_enabled(second).unwrap();
                    };
                    dispatcher.post(change).unwrap();
                    self.set_enabled(event, second);
                    self.pump(dispatcher);
                }
            }
            Step::Destroy(index) => {
                if !self.events.is_empty() {
                    self.events.swap_remove(index.index(self.events.len()));
                }
            }
            Step::Pump => self.pump(dispatcher),
        }
    }

    fn pump(&mut self, dispatcher: &Dispatcher) {
        pump(dispatcher);
        self.events.iter_mut().for_each(Event::check);
    }
}

fn mask() -> impl Strategy<Value = FileReady> {
    (0u32..16).prop_map(|bits| FileReady::from_bits(bits).unwrap())
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![Just(Trigger::Level), Just(Trigger::Edge), Just(Trigger::EmulatedEdge)]
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        1 => Just(Step::OpenPipe),
        1 => Just(Step::OpenSocket),
        3 => index().prop_map(Step::Write),
        1 => index().prop_map(Step::ReadAll),
        1 => index().prop_map(Step::ShutDownPeer),
        1 => index().prop_map(Step::ClosePeer),
        1 => (index(), any::<bool>()).prop_map(|(file, open)| Step::Close(file, open)),
        4 => (index(), trigger(), mask()).prop_map(|(file, trigger, mask)| Step::Watch(file, trigger, mask)),
        2 => (index(), mask()).prop_map(|(event, mask)| Step::SetEnabled(event, mask)),
        2 => (index(), mask(), mask()).prop_map(|(event, a, b)| Step::SetEnabledTwice(event, a, b)),
        1 => index().prop_map(Step::Destroy),
        4 => Just(Step::Pump),
    ]
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn f10_events_are_told_what_poll_says(steps in proptest::collection::vec(step(), 1..40)) {
        let (dispatcher, mut world) = (dispatcher(), World::default());
        [Step::OpenPipe, Step::OpenSocket].into_iter().chain(steps).for_each(|step| world.step(&dispatcher, step));
        world.pump(&dispatcher);
        // Once all are gone, whatever is still open, nothing wakes the loop.
        world.events.clear();
        (0..2).for_each(|_| pump(&dispatcher));
        prop_assert!(!is_readable(dispatcher.poll_fd().unwrap(), Some(Duration::ZERO)));
    }
}
