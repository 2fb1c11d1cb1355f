//! Scaled timers: promises K1 to K4, and those of all timers (T1 to T8), of all handles (H1, H2, F8).

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{
    Dispatcher, Error, Handle, RunType, ScaledTimer, ScaledTimerMinimum, ScaledTimerType, SimulatedClock,
};

const NS: Duration = Duration::from_nanos(1);

const TYPES: [ScaledTimerType; 3] = [
    ScaledTimerType::HttpConnectionManagerDecodeDuration,
    ScaledTimerType::HttpConnectionManagerNewStream,
    ScaledTimerType::OverloadActionState,
];

fn share(share: f64) -> ScaledTimerMinimum {
    ScaledTimerMinimum::share(share).unwrap()
}

fn at_least(minimum: Duration) -> ScaledTimerMinimum {
    ScaledTimerMinimum::absolute(minimum)
}

fn scale(dispatcher: &Handle, factor: f64) {
    dispatcher.set_timer_scale_factor(factor).unwrap();
}

/// Moves the time in steps of a millisecond; what was logged, with the millisecond.
fn pass(
    dispatcher: &Dispatcher,
    clock: &SimulatedClock,
    milliseconds: u32,
    log: &Log,
) -> Vec<(u32, &'static str)> {
    (1..=milliseconds)
        .flat_map(|now| {
            clock.advance(MS);
            pump(dispatcher);
            log.take().into_iter().map(move |name| (now, name))
        })
        .collect()
}

#[test]
fn k1_fires_at_its_maximum_at_first() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    assert_eq!(dispatcher.timer_scale_factor(), 1.0);
    let timer = dispatcher.create_scaled_timer(at_least(3 * MS), log.note("fired"));
    assert!(!timer.is_enabled());
    timer.enable(10 * MS);
    assert!(timer.is_enabled());
    assert_eq!(pass(&dispatcher, &clock, 20, &log), [(10, "fired")]);
    assert!(!timer.is_enabled());
}

#[test]
fn k1_fires_between_minimum_and_maximum_as_the_factor_says() {
    for (factor, expected) in [(1.0, 10), (0.5, 6), (0.25, 4), (0.0, 2)] {
        let ((dispatcher, clock), log) = (simulated(), Log::new());
        scale(&dispatcher, factor);
        assert_eq!(dispatcher.timer_scale_factor(), factor);
        let timer = dispatcher.create_scaled_timer(at_least(2 * MS), log.note("fired"));
        timer.enable(10 * MS);
        assert_eq!(pass(&dispatcher, &clock, 20, &log), [(expected, "fired")], "factor {factor}");
    }
}

#[test]
fn k1_a_factor_outside_its_range_is_refused() {
    let dispatcher = dispatcher();
    scale(&dispatcher, 0.5);
    for factor in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
        match dispatcher.set_timer_scale_factor(factor) {
            Err(Error::InvalidArgument(text)) => assert!(text.contains(&factor.to_string()), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(dispatcher.timer_scale_factor(), 0.5);
    scale(&dispatcher, -0.0);
    assert_eq!(dispatcher.timer_scale_factor().to_bits(), 0);
}

#[test]
fn k2_a_minimum_may_be_a_share_of_the_maximum() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.0);
    let timers: Vec<_> = [("0", 0.0), ("half", 0.5), ("all", 1.0)]
        .map(|(name, minimum)| dispatcher.create_scaled_timer(share(minimum), log.note(name)))
        .into();
    timers.iter().for_each(|timer| timer.enable(8 * MS));
    pump(&dispatcher);
    assert_eq!(log.take(), ["0"]);
    assert_eq!(pass(&dispatcher, &clock, 10, &log), [(4, "half"), (8, "all")]);
}

#[test]
fn k2_a_minimum_is_capped_at_the_maximum_and_that_at_the_cap() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_scaled_timer(at_least(5 * MS).capped_at(9 * MS), log.note("fired"));
    for (factor, max, expected) in [(1.0, 3, 3), (0.0, 3, 3), (1.0, 20, 9), (0.0, 20, 5), (0.5, 7, 6)] {
        scale(&dispatcher, factor);
        timer.enable(max * MS);
        assert_eq!(pass(&dispatcher, &clock, 20, &log), [(expected, "fired")], "{factor}, {max}");
    }
}

#[test]
fn k3_never_before_the_minimum_whatever_the_factor_does() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_scaled_timer(at_least(5 * MS), log.note("fired"));
    timer.enable(10 * MS);
    clock.advance(5 * MS - NS);
    for factor in [0.0, 1.0, 0.0] {
        scale(&dispatcher, factor);
        pump(&dispatcher);
    }
    assert_eq!(log.take(), [""; 0]);
    clock.advance(NS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["fired"]);
}

