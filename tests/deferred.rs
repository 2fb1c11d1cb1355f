//! Deferred deletion: promises D1 to D9 (D7 is for C and C++: a Rust box is never null).

mod common;

use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::*;
use mcp_event::{Handle, RunType};

/// Logs its name when it is destroyed, and defers what it holds.
struct Nested {
    name: &'static str,
    inner: Option<Box<Nested>>,
    handle: Handle,
    log: Log,
}

impl Drop for Nested {
    fn drop(&mut self) {
        self.log.add(self.name);
        if let Some(inner) = self.inner.take() {
            self.handle.deferred_delete(inner);
        }
    }
}

fn nested(handle: &Handle, log: &Log, names: &[&'static str]) -> Option<Box<Nested>> {
    let (name, rest) = names.split_first()?;
    let inner = nested(handle, log, rest);
    Some(Box::new(Nested { name, inner, handle: handle.clone(), log: log.clone() }))
}

#[test]
fn d1_nothing_is_destroyed_inside_the_call_or_under_the_caller() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let timer = dispatcher.create_timer(move || {
        handle.deferred_delete(Box::new(inner.on_drop("destroyed")));
        inner.add("the callback ends");
    });
    timer.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), ["the callback ends", "destroyed"]);

    dispatcher.deferred_delete(Box::new(log.on_drop("deferred while nobody runs the loop")));
    assert_eq!(log.take(), [""; 0]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["deferred while nobody runs the loop"]);
}

#[test]
fn d2_first_deferred_first_destroyed() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    (0..100).for_each(|i| dispatcher.deferred_delete(Box::new(log.on_drop(i))));
    pump(&dispatcher);
    assert_eq!(log.take(), (0..100).collect::<Vec<_>>());
}

#[test]
fn d3_the_tail_of_the_same_iteration_destroys() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let timer = dispatcher.create_timer(move || {
        let (observer, log) = (handle.clone(), inner.clone());
        inner.add(handle.stats().iterations);
        handle.deferred_delete(OnDrop::boxed(move || log.add(observer.stats().iterations)));
    });
    timer.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), [1, 1]);
}

#[test]
fn d4_what_a_destructor_defers_is_the_next_batch() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.deferred_delete(nested(&dispatcher, &log, &["outer", "middle", "inner"]).unwrap());
    dispatcher.deferred_delete(nested(&dispatcher, &log, &["neighbour"]).unwrap());
    dispatcher.post(log.note("post")).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["outer", "neighbour", "post", "middle", "inner"]);
}

#[test]
fn d5_clearing_destroys_at_once() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.deferred_delete(Box::new(log.on_drop("before run")));
    dispatcher.clear_deferred_delete_list();
    assert_eq!(log.take(), ["before run"]);

    let (handle, inner) = (dispatcher.handle(), log.clone());
    in_one_iteration(&dispatcher, move || {
        handle.deferred_delete(Box::new(inner.on_drop("in a callback")));
        handle.clear_deferred_delete_list();
        inner.add("cleared");
    });
    assert_eq!(log.take(), ["in a callback", "cleared"]);
}

#[test]
fn d5_clearing_does_nothing_within_a_flush() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    dispatcher.deferred_delete(OnDrop::boxed(move || {
        handle.clear_deferred_delete_list();
        inner.add("first");
    }));
    dispatcher.deferred_delete(Box::new(log.on_drop("second")));
    dispatcher.clear_deferred_delete_list();
    assert_eq!(log.take(), ["first", "second"]);
}

#[test]
fn d6_a_batch_touches_the_watchdog_once() {
    let (dispatcher, touches) = (dispatcher(), Log::new());
    dispatcher.register_watchdog(Arc::new(Dog(touches.clone())), Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(touches.take().len(), 0);
    (0..5).for_each(|_| dispatcher.deferred_delete(Box::new(0)));
    pump(&dispatcher);
    assert_eq!(touches.take().len(), 1);
}

/// Logs the thread that it dies on.
fn thread_logger(log: &Log<ThreadId>) -> Box<OnDrop> {
    let log = log.clone();
    OnDrop::boxed(move || log.add(thread::current().id()))
}

#[test]
fn d8_any_thread_defers_and_the_loop_destroys() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| background.dispatcher.deferred_delete(thread_logger(&log))));
        }
    });
    background.settle();
    let on_loop = background.on_loop(|| thread::current().id());
    assert_eq!(log.take(), [on_loop; 2000]);
}

#[test]
fn d8_clearing_from_another_thread_leaves_it_to_the_loop() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    background.dispatcher.deferred_delete(thread_logger(&log));
    background.dispatcher.clear_deferred_delete_list();
    background.settle();
    assert_eq!(log.take(), [background.on_loop(|| thread::current().id())]);
}

#[test]
fn d9_shutdown_flushes_in_order_until_nothing_is_left() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.deferred_delete(nested(&dispatcher, &log, &["first", "third", "fourth"]).unwrap());
    dispatcher.deferred_delete(nested(&dispatcher, &log, &["second"]).unwrap());
    dispatcher.shutdown();
    assert_eq!(log.take(), ["first", "second", "third", "fourth"]);
}

#[test]
fn d9_destruction_flushes_what_destructors_post_defer_and_create() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    dispatcher.deferred_delete(OnDrop::boxed(move || {
        assert!(handle.post(|| ()).is_err());
        let timer = handle.create_timer(|| unreachable!("the loop is gone"));
        timer.enable(Duration::ZERO);
        handle.deferred_delete(Box::new((timer, inner.on_drop("the timer's owner"))));
        inner.add("creator");
    }));
    dispatcher.deferred_delete(nested(&dispatcher, &log, &["outer", "inner"]).unwrap());
    drop(dispatcher);
    assert_eq!(log.take(), ["creator", "outer", "the timer's owner", "inner"]);
}

#[test]
fn d9_an_exit_still_flushes_what_was_deferred_before_it() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let last = move || {
        handle.deferred_delete(Box::new(inner.on_drop("destroyed")));
        handle.exit();
    };
    dispatcher.post(last).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["destroyed"]);
}
