//! Schedulable callbacks: promises S1 to S7.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, RunType, SchedulableCallback};

/// A callback that is given itself.
fn schedulable_with(
    dispatcher: &Dispatcher,
    mut callback: impl FnMut(&SchedulableCallback) + Send + 'static,
) -> Arc<SchedulableCallback> {
    Arc::new_cyclic(|me: &Weak<SchedulableCallback>| {
        let me = me.clone();
        let callback = move || callback(&me.upgrade().expect("destroyed in its own callback"));
        dispatcher.create_schedulable_callback(callback)
    })
}

#[test]
fn s1_current_runs_in_the_tail_of_this_iteration_and_never_at_once() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let current = dispatcher.create_schedulable_callback(log.note("current"));
    let next = dispatcher.create_schedulable_callback(log.note("a later phase of the same iteration"));
    next.schedule_next_iteration();
    let inner = log.clone();
    let timer = dispatcher.create_timer(move || {
        current.schedule_current_iteration();
        inner.add("scheduled");
    });
    timer.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), ["scheduled", "a later phase of the same iteration", "current"]);
    assert_eq!(dispatcher.stats().iterations, 1);
}

#[test]
fn s1_current_ones_run_in_order_chained_ones_too() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let chained = Arc::new(dispatcher.create_schedulable_callback(log.note((3, 0))));
    let all: Vec<_> = (0..3)
        .map(|i| {
            let (log, handle, chained) = (log.clone(), dispatcher.handle(), chained.clone());
            dispatcher.create_schedulable_callback(move || {
                log.add((i, handle.stats().iterations));
                chained.schedule_current_iteration();
            })
        })
        .collect();
    all.iter().rev().for_each(SchedulableCallback::schedule_current_iteration);
    pump(&dispatcher);
    assert_eq!(log.take(), [(2, 0), (1, 0), (0, 0), (3, 0)]);
}

#[test]
fn s1_an_endless_chain_starves_nothing() {
    let (dispatcher, runs) = (dispatcher(), Arc::new(AtomicUsize::new(0)));
    let count = runs.clone();
    let endless = schedulable_with(&dispatcher, move |me| {
        count.fetch_add(1, Ordering::Relaxed);
        me.schedule_current_iteration();
    });
    endless.schedule_current_iteration();
    let handle = dispatcher.handle();
    let timer = dispatcher.create_timer(move || handle.exit());
    timer.enable(Duration::ZERO);
    dispatcher.run(RunType::Block).unwrap();
    assert!(runs.load(Ordering::Relaxed) > 1);
    assert!(endless.is_enabled());
}

#[test]
fn s2_next_runs_in_the_next_iteration() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let callback = schedulable_with(&dispatcher, move |me| {
        let iteration = handle.stats().iterations;
        inner.add(iteration);
        if iteration < 3 {
            me.schedule_next_iteration();
        }
    });
    callback.schedule_next_iteration();
    pump(&dispatcher);
    assert_eq!(log.take(), [1, 2, 3]);
}

#[test]
fn s3_the_first_schedule_wins() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let callback = |name| Arc::new(dispatcher.create_schedulable_callback(log.note(name)));
    let (next, current) = (callback("next"), callback("current"));
    let (slow, fast) = (next.clone(), current.clone());
    in_one_iteration(&dispatcher, move || {
        slow.schedule_next_iteration();
        slow.schedule_current_iteration();
        fast.schedule_current_iteration();
        fast.schedule_next_iteration();
    });
    assert_eq!(log.take(), ["current", "next"]);
}

#[test]
fn s4_enabled_until_just_before_it_runs() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let inner = log.clone();
    let callback = schedulable_with(&dispatcher, move |me| inner.add(me.is_enabled()));
    for schedule in
        [SchedulableCallback::schedule_current_iteration, SchedulableCallback::schedule_next_iteration]
    {
        assert!(!callback.is_enabled());
        schedule(&callback);
        assert!(callback.is_enabled());
        pump(&dispatcher);
        assert!(!callback.is_enabled());
    }
    assert_eq!(log.take(), [false, false]);
}

#[test]
fn s5_cancel_and_destroy_take_effect_in_the_same_batch() {
    for schedule in
        [SchedulableCallback::schedule_current_iteration, SchedulableCallback::schedule_next_iteration]
    {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let cancelled = Arc::new(dispatcher.create_schedulable_callback(log.note("cancelled")));
        let destroyed = dispatcher.create_schedulable_callback(log.note("destroyed"));
        let slot = Slot::new();
        let (victim, holder, inner) = (cancelled.clone(), slot.clone(), log.clone());
        let first = dispatcher.create_schedulable_callback(move || {
            inner.add("first");
            victim.cancel();
            holder.destroy();
        });
        [&first, &*cancelled, &destroyed].into_iter().for_each(schedule);
        slot.put(destroyed);
        pump(&dispatcher);
        assert_eq!(log.take(), ["first"]);
        assert!(!cancelled.is_enabled());
        // It can be scheduled anew.
        schedule(&cancelled);
        pump(&dispatcher);
        assert_eq!(log.take(), ["cancelled"]);
    }
}

#[test]
fn s6_scheduled_by_other_threads_it_runs_exactly_once() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    let inner = log.clone();
    let callback =
        background.dispatcher.create_schedulable_callback(move || inner.add(thread::current().id()));
    let on_loop = background.on_loop(|| thread::current().id());
    for schedule in
        [SchedulableCallback::schedule_current_iteration, SchedulableCallback::schedule_next_iteration]
    {
        let busy = background.keep_busy();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    (0..100).for_each(|_| schedule(&callback));
                    callback.cancel();
                    schedule(&callback);
                });
            }
        });
        assert!(callback.is_enabled());
        drop(busy);
        background.settle();
        assert_eq!(log.take(), [on_loop]);
    }
}

#[test]
fn s6_a_schedule_from_another_thread_is_never_lost() {
    let (background, (ran, running)) = (Background::start(dispatcher()), mpsc::channel());
    let callback = background.dispatcher.create_schedulable_callback(move || ran.send(()).unwrap());
    for round in 0..3_000 {
        match round % 2 {
            0 => callback.schedule_current_iteration(),
            _ => callback.schedule_next_iteration(),
        }
        soon(&running);
    }
    assert!(running.try_recv().is_err());
}

#[test]
fn s6_cancelled_by_another_thread_it_does_not_run() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    let callback = background.dispatcher.create_schedulable_callback(log.note("ran"));
    for _ in 0..500 {
        callback.schedule_next_iteration();
        callback.cancel();
        // What had begun before the cancel has ended.
        background.on_loop(|| ());
        log.take();
        background.on_loop(|| ());
        assert_eq!((log.len(), callback.is_enabled()), (0, false));
    }
}

#[test]
fn s7_scheduled_before_run_it_runs_at_its_start_after_the_posts() {
    for how in [RunType::NonBlock, RunType::Block] {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let current = dispatcher.create_schedulable_callback(log.note("current"));
        let next = dispatcher.create_schedulable_callback(log.note("next"));
        let timer = dispatcher.create_timer(log.note("timer"));
        timer.enable(Duration::ZERO);
        next.schedule_next_iteration();
        current.schedule_current_iteration();
        dispatcher.post(log.note("post")).unwrap();
        dispatcher.exit();
        dispatcher.run(how).unwrap();
        assert_eq!(log.take(), ["post", "current", "timer", "next"], "{how:?}");
    }
}