#[test]
fn k3_a_change_counts_at_once_for_timers_past_their_minimum() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_scaled_timer(at_least(2 * MS), log.note("fired"));
    // Down: it is overdue by the new factor.
    timer.enable(10 * MS);
    assert_eq!(pass(&dispatcher, &clock, 7, &log), []);
    scale(&dispatcher, 0.5);
    pump(&dispatcher);
    assert_eq!(log.take(), ["fired"]);
    // Up, and down again: to where the factor says, counted from the end of its minimum.
    timer.enable(10 * MS);
    assert_eq!(pass(&dispatcher, &clock, 5, &log), []);
    scale(&dispatcher, 1.0);
    assert_eq!(pass(&dispatcher, &clock, 2, &log), []);
    scale(&dispatcher, 0.75);
    assert_eq!(pass(&dispatcher, &clock, 5, &log), [(1, "fired")]);
}

#[test]
fn k3_a_change_in_a_callback_and_before_the_run_counts_too() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let (first, second) = (
        dispatcher.create_scaled_timer(share(0.0), log.note("first")),
        dispatcher.create_scaled_timer(share(0.0), log.note("second")),
    );
    first.enable(10 * MS);
    second.enable(20 * MS);
    assert_eq!(pass(&dispatcher, &clock, 5, &log), []);
    scale(&dispatcher, 0.5);
    let handle = dispatcher.handle();
    in_one_iteration(&dispatcher, move || scale(&handle, 0.25));
    assert_eq!(log.take(), ["first", "second"]);
}

#[test]
fn k3_a_change_by_another_thread_wakes_the_loop() {
    let dispatcher = Dispatcher::new("real time").unwrap();
    let (fired, has_fired) = mpsc::channel();
    let timer = dispatcher.create_scaled_timer(share(0.0), move || fired.send(()).unwrap());
    timer.enable(Duration::from_secs(3_600));
    let background = Background::start(dispatcher);
    // It has moved to its queue.
    background.settle();
    scale(&background.dispatcher, 0.0);
    soon(&has_fired);
}

#[test]
fn k4_timers_of_a_queue_fire_by_the_ends_of_their_minimums() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.5);
    let timer = |minimum: u32, name| {
        let timer = dispatcher.create_scaled_timer(at_least(minimum * MS), log.note(name));
        // All are 6 ms from their maximum.
        timer.enable((minimum + 6) * MS);
        timer
    };
    let _timers = [timer(4, "c"), timer(1, "a"), timer(3, "b"), timer(4, "d")];
    assert_eq!(pass(&dispatcher, &clock, 20, &log), [(4, "a"), (6, "b"), (7, "c"), (7, "d")]);
}

#[test]
fn t3_late_all_fire_in_order_plain_timers_among_them() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.5);
    let plain = dispatcher.create_timer(log.note("plain 5"));
    let scaled: Vec<_> = [("6", 4, 8), ("4", 2, 6), ("5", 0, 10), ("7 of its own", 4, 10), ("3", 1, 5)]
        .map(|(name, minimum, max)| {
            let timer = dispatcher.create_scaled_timer(at_least(minimum * MS), log.note(name));
            timer.enable(max * MS);
            timer
        })
        .into();
    plain.enable(5 * MS);
    clock.advance(100 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["3", "4", "plain 5", "5", "6", "7 of its own"]);
    drop(scaled);
}

#[test]
fn t3_ties_in_the_order_of_enabling_across_queues() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.5);
    let timers: Vec<_> = (0..60)
        .map(|i: u32| dispatcher.create_scaled_timer(at_least((i * 7 % 6) * MS), log.note(i)))
        .collect();
    for (i, timer) in (0..60).zip(&timers) {
        // Minimum m and distance 2 * (10 - m): all at 10 ms.
        let minimum = i * 7 % 6;
        timer.enable((minimum + 2 * (10 - minimum)) * MS);
    }
    clock.advance(10 * MS - NS);
    pump(&dispatcher);
    assert_eq!(log.len(), 0);
    clock.advance(NS);
    pump(&dispatcher);
    assert_eq!(log.take(), (0..60).collect::<Vec<u32>>());
}

#[test]
fn k5_types_are_not_scaled_until_they_have_a_minimum() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.0);
    let timers = TYPES.map(|of| dispatcher.create_scaled_timer(of, log.note("fired")));
    timers.iter().for_each(|timer| timer.enable(10 * MS));
    assert_eq!(pass(&dispatcher, &clock, 20, &log), [(10, "fired"); 3]);
}

