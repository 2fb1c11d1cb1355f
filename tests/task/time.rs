//! Sleeps, time limits and intervals.

use std::io;
use std::task::{Context, Waker};
use std::time::Duration;

use mcp_event::task::Elapsed;

use crate::common::*;
use crate::poll_once;

#[test]
fn a_sleep_is_never_early_and_may_be_moved() {
    let (dispatcher, clock) = simulated();
    let mut sleep = dispatcher.sleep(10 * MS);
    assert!(poll_once(&mut sleep).is_pending());
    let mut moved = Box::new(sleep);
    clock.advance(10 * MS - Duration::from_nanos(1));
    pump(&dispatcher);
    assert!(poll_once(&mut moved).is_pending());
    let (handle, at) = (dispatcher.handle(), clock.clone());
    let mut task = dispatcher
        .spawn(async move {
            moved.await;
            let first = at.now();
            handle.sleep(MS).await;
            (first, at.now())
        })
        .unwrap();
    let start = clock.now();
    for _ in 0..2 {
        pump(&dispatcher);
        clock.advance(Duration::from_nanos(1));
        pump(&dispatcher);
        clock.advance(MS - Duration::from_nanos(1));
        pump(&dispatcher);
    }
    let (first, second) = task.wait().unwrap();
    assert_eq!(first - start, Duration::from_nanos(1));
    assert_eq!(second - first, MS);
}

#[test]
fn a_sleep_of_zero_takes_an_iteration_and_an_endless_one_is_pending() {
    let (dispatcher, clock) = simulated();
    let (mut zero, mut endless) = (dispatcher.sleep(Duration::ZERO), dispatcher.sleep(Duration::MAX));
    assert!(poll_once(&mut zero).is_pending());
    clock.advance(Duration::MAX);
    pump(&dispatcher);
    assert!(poll_once(&mut zero).is_ready());
    assert!(poll_once(&mut zero).is_ready(), "awaited again, it stays done");
    assert!(poll_once(&mut endless).is_pending());
    drop(endless);
    drop(dispatcher);
}

#[test]
fn a_dropped_sleep_disarms_its_timer() {
    let (dispatcher, clock) = simulated();
    let sleep = dispatcher.sleep(MS);
    assert_eq!(dispatcher.next_timeout(), None, "time stands still");
    clock.advance(MS);
    assert_eq!(dispatcher.next_timeout(), Some(Duration::ZERO));
    drop(sleep);
    assert_eq!(dispatcher.next_timeout(), None);
}

#[test]
fn a_timeout_gives_the_output_or_says_that_it_elapsed() {
    let (dispatcher, clock) = simulated();
    let handle = dispatcher.handle();
    let mut task = dispatcher
        .spawn(async move {
            let in_time = handle.timeout(2 * MS, handle.sleep(MS)).await;
            let too_late = handle.timeout(MS, handle.sleep(2 * MS)).await;
            let both_at_once = handle.timeout(Duration::ZERO, async { 7 }).await;
            (in_time, too_late, both_at_once)
        })
        .unwrap();
    for _ in 0..2 {
        pump(&dispatcher);
        clock.advance(MS);
    }
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok((Ok(()), Err(Elapsed), Ok(7))));
    let error = io::Error::from(Elapsed);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn an_interval_keeps_its_rate_and_skips_what_it_missed() {
    let (dispatcher, clock) = simulated();
    let (ticks, at) = (Log::new(), clock.clone());
    let (start, inner) = (clock.now(), ticks.clone());
    let mut interval = dispatcher.interval(10 * MS);
    let _task = dispatcher
        .spawn(async move {
            loop {
                interval.tick().await;
                inner.add((at.now() - start).as_millis());
            }
        })
        .unwrap();
    // The fourth tick comes late, and the fifth and sixth with it; the seventh is on time.
    for advance in [9, 1, 10, 10, 35, 4, 1] {
        pump(&dispatcher);
        clock.advance(advance * MS);
    }
    pump(&dispatcher);
    assert_eq!(ticks.take(), [10, 20, 30, 65, 70]);
}

#[test]
fn ticks_that_nobody_waited_for_are_one() {
    let (dispatcher, clock) = simulated();
    let mut interval = dispatcher.interval(MS);
    for _ in 0..3 {
        clock.advance(MS);
        pump(&dispatcher);
    }
    let mut context = Context::from_waker(Waker::noop());
    assert!(interval.poll_tick(&mut context).is_ready());
    assert!(interval.poll_tick(&mut context).is_pending());
}
