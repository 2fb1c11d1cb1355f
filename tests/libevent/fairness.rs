//! Handlers that are always active, and a loop of ours that is always busy: neither keeps the other from its turn.

use std::cell::Cell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use mcp_event::{Dispatcher, FileReady, RunType, Trigger};

use crate::common::{Background, MS, Slot, pipe_with};
use crate::user::{Base, Event, dispatcher};

fn real_time() -> Dispatcher {
    Dispatcher::builder("libevent").backend("libevent").build().unwrap()
}

/// Runs it until a timer of ours fires.
fn run_for_a_timer(dispatcher: &Dispatcher) {
    let handle = dispatcher.handle();
    let timer = dispatcher.create_timer(move || handle.exit());
    timer.enable(5 * MS);
    dispatcher.run(RunType::Block).unwrap();
}

#[test]
fn a_handler_that_is_always_active_gets_one_turn_an_iteration() {
    let dispatcher = real_time();
    let (reader, _writer) = pipe_with(b"x");
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let _event = Base::of(&dispatcher).on_readable(&reader, move || count.set(count.get() + 1));
    run_for_a_timer(&dispatcher);
    assert!((1..=dispatcher.stats().iterations).contains(&calls.get()), "{}", calls.get());
}

/// An event whose handler makes it active again, for ever.
fn endless(base: Base) -> Slot<Event> {
    let slot = Slot::new();
    let own = slot.clone();
    slot.put(base.on_timeout(move || own.with(Event::activate)));
    slot.with(Event::activate);
    slot
}

#[test]
fn a_handler_that_activates_itself_keeps_no_timer_from_firing() {
    let dispatcher = real_time();
    let event = endless(Base::of(&dispatcher));
    run_for_a_timer(&dispatcher);
    event.destroy();
}

#[test]
fn a_handler_that_activates_itself_keeps_no_other_thread_waiting() {
    let background = Background::start(real_time());
    let base = Base::of(&background.dispatcher);
    let event = background.on_loop(move || endless(base));
    for _ in 0..100 {
        background.on_loop(|| ());
    }
    background.on_loop(move || event.destroy());
}

#[test]
fn more_urgent_events_of_the_programs_do_not_keep_ours_waiting() {
    let dispatcher = real_time();
    let base = Base::of(&dispatcher);
    base.set_priorities(2);
    let (reader, _writer) = pipe_with(b"x");
    let urgent = base.on_readable(&reader, || ());
    urgent.set_priority(0);
    // Never gets a turn, as libevent has it; and is always active.
    let starved = base.on_timeout(|| ());
    starved.set_priority(1);
    starved.activate();
    run_for_a_timer(&dispatcher);
}

#[test]
fn a_busy_loop_of_ours_leaves_less_urgent_events_their_turn() {
    let dispatcher = dispatcher();
    let base = Base::of(&dispatcher);
    base.set_priorities(3);
    let (reader, _writer) = pipe_with(b"x");
    let _busy =
        dispatcher.create_file_event(reader.as_raw_fd(), Trigger::Level, FileReady::READ, |_| ()).unwrap();
    let handle = dispatcher.handle();
    let event = base.on_timeout(move || handle.exit());
    event.set_priority(2);
    event.add(Some(Duration::from_micros(1)));
    dispatcher.run(RunType::Block).unwrap();
    event.activate();
    dispatcher.run(RunType::Block).unwrap();
}
