//! What a loop counts and measures: promises Q1 to Q3.

mod common;

use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::actor::{Actor, ActorResult, Context, System};
use mcp_event::{Dispatcher, FileReady, LatencySummary, LoopStats, RunType, Trigger};

#[test]
fn q1_the_loop_duration_lasts_from_a_poll_to_the_next_or_the_end_of_the_run() {
    let (dispatcher, clock) = simulated();
    dispatcher.enable_stats();
    let durations = [MS, 2 * MS, 7 * MS];
    for duration in durations {
        let clock = clock.clone();
        // One half in each phase.
        let later = clock.clone();
        let handle = dispatcher.handle();
        let timer = dispatcher.create_timer(move || {
            clock.advance(duration / 2);
            let later = later.clone();
            handle.post(move || later.advance(duration / 2)).unwrap();
        });
        timer.enable(Duration::ZERO);
        pump(&dispatcher);
    }
    let summary = dispatcher.stats().loop_duration;
    assert_eq!(summary.count, dispatcher.stats().iterations);
    assert_eq!(summary.sum, durations.iter().sum());
    assert_near(summary.max, 7 * MS);
    assert!(summary.p50 <= summary.p90 && summary.p90 <= summary.p99 && summary.p99 <= summary.max);
}

/// The histogram keeps two significant digits.
#[track_caller]
fn assert_near(value: Duration, expected: Duration) {
    assert!(value >= expected && value <= expected + expected / 50, "{value:?} is not {expected:?}");
}

#[test]
fn q1_the_quantiles_are_those_of_the_distribution() {
    let (dispatcher, clock) = simulated();
    dispatcher.enable_stats();
    for i in 1..=100 {
        let clock = clock.clone();
        let timer = dispatcher.create_timer(move || clock.advance(MS * i));
        timer.enable(Duration::ZERO);
        dispatcher.exit();
        // Exactly one iteration.
        dispatcher.run(RunType::Block).unwrap();
    }
    let summary = dispatcher.stats().loop_duration;
    assert_eq!((summary.count, summary.sum), (100, 5050 * MS));
    assert_near(summary.p50, 50 * MS);
    assert_near(summary.p90, 90 * MS);
    assert_near(summary.p99, 99 * MS);
    assert_near(summary.max, 100 * MS);
}

#[test]
fn q2_the_poll_delay_is_recorded_for_polls_that_timed_out() {
    let dispatcher = Dispatcher::new("real time").unwrap();
    dispatcher.enable_stats();
    let handle = dispatcher.handle();
    let timer = dispatcher.create_timer(move || handle.exit());
    timer.enable(MS);
    dispatcher.run(RunType::Block).unwrap();
    let summary = dispatcher.stats().poll_delay;
    assert!(summary.count >= 1, "{summary}");
    assert!(summary.max >= summary.p50);
}

#[test]
fn q2_in_simulated_time_no_poll_is_late() {
    let (dispatcher, _clock) = simulated();
    dispatcher.enable_stats();
    (0..3).for_each(|_| pump(&dispatcher));
    let summary = dispatcher.stats().poll_delay;
    assert_eq!((summary.count, summary.sum), (3, Duration::ZERO));
}

#[test]
fn q2_nothing_is_recorded_before_it_is_enabled() {
    let dispatcher = dispatcher();
    (0..3).for_each(|_| pump(&dispatcher));
    let stats = dispatcher.stats();
    assert_eq!((stats.loop_duration, stats.poll_delay), Default::default());
    assert_eq!(stats.iterations, 3);
}

#[test]
fn q2_a_summary_reads_well() {
    assert_eq!(LatencySummary::default().to_string(), "count=0 sum=0us p50=0us p90=0us p99=0us max=0us");
}

