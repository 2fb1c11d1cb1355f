//! How long handles and their closures live: promises F8, F9, H1 and H2, for every kind of handle.

mod common;

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, FileReady, Handle, SimulatedClock, Trigger};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signal,
    FileEvent,
    Timer,
    PeriodicTimer,
    Activation,
    Next,
    Current,
}

/// In the order in which an iteration runs them.
const KINDS: [Kind; 7] = [
    Kind::Signal,
    Kind::FileEvent,
    Kind::Timer,
    Kind::PeriodicTimer,
    Kind::Activation,
    Kind::Next,
    Kind::Current,
];

/// A handle of whatever kind.
type AnyHandle = Box<dyn Send>;

/// A handle whose callback runs in the next iteration, once the clock was advanced by a millisecond.
fn armed(kind: Kind, on: &Handle, mut callback: impl FnMut() + Send + 'static) -> AnyHandle {
    match kind {
        Kind::Signal => {
            let signal = own_signal();
            let listener = on.listen_for_signal(signal, callback).unwrap();
            raise(signal);
            Box::new(listener)
        }
        Kind::FileEvent => {
            let (reader, writer) = pipe_with(b"x");
            let event = on
                .create_file_event(reader.os_fd(), Trigger::Edge, FileReady::READ, move |_| callback())
                .unwrap();
            Box::new((event, reader, writer))
        }
        Kind::Timer => {
            let timer = on.create_timer(callback);
            timer.enable(MS);
            Box::new(timer)
        }
        Kind::PeriodicTimer => {
            let timer = on.create_periodic_timer(callback);
            timer.enable(MS);
            Box::new(timer)
        }
        Kind::Activation => {
            let (reader, writer) = pipe();
            let event = on
                .create_file_event(reader.os_fd(), Trigger::Edge, FileReady::NONE, move |_| callback())
                .unwrap();
            event.activate(FileReady::READ).unwrap();
            Box::new((event, reader, writer))
        }
        Kind::Next => {
            let scheduled = on.create_schedulable_callback(callback);
            scheduled.schedule_next_iteration();
            Box::new(scheduled)
        }
        Kind::Current => {
            let scheduled = on.create_schedulable_callback(callback);
            scheduled.schedule_current_iteration();
            Box::new(scheduled)
        }
    }
}

/// Runs one iteration with a poll and all phases, in which everything that is armed is due.
fn run_all(dispatcher: &Dispatcher, clock: &SimulatedClock) {
    clock.advance(MS);
    pump(dispatcher);
}

#[test]
fn f8_nothing_destroyed_in_a_batch_begins() {
    // Two of each kind; whoever runs first destroys all others.
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let handles: Slot<Vec<(Kind, AnyHandle)>> = Slot::new();
    for first in KINDS {
        let armed_twice = KINDS.into_iter().filter(|kind| *kind == first).chain(KINDS).map(|kind| {
            let (handles, log) = (handles.clone(), log.clone());
            let callback = move || {
                log.add(kind);
                if kind == first {
                    handles.destroy();
                    log.add(kind);
                }
            };
            (kind, armed(kind, &dispatcher, callback))
        });
        handles.put(armed_twice.collect());
        run_all(&dispatcher, &clock);
        let ran = log.take();
        // The destroyer, which goes on to its end, is the last, and its twin never runs.
        assert_eq!(ran[ran.len() - 2..], [first; 2]);
        assert_eq!(ran.iter().filter(|kind| **kind == first).count(), 2);
        run_all(&dispatcher, &clock);
        assert_eq!(log.take(), []);
    }
}

#[test]
fn f9_a_callback_may_destroy_its_own_handle_and_keeps_its_closure() {
    for kind in KINDS {
        let ((dispatcher, clock), log) = (simulated(), Log::new());
        let slot = Slot::new();
        let (me, inner, owned) = (slot.clone(), log.clone(), log.on_drop("the closure is destroyed"));
        slot.put(armed(kind, &dispatcher, move || {
            me.destroy();
            let _still_there = &owned;
            inner.add("the callback ends");
        }));
        run_all(&dispatcher, &clock);
        assert_eq!(log.take(), ["the callback ends", "the closure is destroyed"], "{kind:?}");
    }
}

