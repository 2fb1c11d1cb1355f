//! Who is watched, and when that one is stuck.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcp_event::guard_dog::{Event, GuardDog};
use mcp_event::pressure::{PressureConfig, Thresholds};
use mcp_event::{Dispatcher, Error, Pool, ScalingConfig, Watchdog, WorkerOptions};

use crate::common::*;
use crate::stage::*;

#[test]
fn w3_a_loop_in_one_callback_misses_and_megamisses_once() {
    let (stage, background) = (Stage::new(), running("worker"));
    let busy = background.keep_busy();
    stage.dog.watch(&background.dispatcher).unwrap();
    assert_eq!(stage.after(10 * MS), [""; 0]);
    assert_eq!(stage.after(MS), ["miss worker 11ms"]);
    assert_eq!(stage.after(10 * MS), ["megamiss worker 21ms"]);
    assert_eq!(stage.after(1000 * MS), [""; 0]);
    drop(busy);
    background.settle();
    assert_eq!(stage.after(MS), ["recovered worker 1.022s"]);
    assert_eq!(stage.after(MS).len(), 0);
}

#[test]
fn w3_each_thread_and_all_are_counted() {
    let stage = Stage::new();
    let (first, second) = (running("first"), running("second"));
    [&first, &second].into_iter().for_each(|one| stage.dog.watch(&one.dispatcher).unwrap());
    let busy = first.keep_busy();
    second.settle();
    fall_asleep(&second);
    // The one that is busy has got on since it was watched.
    stage.dog.scan();
    stage.after(25 * MS);
    let figures = stage.dog.figures();
    assert_eq!((figures.scans, figures.misses, figures.megamisses, figures.recoveries), (2, 1, 1, 0));
    let of = |name: &str| figures.threads.iter().find(|thread| thread.name == name).unwrap();
    assert_eq!((of("first").misses, of("first").megamisses), (1, 1));
    assert_eq!(of("first").stuck_for, Some(25 * MS));
    assert_eq!((of("second").misses, of("second").stuck_for), (0, None));
    drop(busy);
    first.settle();
    stage.after(MS);
    assert_eq!((stage.dog.figures().recoveries, stage.dog.figures().threads[0].stuck_for), (1, None));
}

#[test]
fn w3_a_loop_that_waits_for_events_is_not_stuck() {
    let (stage, background) = (Stage::new(), running("idle"));
    let timer = background.dispatcher.create_timer(|| ());
    timer.enable(Duration::from_secs(3600));
    stage.dog.watch(&background.dispatcher).unwrap();
    for _ in 0..3 {
        // Where it waits in a foreign loop, it answers each scan.
        background.settle();
        fall_asleep(&background);
        assert_eq!(stage.after(1000 * MS), [""; 0]);
    }
}

#[test]
fn w3_a_loop_that_nobody_runs_is_not_stuck() {
    let (stage, dispatcher) = (Stage::new(), Dispatcher::new("pumped").unwrap());
    dispatcher.post(|| ()).unwrap();
    stage.dog.watch(&dispatcher).unwrap();
    assert_eq!(stage.after(1000 * MS), [""; 0]);
    pump(&dispatcher);
    assert_eq!(stage.after(1000 * MS), [""; 0]);
}

#[test]
fn w3_a_loop_with_much_to_do_is_not_stuck() {
    let (stage, background) = (Stage::new(), running("busy"));
    stage.dog.watch(&background.dispatcher).unwrap();
    for _ in 0..5 {
        background.on_loop(|| ());
        let busy = background.keep_busy();
        assert_eq!(stage.after(1000 * MS), [""; 0], "it got on since the last time");
        drop(busy);
    }
}

