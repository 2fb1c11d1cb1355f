//! Touching a watchdog: promise W1.

mod common;

use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, FileReady, Handle, Trigger, Watchdog};

/// A dispatcher with a watchdog that is touched by callbacks alone.
fn watched(log: &Log) -> Dispatcher {
    let dispatcher = dispatcher();
    dispatcher.register_watchdog(Arc::new(Dog(log.clone())), Duration::ZERO);
    dispatcher
}

#[test]
fn w1_every_callback_is_preceded_by_a_touch() {
    let log = Log::new();
    let dispatcher = watched(&log);
    let (reader, _writer) = pipe_with(b"x");
    let mut note = log.note("file event");
    let callback = move |_| note();
    let event =
        dispatcher.create_file_event(reader.os_fd(), Trigger::Edge, FileReady::READ, callback).unwrap();
    let timer = dispatcher.create_timer(log.note("timer"));
    timer.enable(Duration::ZERO);
    let next = dispatcher.create_schedulable_callback(log.note("next"));
    next.schedule_next_iteration();
    let current = dispatcher.create_schedulable_callback(log.note("current"));
    current.schedule_current_iteration();
    let signal = dispatcher.listen_for_signal(SIGNAL, log.note("signal")).unwrap();
    raise(SIGNAL);
    (0..2).for_each(|_| dispatcher.post(log.note("post")).unwrap());
    (0..2).for_each(|_| dispatcher.deferred_delete(Box::new(log.on_drop("deferred"))));
    pump(&dispatcher);
    let expected = [
        &["touch", "deferred", "deferred", "touch", "post", "touch", "post", "touch", "current"][..],
        &["touch", "signal", "touch", "file event", "touch", "timer", "touch", "next"],
    ];
    assert_eq!(log.take(), expected.concat());
    event.activate(FileReady::READ).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["touch", "file event"]);
    drop(signal);
}

#[test]
fn w1_an_idle_pass_touches_nothing() {
    let log = Log::new();
    let dispatcher = watched(&log);
    (0..3).for_each(|_| pump(&dispatcher));
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn w1_an_interval_touches_by_time_alone() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    dispatcher.register_watchdog(Arc::new(Dog(log.clone())), 5 * MS);
    for _ in 0..4 {
        clock.advance(4 * MS);
        pump(&dispatcher);
    }
    // At 5, 10 and 15 ms.
    assert_eq!(log.take(), ["touch"; 3]);
    dispatcher.unregister_watchdog();
    clock.advance(100 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn w1_a_new_watchdog_replaces_the_old_one() {
    let log = Log::new();
    let dispatcher = watched(&log);
    let dog = Arc::new(Dog(Log::new()));
    dispatcher.register_watchdog(dog.clone(), MS);
    dispatcher.post(|| ()).unwrap();
    pump(&dispatcher);
    assert_eq!((log.take().len(), dog.0.take().len()), (0, 1));
    dispatcher.unregister_watchdog();
    assert_eq!(Arc::strong_count(&dog), 1);
}

#[test]
fn w1_the_loop_thread_touches_whoever_registered() {
    struct ThreadDog(Log<ThreadId>);
    impl Watchdog for ThreadDog {
        fn touch(&self) {
            self.0.add(thread::current().id());
        }
    }
    let (background, log) = (Background::start(dispatcher()), Log::new());
    background.dispatcher.register_watchdog(Arc::new(ThreadDog(log.clone())), Duration::ZERO);
    background.settle();
    let on_loop = background.on_loop(|| thread::current().id());
    background.dispatcher.unregister_watchdog();
    background.settle();
    let touches = log.take();
    assert!(!touches.is_empty() && touches.iter().all(|thread| *thread == on_loop));
}

#[test]
fn w1_a_watchdog_may_use_everything_and_even_panic() {
    struct Careless(Handle, Log);
    impl Watchdog for Careless {
        fn touch(&self) {
            self.1.add("touch");
            self.0.unregister_watchdog();
            use_everything(&self.0);
            panic!("a bad dog");
        }
    }
    let (dispatcher, log) = (dispatcher(), Log::new());
    let dog = Arc::new(Careless(dispatcher.handle(), log.clone()));
    dispatcher.register_watchdog(dog.clone(), Duration::ZERO);
    dispatcher.post(log.note("post")).unwrap();
    // The loop stops after the callback that the touch was for.
    assert_panics_with("a bad dog", || pump(&dispatcher));
    assert_eq!(log.take(), ["touch", "post"]);
    assert_eq!(Arc::strong_count(&dog), 1);
}