#[test]
fn f8_destroying_from_another_thread_waits_for_the_callback() {
    for kind in KINDS {
        let ((dispatcher, clock), log) = (simulated(), Log::new());
        let background = Background::start(dispatcher);
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let (inner, owned) = (log.clone(), log.on_drop("the closure is destroyed"));
        let handle = armed(kind, &background.dispatcher, move || {
            begun.send(()).unwrap();
            soon(&may_go);
            // Gives the destroyer the time to be wrong.
            (0..100).for_each(|_| thread::yield_now());
            let _still_there = &owned;
            inner.add("the callback ends");
        });
        clock.advance(MS);
        soon(&has_begun);
        go.send(()).unwrap();
        drop(handle);
        log.add("destroyed");
        let expected = ["the callback ends", "the closure is destroyed", "destroyed"];
        assert_eq!(log.take(), expected, "{kind:?}");
    }
}

#[test]
fn f8_two_loops_that_destroy_each_others_handles_do_not_wait_for_each_other() {
    for kind in KINDS {
        let (clock, log) = (SimulatedClock::new(), Log::new());
        let loops = ["one", "two"]
            .map(|name| Background::start(Dispatcher::builder(name).clock(&clock).build().unwrap()));
        let slots: [Slot<AnyHandle>; 2] = [Slot::new(), Slot::new()];
        let both = Arc::new(Barrier::new(2));
        let (told, telling) = mpsc::channel();
        for own in 0..2 {
            let (inside, others, inner) = (both.clone(), slots[1 - own].clone(), log.clone());
            let destroyed = told.clone();
            let owned = OnDrop::new(move || destroyed.send("a closure is destroyed").unwrap());
            let callback = move || {
                inside.wait();
                others.destroy();
                let _still_there = &owned;
                inner.add("a callback ends");
                inside.wait();
            };
            // On the loop, so that no callback begins before both handles are there.
            let (filled, slot, handle) = (both.clone(), slots[own].clone(), loops[own].dispatcher.handle());
            let arm = move || {
                slot.put(armed(kind, &handle, callback));
                filled.wait();
            };
            loops[own].dispatcher.post(arm).unwrap();
        }
        // A timer's time begins when the callback that enables it returns.
        loops.iter().for_each(|background| background.on_loop(|| ()));
        clock.advance(MS);
        assert_eq!([(); 2].map(|()| soon(&telling)), ["a closure is destroyed"; 2], "{kind:?}");
        assert_eq!(log.take(), ["a callback ends"; 2]);
    }
}

#[test]
fn f8_destroyed_by_another_thread_at_any_moment_it_is_gone() {
    let ((dispatcher, clock), alive) = (simulated(), Arc::new(()));
    let background = Background::start(dispatcher);
    for round in 0..200 {
        for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Signal) {
            let owned = alive.clone();
            let handle = armed(kind, &background.dispatcher, move || {
                assert!(Arc::strong_count(&owned) > 1);
            });
            clock.advance(MS);
            (0..round % 7).for_each(|_| thread::yield_now());
            drop(handle);
            // So is its closure.
            assert_eq!(Arc::strong_count(&alive), 1, "{kind:?}");
        }
    }
}

#[test]
fn f8_a_handle_destroyed_while_nobody_runs_the_loop_leaves_nothing_behind() {
    for kind in KINDS {
        let ((dispatcher, clock), log) = (simulated(), Log::new());
        let owned = log.on_drop("destroyed");
        drop(armed(kind, &dispatcher, move || unreachable!("{:p}", &owned)));
        assert_eq!(log.take(), ["destroyed"]);
        run_all(&dispatcher, &clock);
    }
}

