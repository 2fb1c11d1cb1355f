//! Activations by hand.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcp_event::{Error, FileReady, Trigger};

use crate::common::*;
use crate::{CLOSED, ERROR, NONE, READ, WRITE, watch_with};

#[test]
fn f4_set_enabled_drops_pending_activations() {
    let (reader, _writer) = pipe();
    let (dispatcher, log) = (dispatcher(), Log::new());
    let event = Arc::new(watch(&dispatcher, &reader, Trigger::Level, READ, &log));
    event.activate(READ).unwrap();
    event.set_enabled(READ).unwrap();
    pump(&dispatcher);

    let inner = event.clone();
    in_one_iteration(&dispatcher, move || {
        inner.activate(READ | CLOSED).unwrap();
        inner.set_enabled(READ).unwrap();
    });

    let background = Background::start(dispatcher);
    let busy = background.keep_busy();
    event.activate(ERROR).unwrap();
    event.set_enabled(READ | ERROR).unwrap();
    drop(busy);
    background.settle();
    assert_eq!(log.take(), []);
    // Only those before it.
    event.activate(CLOSED).unwrap();
    background.settle();
    assert_eq!(log.take(), [CLOSED]);
}

#[test]
fn f5_an_activation_is_delivered_while_disabled() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, _peer) = socket_pair();
    let event = watch(&dispatcher, &socket, Trigger::Edge, WRITE, &log);
    event.set_enabled(NONE).unwrap();
    event.activate(WRITE).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [WRITE]);
}

#[test]
fn f6_activations_merge_with_each_other_and_with_readiness() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, _peer) = socket_pair();
    let event = watch(&dispatcher, &socket, Trigger::Edge, READ, &log);
    event.activate(WRITE).unwrap();
    event.activate(CLOSED).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [WRITE | CLOSED]);

    event.set_enabled(WRITE).unwrap();
    event.activate(READ).unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    assert_eq!(log.take(), [READ | WRITE]);
}

#[test]
fn f6_an_activation_waits_for_the_next_iteration() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe();
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let event = watch_with(&dispatcher, &reader, Trigger::Level, NONE, move |event, ready| {
        inner.add((handle.stats().iterations, ready));
        if inner.len() < 3 {
            event.activate(ready).unwrap();
        }
    });
    let activating = event.clone();
    let timer = dispatcher.create_timer(move || activating.activate(READ).unwrap());
    timer.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), [(2, READ), (3, READ), (4, READ)]);
}

#[test]
fn f6_any_thread_activates() {
    let (background, (told, telling)) = (Background::start(dispatcher()), mpsc::channel());
    let (reader, _writer) = pipe();
    let callback = move |ready| told.send(ready).unwrap();
    let event =
        background.dispatcher.create_file_event(reader.os_fd(), Trigger::Edge, NONE, callback).unwrap();
    for _ in 0..2_000 {
        event.activate(WRITE).unwrap();
        assert_eq!(soon(&telling), WRITE);
    }
    let busy = background.keep_busy();
    event.activate(READ).unwrap();
    event.activate(ERROR).unwrap();
    drop(busy);
    assert_eq!(soon(&telling), READ | ERROR);
    background.settle();
    assert!(telling.try_recv().is_err());
}

#[test]
fn f7_an_activation_of_nothing_is_refused() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe();
    let event = watch(&dispatcher, &reader, Trigger::Level, READ, &log);
    assert!(matches!(event.activate(NONE), Err(Error::InvalidArgument(_))));
    pump(&dispatcher);
    assert_eq!(log.take(), []);
    // Unknown bits cannot even be made.
    assert_eq!(
        (FileReady::from_bits(16), FileReady::from_bits(15)),
        (None, Some(READ | WRITE | CLOSED | ERROR))
    );
}
