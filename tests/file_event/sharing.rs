//! Several events on one fd.

use std::io::Write;

use mcp_event::Trigger;

use crate::common::*;
use crate::{NONE, READ, WRITE};

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
