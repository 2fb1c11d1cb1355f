//! Handlers of the program's own: they fire in the loop, and what they ask of it is seen at once.

use std::cell::Cell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mcp_event::{BusyPoll, Dispatcher, Error, FileReady, Handle, RunType, Trigger};

use crate::common::{Background, Log, MS, OnDrop, Slot, pipe_with, pump, raise, read_byte};
use crate::user::{Base, Event, dispatcher};

#[test]
fn base_is_there_on_libevent_alone() {
    let libevent = dispatcher();
    assert_eq!((libevent.backend(), libevent.libevent_base().is_some()), ("libevent", true));
    let epoll = Dispatcher::builder("other").backend("epoll").build().unwrap();
    assert_eq!((epoll.backend(), epoll.libevent_base()), ("epoll", None));
}

#[test]
fn events_of_every_kind_fire_on_the_loops_thread() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (base, here) = (Base::of(&dispatcher), thread::current().id());
    let handler = |name, handle: Handle| {
        let log = log.clone();
        move || {
            assert_eq!(thread::current().id(), here);
            log.add(name);
            handle.exit();
        }
    };
    let run = |name| {
        dispatcher.run(RunType::Block).unwrap();
        assert_eq!(log.take(), [name]);
    };

    let (mut reader, _writer) = pipe_with(b"x");
    let readable = base.on_readable(&reader, handler("fd", dispatcher.handle()));
    run("fd");
    read_byte(&mut reader);
    drop(readable);

    let timer = base.on_timeout(handler("timer", dispatcher.handle()));
    timer.add(Some(MS));
    run("timer");
    timer.activate();
    run("timer");

    base.once(handler("once", dispatcher.handle()));
    run("once");

    let signal = base.on_signal(libc::SIGUSR1, handler("signal", dispatcher.handle()));
    raise(libc::SIGUSR1);
    run("signal");
    drop((signal, timer));
}

/// What a handler may ask for, and what that leads to: the end of a run that nothing else would end.
type Ask = fn(&Handle) -> Option<Box<dyn std::any::Any + Send>>;

const ASKS: [(&str, Ask); 8] = [
    ("exit", |handle| {
        handle.exit();
        None
    }),
    ("post", |handle| {
        let exit = exit(handle);
        handle.post(exit).unwrap();
        None
    }),
    ("timer", |handle| {
        let timer = handle.create_timer(exit(handle));
        timer.enable(Duration::ZERO);
        Some(Box::new(timer))
    }),
    ("this iteration", |handle| {
        let callback = handle.create_schedulable_callback(exit(handle));
        callback.schedule_current_iteration();
        Some(Box::new(callback))
    }),
    ("next iteration", |handle| {
        let callback = handle.create_schedulable_callback(exit(handle));
        callback.schedule_next_iteration();
        Some(Box::new(callback))
    }),
    ("deferred delete", |handle| {
        handle.deferred_delete(OnDrop::boxed(exit(handle)));
        None
    }),
    ("file event", |handle| {
        let (pipe, mut exit) = (pipe_with(b"x"), exit(handle));
        let fd = pipe.0.as_raw_fd();
        let event = handle.create_file_event(fd, Trigger::Edge, FileReady::READ, move |_| exit()).unwrap();
        Some(Box::new((event, pipe)))
    }),
    ("activation", |handle| {
        let (pipe, mut exit) = (pipe_with(b""), exit(handle));
        let fd = pipe.0.as_raw_fd();
        let event = handle.create_file_event(fd, Trigger::Edge, FileReady::READ, move |_| exit()).unwrap();
        event.activate(FileReady::READ).unwrap();
        Some(Box::new((event, pipe)))
    }),
];

fn exit(handle: &Handle) -> impl FnMut() + Send + use<> {
    let handle = handle.clone();
    move || handle.exit()
}

/// Whether a wait is under way when the handler runs, or a spin, or neither.
fn every_ask_ends_a_run_of(dispatcher: &Dispatcher, timeout: Option<Duration>) {
    for (name, ask) in ASKS {
        let (handle, kept) = (dispatcher.handle(), Slot::new());
        let keep = kept.clone();
        let event = Base::of(dispatcher).on_timeout(move || keep.put(ask(&handle)));
        match timeout {
            Some(timeout) => event.add(Some(timeout)),
            None => event.activate(),
        }
        dispatcher.run(RunType::Block).unwrap_or_else(|error| panic!("{name}: {error}"));
        kept.destroy();
    }
}

#[test]
fn what_a_handler_asks_for_ends_the_wait() {
    every_ask_ends_a_run_of(&dispatcher(), None);
    every_ask_ends_a_run_of(&dispatcher(), Some(MS));
}

#[test]
fn what_a_handler_asks_for_ends_a_spin() {
    let spinning = Dispatcher::builder("spinning").backend("libevent").build().unwrap();
    spinning.set_busy_poll(Some(BusyPoll::always(BusyPoll::MAX_BUDGET))).unwrap();
    every_ask_ends_a_run_of(&spinning, Some(MS));
}

#[test]
fn nested_runs_are_refused() {
    let dispatcher = Arc::new(dispatcher());
    let base = Base::of(&dispatcher);
    let refused = Rc::new(Cell::new(false));
    let (inner, seen) = (dispatcher.clone(), refused.clone());
    base.once(move || {
        assert!(matches!(inner.run(RunType::NonBlock), Err(Error::InvalidState(_))));
        // libevent refuses its own kind of nesting, with a warning.
        assert_eq!(base.dispatch(), -1);
        seen.set(true);
        inner.exit();
    });
    dispatcher.run(RunType::Block).unwrap();
    assert!(refused.get());
}

#[test]
fn ends_of_the_bases_loop_end_no_run() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let base = Base::of(&dispatcher);
    // Outside any turn they are forgotten, but for the event that stands for an exit.
    base.break_loop();
    base.exit_loop();
    let (first, note, handle) = (log.clone(), log.clone(), dispatcher.handle());
    let last = Rc::new(base.on_timeout(move || {
        note.add("last");
        handle.exit();
    }));
    let ending = base.on_timeout(move || {
        first.add("first");
        last.add(Some(MS));
        base.break_loop();
        base.exit_loop();
    });
    ending.add(Some(MS));
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["first", "last"]);
}

#[test]
fn a_handler_meets_a_loop_that_others_post_to() {
    let background = Background::start(Dispatcher::builder("shared").backend("libevent").build().unwrap());
    let base = Base::of(&background.dispatcher);
    let (mut reader, _writer) = pipe_with(&[b'x'; 100]);
    let log = Log::new();
    let (note, handle) = (log.clone(), background.dispatcher.handle());
    let event: Event = background.on_loop(move || {
        base.on_readable(&reader.try_clone().unwrap(), move || {
            read_byte(&mut reader);
            let note = note.clone();
            handle.post(move || note.add("byte")).unwrap();
        })
    });
    for _ in 0..1000 {
        background.on_loop(|| ());
    }
    while log.len() < 100 {
        background.on_loop(|| ());
    }
    background.on_loop(move || drop(event));
}

#[test]
fn a_run_that_must_not_wait_runs_handlers_that_are_due() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let base = Base::of(&dispatcher);
    let later = base.on_timeout(log.note("later"));
    later.add(Some(Duration::from_secs(3600)));
    pump(&dispatcher);
    base.once(log.note("now"));
    pump(&dispatcher);
    assert_eq!(log.take(), ["now"]);
}
