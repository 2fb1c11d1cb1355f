//! Bases of the program's own.

use std::ptr::NonNull;
use std::time::Duration;

use mcp_event::{Builder, Dispatcher, Error, RunType, SimulatedClock};

use crate::common::{Background, Log, MS, pump};
use crate::user::{Base, EVLOOP_NONBLOCK, dispatcher};

fn on(base: Base) -> Builder {
    // SAFETY: tests keep the base until the dispatcher is gone.
    unsafe { Dispatcher::builder("adopting").libevent_base(base.0) }
}

#[test]
fn a_run_drives_the_base_and_leaves_it_as_it_was() {
    let (base, log) = (Base::new(), Log::new());
    let dispatcher = on(base).build().unwrap();
    assert_eq!((dispatcher.backend(), dispatcher.libevent_base()), ("libevent", Some(base.0)));
    let (note, handle) = (log.clone(), dispatcher.handle());
    let event = base.on_timeout(move || {
        note.add("event");
        let (note, exit) = (note.clone(), handle.clone());
        handle
            .post(move || {
                note.add("post");
                exit.exit();
            })
            .unwrap();
    });
    event.add(Some(MS));
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["event", "post"]);
    assert_eq!(base.event_count(), 0);

    // The program may run it as before, and then we again.
    event.add(Some(MS));
    assert_eq!((base.dispatch(), log.take()), (1, vec!["event"]));
    event.activate();
    for expected in [&["post"][..], &["event", "post"]] {
        dispatcher.run(RunType::Block).unwrap();
        assert_eq!(log.take(), expected);
    }
    drop((dispatcher, event));
    base.free();
}

#[test]
fn a_dispatchers_own_base_may_be_turned_by_hand() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let base = Base::of(&dispatcher);
    let handle = dispatcher.handle();
    base.once(move || handle.exit());
    // Its run leaves it watching our poller...
    dispatcher.run(RunType::Block).unwrap();
    // ... which has something, on which a loop that is not ours must not spin.
    dispatcher.post(|| ()).unwrap();
    let event = base.on_timeout(log.note("event"));
    event.activate();
    base.turn(EVLOOP_NONBLOCK);
    assert_eq!(log.take(), ["event"]);
}

#[test]
fn a_base_has_one_dispatcher() {
    let base = Base::new();
    let first = on(base).build().unwrap();
    let timer = first.create_timer(|| ());
    assert!(matches!(on(base).build(), Err(Error::InvalidState(_))));
    let own = dispatcher();
    assert!(matches!(on(Base::of(&own)).build(), Err(Error::InvalidState(_))));
    drop(first);
    // A handle of the first one is left, and does not mind.
    let second = on(base).build().unwrap();
    timer.enable(Duration::ZERO);
    pump(&second);
    drop(second);
    base.free();
    drop(timer);
}

#[test]
fn the_backend_must_agree() {
    let base = Base::new();
    let Err(Error::InvalidArgument(text)) = on(base).backend("epoll").build() else {
        panic!("it was accepted")
    };
    assert!(text.contains("epoll"), "{text}");
    assert_eq!(on(base).backend("libevent").build().unwrap().backend(), "libevent");
    base.free();
}

#[test]
fn a_run_inside_the_programs_own_loop_is_an_error() {
    let base = Base::new();
    let dispatcher = on(base).clock(&SimulatedClock::new()).build().unwrap();
    let log = Log::new();
    let note = log.clone();
    let dispatcher = std::rc::Rc::new(dispatcher);
    let inner = dispatcher.clone();
    base.once(move || match inner.run(RunType::NonBlock) {
        Err(Error::Os { source, .. }) => note.add(source.to_string()),
        other => panic!("{other:?}"),
    });
    base.dispatch();
    assert!(log.take()[0].contains("event_base_loop()"));
    drop(dispatcher);
    base.free();
}

#[test]
fn the_builder_goes_to_another_thread() {
    let base = Base::new();
    let background = Background::start(on(base).build().unwrap());
    assert_eq!(background.dispatcher.libevent_base(), NonNull::new(base.0.as_ptr()));
    background.on_loop(|| ());
    drop(background);
    base.free();
}
