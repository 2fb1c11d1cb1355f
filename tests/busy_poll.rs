//! Busy polling: what ends a spin, what stops a loop from spinning, and what of it is counted.
//!
//! What comes while a loop spins, and what just before or after, is decided by the machine. So a test that wants a
//! spin to be ended by something goes on until that is counted.

mod common;

use std::io::Write;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use mcp_event::{
    BusyPoll, Dispatcher, Error, FileEvent, FileReady, Handle, LoopStats, RunType, Timer, Trigger,
};

/// Where there is one processor, no loop spins.
fn can_spin() -> bool {
    thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}

/// The longest budget: what ends its spins is not their own end.
const LONG: BusyPoll = BusyPoll::always(BusyPoll::MAX_BUDGET);

fn spinning(busy_poll: BusyPoll) -> Dispatcher {
    Dispatcher::builder("spinning").busy_poll(busy_poll).build().unwrap()
}

/// Makes attempts until one succeeds; where no loop spins, one alone. False when half a minute was not enough: a
/// machine may keep a thread from running at any time, but not each time.
fn sooner_or_later(mut attempt: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if attempt() || !can_spin() {
            return true;
        }
    }
    false
}

/// Does `work`, which the loop is to notice before it returns, until a spin was ended by it.
#[track_caller]
fn until_it_ends_a_spin(loop_: &Handle, mut work: impl FnMut()) {
    let before = loop_.stats().spins_paid;
    let ended = sooner_or_later(|| {
        work();
        loop_.stats().spins_paid > before
    });
    assert!(ended, "{:?}", loop_.stats());
}

/// Runs the loop on this thread while a timer ends `waits` waits, one after the other, `delay` each. Some of them
/// are none, where the machine keeps the thread from running until the timer is due.
fn wait_for_timers(dispatcher: &Dispatcher, waits: u64, delay: Duration) -> LoopStats {
    let before = dispatcher.stats();
    let own = Slot::<Timer>::new();
    let (timer, handle, mut left) = (own.clone(), dispatcher.handle(), waits - 1);
    own.put(dispatcher.create_timer(move || match left {
        0 => handle.exit(),
        _ => {
            left -= 1;
            timer.with(|timer| timer.enable(delay));
        }
    }));
    own.with(|timer| timer.enable(delay));
    dispatcher.run(RunType::Block).unwrap();
    own.destroy();
    let mut stats = dispatcher.stats();
    stats.spins -= before.spins;
    stats.spins_paid -= before.spins_paid;
    stats.time_spun -= before.time_spun;
    stats
}

#[test]
fn a_post_ends_a_spin() {
    let background = Background::start(spinning(LONG));
    until_it_ends_a_spin(&background.dispatcher, || background.on_loop(|| ()));
}

#[test]
fn p7_a_post_to_a_spinning_loop_wakes_nobody() {
    let background = Background::start(spinning(LONG));
    let stats = || background.dispatcher.stats();
    // Should this thread be kept away for the length of a budget, the loop sleeps, and must be woken.
    let unwoken = sooner_or_later(|| {
        let before = stats();
        background.on_loop(|| ());
        let after = stats();
        after.spins_paid > before.spins_paid && after.wakes == before.wakes
    });
    assert!(unwoken, "{:?}", stats());
}

#[test]
fn a_command_ends_a_spin() {
    let background = Background::start(spinning(LONG));
    let (ran, runs) = mpsc::channel();
    let callback = background.dispatcher.create_schedulable_callback(move || ran.send(()).unwrap());
    until_it_ends_a_spin(&background.dispatcher, || {
        callback.schedule_next_iteration();
        soon(&runs);
    });
}

#[test]
fn a_file_descriptor_ends_a_spin() {
    for trigger in [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge] {
        let background = Background::start(spinning(LONG));
        let (reader, mut writer) = pipe_with(b"");
        let (read, bytes) = mpsc::channel();
        let own = Slot::<FileEvent>::new();
        let (event, fd) = (own.clone(), reader.os_fd());
        let callback = move |_| {
            let byte = read_byte(&reader);
            event.with(|event| event.register_if_emulated_edge(FileReady::READ)).unwrap();
            read.send(byte).unwrap();
        };
        let created = background.dispatcher.create_file_event(fd, trigger, FileReady::READ, callback);
        own.put(created.unwrap());
        until_it_ends_a_spin(&background.dispatcher, || {
            writer.write_all(b"x").unwrap();
            assert_eq!(soon(&bytes), b'x');
        });
        own.destroy();
    }
}

