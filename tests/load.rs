//! How late a loop is, as any thread sees it (K5).

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::RunType;
use mcp_event::pressure::Load;

#[test]
fn k5_nobody_is_late_before_and_after_a_run() {
    let (dispatcher, clock) = simulated();
    let timer = dispatcher.create_timer(|| ());
    timer.enable(MS);
    clock.advance(100 * MS);
    assert_eq!(dispatcher.load(), Load::default());
    pump(&dispatcher);
    assert_eq!(dispatcher.load(), Load::default());
}

#[test]
fn k5_the_age_of_a_busy_iteration_is_loop_lag() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    in_one_iteration(&dispatcher, move || {
        inner.add(handle.load().loop_lag);
        clock.advance(7 * MS);
        inner.add(handle.load().loop_lag);
        // The user's own refreshing of the time does not hide it.
        handle.update_approximate_monotonic_time();
        inner.add(handle.load().loop_lag);
    });
    assert_eq!(log.take(), [Duration::ZERO, 7 * MS, 7 * MS]);
}

#[test]
fn k5_a_loop_that_hangs_shows_to_other_threads() {
    let (dispatcher, clock) = simulated();
    let (hangs, is_hanging) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    dispatcher
        .post(move || {
            hangs.send(()).unwrap();
            released.recv().unwrap();
        })
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| pump(&dispatcher));
        is_hanging.recv().unwrap();
        clock.advance(300 * MS);
        for _ in 0..5 {
            dispatcher.post(|| ()).unwrap();
        }
        let load = dispatcher.load();
        assert_eq!((load.loop_lag, load.queue_depth), (300 * MS, 5));
        release.send(()).unwrap();
    });
    assert_eq!(dispatcher.load(), Load::default());
}

#[test]
fn k5_late_timers_are_loop_lag_in_their_iteration() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let read = || {
        let (handle, log) = (dispatcher.handle(), log.clone());
        move || log.add(handle.load().loop_lag)
    };
    let timers = [dispatcher.create_timer(read()), dispatcher.create_timer(read())];
    timers[0].enable(10 * MS);
    timers[1].enable(12 * MS);
    clock.advance(50 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), [40 * MS, 40 * MS]);
    in_one_iteration(&dispatcher, read());
    assert_eq!(log.take(), [Duration::ZERO]);
}

#[test]
fn k5_poll_delay_is_how_late_a_poll_with_a_timeout_returned() {
    let (dispatcher, clock) = simulated();
    let (handle, (tell, told)) = (dispatcher.handle(), mpsc::channel());
    let timer = dispatcher.create_timer(move || tell.send(handle.load()).unwrap());
    let slept = thread::scope(|scope| {
        scope.spawn(|| dispatcher.run(RunType::Block).unwrap());
        // The loop may be awake still when the time moves; then it is the loop that is late, not the poll.
        let slept = (0..100_000).any(|_| {
            let (seen, is_seen) = mpsc::channel();
            timer.enable(10 * MS);
            dispatcher.post(move || seen.send(()).unwrap()).unwrap();
            is_seen.recv().unwrap();
            thread::yield_now();
            clock.advance(14 * MS);
            let load = told.recv().unwrap();
            assert_eq!(load.loop_lag, 4 * MS);
            assert!(load.poll_delay == 4 * MS || load.poll_delay.is_zero());
            !load.poll_delay.is_zero()
        });
        dispatcher.exit();
        slept
    });
    assert!(slept, "no poll was late");
}
