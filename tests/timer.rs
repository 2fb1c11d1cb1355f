//! Timers: promises T1 to T10 (T9 is for C and C++: a Rust duration is never negative).

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use mcp_event::{Dispatcher, FileReady, PeriodicTimer, Timer, Trigger};

const US: Duration = Duration::from_micros(1);
const NS: Duration = Duration::from_nanos(1);

/// A timer whose callback is given the timer.
fn timer_with(dispatcher: &Dispatcher, mut callback: impl FnMut(&Timer) + Send + 'static) -> Arc<Timer> {
    Arc::new_cyclic(|me: &Weak<Timer>| {
        let me = me.clone();
        dispatcher.create_timer(move || callback(&me.upgrade().expect("destroyed in its own callback")))
    })
}

#[test]
fn t1_fires_once() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_timer(log.note("fired"));
    assert!(!timer.is_enabled());
    timer.enable(MS);
    assert!(timer.is_enabled());
    clock.advance(MS);
    pump(&dispatcher);
    assert!(!timer.is_enabled());
    clock.advance(10 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["fired"]);
}

#[test]
fn t1_is_disabled_inside_its_callback_and_may_be_enabled_there() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let inner = log.clone();
    let timer = timer_with(&dispatcher, move |timer| {
        inner.add(timer.is_enabled());
        timer.enable(MS);
        inner.add(timer.is_enabled());
    });
    timer.enable(MS);
    for _ in 0..3 {
        clock.advance(MS);
        pump(&dispatcher);
    }
    assert_eq!(log.take(), [false, true, false, true, false, true]);
}

#[test]
fn t2_enabling_again_replaces_the_deadline() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let (earlier, later) = (dispatcher.create_timer(log.note("1")), dispatcher.create_timer(log.note("9")));
    earlier.enable(5 * MS);
    earlier.enable(MS);
    later.enable(5 * MS);
    later.enable(9 * MS);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["1"]);
    clock.advance(7 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["9"]);
}

#[test]
fn t2_even_of_a_timer_that_has_expired_in_this_iteration() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let second = Arc::new(dispatcher.create_timer(log.note("second")));
    let (postponed, inner) = (second.clone(), log.clone());
    let first = dispatcher.create_timer(move || {
        postponed.enable(MS);
        inner.add("first");
    });
    first.enable(MS);
    second.enable(MS);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["first"]);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["second"]);
}

#[test]
fn t3_by_deadline_then_in_the_order_of_enabling() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timers: Vec<_> = (0..100).map(|i| dispatcher.create_timer(log.note(i))).collect();
    // Ten deadlines, ten timers each; enabled from the last to the first.
    let deadline = |i: usize| (i * 7 % 10) as u32;
    timers.iter().enumerate().rev().for_each(|(i, timer)| timer.enable(MS * deadline(i)));
    clock.advance(10 * MS);
    pump(&dispatcher);
    let mut expected: Vec<usize> = (0..100).rev().collect();
    expected.sort_by_key(|i| deadline(*i));
    assert_eq!(log.take(), expected);
}

#[test]
fn t3_timers_enabled_by_other_threads_come_in_order_too() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let background = Background::start(dispatcher);
    let timers: Vec<_> = (0..10).map(|i| background.dispatcher.create_timer(log.note(i))).collect();
    timers.iter().rev().for_each(|timer| timer.enable(MS));
    background.settle();
    clock.advance(MS);
    background.settle();
    assert_eq!(log.take(), (0..10).rev().collect::<Vec<_>>());
}

#[test]
fn t4_zero_waits_for_a_poll_and_never_for_the_same_timers_phase() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, iterations, left) = (dispatcher.handle(), log.clone(), AtomicU32::new(3));
    let timer = timer_with(&dispatcher, move |timer| {
        iterations.add(handle.stats().iterations);
        if left.fetch_sub(1, Ordering::Relaxed) > 1 {
            timer.enable(Duration::ZERO);
        }
    });
    timer.enable(Duration::ZERO);
    assert_eq!(log.take(), [0_u64; 0]);
    pump(&dispatcher);
    assert_eq!(log.take(), [1, 2, 3]);
}

#[test]
fn t4_ready_file_events_come_before_a_zero_timer() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let timer = dispatcher.create_timer(log.note("timer"));
    let (reader, _writer) = pipe_with(b"x");
    let mut note = log.note("file event");
    let _event = dispatcher
        .create_file_event(reader.os_fd(), Trigger::Edge, FileReady::READ, move |_| note())
        .unwrap();
    timer.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), ["file event", "timer"]);
}

