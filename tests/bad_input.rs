//! What makes no sense is refused in words, and extremes are handled.

mod common;

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, Error, FileReady, OsFd, PostError, Refusal, Trigger, Worker};

/// The backend that this system has by default, and one that it never has.
const DEFAULT: &str = if cfg!(windows) { "iocp" } else { "epoll" };
const ELSEWHERE: &str = if cfg!(windows) { "epoll" } else { "iocp" };

#[test]
fn an_unknown_backend_is_an_invalid_argument() {
    for name in ["", "epol", "EPOLL", "epoll\0"] {
        let Err(Error::InvalidArgument(text)) = Dispatcher::builder("x").backend(name).build() else {
            panic!("{name:?} was accepted");
        };
        assert!(text.contains("epoll"), "{text}");
    }
}

#[test]
fn a_backend_that_is_not_built_in_is_unavailable() {
    let Err(Error::Unavailable(text)) = Dispatcher::builder("x").backend(ELSEWHERE).build() else {
        panic!("it was accepted");
    };
    assert!(text.contains(ELSEWHERE), "{text}");
}

#[test]
fn a_backend_can_be_named() {
    for name in [DEFAULT, "auto"] {
        let dispatcher = Dispatcher::builder("x").backend(name).build().unwrap();
        assert_eq!(dispatcher.backend(), DEFAULT);
        pump(&dispatcher);
    }
}

#[test]
fn a_senseless_environment_variable_is_ignored() {
    let output = in_own_process(
        |command| _ = command.env("MCP_EVENT_BACKEND", "steam engine"),
        || assert_eq!(Dispatcher::new("x").unwrap().backend(), DEFAULT),
    );
    assert!(output.is_none_or(|output| output.status.success()));
}

#[test]
fn any_name_will_do() {
    for name in ["", "nul \0 inside", "ünïcödé \u{1F980}", &"long ".repeat(10_000)] {
        let dispatcher = Dispatcher::new(name).unwrap();
        assert_eq!(dispatcher.name(), name);
        let worker = Worker::with_dispatcher(dispatcher);
        worker.start(None).unwrap();
        worker.stop();
    }
}

#[test]
fn bounds_of_nothing_and_of_everything() {
    let nothing = Dispatcher::builder("x").queue_bound(0).build().unwrap();
    assert_eq!(nothing.post(|| ()).unwrap_err().refusal, Refusal::Full);
    let everything = Dispatcher::builder("x").queue_bound(usize::MAX).build().unwrap();
    everything.post(|| ()).unwrap();
    pump(&everything);
    assert_eq!(everything.stats().posts_run, 1);
}

#[test]
fn closures_of_any_size_and_alignment_are_posted() {
    #[repr(align(256))]
    struct Aligned(u8);
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (large, aligned) = ([7u8; 100_000], Aligned(8));
    let (inner, other) = (log.clone(), log.clone());
    dispatcher.post(|| ()).unwrap();
    dispatcher.post(move || inner.add(large.iter().map(|byte| usize::from(*byte)).sum())).unwrap();
    let check = move || {
        let aligned = &aligned;
        assert!(std::ptr::from_ref(aligned).is_aligned());
        other.add(usize::from(aligned.0));
    };
    dispatcher.post(check).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [700_000, 8]);
}

#[test]
fn objects_without_a_size_can_be_deferred() {
    let dispatcher = dispatcher();
    dispatcher.deferred_delete(Box::new(()));
    dispatcher.deferred_delete(Box::new([0u8; 0]));
    pump(&dispatcher);
    assert_eq!(dispatcher.stats().deferred_deletes, 2);
}

#[test]
fn extreme_intervals() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let never = dispatcher.create_periodic_timer(|| unreachable!("it never ticks"));
    never.enable(Duration::MAX);
    let always = dispatcher.create_periodic_timer(log.note("tick"));
    always.enable(Duration::ZERO);
    dispatcher.register_watchdog(Arc::new(Dog(Log::new())), Duration::MAX);
    for _ in 0..3 {
        clock.advance(MS);
        pump(&dispatcher);
        assert_eq!(log.take(), ["tick"]);
    }
    clock.advance(Duration::MAX);
    pump(&dispatcher);
    assert!(never.is_enabled());
}

#[test]
fn file_descriptors_that_cannot_be() {
    let dispatcher = dispatcher();
    for fd in [!0, OsFd::MIN, OsFd::MAX] {
        for events in [FileReady::READ, FileReady::WRITE | FileReady::CLOSED] {
            let result = dispatcher.create_file_event(fd, Trigger::Edge, events, |_| ());
            assert_eq!(os_code(result), NOT_OPEN);
        }
    }
    // As many failures leave nothing behind.
    (0..10_000).for_each(|_| drop(dispatcher.create_file_event(!0, Trigger::Level, FileReady::READ, |_| ())));
    pump(&dispatcher);
}

#[test]
fn errors_say_what_went_wrong() {
    let dispatcher = dispatcher();
    let error = dispatcher.create_file_event(!0, Trigger::Edge, FileReady::READ, |_| ()).err().unwrap();
    assert!(error.to_string().starts_with(&format!("watching fd {}: ", !0 as OsFd)), "{error}");
    assert!(error.source().is_some());
    assert_eq!(io::Error::from(error).raw_os_error(), Some(NOT_OPEN));

    let error = dispatcher.listen_for_signal(9, || ()).err().unwrap();
    let why = if cfg!(unix) { "cannot be caught" } else { "does not come on Windows" };
    assert!(error.to_string().starts_with(&format!("signal 9 {why}")), "{error}");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);

    dispatcher.shutdown();
    let error: PostError<_> = dispatcher.post(|| ()).unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
    assert_eq!(format!("{error:?}"), "PostError { refusal: Closed, .. }");
}

#[test]
fn a_destructor_that_panics_spoils_nothing() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    // On the loop the panic comes out of run().
    let bad = OnDrop::new(|| panic!("in a destructor"));
    let timer = dispatcher.create_timer(move || unreachable!("{:p}", &bad));
    dispatcher.post(move || drop(timer)).unwrap();
    assert_panics_with("in a destructor", || pump(&dispatcher));
    // In a shutdown it costs only itself.
    let bad = OnDrop::new(|| panic!("in a destructor"));
    dispatcher.post(move || drop(bad)).unwrap();
    dispatcher.deferred_delete(OnDrop::boxed(|| panic!("in a destructor")));
    dispatcher.deferred_delete(Box::new(log.on_drop("the next one")));
    dispatcher.shutdown();
    assert_eq!(log.take(), ["the next one"]);
    dispatcher.post(log.note("refused")).unwrap_err();
    pump(&dispatcher);
}
