//! A foreign loop drives a dispatcher: poll(2) on `poll_fd`, for `next_timeout`, then `run(NonBlock)`.
//!
//! Part of promise P7: outside `run()` the loop counts as asleep, and everything wakes it.

// Windows has no poll fd.
#![cfg(unix)]

mod common;

use std::io::Write;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use mcp_event::{Dispatcher, FileReady, RunType, Trigger};

/// Goes round until something was logged.
fn drive<T: Clone + Send + 'static>(dispatcher: &Dispatcher, log: &Log<T>) -> Vec<T> {
    while log.len() == 0 {
        is_readable(dispatcher.poll_fd().unwrap(), dispatcher.next_timeout());
        pump(dispatcher);
    }
    log.take()
}

fn is_awake(dispatcher: &Dispatcher) -> bool {
    is_readable(dispatcher.poll_fd().unwrap(), Some(Duration::ZERO))
}

#[test]
fn p7_a_foreign_loop_runs_posts_from_other_threads() {
    let (dispatcher, log) = (Dispatcher::new("driven").unwrap(), Log::new());
    let handle = dispatcher.handle();
    let inner = log.clone();
    let (next, wanted) = mpsc::channel::<()>();
    let poster = thread::spawn(move || {
        while wanted.recv().is_ok() {
            handle.post(inner.note("posted")).unwrap();
        }
    });
    for _ in 0..1_000 {
        next.send(()).unwrap();
        assert_eq!(drive(&dispatcher, &log), ["posted"]);
    }
    drop(next);
    poster.join().unwrap();
}

#[test]
fn p7_a_foreign_loop_fires_timers_and_never_early() {
    let (dispatcher, log) = (Dispatcher::new("driven").unwrap(), Log::new());
    let timer = dispatcher.create_timer(log.note("fired"));
    for delay in [Duration::ZERO, Duration::from_micros(300), 2 * MS] {
        let enabled = Instant::now();
        timer.enable(delay);
        assert!(dispatcher.next_timeout().unwrap() <= delay);
        drive(&dispatcher, &log);
        assert!(enabled.elapsed() >= delay);
    }
    assert_eq!(dispatcher.next_timeout(), None);
}

#[test]
fn p7_a_foreign_loop_sees_file_events() {
    for trigger in [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge] {
        let (dispatcher, log) = (Dispatcher::new("driven").unwrap(), Log::new());
        let (reader, mut writer) = pipe();
        let event = watch(&dispatcher, &reader, trigger, FileReady::READ, &log);
        // The second registration of one fd takes another way.
        let second = watch(&dispatcher, &reader, trigger, FileReady::READ, &log);
        assert!(!is_awake(&dispatcher));
        for _ in 0..3 {
            writer.write_all(b"x").unwrap();
            assert_eq!(drive(&dispatcher, &log), [FileReady::READ; 2]);
            read_byte(&reader);
            event.register_if_emulated_edge(FileReady::READ).unwrap();
            second.register_if_emulated_edge(FileReady::READ).unwrap();
            pump(&dispatcher);
            assert!(!is_awake(&dispatcher));
        }
    }
}

#[test]
fn p7_outside_run_everything_wakes() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let (reader, _writer) = pipe();
    let event = watch(&dispatcher, &reader, Trigger::Edge, FileReady::NONE, &Log::new());
    let timer = dispatcher.create_timer(log.note("timer"));
    let scheduled = dispatcher.create_schedulable_callback(log.note("scheduled"));
    let _listener = dispatcher.listen_for_signal(SIGNAL, log.note("signal")).unwrap();
    let advanced = dispatcher.create_timer(log.note("advanced"));
    advanced.enable(MS);
    pump(&dispatcher);

    type Waker<'a> = (&'a str, &'a (dyn Fn() + Sync));
    let wakers: [Waker; 8] = [
        ("a post", &|| dispatcher.post(|| ()).unwrap()),
        ("a deferred delete", &|| dispatcher.deferred_delete(Box::new(()))),
        ("a timer", &|| timer.enable(Duration::ZERO)),
        ("an activation", &|| event.activate(FileReady::READ).unwrap()),
        ("this iteration", &|| scheduled.schedule_current_iteration()),
        ("the next iteration", &|| scheduled.schedule_next_iteration()),
        ("a signal", &|| raise(SIGNAL)),
        ("the simulated clock", &|| clock.advance(MS)),
    ];
    for (name, wake) in wakers {
        // Also by another thread, and twice.
        for by_another_thread in [false, true, false, true] {
            assert!(!is_awake(&dispatcher), "before {name}");
            match by_another_thread {
                true => thread::scope(|scope| scope.spawn(wake).join().unwrap()),
                false => wake(),
            }
            assert!(is_awake(&dispatcher), "{name}, by another thread: {by_another_thread}");
            pump(&dispatcher);
        }
    }
    assert_eq!(log.take().len(), 4 + 4 + 4 + 4 + 1);
}