#[test]
fn t3_what_comes_due_during_file_events_follows_them() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let note = |name: &'static str| {
        let (handle, log) = (dispatcher.handle(), log.clone());
        move || log.add((name, handle.stats().iterations))
    };
    let timer = |name| Arc::new(dispatcher.create_timer(note(name)));
    let (at_once, meanwhile, at_last, disabled) = (timer("0"), timer("1"), timer("3"), timer("disabled"));
    // T4: it needs a poll of its own.
    let zero = timer("zero");
    let (reader, _writer) = pipe_with(b"x");
    let (note, zeroed, victim, moved) = (note("file event"), zero.clone(), disabled.clone(), clock.clone());
    let fd = reader.os_fd();
    let callback = move |_| {
        read_byte(&reader);
        note();
        moved.advance(2 * MS);
        victim.disable();
        zeroed.enable(Duration::ZERO);
    };
    let _event = dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, callback).unwrap();
    disabled.enable(MS);
    at_last.enable(3 * MS);
    meanwhile.enable(MS);
    at_once.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), [("file event", 1), ("0", 1), ("1", 1), ("zero", 2)]);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take().len(), 1);
}

#[cfg(unix)]
#[test]
fn t3_what_comes_due_during_signals_follows_them() {
    let ((dispatcher, clock), log, signal) = (simulated(), Log::new(), own_signal());
    let note = |name: &'static str| {
        let (handle, log) = (dispatcher.handle(), log.clone());
        move || log.add((name, handle.stats().iterations))
    };
    let timer = dispatcher.create_timer(note("timer"));
    let (note, moved) = (note("signal"), clock.clone());
    let callback = move || {
        note();
        moved.advance(MS);
    };
    let _listener = dispatcher.listen_for_signal(signal, callback).unwrap();
    timer.enable(MS);
    raise(signal);
    pump(&dispatcher);
    assert_eq!(log.take(), [("signal", 1), ("timer", 1)]);
}

#[test]
fn t5_disabled_or_destroyed_in_the_same_iteration_it_does_not_fire() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let disabled = Arc::new(dispatcher.create_timer(log.note("disabled")));
    let destroyed = dispatcher.create_timer(log.note("destroyed"));
    let slot = Slot::new();
    let (victim, holder, inner) = (disabled.clone(), slot.clone(), log.clone());
    let first = dispatcher.create_timer(move || {
        inner.add("first");
        victim.disable();
        holder.destroy();
    });
    for timer in [&first, &disabled, &destroyed] {
        timer.enable(MS);
    }
    slot.put(destroyed);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["first"]);
    assert!(!disabled.is_enabled());
}

#[test]
fn t5_disabled_by_another_thread_it_does_not_fire() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let background = Background::start(dispatcher);
    let timer = background.dispatcher.create_timer(log.note("fired"));
    timer.enable(MS);
    background.settle();
    timer.disable();
    assert!(!timer.is_enabled());
    clock.advance(MS);
    background.settle();
    assert_eq!(log.take(), [""; 0]);
    // It is as good as new.
    timer.enable(MS);
    clock.advance(MS);
    background.settle();
    assert_eq!(log.take(), ["fired"]);
}

/// The one test of real time: a lower bound, which no slow machine can break.
#[test]
fn t6_never_early_on_the_real_clock() {
    let background = Background::start(Dispatcher::new("real time").unwrap());
    let (fired, firing) = mpsc::channel();
    let timer = Arc::new(background.dispatcher.create_timer(move || fired.send(Instant::now()).unwrap()));
    for delay in [0, 1, 10, 100, 999, 1_000, 1_001, 2_500].map(Duration::from_micros) {
        let enabled = Instant::now();
        timer.enable(delay);
        assert!(soon(&firing) - enabled >= delay, "from another thread, {delay:?}");

        let timer = timer.clone();
        let enabled = background.on_loop(move || {
            let now = Instant::now();
            timer.enable(delay);
            now
        });
        assert!(soon(&firing) - enabled >= delay, "on the loop, {delay:?}");
    }
}

#[test]
fn t6_the_time_that_counts_is_the_time_of_enabling() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_timer(log.note("fired"));
    let (slow, inner) = (clock.clone(), log.clone());
    let enabling = dispatcher.create_timer(move || {
        // A callback that takes long: the iteration's own time is stale by now.
        slow.advance(50 * MS);
        timer.enable(10 * MS);
        inner.add("enabled");
    });
    enabling.enable(Duration::ZERO);
    pump(&dispatcher);
    clock.advance(9 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["enabled"]);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["fired"]);
}

