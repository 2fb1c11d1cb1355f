//! File events: promises F1 to F20 (F8 and F9 are the same for all kinds of handles: lifetimes.rs).

mod common;

#[cfg(unix)]
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{AsOsFd, Dispatcher, Error, FileEvent, FileReady, Handle, OsFd, RunType, Trigger};

const NONE: FileReady = FileReady::NONE;
const READ: FileReady = FileReady::READ;
const WRITE: FileReady = FileReady::WRITE;
const CLOSED: FileReady = FileReady::CLOSED;
const ERROR: FileReady = FileReady::ERROR;

const TRIGGERS: [Trigger; 3] = [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge];

/// Watches `fd`; the callback is given the event.
fn watch_with(
    handle: &Handle,
    fd: &impl AsOsFd,
    trigger: Trigger,
    events: FileReady,
    mut callback: impl FnMut(&FileEvent, FileReady) + Send + 'static,
) -> Arc<FileEvent> {
    Arc::new_cyclic(|me: &Weak<FileEvent>| {
        let me = me.clone();
        let callback = move |ready| callback(&me.upgrade().expect("destroyed in its own callback"), ready);
        handle.create_file_event(fd.os_fd(), trigger, events, callback).unwrap()
    })
}

/// Whether the dispatcher has nothing to do, so that a blocking run would sleep.
fn is_quiet(dispatcher: &Dispatcher) -> bool {
    // Windows has no poll fd.
    #[cfg(unix)]
    if is_readable(dispatcher.poll_fd().unwrap(), Some(Duration::ZERO)) {
        return false;
    }
    dispatcher.next_timeout().is_none()
}