#[test]
fn q3_everything_is_counted() {
    let dispatcher = Dispatcher::builder("counted").queue_bound(3).build().unwrap();
    (0..3).for_each(|_| dispatcher.post(|| ()).unwrap());
    assert!(dispatcher.post(|| ()).is_err());
    (0..4).for_each(|_| dispatcher.deferred_delete(Box::new(0)));
    let timers = [(); 5].map(|()| dispatcher.create_timer(|| ()));
    timers.iter().for_each(|timer| timer.enable(Duration::ZERO));
    let scheduled = [(); 6].map(|()| dispatcher.create_schedulable_callback(|| ()));
    scheduled.iter().for_each(|callback| callback.schedule_current_iteration());
    let (reader, _writer) = pipe_with(b"x");
    let _events = [(); 2].map(|()| {
        dispatcher.create_file_event(reader.os_fd(), Trigger::Edge, FileReady::READ, |_| ()).unwrap()
    });
    let _signal = dispatcher.listen_for_signal(SIGNAL, || ()).unwrap();
    raise(SIGNAL);
    assert_eq!(dispatcher.stats().queue_depth, 3);
    pump(&dispatcher);

    let stats = dispatcher.stats();
    assert_eq!((stats.posts_run, stats.posts_refused, stats.queue_depth), (3, 1, 0));
    assert_eq!((stats.deferred_deletes, stats.timers_fired, stats.scheduled_run), (4, 5, 6));
    assert_eq!((stats.file_events, stats.signals, stats.registration_errors), (2, 1, 0));
    assert!(stats.iterations >= 1 && stats.wakes >= 1);
}

#[test]
fn q3_readable_while_the_loop_runs() {
    let background = Background::start(dispatcher());
    background.dispatcher.enable_stats();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut before = background.dispatcher.stats();
                for _ in 0..500 {
                    background.dispatcher.post(|| ()).unwrap();
                    let after = background.dispatcher.stats();
                    assert!(after.posts_run >= before.posts_run && after.iterations >= before.iterations);
                    before = after;
                }
            });
        }
    });
    background.settle();
    assert!(background.dispatcher.stats().posts_run >= 1000);
}

/// Tells itself to count down.
struct Countdown;

impl Actor for Countdown {
    type Message = u32;

    fn handle(&mut self, left: u32, context: &mut Context<'_, Self>) -> ActorResult {
        if left > 0 {
            context.loopback().tell(left - 1);
        }
        Ok(())
    }
}

#[test]
fn q3_messages_of_the_loops_own_thread_are_counted_apart_from_posts() {
    let dispatcher = dispatcher();
    let system = System::builder().on([dispatcher.handle()]).build().unwrap();
    let actor = system.spawn(Countdown).unwrap();
    pump(&dispatcher);
    let before = dispatcher.stats();
    actor.tell(5).unwrap();
    pump(&dispatcher);
    let after = dispatcher.stats();
    assert_eq!((after.posts_run - before.posts_run, after.mail_run - before.mail_run), (1, 5));
}

#[test]
fn q3_figures_of_several_loops_can_be_added() {
    let dispatchers = [1, 2].map(|posts| {
        let dispatcher = dispatcher();
        dispatcher.enable_stats();
        (0..posts).for_each(|_| dispatcher.post(|| ()).unwrap());
        dispatcher.deferred_delete(Box::new(0));
        pump(&dispatcher);
        dispatcher.post(|| ()).unwrap();
        dispatcher
    });
    let each = dispatchers.each_ref().map(|dispatcher| dispatcher.stats());
    let sum: LoopStats = each.iter().cloned().sum();
    assert_eq!((sum.posts_run, sum.deferred_deletes, sum.queue_depth), (3, 2, 2));
    assert_eq!(sum.iterations, each[0].iterations + each[1].iterations);
    assert_eq!(sum.loop_duration.count, each[0].loop_duration.count + each[1].loop_duration.count);
    assert_eq!(sum.poll_delay.count, each[0].poll_delay.count + each[1].poll_delay.count);
}

#[test]
fn q2_readers_and_enablers_do_not_disturb_what_is_recorded() {
    let (dispatcher, clock) = simulated();
    let background = Background::start(dispatcher);
    let handle = background.dispatcher.handle();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut count = 0;
                for _ in 0..300 {
                    handle.enable_stats();
                    let summary = handle.stats().loop_duration;
                    assert!(summary.count >= count && summary.p50 <= summary.max);
                    count = summary.count;
                }
            });
        }
        let work = clock.clone();
        (0..100).for_each(|_| {
            let work = work.clone();
            background.on_loop(move || work.advance(MS));
        });
    });
    background.settle();
    let stats = background.dispatcher.stats();
    assert!(stats.loop_duration.count <= stats.iterations && stats.loop_duration.sum <= 100 * MS);
}
