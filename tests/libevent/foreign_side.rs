//! The other way round: the program runs its base itself, and our dispatcher is one of its clients (docs/foreign-loops.md).
//! And how a loop that waits in a foreign one is watched.

use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use mcp_event::guard_dog::{Event as Told, GuardDog};
use mcp_event::{Activity, Dispatcher, RunType, SimulatedClock};

use crate::common::{Background, Log, MS, Slot, soon};
use crate::user::{Base, Event};

/// What a program does to drive a dispatcher from its own `event_base_dispatch()`.
struct Client {
    dispatcher: Rc<Dispatcher>,
    _timer: Rc<Event>,
    _readable: Event,
}

impl Client {
    fn new(base: Base, dispatcher: Dispatcher) -> Client {
        let dispatcher = Rc::new(dispatcher);
        let pump = |dispatcher: Rc<Dispatcher>| move || dispatcher.run(RunType::NonBlock).unwrap();
        let timer = Rc::new(base.on_timeout(pump(dispatcher.clone())));
        let (inner, again) = (dispatcher.clone(), timer.clone());
        let fd = Fd(dispatcher.poll_fd().unwrap());
        let readable = base.on_readable(&fd, move || {
            inner.run(RunType::NonBlock).unwrap();
            if let Some(timeout) = inner.next_timeout() {
                again.add(Some(timeout + Duration::from_micros(1)));
            }
        });
        Client { dispatcher, _timer: timer, _readable: readable }
    }
}

struct Fd(i32);

impl std::os::fd::AsRawFd for Fd {
    fn as_raw_fd(&self) -> i32 {
        self.0
    }
}

#[test]
fn a_base_drives_a_dispatcher() {
    let (base, log) = (Base::new(), Log::new());
    let client = Client::new(base, Dispatcher::builder("client").backend("epoll").build().unwrap());
    let (note, handle) = (log.clone(), client.dispatcher.handle());
    let timer = client.dispatcher.create_timer(move || {
        note.add("timer");
        base.break_loop();
    });
    let (note, kept) = (log.note("post"), Slot::new());
    let slot = kept.clone();
    let poster = std::thread::spawn(move || {
        let mut note = note;
        handle
            .post(move || {
                note();
                timer.enable(MS);
                slot.put(timer);
            })
            .unwrap();
    });
    assert_eq!(base.dispatch(), 0);
    poster.join().unwrap();
    assert_eq!(log.take(), ["post", "timer"]);
    kept.destroy();
    drop(client);
    base.free();
}

#[test]
fn w3_a_handler_that_is_stuck_is_told() {
    let background = Background::start(Dispatcher::builder("worker").backend("libevent").build().unwrap());
    let clock = SimulatedClock::new();
    let dog = GuardDog::builder().miss(10 * MS).megamiss(20 * MS).clock(&clock).build().unwrap();
    let told = Log::new();
    let log = told.clone();
    dog.on(Told::Miss, move |report| log.add(report.threads[0].name.clone()));
    dog.watch(&background.dispatcher).unwrap();
    let base = Base::of(&background.dispatcher);
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let event = background.on_loop(move || {
        let event = base.on_timeout(move || {
            begun.send(()).unwrap();
            soon(&may_go);
        });
        event.add(Some(MS));
        event
    });
    soon(&has_begun);
    assert_eq!(background.dispatcher.doing().activity, Activity::Waiting);
    // The first look asks it to show that it gets on, the second begins to count.
    for _ in 0..2 {
        dog.scan();
    }
    assert_eq!(told.take(), [""; 0]);
    clock.advance(11 * MS);
    dog.scan();
    assert_eq!(told.take(), ["worker"]);
    go.send(()).unwrap();
    background.settle();
    background.on_loop(move || drop(event));
}
