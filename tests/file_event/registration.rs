//! What registering refuses, costs and leaves as it was.

#[cfg(unix)]
use std::fs::File;
use std::sync::Arc;

#[cfg(unix)]
use mcp_event::{Dispatcher, Error};
use mcp_event::{OsFd, Trigger};

#[cfg(unix)]
use crate::TRIGGERS;
use crate::common::*;
use crate::{CLOSED, ERROR, NONE, READ, WRITE};

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