#[test]
fn k5_each_type_has_a_minimum_of_its_own() {
    let (clock, log) = (SimulatedClock::new(), Log::new());
    let [decoding, new_stream, overload] = TYPES;
    let dispatcher = Dispatcher::builder("configured")
        .clock(&clock)
        .scaled_timer_minimum(decoding, at_least(3 * MS))
        .scaled_timer_minimum(new_stream, share(0.5))
        .build()
        .unwrap();
    scale(&dispatcher, 0.0);
    let timers = [(decoding, "decoding"), (new_stream, "new stream"), (overload, "overload")]
        .map(|(of, name)| dispatcher.create_scaled_timer(of, log.note(name)));
    timers.iter().for_each(|timer| timer.enable(10 * MS));
    // For those that are enabled from now on.
    dispatcher.set_scaled_timer_minimum(decoding, share(0.9));
    let expected = [(3, "decoding"), (5, "new stream"), (10, "overload")];
    assert_eq!(pass(&dispatcher, &clock, 20, &log), expected);
    timers.iter().for_each(|timer| timer.enable(10 * MS));
    let expected = [(5, "new stream"), (9, "decoding"), (10, "overload")];
    assert_eq!(pass(&dispatcher, &clock, 20, &log), expected);
}

#[test]
fn t1_is_disabled_inside_its_callback_and_may_be_enabled_there() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.5);
    let inner = log.clone();
    let timer = Arc::new_cyclic(|me: &Weak<ScaledTimer>| {
        let me = me.clone();
        dispatcher.create_scaled_timer(share(0.5), move || {
            let me = me.upgrade().unwrap();
            inner.add(if me.is_enabled() { "enabled" } else { "disabled" });
            me.enable(4 * MS);
            assert!(me.is_enabled());
        })
    });
    timer.enable(4 * MS);
    assert_eq!(pass(&dispatcher, &clock, 10, &log), [(3, "disabled"), (6, "disabled"), (9, "disabled")]);
}

#[test]
fn t2_enabling_again_replaces_what_it_waits_for_at_any_stage() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    scale(&dispatcher, 0.5);
    let timer = dispatcher.create_scaled_timer(at_least(4 * MS), log.note("fired"));
    for waited in [0, 3, 4, 5, 7] {
        timer.enable(12 * MS);
        assert_eq!(pass(&dispatcher, &clock, waited, &log), []);
        timer.enable(6 * MS);
        assert_eq!(pass(&dispatcher, &clock, 20, &log), [(5, "fired")], "after {waited} ms");
    }
}

#[test]
fn t4_zero_waits_for_the_next_iteration() {
    let ((dispatcher, _clock), log) = (simulated(), Log::new());
    let slot = Slot::new();
    let (me, mut note) = (slot.clone(), log.note("again"));
    slot.put(dispatcher.create_scaled_timer(share(0.0), move || {
        note();
        me.with(|timer: &ScaledTimer| timer.enable(Duration::ZERO));
    }));
    slot.with(|timer| timer.enable(Duration::ZERO));
    in_one_iteration(&dispatcher, log.note("post"));
    let order = log.take();
    assert_eq!(order[..2], ["post", "again"]);
    assert!(order.len() < 100, "an endless chain lets the run end");
    slot.destroy();
}

#[test]
fn t5_disabled_or_destroyed_in_the_iteration_in_which_it_expired_it_does_not_fire() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let others = Slot::new();
    let victims = others.clone();
    let first = dispatcher.create_timer(move || {
        victims.with(|(disabled, _, _): &(ScaledTimer, Slot<ScaledTimer>, ScaledTimer)| disabled.disable());
        victims.with(|(_, destroyed, _)| destroyed.destroy());
        victims.with(|(_, _, postponed)| postponed.enable(50 * MS));
    });
    let make = |name| {
        let timer = dispatcher.create_scaled_timer(share(0.5), log.note(name));
        timer.enable(6 * MS);
        timer
    };
    let destroyed = Slot::new();
    destroyed.put(make("destroyed"));
    others.put((make("disabled"), destroyed, make("postponed")));
    first.enable(MS);
    clock.advance(6 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    others.with(|(disabled, _, postponed)| {
        assert!(!disabled.is_enabled());
        assert!(postponed.is_enabled());
    });
    assert_eq!(pass(&dispatcher, &clock, 60, &log), [(50, "postponed")]);
    others.destroy();
}