/// What each further iteration tells an edge of data that it has left unread: on Windows, whose kernel has no edges, it
/// is told again.
const AGAIN: &[FileReady] = if cfg!(windows) { &[READ] } else { &[] };

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Closes whatever has the number `over`, which Windows cannot choose, and makes the number name the file behind `fd`.
#[cfg(unix)]
fn reuse_number(fd: &impl AsOsFd, over: OsFd) {
    // SAFETY: both numbers are open and the test's own.
    assert_eq!(unsafe { libc::dup2(fd.os_fd(), over) }, over);
}

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
fn f5_disabled_it_is_told_nothing_not_even_a_hang_up() {
    for trigger in TRIGGERS {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (reader, writer) = pipe();
        let event = watch(&dispatcher, &reader, trigger, READ | CLOSED | ERROR, &log);
        let _never_enabled = watch(&dispatcher, &reader, trigger, NONE, &log);
        event.set_enabled(NONE).unwrap();
        drop(writer);
        pump(&dispatcher);
        assert_eq!(log.take(), []);
        assert!(is_quiet(&dispatcher));

        event.set_enabled(CLOSED).unwrap();
        pump(&dispatcher);
        assert_eq!(log.take(), [CLOSED]);
    }
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

/// What events with each of these masks are told at once, whatever their trigger, and whether or not another
/// event has the fd.
#[track_caller]
fn assert_told(fd: &impl AsOsFd, cases: &[(FileReady, FileReady)]) {
    for (trigger, others) in TRIGGERS.into_iter().flat_map(|trigger| [(trigger, 0), (trigger, 1)]) {
        for (events, expected) in cases {
            let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
            let _others: Vec<_> =
                (0..others).map(|_| watch(&dispatcher, fd, Trigger::Edge, READ, &other_log)).collect();
            let _event = watch(&dispatcher, fd, trigger, *events, &log);
            pump(&dispatcher);
            let expected = if expected.is_empty() { vec![] } else { vec![*expected] };
            assert_eq!(log.take(), expected, "{trigger:?}, {events:?}, {others} others");
        }
    }
}

#[test]
fn f8_what_is_disabled_in_a_batch_does_not_begin() {
    for trigger in TRIGGERS {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let pipes = [pipe_with(b"x"), pipe_with(b"x")];
        let events: [Slot<FileEvent>; 2] = [Slot::new(), Slot::new()];
        for own in 0..2 {
            let (other, log) = (events[1 - own].clone(), log.clone());
            let callback = move |ready| {
                log.add(ready);
                other.with(|event| event.set_enabled(NONE)).unwrap();
            };
            let fd = pipes[own].0.os_fd();
            events[own].put(dispatcher.create_file_event(fd, trigger, READ, callback).unwrap());
        }
        pump(&dispatcher);
        assert_eq!(log.take(), [READ], "{trigger:?}");
        events.iter().for_each(Slot::destroy);
    }
}

#[test]
fn f8_disabled_by_another_thread_it_is_told_nothing_more() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let event = watch(&background.dispatcher, &reader, Trigger::Level, READ, &log);
    for _ in 0..200 {
        event.set_enabled(READ).unwrap();
        while log.take().is_empty() {
            thread::yield_now();
        }
        event.set_enabled(NONE).unwrap();
        // One callback may have been under way.
        background.on_loop(|| ());
        log.take();
        background.settle();
        assert_eq!(log.take(), []);
    }
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
fn f10_a_healthy_socket() {
    let (socket, mut peer) = socket_pair();
    let all = READ | WRITE | CLOSED | ERROR;
    assert_told(&socket, &[(READ, NONE), (WRITE, WRITE), (CLOSED, NONE), (ERROR, NONE), (all, WRITE)]);
    peer.write_all(b"x").unwrap();
    assert_told(&socket, &[(READ, READ), (WRITE, WRITE), (CLOSED | ERROR, NONE), (all, READ | WRITE)]);
}

#[test]
fn f10_the_end_of_a_pipe_is_a_hang_up_without_data() {
    let (reader, writer) = pipe();
    drop(writer);
    assert_told(&reader, &[(READ, READ), (READ | CLOSED, READ | CLOSED), (CLOSED, CLOSED)]);
}

#[test]
fn f10_a_half_closed_peer() {
    let (socket, peer) = socket_pair();
    peer.shutdown(Shutdown::Write).unwrap();
    let both = READ | CLOSED;
    assert_told(&socket, &[(READ, READ), (CLOSED, CLOSED), (both, both), (WRITE, WRITE), (ERROR, NONE)]);
}

#[test]
fn f10_a_reset_connection() {
    let (client, mut server) = tcp_pair();
    server.write_all(b"never read").unwrap();
    // Closed with unread data, it is reset.
    assert!(is_readable(client.os_fd(), None));
    drop(client);
    let all = READ | WRITE | CLOSED | ERROR;
    assert_told(&server, &[(READ, READ), (WRITE, WRITE), (CLOSED, CLOSED), (ERROR, ERROR), (all, all)]);
}

#[test]
#[cfg_attr(windows, ignore = "wine does not tell of it")]
fn f10_a_refused_datagram() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(gone).unwrap();
    socket.send(b"x").unwrap();
    let all = READ | WRITE | ERROR;
    assert_told(&socket, &[(READ, READ), (WRITE, WRITE), (ERROR, ERROR), (all, all), (CLOSED, CLOSED)]);
}

#[test]
#[cfg_attr(windows, ignore = "under wine the end shows only when the data is read")]
fn f11_closed_comes_together_with_read_while_data_is_pending() {
    let (reader, writer) = pipe_with(b"last words");
    drop(writer);
    assert_told(&reader, &[(READ | CLOSED, READ | CLOSED), (READ, READ)]);

    let (client, mut server) = tcp_pair();
    server.write_all(b"last words").unwrap();
    drop(server);
    // The end may come a little after the data.
    let dispatcher = dispatcher();
    let handle = dispatcher.handle();
    let closed = move |_| handle.exit();
    let _event = dispatcher.create_file_event(client.os_fd(), Trigger::Level, CLOSED, closed).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_told(&client, &[(READ | CLOSED, READ | CLOSED)]);
    assert_eq!(read_byte(client), b'l');
}

