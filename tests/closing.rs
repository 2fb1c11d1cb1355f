//! Closing watched descriptors: a file that is not watched any more is nobody's but its owner's (F5, F8, F19), and one
//! that was closed under its event disturbs nobody (F14, F15).
//!
//! The tests watch pipes and look at the numbers of descriptors, which Windows cannot do.

#![cfg(unix)]

mod common;

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::*;
use mcp_event::{AsOsFd, Dispatcher, FileEvent, FileReady, Handle, Trigger};

const READ: FileReady = FileReady::READ;
const TRIGGERS: [Trigger; 3] = [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge];

/// Ways to stop watching.
const ENDINGS: [fn(&mut Option<FileEvent>); 2] =
    [|event| event.as_ref().unwrap().set_enabled(FileReady::NONE).unwrap(), |event| *event = None];

fn ignoring(handle: &Handle, fd: &impl AsOsFd, trigger: Trigger) -> Option<FileEvent> {
    Some(watch(handle, fd, trigger, READ | FileReady::CLOSED, &Log::new()))
}

/// Whether the other end is known to be closed.
fn is_at_end(mut peer: &UnixStream) -> bool {
    is_readable(peer.as_raw_fd(), Some(Duration::ZERO)) && peer.read(&mut [0]).unwrap() == 0
}

#[test]
fn f5_closed_in_the_callback_that_stops_watching_its_peer_sees_it_at_once() {
    for (trigger, end) in TRIGGERS.into_iter().flat_map(|trigger| ENDINGS.map(|end| (trigger, end))) {
        let dispatcher = dispatcher();
        let (socket, peer) = UnixStream::pair().unwrap();
        let mut event = ignoring(&dispatcher, &socket, trigger);
        pump(&dispatcher);
        let slot = Slot::new();
        let ended = slot.clone();
        in_one_iteration(&dispatcher, move || {
            end(&mut event);
            drop(socket);
            assert!(is_at_end(&peer), "{trigger:?}");
            ended.put((event, peer));
        });
        slot.with(|_| ());
    }
}

#[test]
fn f5_as_it_does_outside_a_run() {
    for (trigger, end) in TRIGGERS.into_iter().flat_map(|trigger| ENDINGS.map(|end| (trigger, end))) {
        for watched_from_outside in [false, true] {
            let dispatcher = dispatcher();
            let _ = watched_from_outside.then(|| dispatcher.poll_fd().unwrap());
            let (socket, peer) = UnixStream::pair().unwrap();
            let mut event = ignoring(&dispatcher, &socket, trigger);
            pump(&dispatcher);
            end(&mut event);
            drop(socket);
            assert!(is_at_end(&peer), "{trigger:?}");
        }
    }
}

#[test]
fn f5_and_soon_after_another_thread_has_stopped_to_watch() {
    for end in ENDINGS {
        let background = Background::start(dispatcher());
        let (socket, peer) = UnixStream::pair().unwrap();
        let mut event = ignoring(&background.dispatcher, &socket, Trigger::Edge);
        background.settle();
        end(&mut event);
        drop(socket);
        assert!(is_readable(peer.as_raw_fd(), None));
        assert!(is_at_end(&peer));
    }
}

#[test]
fn f5_and_soon_after_the_thread_that_ran_the_loop_has_gone() {
    for end in ENDINGS {
        let background = Background::start(dispatcher());
        let (socket, peer) = UnixStream::pair().unwrap();
        let mut event = ignoring(&background.dispatcher, &socket, Trigger::Level);
        background.settle();
        let dispatcher = background.dispatcher.clone();
        dispatcher.exit();
        background.join();
        end(&mut event);
        drop(socket);
        assert!(is_readable(peer.as_raw_fd(), None));
        assert!(is_at_end(&peer));
    }
}

#[test]
fn f5_and_when_the_loop_leaves_without_another_wait() {
    for end in ENDINGS {
        let background = Background::start(dispatcher());
        let (socket, peer) = UnixStream::pair().unwrap();
        let mut event = ignoring(&background.dispatcher, &socket, Trigger::Edge);
        background.settle();
        let busy = background.keep_busy();
        background.dispatcher.exit();
        // The wait for the running callback is only for one of its own.
        end(&mut event);
        drop(socket);
        drop(busy);
        background.join();
        assert!(is_at_end(&peer));
    }
}

#[test]
fn f8_a_port_is_free_once_its_listener_is_closed() {
    let dispatcher = dispatcher();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let event = ignoring(&dispatcher, &listener, Trigger::Level);
    pump(&dispatcher);
    in_one_iteration(&dispatcher, move || {
        drop(event);
        drop(listener);
        TcpListener::bind(address).unwrap();
    });
}

#[test]
fn f15_closed_before_the_loop_has_seen_it() {
    for trigger in TRIGGERS {
        let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
        let handle = dispatcher.handle();
        let (old_log, new_log) = (log.clone(), other_log.clone());
        let slot = Slot::new();
        let events = slot.clone();
        in_one_iteration(&dispatcher, move || {
            let (old, mut old_writer) = pipe_with(b"x");
            let old_event = watch(&handle, &old, trigger, READ, &old_log);
            let (number, _duplicate) = (old.as_raw_fd(), old.try_clone().unwrap());
            drop(old);
            // It gets the lowest number that is free.
            let (new, new_writer) = pipe_with(b"y");
            let new_event = watch(&handle, &new, Trigger::Edge, READ, &new_log);
            old_writer.write_all(b"x").unwrap();
            events.put((new.as_raw_fd() == number, old_event, new_event, new, new_writer));
        });
        pump(&dispatcher);
        slot.with(|(is_reused, ..)| {
            let heard = log.take();
            assert!(!is_reused || heard.is_empty(), "{trigger:?}: {heard:?}");
        });
        assert_eq!(other_log.take(), [READ], "{trigger:?}");
        slot.destroy();
    }
}

#[test]
fn f2_a_change_of_the_thread_is_no_transition() {
    let (dispatcher, log, quiet_log) = (Dispatcher::new("wanders").unwrap(), Log::new(), Log::new());
    let (reader, mut writer) = io::pipe().unwrap();
    let (quiet, _quiet_writer) = pipe_with(b"x");
    let _event = watch(&dispatcher, &reader, Trigger::Edge, READ, &log);
    let _quiet_event = watch(&dispatcher, &quiet, Trigger::Edge, READ, &quiet_log);
    pump(&dispatcher);
    assert_eq!((log.take(), quiet_log.take()), (vec![], vec![READ]));
    let pump_elsewhere = || std::thread::scope(|scope| scope.spawn(|| pump(&dispatcher)).join().unwrap());
    // This thread has run it and lives on.
    pump_elsewhere();
    assert_eq!((log.take(), quiet_log.take()), (vec![], vec![]));
    pump(&dispatcher);
    quiet_log.take();
    // What changes between two runs is not lost.
    for _ in 0..3 {
        writer.write_all(b"x").unwrap();
        pump_elsewhere();
        assert_eq!(log.take(), [READ]);
    }
    // Nor what changes after the thread that ran it has gone.
    writer.write_all(b"x").unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [READ]);
}