#[test]
fn t5_disabled_at_any_stage_it_does_not_fire() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    for waited in [0, 3, 4, 5, 9] {
        let timer = dispatcher.create_scaled_timer(at_least(4 * MS), log.note("fired"));
        timer.enable(10 * MS);
        assert_eq!(pass(&dispatcher, &clock, waited, &log), []);
        timer.disable();
        assert!(!timer.is_enabled());
        assert_eq!(pass(&dispatcher, &clock, 20, &log), []);
    }
}

#[test]
fn t8_huge_durations_never_come_until_the_factor_brings_them_near() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let scaled = dispatcher.create_scaled_timer(at_least(MS), log.note("scaled"));
    let shared = dispatcher.create_scaled_timer(share(0.9), log.note("shared"));
    for timer in [&scaled, &shared] {
        timer.enable(Duration::MAX);
    }
    clock.advance(Duration::from_secs(100 * 365 * 86_400));
    pump(&dispatcher);
    scale(&dispatcher, 0.999);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    scale(&dispatcher, 0.0);
    pump(&dispatcher);
    assert_eq!(log.take(), ["scaled"]);
    assert!(shared.is_enabled());
}

#[test]
fn p11_a_panic_keeps_the_others_for_the_next_run() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let panics = dispatcher.create_scaled_timer(share(0.5), || panic!("a bad timer"));
    let other = dispatcher.create_scaled_timer(share(0.5), log.note("other"));
    panics.enable(4 * MS);
    other.enable(4 * MS);
    clock.advance(4 * MS);
    assert_panics_with("a bad timer", || pump(&dispatcher));
    assert_eq!(log.take(), [""; 0]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["other"]);
}

#[test]
fn q3_moving_to_a_queue_is_no_callback() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_scaled_timer(at_least(2 * MS), log.note("fired"));
    timer.enable(4 * MS);
    assert_eq!(pass(&dispatcher, &clock, 3, &log), []);
    assert_eq!(dispatcher.stats().timers_fired, 0);
    assert_eq!(pass(&dispatcher, &clock, 3, &log), [(1, "fired")]);
    assert_eq!(dispatcher.stats().timers_fired, 1);
}

#[test]
fn k5_what_a_change_of_the_factor_brings_forward_was_not_late() {
    let ((dispatcher, clock), lags) = (simulated(), Log::new());
    let (handle, inner) = (dispatcher.handle(), lags.clone());
    let timer = dispatcher.create_scaled_timer(share(0.0), move || inner.add(handle.load().loop_lag));
    timer.enable(1_000 * MS);
    pump(&dispatcher);
    clock.advance(900 * MS);
    scale(&dispatcher, 0.1);
    clock.advance(3 * MS);
    pump(&dispatcher);
    assert_eq!(lags.take(), [3 * MS]);
}

#[test]
fn h2_outlives_its_dispatcher_and_does_nothing() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let handle = dispatcher.handle();
    let timers: Vec<_> = (0..3)
        .map(|_| {
            let timer = dispatcher.create_scaled_timer(share(0.5), log.note("fired"));
            timer.enable(4 * MS);
            timer
        })
        .collect();
    clock.advance(3 * MS);
    pump(&dispatcher);
    drop(dispatcher);
    scale(&handle, 0.0);
    clock.advance(10 * MS);
    for timer in &timers {
        timer.disable();
        assert!(!timer.is_enabled());
        timer.enable(MS);
        assert!(timer.is_enabled());
    }
    let late = handle.create_scaled_timer(share(0.0), log.note("fired"));
    late.enable(MS);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn h1_enabled_by_another_thread_it_counts_from_the_call() {
    let (dispatcher, clock) = simulated();
    let background = Background::start(dispatcher);
    let (fired, has_fired) = mpsc::channel();
    let timer = background.dispatcher.create_scaled_timer(at_least(2 * MS), move || fired.send(()).unwrap());
    scale(&background.dispatcher, 0.5);
    // The loop hears of it after 5 ms; then it is 1 ms from firing, which it does not count anew.
    let busy = background.keep_busy();
    timer.enable(10 * MS);
    clock.advance(5 * MS);
    drop(busy);
    background.settle();
    assert!(has_fired.try_recv().is_err());
    assert!(timer.is_enabled());
    clock.advance(MS);
    soon(&has_fired);
}