#[test]
#[cfg_attr(windows, ignore = "it needs a pipe, which has one direction")]
fn f12_a_fault_nobody_named_is_delivered_as_what_was_asked_for() {
    let (reader, writer) = pipe();
    drop(reader);
    // An error, and no hang-up.
    assert_told(&writer, &[(CLOSED, CLOSED), (ERROR, ERROR), (CLOSED | ERROR, ERROR), (READ, READ)]);
    let (reader, writer) = pipe();
    drop(writer);
    // A hang-up, and no error.
    assert_told(&reader, &[(ERROR, ERROR), (CLOSED | ERROR, CLOSED), (WRITE, WRITE)]);
}

#[test]
fn f13_several_events_on_one_fd_have_each_their_own_mask() {
    let (dispatcher, reads, writes) = (dispatcher(), Log::new(), Log::new());
    let (socket, mut peer) = socket_pair();
    let _read = watch(&dispatcher, &socket, Trigger::Edge, READ, &reads);
    let write = watch(&dispatcher, &socket, Trigger::Edge, WRITE, &writes);
    pump(&dispatcher);
    assert_eq!((reads.take(), writes.take()), (vec![], vec![WRITE]));
    write.set_enabled(NONE).unwrap();
    peer.write_all(b"x").unwrap();
    pump(&dispatcher);
    assert_eq!((reads.take(), writes.take()), (vec![READ], vec![]));
}

#[test]
fn f13_they_are_called_in_the_order_of_creation() {
    let (level, edge) = (Trigger::Level, Trigger::Edge);
    for triggers in [[level, edge, level, edge], [edge, level, edge, level], [level; 4], [edge; 4]] {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (reader, mut writer) = pipe();
        let (other, _other_writer) = pipe_with(b"x");
        let _events: Vec<_> = triggers
            .into_iter()
            .enumerate()
            .map(|(number, trigger)| {
                let mut note = log.note(number);
                dispatcher.create_file_event(reader.os_fd(), trigger, READ, move |_| note()).unwrap()
            })
            .collect();
        // Another fd in the same batch.
        let _other = watch(&dispatcher, &other, Trigger::Level, READ, &Log::new());
        for _ in 0..3 {
            writer.write_all(b"x").unwrap();
            pump(&dispatcher);
            assert_eq!(log.take(), [0, 1, 2, 3], "{triggers:?}");
        }
    }
}

#[test]
fn f13_level_and_edge_mix() {
    for (first, second) in [(Trigger::Level, Trigger::Edge), (Trigger::Edge, Trigger::Level)] {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (socket, _peer) = socket_pair();
        let _events = [first, second].map(|trigger| {
            let log = log.clone();
            let callback = move |_| log.add(trigger);
            dispatcher.create_file_event(socket.os_fd(), trigger, WRITE, callback).unwrap()
        });
        (0..3).for_each(|_| pump(&dispatcher));
        assert_eq!(log.take(), [first, second, Trigger::Level, Trigger::Level]);
    }
}

#[test]
fn f13_rearming_one_redelivers_to_it_alone() {
    let (dispatcher, logs) = (dispatcher(), [Log::new(), Log::new(), Log::new()]);
    let (socket, _peer) = socket_pair();
    let events = logs.each_ref().map(|log| watch(&dispatcher, &socket, Trigger::Edge, WRITE, log));
    pump(&dispatcher);
    for (rearmed, event) in events.iter().enumerate() {
        logs.iter().for_each(|log| drop(log.take()));
        event.set_enabled(WRITE).unwrap();
        (0..2).for_each(|_| pump(&dispatcher));
        let told = logs.each_ref().map(|log| log.len());
        assert_eq!(told, std::array::from_fn(|event| usize::from(event == rearmed)));
    }
}