#[test]
fn p7_what_came_before_the_poll_fd_shows() {
    let dispatcher = Dispatcher::new("driven").unwrap();
    dispatcher.post(|| ()).unwrap();
    assert!(is_awake(&dispatcher));
    pump(&dispatcher);
    assert!(!is_awake(&dispatcher));
}

#[test]
fn p7_work_left_over_by_a_run_shows() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, note) = (dispatcher.handle(), log.note("after exit"));
    // After the poll, which takes the earlier wakes in.
    let timer = dispatcher.create_timer(move || {
        handle.exit();
        handle.post(note.clone()).unwrap();
    });
    timer.enable(Duration::ZERO);
    dispatcher.run(RunType::Block).unwrap();
    assert!(is_awake(&dispatcher));
    assert_eq!(dispatcher.next_timeout(), Some(Duration::ZERO));
    assert_eq!(drive(&dispatcher, &log), ["after exit"]);
    assert!(!is_awake(&dispatcher));
}

#[test]
fn p7_the_next_timeout_tells_what_is_queued_and_when_a_timer_is_due() {
    let (dispatcher, clock) = simulated();
    assert_eq!(dispatcher.next_timeout(), None);
    dispatcher.post(|| ()).unwrap();
    assert_eq!(dispatcher.next_timeout(), Some(Duration::ZERO));
    pump(&dispatcher);
    assert_eq!(dispatcher.next_timeout(), None);
    let timer = dispatcher.create_timer(|| ());
    timer.enable(MS);
    // Simulated time passes only when it is told to, which wakes.
    assert_eq!(dispatcher.next_timeout(), None);
    clock.advance(MS);
    assert_eq!(dispatcher.next_timeout(), Some(Duration::ZERO));
    timer.disable();
    assert_eq!(dispatcher.next_timeout(), None);

    let real = Dispatcher::new("real time").unwrap();
    let timer = real.create_timer(|| ());
    timer.enable(Duration::from_secs(3600));
    let left = real.next_timeout().unwrap();
    assert!(left <= Duration::from_secs(3600) && left > Duration::from_secs(1800));
}

#[test]
fn p7_the_poll_fd_survives_what_a_ghost_makes_necessary() {
    let (dispatcher, log) = (Dispatcher::new("driven").unwrap(), Log::new());
    let poll_fd = dispatcher.poll_fd().unwrap();
    let (reader, mut writer) = pipe();
    let _duplicate = reader.try_clone().unwrap();
    let event = watch(&dispatcher, &reader, Trigger::Level, FileReady::READ, &log);
    drop(reader);
    drop(event);
    writer.write_all(b"x").unwrap();
    (0..2).for_each(|_| pump(&dispatcher));
    assert!(!is_awake(&dispatcher));
    assert_eq!(dispatcher.poll_fd().unwrap(), poll_fd);
    let note = Log::new();
    dispatcher.post(note.note("posted")).unwrap();
    assert!(is_awake(&dispatcher));
    assert_eq!(drive(&dispatcher, &note), ["posted"]);
}

#[test]
fn p7_two_dispatchers_nest_one_in_the_other() {
    let (outer, log) = (Dispatcher::new("outer").unwrap(), Log::new());
    let inner = Arc::new(Dispatcher::new("inner").unwrap());
    let driven = inner.clone();
    let _event = outer
        .create_file_event(inner.poll_fd().unwrap(), Trigger::Level, FileReady::READ, move |_| {
            pump(&driven);
        })
        .unwrap();
    let (handle, mut note) = (outer.handle(), log.note("inner post"));
    let post = move || {
        note();
        handle.exit();
    };
    thread::scope(|scope| {
        scope.spawn(|| inner.post(post).unwrap());
        outer.run(RunType::Block).unwrap();
    });
    assert_eq!(log.take(), ["inner post"]);
}