#[test]
fn h1_everything_may_be_called_on_any_thread_before_while_and_after_the_loop_runs() {
    let (dispatcher, clock) = simulated();
    let from_many_threads = |dispatcher: &Dispatcher| {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..20).for_each(|_| use_everything(dispatcher)));
            }
        });
    };
    from_many_threads(&dispatcher);
    let background = Background::start(dispatcher);
    from_many_threads(&background.dispatcher);
    background.dispatcher.exit();
    clock.advance(MS);
    let dispatcher = background.dispatcher.clone();
    drop(background);
    from_many_threads(&dispatcher);
    pump(&dispatcher);
    dispatcher.shutdown();
    from_many_threads(&dispatcher);
}

#[test]
fn h1_closures_of_handles_may_use_everything_as_they_die() {
    for kind in KINDS {
        let ((dispatcher, clock), log) = (simulated(), Log::new());
        let arm = |dispatcher: &Dispatcher| {
            let (handle, log) = (dispatcher.handle(), log.clone());
            let owned = OnDrop::new(move || {
                use_everything(&handle);
                log.add("used everything");
            });
            armed(kind, dispatcher, move || {
                let _owned = &owned;
            })
        };
        // Nobody runs the loop; on the loop; on another thread meanwhile.
        drop(arm(&dispatcher));
        let handle = arm(&dispatcher);
        in_one_iteration(&dispatcher, move || drop(handle));
        clock.advance(MS);
        let background = Background::start(dispatcher);
        drop(arm(&background.dispatcher));
        assert_eq!(log.take(), ["used everything"; 3], "{kind:?}");
    }
}

#[test]
fn h2_handles_outlive_their_dispatcher_and_do_nothing() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let handle = dispatcher.handle();
    let orphans = KINDS.map(|kind| armed(kind, &dispatcher, || unreachable!("the loop is gone")));
    let (reader, _writer) = pipe_with(b"x");
    let event = watch(&dispatcher, &reader, Trigger::Level, FileReady::READ, &Log::new());
    let timer = dispatcher.create_timer(|| unreachable!("the loop is gone"));
    let scheduled = dispatcher.create_schedulable_callback(log.note("ran"));
    drop(dispatcher);

    clock.advance(MS);
    event.set_enabled(FileReady::READ | FileReady::WRITE).unwrap();
    event.activate(FileReady::READ).unwrap();
    timer.enable(Duration::ZERO);
    timer.disable();
    scheduled.schedule_current_iteration();
    scheduled.cancel();
    use_everything(&handle);
    assert!(handle.post(log.note("posted")).is_err());
    handle.exit();
    handle.shutdown();
    drop(orphans);
    drop(KINDS.map(|kind| armed(kind, &handle, || unreachable!("the loop is gone"))));
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn h2_a_closure_may_hold_the_last_of_a_loop() {
    for kind in KINDS {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (last, owned) = (dispatcher.handle(), log.on_drop("destroyed"));
        let handle = armed(kind, &dispatcher, move || unreachable!("{last:?} {:p}", &owned));
        drop(dispatcher);
        drop(handle);
        assert_eq!(log.take(), ["destroyed"], "{kind:?}");
    }
}

#[test]
fn h2_what_is_deferred_after_the_end_dies_with_the_last_handle() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let handle = dispatcher.handle();
    drop(dispatcher);
    handle.deferred_delete(Box::new(log.on_drop("destroyed")));
    assert_eq!(log.take(), [""; 0]);
    drop(handle);
    assert_eq!(log.take(), ["destroyed"]);
}

#[test]
fn h2_a_loop_may_end_while_threads_still_use_it() {
    for _ in 0..20 {
        let dispatcher = Dispatcher::new("ending").unwrap();
        let (uses, ended) = (AtomicI32::new(0), Arc::new(AtomicBool::new(false)));
        thread::scope(|scope| {
            for handle in [dispatcher.handle(), dispatcher.handle()] {
                let (uses, ended) = (&uses, ended.clone());
                scope.spawn(move || {
                    while !ended.load(Ordering::Relaxed) {
                        use_everything(&handle);
                        uses.fetch_add(1, Ordering::Relaxed);
                    }
                    use_everything(&handle);
                });
            }
            let _end = OnDrop::new(move || ended.store(true, Ordering::Relaxed));
            while uses.load(Ordering::Relaxed) < 4 {
                pump(&dispatcher);
            }
            drop(dispatcher);
        });
    }
}