#[test]
fn f13_the_others_go_on_when_one_is_destroyed() {
    for destroyed in 0..3 {
        let (dispatcher, logs) = (dispatcher(), [Log::new(), Log::new(), Log::new()]);
        let (reader, mut writer) = pipe();
        let mut events: Vec<_> =
            logs.iter().map(|log| watch(&dispatcher, &reader, Trigger::Edge, READ, log)).collect();
        drop(events.remove(destroyed));
        for _ in 0..2 {
            writer.write_all(b"x").unwrap();
            pump(&dispatcher);
            let told = logs.each_ref().map(|log| log.take().len());
            assert_eq!(told, std::array::from_fn(|event| usize::from(event != destroyed)));
        }
        // A new one takes part at once.
        let log = Log::new();
        events.push(watch(&dispatcher, &reader, Trigger::Level, READ, &log));
        pump(&dispatcher);
        assert_eq!(log.take(), [READ]);
    }
}

#[test]
fn f13_dispatchers_do_not_disturb_each_other() {
    let (dispatchers, log) = ([dispatcher(), dispatcher()], Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let _events =
        dispatchers.each_ref().map(|dispatcher| watch(dispatcher, &reader, Trigger::Edge, READ, &log));
    for dispatcher in &dispatchers {
        pump(dispatcher);
        assert_eq!(log.take(), [READ]);
    }
}

#[test]
fn f14_an_fd_closed_but_open_under_another_number_haunts_nobody() {
    for trigger in TRIGGERS {
        let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
        let (other, mut other_writer) = pipe();
        let _other = watch(&dispatcher, &other, Trigger::Edge, READ, &other_log);
        let _second = watch(&dispatcher, &other, Trigger::Edge, READ, &other_log);
        let (reader, mut writer) = pipe_with(b"x");
        let event = watch(&dispatcher, &reader, trigger, READ, &log);
        let _duplicate = reader.try_clone().unwrap();
        drop(reader);
        drop(event);
        for _ in 0..2 {
            writer.write_all(b"x").unwrap();
            (0..2).for_each(|_| pump(&dispatcher));
            assert_eq!(log.take(), []);
            assert!(is_quiet(&dispatcher));
        }
        // What is alive lives on.
        other_writer.write_all(b"x").unwrap();
        // Only the poll fd tells, which Windows has not.
        assert!(cfg!(windows) || !is_quiet(&dispatcher));
        pump(&dispatcher);
        assert_eq!(other_log.take(), [READ; 2], "{trigger:?}");
        assert!(is_quiet(&dispatcher));
    }
}

#[cfg(unix)]
#[test]
fn f15_the_number_of_a_closed_fd_belongs_to_its_new_event_alone() {
    for trigger in TRIGGERS {
        for still_open_elsewhere in [false, true] {
            let (dispatcher, old_log, new_log) = (dispatcher(), Log::new(), Log::new());
            let (old, mut old_writer) = pipe();
            let old_event = watch(&dispatcher, &old, trigger, READ, &old_log);
            let _duplicate = still_open_elsewhere.then(|| old.try_clone().unwrap());
            let (new, mut new_writer) = pipe();
            reuse_number(&new, old.os_fd());
            let _new_event = watch(&dispatcher, &old, Trigger::Edge, READ, &new_log);
            let mut use_both = || {
                if still_open_elsewhere {
                    old_writer.write_all(b"x").unwrap();
                }
                new_writer.write_all(b"x").unwrap();
                (0..2).for_each(|_| pump(&dispatcher));
                assert_eq!(old_log.take(), [], "{trigger:?}");
                // To get rid of the old registration may cost one spurious wake.
                assert!(matches!(new_log.take()[..], [READ] | [READ, READ]), "{trigger:?}");
            };
            use_both();
            // The old one has no say over the number any more.
            old_event.set_enabled(READ | WRITE).unwrap();
            use_both();
            drop(old_event);
            use_both();
            assert!(is_quiet(&dispatcher));
        }
    }
}

#[test]
fn f14_disabled_and_then_closed_it_leaves_no_ghost() {
    let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
    let (other, _other_peer) = socket_pair();
    let _other = watch(&dispatcher, &other, Trigger::Edge, WRITE, &other_log);
    let (reader, mut writer) = pipe();
    let _duplicate = reader.try_clone().unwrap();
    let event = watch(&dispatcher, &reader, Trigger::Level, READ, &log);
    pump(&dispatcher);
    other_log.take();
    // As connections end: in one callback, the event itself goes later.
    let slot = Slot::new();
    slot.put(event);
    let ending = slot.clone();
    in_one_iteration(&dispatcher, move || {
        ending.with(|event| event.set_enabled(NONE)).unwrap();
        drop(reader);
    });
    writer.write_all(b"x").unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    // The kernel forgot it in time, so nothing had to be rebuilt, which would repeat the edges of others.
    assert_eq!((log.take(), other_log.take()), (vec![], vec![]));
    slot.destroy();
}

#[cfg(unix)]
#[test]
fn f15_all_events_of_the_closed_fd_are_silent() {
    let (dispatcher, old_log, new_log) = (dispatcher(), Log::new(), Log::new());
    let (old, mut old_writer) = pipe();
    let old_events = TRIGGERS.map(|trigger| watch(&dispatcher, &old, trigger, READ, &old_log));
    let _duplicate = old.try_clone().unwrap();
    let (new, mut new_writer) = pipe();
    reuse_number(&new, old.os_fd());
    let _new_events = TRIGGERS.map(|trigger| watch(&dispatcher, &old, trigger, READ, &new_log));
    for writer in [&mut old_writer, &mut new_writer] {
        writer.write_all(b"x").unwrap();
        pump(&dispatcher);
    }
    assert_eq!((old_log.take(), new_log.take()), (vec![], vec![READ; 3]));
    drop(old_events);
    pump(&dispatcher);
    // The one on level.
    assert_eq!(new_log.take(), [READ]);
}

#[test]
fn f15_the_number_may_go_to_a_descriptor_of_the_pollers_own() {
    // Alone, so that nobody else takes the number.
    alone(|| {
        let (dispatcher, old_log, log) = (dispatcher(), Log::new(), Log::new());
        let (twice, mut writer) = pipe();
        let (old, mut old_writer) = pipe();
        let old_event = watch(&dispatcher, &old, Trigger::Level, READ, &old_log);
        let _duplicate = old.try_clone().unwrap();
        drop(old);
        // The second event on one fd needs a descriptor, which gets the lowest free number.
        let _events = [(); 2].map(|()| watch(&dispatcher, &twice, Trigger::Edge, READ, &log));
        drop(old_event);
        for _ in 0..2 {
            old_writer.write_all(b"x").unwrap();
            pump(&dispatcher);
            writer.write_all(b"x").unwrap();
            pump(&dispatcher);
            assert_eq!((old_log.take(), log.take()), (vec![], vec![READ; 2]));
            assert!(is_quiet(&dispatcher));
            assert_eq!(read_byte(&twice), b'x');
        }
    });
}

#[test]
fn f16_a_registration_error_is_reported_at_creation() {
    let dispatcher = dispatcher();
    let create = |fd| dispatcher.create_file_event(fd, Trigger::Level, READ, |_| ());
    assert_eq!(os_code(create(OsFd::MAX)), NOT_OPEN);
    assert_eq!(os_code(create(!0)), NOT_OPEN);
    pump(&dispatcher);
}

// Windows watches sockets alone, and the BSDs files too.
#[cfg(target_os = "linux")]
#[test]
fn f16_a_file_is_refused_at_creation() {
    let dispatcher = dispatcher();
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let result = dispatcher.create_file_event(file.os_fd(), Trigger::Level, READ, |_| ());
    assert_eq!(os_code(result), libc::EPERM);
    pump(&dispatcher);
}

#[cfg(target_os = "linux")]
#[test]
fn f16_or_by_the_first_enabling() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let event = Arc::new(watch(&dispatcher, &file, Trigger::Level, NONE, &log));
    assert_eq!(os_code(event.set_enabled(READ)), libc::EPERM);
    event.set_enabled(NONE).unwrap();
    let inner = event.clone();
    in_one_iteration(&dispatcher, move || assert_eq!(os_code(inner.set_enabled(READ)), libc::EPERM));
    assert_eq!(log.take(), []);
    // It can still be activated.
    event.activate(READ).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [READ]);
}

