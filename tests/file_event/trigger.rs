//! Level, edge and emulated edge: when a readiness is told, and when again.

use std::io::{Read, Write};
use std::time::Duration;

use mcp_event::{FileReady, RunType, Trigger};

use crate::common::*;
use crate::{CLOSED, NONE, READ, TRIGGERS, WRITE, is_quiet, watch_with};

/// What each further iteration tells an edge of data that it has left unread: on Windows, whose kernel has no edges, it
/// is told again.
const AGAIN: &[FileReady] = if cfg!(windows) { &[READ] } else { &[] };

#[test]
fn f1_level_is_delivered_once_an_iteration_while_ready() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"xyz");
    let (fd, handle, inner) = (reader.os_fd(), dispatcher.handle(), log.clone());
    let callback = move |ready| {
        inner.add((handle.stats().iterations, ready));
        if read_byte(&reader) == b'z' {
            handle.exit();
        }
    };
    let _event = dispatcher.create_file_event(fd, Trigger::Level, READ, callback).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), [(1, READ), (2, READ), (3, READ)]);
    pump(&dispatcher);
    assert!(is_quiet(&dispatcher));
}

#[test]
fn f2_edge_is_delivered_once_a_transition() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, mut writer) = pipe();
    let _event = watch(&dispatcher, &reader, Trigger::Edge, READ, &log);
    pump(&dispatcher);
    assert_eq!(log.take(), []);
    for _ in 0..3 {
        writer.write_all(b"x").unwrap();
        pump(&dispatcher);
        assert_eq!(log.take(), [READ]);
        pump(&dispatcher);
        assert_eq!(log.take(), AGAIN);
    }
    (0..3).for_each(|_| assert_eq!(read_byte(&reader), b'x'));
    pump(&dispatcher);
    assert_eq!(log.take(), []);
}

#[test]
fn f2_readiness_at_creation_and_at_enabling_counts_as_a_transition() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let created_ready = watch(&dispatcher, &reader, Trigger::Edge, READ, &log);
    pump(&dispatcher);
    assert_eq!(log.take(), [READ]);
    pump(&dispatcher);
    assert_eq!(log.take(), AGAIN);
    drop(created_ready);

    let enabled_later = watch(&dispatcher, &reader, Trigger::Edge, NONE, &log);
    pump(&dispatcher);
    assert_eq!(log.take(), []);
    enabled_later.set_enabled(READ).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [READ]);
    pump(&dispatcher);
    assert_eq!(log.take(), AGAIN);
}

#[test]
fn f3_set_enabled_rearms_an_edge_also_with_the_same_mask() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, mut peer) = socket_pair();
    peer.write_all(b"x").unwrap();
    let event = watch(&dispatcher, &socket, Trigger::Edge, WRITE, &log);
    pump(&dispatcher);
    event.set_enabled(WRITE).unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    event.set_enabled(READ).unwrap();
    pump(&dispatcher);
    event.set_enabled(READ).unwrap();
    pump(&dispatcher);
    event.set_enabled(READ | WRITE).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [WRITE, WRITE, READ, READ, READ | WRITE]);
}

#[test]
fn f3_also_from_inside_a_callback_and_from_another_thread() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, _peer) = socket_pair();
    let inner = log.clone();
    let event = watch_with(&dispatcher, &socket, Trigger::Edge, WRITE, move |event, ready| {
        inner.add(ready);
        if inner.len() < 3 {
            event.set_enabled(WRITE).unwrap();
        }
    });
    (0..5).for_each(|_| pump(&dispatcher));
    assert_eq!(log.len(), 3);

    let background = Background::start(dispatcher);
    background.settle();
    // Another thread runs it: an edge may have been told once more (F20).
    let before = log.len();
    event.set_enabled(WRITE).unwrap();
    background.settle();
    assert_eq!(log.take()[before..], [WRITE]);
}