#[test]
fn h1_the_last_of_many_orders_counts() {
    let (dispatcher, clock) = simulated();
    let background = Background::start(dispatcher);
    let (fired, has_fired) = mpsc::channel();
    let timer = background.dispatcher.create_scaled_timer(share(0.0), move || fired.send(()).unwrap());
    let busy = background.keep_busy();
    // The same minimum each time, so that only the distance tells them apart.
    for max in [5, 50, 7, 20] {
        timer.enable(max * MS);
    }
    drop(busy);
    background.settle();
    clock.advance(20 * MS - NS);
    background.settle();
    assert!(has_fired.try_recv().is_err());
    clock.advance(NS);
    soon(&has_fired);
    // Disabled and enabled while it is busy: the disabling is over.
    let busy = background.keep_busy();
    timer.enable(5 * MS);
    timer.disable();
    timer.enable(6 * MS);
    drop(busy);
    background.settle();
    clock.advance(6 * MS);
    soon(&has_fired);
}

#[test]
fn f8_disabled_by_another_thread_it_stays_still() {
    let background = Background::start(Dispatcher::new("real time").unwrap());
    let fired = Arc::new(AtomicUsize::new(0));
    let count = fired.clone();
    let timer = background.dispatcher.create_scaled_timer(share(0.5), move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    for round in 0..500 {
        timer.enable(Duration::from_micros(round % 7 * 20));
        if round % 3 == 0 {
            thread::yield_now();
        }
        timer.disable();
        // One callback may have been under way.
        background.on_loop(|| ());
        let before = fired.load(Ordering::SeqCst);
        assert!(!timer.is_enabled());
        background.on_loop(|| ());
        assert_eq!(fired.load(Ordering::SeqCst), before);
    }
}

#[test]
fn f8_destroyed_by_another_thread_it_is_gone() {
    let background = Background::start(Dispatcher::new("real time").unwrap());
    for round in 0..300u64 {
        let alive = Arc::new(());
        let seen = alive.clone();
        let timer = background
            .dispatcher
            .create_scaled_timer(share(0.5), move || assert_eq!(Arc::strong_count(&seen), 2));
        timer.enable(Duration::from_micros(round % 5 * 10));
        if round % 2 == 0 {
            thread::yield_now();
        }
        drop(timer);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

/// A generator of small numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn h1_hammered_by_threads_none_is_lost_or_early() {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 1_500;
    let background = Background::start(Dispatcher::new("real time").unwrap());
    let minimum = Duration::from_micros(20);
    let shared = Arc::new(background.dispatcher.create_scaled_timer(share(0.3), || ()));
    let threads: Vec<_> = (1..=THREADS)
        .map(|seed| {
            let (dispatcher, shared) = (background.dispatcher.handle(), shared.clone());
            thread::spawn(move || {
                let mut random = Random(seed);
                for _ in 0..ROUNDS {
                    match random.below(6) {
                        0 => scale(&dispatcher, random.below(5) as f64 / 4.0),
                        1 => shared.enable(Duration::from_micros(random.below(300))),
                        2 => shared.disable(),
                        3 => drop(dispatcher.create_scaled_timer(share(0.0), || ())),
                        _ => {
                            let (fired, has_fired) = mpsc::channel();
                            let timer = dispatcher.create_scaled_timer(at_least(minimum), move || {
                                let _ = fired.send(std::time::Instant::now());
                            });
                            let enabled = std::time::Instant::now();
                            timer.enable(Duration::from_micros(20 + random.below(200)));
                            assert!(soon(&has_fired) >= enabled + minimum, "it was early");
                            // Sent before the callback returned, but the claim was before that.
                            assert!(!timer.is_enabled());
                        }
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    shared.disable();
    background.settle();
}

#[test]
fn h1_enabled_here_and_there_at_once_one_of_the_two_counts() {
    let (dispatcher, clock) = simulated();
    let background = Background::start(dispatcher);
    let (fired, has_fired) = mpsc::channel();
    let timer =
        Arc::new(background.dispatcher.create_scaled_timer(share(0.5), move || fired.send(()).unwrap()));
    for _ in 0..300 {
        let there = timer.clone();
        let on_loop = background.dispatcher.handle();
        on_loop.post(move || there.enable(10 * MS)).unwrap();
        timer.enable(20 * MS);
        background.settle();
        assert!(timer.is_enabled());
        clock.advance(20 * MS);
        soon(&has_fired);
        background.settle();
        assert!(has_fired.try_recv().is_err());
    }
}

#[test]
fn t4_a_run_until_exit_wakes_for_scaled_timers() {
    let dispatcher = Dispatcher::new("real time").unwrap();
    scale(&dispatcher, 0.5);
    let handle = dispatcher.handle();
    let timer = dispatcher.create_scaled_timer(share(0.5), move || handle.exit());
    timer.enable(MS);
    dispatcher.run(RunType::Block).unwrap();
}