#[test]
fn a_file_descriptor_is_not_starved_by_posts_that_keep_the_loop_awake() {
    let background = Background::start(spinning(LONG));
    let (reader, mut writer) = pipe_with(b"");
    let (read, bytes) = mpsc::channel();
    let callback = move |_| read.send(()).unwrap();
    let fd = reader.os_fd();
    let event =
        background.dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, callback).unwrap();
    writer.write_all(b"x").unwrap();
    while bytes.try_recv().is_err() {
        background.on_loop(|| ());
    }
    drop(event);
}

#[test]
fn a_signal_ends_a_spin() {
    let background = Background::start(spinning(LONG));
    let (ran, runs) = mpsc::channel();
    let _event = background.dispatcher.listen_for_signal(SIGNAL, move || ran.send(()).unwrap()).unwrap();
    until_it_ends_a_spin(&background.dispatcher, || {
        raise(SIGNAL);
        soon(&runs);
    });
}

#[test]
fn an_exit_ends_a_spin() {
    let dispatcher = Arc::new(spinning(LONG));
    until_it_ends_a_spin(&dispatcher, || {
        let runner = dispatcher.clone();
        let (entered, is_running) = mpsc::channel();
        dispatcher.post(move || entered.send(()).unwrap()).unwrap();
        let thread = thread::spawn(move || runner.run(RunType::Block).unwrap());
        soon(&is_running);
        dispatcher.exit();
        thread.join().unwrap();
    });
}

#[test]
fn p10_a_shutdown_ends_a_spin() {
    let ended = sooner_or_later(|| {
        let background = Background::start(spinning(LONG));
        let before = background.dispatcher.stats().spins_paid;
        background.dispatcher.shutdown();
        background.dispatcher.stats().spins_paid > before
    });
    assert!(ended);
}

#[test]
fn t6_a_timer_does_not_wait_for_the_end_of_a_spin() {
    let dispatcher = spinning(LONG);
    assert!(sooner_or_later(|| {
        let stats = wait_for_timers(&dispatcher, 1, MS);
        stats.time_spun < BusyPoll::MAX_BUDGET && stats.spins > 0
    }));
}

#[test]
fn t6_a_timer_does_not_fire_early_because_of_a_spin() {
    let dispatcher = spinning(LONG);
    let start = Instant::now();
    wait_for_timers(&dispatcher, 20, MS);
    assert!(start.elapsed() >= 20 * MS);
}

#[test]
fn spins_that_only_a_timer_ended_have_not_paid() {
    let stats = wait_for_timers(&spinning(LONG), 20, MS);
    assert_eq!((stats.spins > 0, stats.spins_paid), (can_spin(), 0));
    assert_eq!(stats.time_spun > Duration::ZERO, can_spin());
}

/// Shorter than any look for work, so that each spin is in vain.
const SHORTEST: BusyPoll = BusyPoll::adaptive(Duration::from_nanos(1));

#[test]
fn an_idle_loop_stops_to_spin() {
    let dispatcher = spinning(SHORTEST);
    let stats = wait_for_timers(&dispatcher, 40, MS);
    assert_eq!((stats.spins > 0, stats.spins_paid), (can_spin(), 0));
    assert!(stats.spins <= 4, "{stats:?}");
    assert_eq!(wait_for_timers(&dispatcher, 20, MS).spins, 0);
}

#[test]
fn a_loop_that_does_not_adapt_spins_in_each_wait() {
    let dispatcher = spinning(BusyPoll::always(SHORTEST.budget()));
    assert!(sooner_or_later(|| wait_for_timers(&dispatcher, 20, MS).spins == 20));
}

#[test]
fn a_loop_spins_again_when_work_comes_quickly() {
    let dispatcher = spinning(BusyPoll::adaptive(BusyPoll::MAX_BUDGET));
    wait_for_timers(&dispatcher, 20, MS);
    assert_eq!(wait_for_timers(&dispatcher, 20, MS).spins, 0);
    let background = Background::start(dispatcher);
    until_it_ends_a_spin(&background.dispatcher, || background.on_loop(|| ()));
}