#[cfg(unix)]
#[test]
fn f16_no_descriptor_left() {
    alone(|| {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (reader, _writer) = pipe_with(b"x");
        let _first = watch(&dispatcher, &reader, Trigger::Edge, READ, &log);
        let second = watch(&dispatcher, &reader, Trigger::Edge, NONE, &log);
        // Take all numbers that are left below a new, lower limit.
        let mut taken = vec![File::open("/dev/null").unwrap()];
        let most = taken[0].os_fd() as libc::rlim_t + 8;
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the limit is valid for the call.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        taken.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
        // On some backends a second registration of one fd needs a descriptor, and so does the poll fd.
        let done_or_refused = |result: Result<(), Error>| result.is_ok() || os_code(result) == libc::EMFILE;
        assert!(done_or_refused(second.set_enabled(READ)));
        let third = dispatcher.create_file_event(reader.os_fd(), Trigger::Level, READ, |_| ());
        assert!(done_or_refused(third.map(drop)));
        assert!(done_or_refused(dispatcher.poll_fd().map(drop)));
        assert_eq!(os_code(Dispatcher::new("no descriptor left")), libc::EMFILE);
        drop(taken);
        second.set_enabled(READ).unwrap();
        pump(&dispatcher);
        assert_eq!(log.take(), [READ; 2]);
    });
}