#[test]
fn w3_workers_of_a_pool_are_watched_by_name() {
    let stage = Stage::new();
    let pool = Pool::new(2).unwrap();
    stage.dog.watch_pool(&pool).unwrap();
    pool.start(None).unwrap();
    let (begin, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel::<()>();
    let stall = move || {
        begin.send(()).unwrap();
        soon(&may_end);
    };
    pool.worker(1).unwrap().dispatcher().post(stall).unwrap();
    soon(&has_begun);
    stage.dog.scan();
    assert_eq!(stage.after(11 * MS), ["miss worker_1 11ms"]);
    end.send(()).unwrap();
    pool.stop();
    assert_eq!(stage.after(MS), ["recovered worker_1 12ms"]);
}

#[test]
fn w3_a_worker_that_joins_a_watched_pool_is_watched() {
    let (stage, second) = (Stage::new(), Duration::from_secs(1));
    let config = ScalingConfig {
        grow_after: second,
        pressure: PressureConfig {
            loop_lag: Thresholds::new(second / 4, second / 2),
            smoothing: Duration::ZERO,
            ..PressureConfig::default()
        },
        ..ScalingConfig::default()
    };
    let options = WorkerOptions { clock: Some(stage.clock.clone()), ..WorkerOptions::default() };
    let pool = Pool::builder().scaling(1, 2, config).worker_options(options).build().unwrap();
    (0..2).for_each(|_| stage.dog.watch_pool(&pool).unwrap());
    pool.start(None).unwrap();
    assert_eq!(stage.dog.figures().threads.len(), 1);
    let (begun, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel::<()>();
    let stall = move || {
        begun.send(()).unwrap();
        let _ = may_end.recv();
    };
    pool.worker(0).unwrap().dispatcher().post(stall).unwrap();
    soon(&has_begun);
    // Until the load makes the pool grow, time passes, as slowly as it takes the supervisor to see it.
    while stage.dog.figures().threads.len() < 2 {
        stage.clock.advance(second / 2);
        std::thread::yield_now();
    }
    let names: Vec<_> = stage.dog.figures().threads.into_iter().map(|thread| thread.name).collect();
    assert_eq!(names, ["worker_0", "worker_1"]);
    drop(end);
    pool.stop();
}

#[test]
fn w3_touches_are_progress() {
    let stage = Stage::new();
    let watch = stage.dog.watch_touched("a loop of my own").unwrap();
    let made = watch.last_seen();
    for _ in 0..3 {
        watch.touch();
        assert_eq!(stage.after(20 * MS), [""; 0]);
    }
    assert_eq!(watch.last_seen() - made, 60 * MS);
    assert_eq!(stage.after(11 * MS), ["miss a loop of my own 11ms"]);
    watch.touch();
    assert_eq!(stage.after(MS), ["recovered a loop of my own 12ms"]);
    drop(watch);
    assert_eq!(stage.after(1000 * MS), [""; 0]);
    assert!(stage.dog.figures().threads.is_empty());
}

#[test]
fn w1_a_touched_watch_is_a_watchdog() {
    let (stage, dispatcher) = (Stage::new(), dispatcher());
    let watch: Arc<dyn Watchdog> = stage.dog.watch_touched("mine").unwrap();
    dispatcher.register_watchdog(watch, Duration::ZERO);
    dispatcher.post(|| ()).unwrap();
    pump(&dispatcher);
    assert_eq!(stage.after(11 * MS), [""; 0], "touched once");
    assert_eq!(stage.after(11 * MS), ["miss mine 11ms"]);
    drop(dispatcher);
    assert!(stage.after(11 * MS).is_empty(), "it went with the dispatcher");
}

#[test]
fn w3_to_watch_twice_is_to_watch_once() {
    let (stage, background) = (Stage::new(), running("once"));
    let _busy = background.keep_busy();
    (0..2).for_each(|_| stage.dog.watch(&background.dispatcher).unwrap());
    assert_eq!(stage.dog.figures().threads.len(), 1);
    assert_eq!(stage.after(11 * MS), ["miss once 11ms"]);
    assert!(stage.dog.unwatch(&background.dispatcher));
    assert!(!stage.dog.unwatch(&background.dispatcher));
    assert_eq!(stage.after(11 * MS), [""; 0]);
}

#[test]
fn w3_a_dispatcher_that_is_destroyed_while_watched_leaves() {
    let (stage, dispatcher) = (Stage::new(), Dispatcher::new("brief").unwrap());
    let handle = dispatcher.handle();
    stage.dog.watch(&dispatcher).unwrap();
    drop(dispatcher);
    assert_eq!(stage.after(1000 * MS), [""; 0]);
    assert!(stage.dog.figures().threads.is_empty());
    let refused = stage.dog.watch(&handle).unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidState(why) if why == "the dispatcher brief is gone"),
        "{refused}"
    );
    assert!(!stage.dog.unwatch(&handle));
}