#[test]
fn f1_more_events_than_a_poll_reports_at_once() {
    const EVENTS: usize = 400;
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, _peer) = socket_pair();
    let sockets: Vec<_> = (0..EVENTS).map(|_| socket.try_clone().unwrap()).collect();
    let events: Vec<_> = sockets
        .iter()
        .enumerate()
        .map(|(number, socket)| {
            let mut note = log.note(number);
            dispatcher.create_file_event(socket.os_fd(), Trigger::Edge, WRITE, move |_| note()).unwrap()
        })
        .collect();
    for _ in 0..2 {
        (0..2).for_each(|_| pump(&dispatcher));
        let mut told = log.take();
        told.sort();
        assert_eq!(told, (0..EVENTS).collect::<Vec<_>>());
        assert!(is_quiet(&dispatcher));
        events.iter().for_each(|event| event.set_enabled(WRITE).unwrap());
    }
}

#[test]
fn f17_emulated_edge_unregisters_what_it_delivers() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, mut peer) = socket_pair();
    let event = watch(&dispatcher, &socket, Trigger::EmulatedEdge, READ | WRITE, &log);
    (0..2).for_each(|_| pump(&dispatcher));
    assert_eq!(log.take(), [WRITE]);
    // What was not delivered is still watched.
    peer.write_all(b"x").unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    assert_eq!(log.take(), [READ]);
    assert!(is_quiet(&dispatcher));

    event.register_if_emulated_edge(READ).unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    event.register_if_emulated_edge(READ | WRITE).unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    assert_eq!(log.take(), [READ, READ | WRITE]);
}

#[test]
fn f17_registered_again_in_its_callback_it_behaves_as_level() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let inner = log.clone();
    let _event = watch_with(&dispatcher, &reader, Trigger::EmulatedEdge, READ, move |event, ready| {
        inner.add(ready);
        event.register_if_emulated_edge(READ).unwrap();
    });
    (0..3).for_each(|_| pump(&dispatcher));
    assert_eq!(log.take(), [READ; 3]);
}

#[test]
fn f17_unregistered_it_is_told_nothing_until_it_is_registered() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let event = watch(&dispatcher, &reader, Trigger::EmulatedEdge, READ | CLOSED, &log);
    event.unregister_if_emulated_edge(READ).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), []);

    let background = Background::start(dispatcher);
    event.register_if_emulated_edge(READ).unwrap();
    background.settle();
    assert_eq!(log.take(), [READ]);
    event.register_if_emulated_edge(READ).unwrap();
    background.settle();
    assert_eq!(log.take(), [READ]);
}

#[test]
fn f18_registering_means_nothing_to_the_other_triggers() {
    for trigger in [Trigger::Level, Trigger::Edge] {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (reader, _writer) = pipe_with(b"x");
        let event = watch(&dispatcher, &reader, trigger, READ, &log);
        event.unregister_if_emulated_edge(READ).unwrap();
        pump(&dispatcher);
        assert_eq!(log.take(), [READ]);
        event.set_enabled(NONE).unwrap();
        event.register_if_emulated_edge(READ).unwrap();
        pump(&dispatcher);
        assert_eq!(log.take(), []);
    }
}

#[test]
fn f20_a_quiet_fd_wakes_nobody() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    let (mut reader, mut writer) = pipe();
    let _events = TRIGGERS.map(|trigger| watch(&background.dispatcher, &reader, trigger, READ, &log));
    // Written and read before the loop looks: nothing is left to tell.
    let busy = background.keep_busy();
    writer.write_all(b"x").unwrap();
    reader.read_exact(&mut [0]).unwrap();
    drop(busy);
    background.settle();
    assert_eq!(log.take(), []);
    #[cfg(unix)]
    assert!(background.on_loop({
        let handle = background.dispatcher.handle();
        move || !is_readable(handle.poll_fd().unwrap(), Some(Duration::ZERO))
    }));
}