#[test]
fn f16_an_error_in_a_coalesced_change_is_counted_and_delivered() {
    alone(|| {
        for (events, expected) in [(READ | ERROR, READ | ERROR), (WRITE | CLOSED, WRITE)] {
            let (dispatcher, log) = (dispatcher(), Log::new());
            let (reader, _writer) = pipe_with(b"x");
            let event = Arc::new(watch(&dispatcher, &reader, Trigger::Level, READ, &log));
            let changed = event.clone();
            in_one_iteration(&dispatcher, move || {
                drop(reader);
                changed.set_enabled(events).unwrap();
            });
            assert_eq!(log.take(), [expected]);
            assert_eq!(dispatcher.stats().registration_errors, 1);
            pump(&dispatcher);
            assert_eq!(log.take(), []);
        }
    });
}

#[test]
fn f16_changes_that_are_undone_before_the_poll_cost_nothing() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (socket, _peer) = socket_pair();
    let event = Arc::new(watch(&dispatcher, &socket, Trigger::Level, READ, &log));
    let changed = event.clone();
    in_one_iteration(&dispatcher, move || {
        changed.set_enabled(READ | WRITE).unwrap();
        changed.set_enabled(READ).unwrap();
    });
    assert_eq!(log.take(), []);
    let changed = event.clone();
    in_one_iteration(&dispatcher, move || {
        changed.set_enabled(NONE).unwrap();
        changed.set_enabled(CLOSED).unwrap();
        changed.set_enabled(WRITE).unwrap();
    });
    assert_eq!(log.take(), [WRITE]);
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

#[cfg(unix)]
#[test]
fn f19_the_fd_stays_open_and_its_flags_as_they_were() {
    // SAFETY: plain system calls; they fail if the fd is closed.
    let flags = |fd| unsafe { (libc::fcntl(fd, libc::F_GETFL), libc::fcntl(fd, libc::F_GETFD)) };
    let (blocking, non_blocking) = socket_pair();
    non_blocking.set_nonblocking(true).unwrap();
    for fd in [blocking.os_fd(), non_blocking.os_fd()] {
        let before = flags(fd);
        assert!(before.0 >= 0 && before.1 >= 0);
        let dispatcher = dispatcher();
        let events =
            TRIGGERS.map(|trigger| dispatcher.create_file_event(fd, trigger, READ | WRITE, |_| ()).unwrap());
        pump(&dispatcher);
        assert_eq!(flags(fd), before);
        drop(dispatcher);
        drop(events);
        assert_eq!(flags(fd), before);
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