#[test]
fn w3_stopped_twice_it_is_stopped() {
    let (stage, background) = (Stage::new(), running("worker"));
    let _busy = background.keep_busy();
    stage.dog.watch(&background.dispatcher).unwrap();
    (0..2).for_each(|_| stage.dog.stop());
    assert_eq!(stage.after(1000 * MS), [""; 0]);
    for refused in [stage.dog.watch(&background.dispatcher), stage.dog.watch_touched("late").map(|_watch| ())]
    {
        assert_eq!(refused.unwrap_err().to_string(), "the guard dog is stopped");
    }
}

#[test]
fn w3_what_makes_no_sense_is_refused() {
    let refused = [
        (
            GuardDog::builder().miss(3 * MS).megamiss(2 * MS),
            "the threshold of a miss, 3ms, is above that of a megamiss, 2ms",
        ),
        (
            GuardDog::builder().kill(500 * MS),
            "the threshold of a megamiss, 1s, is above that of a kill, 500ms",
        ),
        (
            GuardDog::builder().megamiss(Duration::ZERO).kill(MS),
            "the threshold of a miss, 200ms, is above that of a kill, 1ms",
        ),
        (
            GuardDog::builder().miss(Duration::ZERO).megamiss(Duration::ZERO),
            "all thresholds are zero: there is nothing to watch for",
        ),
        (
            GuardDog::builder().multikill(MS, 0.0),
            "the share of threads for a multikill is 0; it must be above 0 and at most 1",
        ),
        (
            GuardDog::builder().multikill(MS, 1.5),
            "the share of threads for a multikill is 1.5; it must be above 0 and at most 1",
        ),
        (
            GuardDog::builder().multikill(MS, f64::NAN),
            "the share of threads for a multikill is NaN; it must be above 0 and at most 1",
        ),
        (GuardDog::builder().interval(Duration::ZERO), "the interval between two scans is zero"),
        #[cfg(target_os = "linux")]
        (GuardDog::builder().backtrace_signal(libc::SIGKILL), "signal 9 cannot be caught"),
        #[cfg(target_os = "linux")]
        (GuardDog::builder().backtrace_signal(0), "signal 0 does not exist; signals are 1 to 64"),
    ];
    for (builder, why) in refused {
        match builder.build().map(|_dog| ()) {
            Err(Error::InvalidArgument(text)) => assert_eq!(text, why),
            other => panic!("{why}: {other:?}"),
        }
    }
    // Equal ones are in order.
    GuardDog::builder().miss(MS).megamiss(MS).kill(MS).build().unwrap();
}

#[cfg(unix)]
#[test]
fn a_forked_child_has_no_guard_dog() {
    let (stage, background) = (Stage::new(), running("worker"));
    let real = GuardDog::new().unwrap();
    real.watch(&background.dispatcher).unwrap();
    let own = dispatcher();
    in_forked_child(|| {
        for dog in [&stage.dog, &real] {
            assert!(matches!(dog.watch(&background.dispatcher), Err(Error::Forked)));
            assert!(matches!(dog.watch_touched("mine"), Err(Error::Forked)));
            assert!(!dog.unwatch(&background.dispatcher));
            dog.scan();
            assert_eq!(dog.figures().scans, 0);
            dog.stop();
        }
        drop(real);
    });
    drop(own);
}

#[test]
fn w3_by_its_own_threads_it_finds_who_is_stuck() {
    let background = running("worker");
    let dog = GuardDog::builder().miss(2 * MS).megamiss(4 * MS).interval(MS).build().unwrap();
    dog.watch(&background.dispatcher).unwrap();
    let (told, is_told) = mpsc::channel();
    for event in [Event::Megamiss, Event::Recovered] {
        let told = told.clone();
        dog.on(event, move |report| drop(told.send((report.event, report.threads[0].name.clone()))));
    }
    // On a busy machine the worker may have been late, and have recovered, before.
    let hear_of = |event| {
        while soon(&is_told) != (event, "worker".into()) {}
    };
    let busy = background.keep_busy();
    hear_of(Event::Megamiss);
    drop(busy);
    hear_of(Event::Recovered);
    assert!(dog.figures().scans > 0);
}