#[test]
fn it_is_off_unless_asked_for() {
    let stats = wait_for_timers(&Dispatcher::new("by default").unwrap(), 8, MS);
    assert_eq!((stats.spins, stats.spins_paid, stats.time_spun), Default::default());
}

#[test]
fn h1_it_is_set_and_ended_from_another_thread() {
    let background = Background::start(Dispatcher::new("told later").unwrap());
    let handle = background.dispatcher.handle();
    handle.set_busy_poll(Some(LONG)).unwrap();
    until_it_ends_a_spin(&handle, || background.on_loop(|| ()));
    handle.set_busy_poll(None).unwrap();
    background.settle();
    let before = handle.stats().spins;
    (0..50).for_each(|_| background.on_loop(|| ()));
    assert_eq!(handle.stats().spins, before);
}

#[test]
fn h2_a_handle_to_a_dispatcher_that_is_gone_can_be_told() {
    let handle = spinning(LONG).handle();
    handle.set_busy_poll(None).unwrap();
    handle.set_busy_poll(Some(LONG)).unwrap();
}

#[test]
fn r2_a_non_blocking_run_does_not_spin() {
    let dispatcher = spinning(LONG);
    (0..10).for_each(|_| pump(&dispatcher));
    assert_eq!(dispatcher.stats().spins, 0);
}

#[test]
fn a3_in_simulated_time_a_loop_does_not_spin() {
    let (dispatcher, _clock) = simulated();
    dispatcher.set_busy_poll(Some(LONG)).unwrap();
    let background = Background::start(dispatcher);
    (0..10).for_each(|_| background.on_loop(|| ()));
    assert_eq!(background.dispatcher.stats().spins, 0);
}

/// Lets this thread, or the whole of a process that has one thread, run on the first processor alone.
#[cfg(target_os = "linux")]
fn pin(thread: libc::pid_t) {
    // SAFETY: all-zero is the empty set, which lives through the calls.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &mut set), 0);
        let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &set)).unwrap();
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(first, &mut set);
        assert_eq!(libc::sched_setaffinity(thread, size_of_val(&set), &set), 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_one_processor_a_loop_does_not_spin() {
    alone(|| {
        // The main thread, and this one, if it is another.
        pin(std::process::id() as libc::pid_t);
        pin(0);
        assert_eq!(wait_for_timers(&spinning(LONG), 8, MS).spins, 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_is_pinned_does_not_take_its_processor_for_the_only_one() {
    let expected = can_spin();
    let spins = thread::spawn(|| {
        pin(0);
        wait_for_timers(&spinning(LONG), 8, MS).spins > 0
    });
    assert_eq!(spins.join().unwrap(), expected);
}

#[test]
fn a_budget_of_nothing_and_one_of_too_much_are_refused() {
    let dispatcher = Dispatcher::new("x").unwrap();
    for budget in [Duration::ZERO, BusyPoll::MAX_BUDGET + Duration::from_nanos(1), Duration::MAX] {
        for busy_poll in [BusyPoll::always(budget), BusyPoll::adaptive(budget)] {
            for result in [
                dispatcher.set_busy_poll(Some(busy_poll)),
                Dispatcher::builder("x").busy_poll(busy_poll).build().map(drop),
            ] {
                let Err(Error::InvalidArgument(text)) = result else { panic!("{busy_poll:?} was accepted") };
                assert!(text.contains("budget"), "{text}");
            }
        }
    }
    assert_eq!(wait_for_timers(&dispatcher, 8, MS).spins, 0);
}

#[test]
fn q1_a_spin_is_no_part_of_the_loops_duration() {
    let stats = wait_for_timers_recorded();
    assert_eq!(stats.loop_duration.count, stats.iterations);
    // Callbacks that do nothing last as long as the spins between them only when the machine keeps them from
    // running.
    assert!(sooner_or_later(|| {
        let stats = wait_for_timers_recorded();
        2 * stats.loop_duration.sum < stats.time_spun
    }));
}

fn wait_for_timers_recorded() -> LoopStats {
    let dispatcher = spinning(LONG);
    dispatcher.enable_stats();
    wait_for_timers(&dispatcher, 10, MS)
}
