//! What is disabled is told nothing.

use std::thread;

use mcp_event::{FileEvent, Trigger};

use crate::common::*;
use crate::{CLOSED, ERROR, NONE, READ, TRIGGERS, is_quiet};

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