#[test]
fn t7_a_deadline_is_exact() {
    for delay in [US, MS, 64 * US, 4096 * US, Duration::from_secs(3600), Duration::from_nanos(1_234_567)] {
        let ((dispatcher, clock), log) = (simulated(), Log::new());
        let timer = dispatcher.create_timer(log.note("fired"));
        timer.enable(delay);
        clock.advance(delay - NS);
        pump(&dispatcher);
        assert_eq!(log.take(), [""; 0], "{delay:?}");
        clock.advance(NS);
        pump(&dispatcher);
        assert_eq!(log.take(), ["fired"], "{delay:?}");
    }
}

#[test]
fn t8_huge_durations_saturate_and_never_fire() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timers =
        [Duration::MAX, Duration::from_millis(u64::MAX), Duration::from_nanos(u64::MAX)].map(|delay| {
            let timer = dispatcher.create_timer(log.note("fired"));
            timer.enable(delay);
            timer
        });
    clock.advance(Duration::from_secs(100 * 365 * 86_400));
    pump(&dispatcher);
    clock.advance(Duration::MAX);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    assert!(timers.iter().all(Timer::is_enabled));
    // They can still be given a deadline that comes; time itself has ended.
    timers[0].enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), ["fired"]);
}

#[test]
fn t10_a_periodic_timer_keeps_its_grid() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let start = clock.now();
    let (slow, inner) = (clock.clone(), log.clone());
    let timer = dispatcher.create_periodic_timer(move || {
        inner.add((slow.now() - start).as_micros());
        // Takes its time, so that a naive timer would drift.
        slow.advance(300 * US);
    });
    timer.enable(MS);
    while clock.now() - start < 5 * MS {
        clock.advance(50 * US);
        pump(&dispatcher);
    }
    assert_eq!(log.take(), [1_000, 2_000, 3_000, 4_000, 5_000]);
    assert!(timer.is_enabled());
}

#[test]
fn t10_missed_ticks_are_skipped() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_periodic_timer(log.note("tick"));
    timer.enable(MS);
    clock.advance(4 * MS + MS / 2);
    pump(&dispatcher);
    assert_eq!(log.take(), ["tick"]);
    clock.advance(MS / 2 - NS);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    clock.advance(NS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["tick"]);
}

#[test]
fn t10_a_periodic_timer_starts_anew_and_stops_in_its_callback() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let slot = Slot::new();
    let (me, mut note) = (slot.clone(), log.note("tick"));
    slot.put(dispatcher.create_periodic_timer(move || {
        note();
        me.with(PeriodicTimer::disable);
    }));
    slot.with(|timer| timer.enable(MS));
    clock.advance(MS / 2);
    slot.with(|timer| timer.enable(MS));
    clock.advance(MS / 2);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    for _ in 0..3 {
        clock.advance(MS / 2);
        pump(&dispatcher);
    }
    assert_eq!(log.take(), ["tick"]);
    assert!(!slot.with(PeriodicTimer::is_enabled));
    slot.destroy();
}

#[test]
fn t10_disabled_by_another_thread_a_periodic_timer_stays_still() {
    let background = Background::start(Dispatcher::new("real time").unwrap());
    let ticks = Log::new();
    let timer = background.dispatcher.create_periodic_timer(ticks.note("tick"));
    for _ in 0..300 {
        timer.enable(NS);
        while ticks.take().is_empty() {
            thread::yield_now();
        }
        timer.disable();
        // One callback may have been under way; it must not undo this.
        background.on_loop(|| ());
        assert!(!timer.is_enabled());
    }
    ticks.take();
    background.settle();
    assert_eq!(ticks.len(), 0);
}

#[test]
fn t10_destroyed_by_another_thread_a_periodic_timer_is_gone() {
    let background = Background::start(Dispatcher::new("real time").unwrap());
    for _ in 0..300 {
        let (ticked, has_ticked) = mpsc::channel();
        let alive = Arc::new(());
        let seen = alive.clone();
        let timer = background.dispatcher.create_periodic_timer(move || {
            assert_eq!(Arc::strong_count(&seen), 2);
            let _ = ticked.send(());
        });
        timer.enable(NS);
        soon(&has_ticked);
        drop(timer);
        // Its closure is gone with it.
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
