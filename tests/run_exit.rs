//! run(), exit() and the loop's time: promises R1 to R8 and A1 to A3.

mod common;

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, Error, FileReady, Handle, RunType, SchedulableCallback, Timer, Trigger};

const UNTIL_EXIT: [RunType; 2] = [RunType::Block, RunType::RunUntilExit];

/// A timer that is due at once, calls `callback` and is due again.
fn endless_timer(dispatcher: &Dispatcher, mut callback: impl FnMut() + Send + 'static) -> Arc<Timer> {
    let timer = Arc::new_cyclic(|me: &Weak<Timer>| {
        let me = me.clone();
        dispatcher.create_timer(move || {
            me.upgrade().expect("destroyed in its own callback").enable(Duration::ZERO);
            callback();
        })
    });
    timer.enable(Duration::ZERO);
    timer
}

fn post_for_ever(handle: &Handle) {
    let again = handle.clone();
    let _ = handle.post(move || post_for_ever(&again));
}

/// Defers itself again and again.
struct DeferredForEver(Handle);

impl Drop for DeferredForEver {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0.deferred_delete(Box::new(DeferredForEver(self.0.clone())));
        }
    }
}

#[test]
fn r1_runs_until_exit_with_nothing_to_do() {
    for how in UNTIL_EXIT {
        let (dispatcher, exit_called) = (Arc::new(dispatcher()), Arc::new(AtomicBool::new(false)));
        let (runner, called) = (dispatcher.clone(), exit_called.clone());
        let thread = thread::spawn(move || {
            runner.run(how).unwrap();
            called.load(Ordering::SeqCst)
        });
        // Two round trips, with nothing to do in between.
        for _ in 0..2 {
            let (ran, running) = mpsc::channel();
            dispatcher.post(move || ran.send(()).unwrap()).unwrap();
            soon(&running);
        }
        exit_called.store(true, Ordering::SeqCst);
        dispatcher.exit();
        assert!(thread.join().unwrap(), "{how:?}");
    }
}

#[test]
fn r2_non_block_never_waits() {
    let dispatcher = Dispatcher::new("real time").unwrap();
    let timer = dispatcher.create_timer(|| unreachable!("an hour has not passed"));
    timer.enable(Duration::from_secs(3600));
    let (reader, _writer) = pipe();
    let _event = watch(&dispatcher, &reader, Trigger::Level, FileReady::READ, &Log::new());
    pump(&dispatcher);
    assert!(timer.is_enabled());
}

#[test]
fn r2_non_block_follows_the_work_that_callbacks_add() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe();
    let mut note = log.note("activation");
    let event = dispatcher
        .create_file_event(reader.os_fd(), Trigger::Edge, FileReady::NONE, move |_| note())
        .unwrap();
    let mut note = log.note("next");
    let next = Arc::new(dispatcher.create_schedulable_callback(move || {
        note();
        event.activate(FileReady::READ).unwrap();
    }));
    let (handle, mut note, posted) = (dispatcher.handle(), log.note("timer"), log.note("post"));
    let timer = dispatcher.create_timer(move || {
        note();
        let (mut note, next) = (posted.clone(), next.clone());
        let post = move || {
            note();
            next.schedule_next_iteration();
        };
        handle.post(post).unwrap();
    });
    timer.enable(Duration::ZERO);
    pump(&dispatcher);
    assert_eq!(log.take(), ["timer", "post", "next", "activation"]);
}

#[test]
fn r2_non_block_ends_though_work_never_does() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    post_for_ever(&dispatcher);
    dispatcher.deferred_delete(Box::new(DeferredForEver(dispatcher.handle())));
    let _timer = endless_timer(&dispatcher, log.note("timer"));
    pump(&dispatcher);
    assert!(log.len() > 1);
}

#[test]
fn r2_non_block_delivers_a_level_event_once() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let _event = watch(&dispatcher, &reader, Trigger::Level, FileReady::READ, &log);
    // This makes it go round many times.
    let _timer = endless_timer(&dispatcher, || ());
    pump(&dispatcher);
    assert!(dispatcher.stats().iterations > 1);
    assert_eq!(log.take(), [FileReady::READ]);
    pump(&dispatcher);
    assert_eq!(log.take(), [FileReady::READ]);
}

#[test]
fn r3_exit_lets_all_that_was_queued_before_it_run() {
    for how in UNTIL_EXIT {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let pairs = [socket_pair(), socket_pair()];
        let later = Arc::new(dispatcher.create_schedulable_callback(log.note("current after exit")));
        let current = Arc::new(dispatcher.create_schedulable_callback(log.note("current before exit")));
        // Of the two events, which come in no particular order, the first exits.
        let has_exited = Arc::new(AtomicBool::new(false));
        let _events = pairs.each_ref().map(|(socket, _)| {
            let (handle, log, exited) = (dispatcher.handle(), log.clone(), has_exited.clone());
            let (current, later) = (current.clone(), later.clone());
            let callback = move |_| {
                log.add("file event");
                if exited.swap(true, Ordering::Relaxed) {
                    return;
                }
                handle.post(log.note("post before exit")).unwrap();
                handle.deferred_delete(Box::new(log.on_drop("deferred before exit")));
                current.schedule_current_iteration();
                handle.exit();
                handle.post(log.note("post after exit")).unwrap();
                later.schedule_current_iteration();
            };
            dispatcher.create_file_event(socket.os_fd(), Trigger::Edge, FileReady::WRITE, callback).unwrap()
        });
        let timer = dispatcher.create_timer(log.note("timer"));
        timer.enable(Duration::ZERO);
        let next = dispatcher.create_schedulable_callback(log.note("next"));
        next.schedule_next_iteration();
        dispatcher.run(how).unwrap();
        let harvested = ["file event", "file event", "timer", "next"];
        let queued = ["deferred before exit", "post before exit", "current before exit"];
        assert_eq!(log.take(), [&harvested[..], &queued[..]].concat(), "{how:?}");
        pump(&dispatcher);
        assert_eq!(log.take(), ["post after exit", "current after exit"]);
    }
}

#[test]
fn r3_exit_from_another_thread_lets_earlier_posts_run_and_keeps_later_ones() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    let dispatcher = background.dispatcher.clone();
    let busy = background.keep_busy();
    (0..100).for_each(|_| dispatcher.post(log.note("before")).unwrap());
    dispatcher.exit();
    (0..100).for_each(|_| dispatcher.post(log.note("after")).unwrap());
    drop(busy);
    background.join();
    assert_eq!(log.take(), ["before"; 100]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["after"; 100]);
}

#[test]
fn r3_what_another_thread_scheduled_before_its_exit_runs() {
    let background = Background::start(Dispatcher::new("scheduled").unwrap());
    let log = Log::new();
    let scheduled = background.dispatcher.create_schedulable_callback(log.note("scheduled"));
    let busy = background.keep_busy();
    scheduled.schedule_current_iteration();
    background.dispatcher.deferred_delete(Box::new(log.on_drop("deferred")));
    background.dispatcher.exit();
    drop(busy);
    background.join();
    assert_eq!(log.take(), ["deferred", "scheduled"]);
}

#[test]
fn r3_no_endless_chain_delays_an_exit() {
    let dispatcher = dispatcher();
    post_for_ever(&dispatcher);
    dispatcher.deferred_delete(Box::new(DeferredForEver(dispatcher.handle())));
    let _timer = endless_timer(&dispatcher, || ());
    let current = Arc::new_cyclic(|me: &Weak<SchedulableCallback>| {
        let me = me.clone();
        dispatcher.create_schedulable_callback(move || me.upgrade().unwrap().schedule_current_iteration())
    });
    current.schedule_current_iteration();
    let background = Background::start(dispatcher);
    background.settle();
    background.dispatcher.exit();
    background.join();
}

#[test]
fn r4_an_exit_before_run_is_obeyed_once_after_one_pass() {
    for how in UNTIL_EXIT {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let _timer = endless_timer(&dispatcher, log.note("timer"));
        dispatcher.exit();
        // A non-blocking run neither obeys nor forgets it.
        pump(&dispatcher);
        log.take();
        dispatcher.run(how).unwrap();
        assert_eq!(log.take(), ["timer"]);

        let handle = dispatcher.handle();
        let later = endless_timer(&dispatcher, {
            let (log, rounds) = (log.clone(), AtomicI32::new(0));
            move || {
                log.add("later");
                if rounds.fetch_add(1, Ordering::Relaxed) == 2 {
                    handle.exit();
                }
            }
        });
        dispatcher.run(how).unwrap();
        later.disable();
        assert_eq!(log.take().iter().filter(|name| **name == "later").count(), 3, "{how:?}");
    }
}

#[test]
fn r4_a_shutdown_forgets_an_exit() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.exit();
    dispatcher.shutdown();
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let _timer = endless_timer(&dispatcher, move || {
        inner.add("ran");
        if inner.len() == 3 {
            handle.exit();
        }
    });
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["ran"; 3]);
}

#[test]
fn r5_runs_again_after_exit_and_shutdown_on_any_thread() {
    let (dispatcher, log) = (Arc::new(dispatcher()), Log::new());
    for round in 0..10 {
        let (runner, inner) = (dispatcher.clone(), log.clone());
        if round % 2 == 1 {
            dispatcher.shutdown();
        }
        let run = move || {
            let timer = runner.create_timer({
                let runner = runner.handle();
                move || {
                    inner.add(round);
                    runner.exit();
                }
            });
            timer.enable(Duration::ZERO);
            runner.run(RunType::Block).unwrap();
        };
        thread::spawn(run).join().unwrap();
    }
    assert_eq!(log.take(), (0..10).collect::<Vec<_>>());
}

#[test]
fn r6_a_nested_run_is_refused() {
    let (dispatcher, log) = (Arc::new(dispatcher()), Log::new());
    let (me, inner) = (Arc::downgrade(&dispatcher), log.clone());
    in_one_iteration(&dispatcher, move || {
        for how in [RunType::Block, RunType::NonBlock, RunType::RunUntilExit] {
            let nested = me.upgrade().unwrap().run(how);
            inner.add(matches!(nested, Err(Error::InvalidState(_))));
        }
    });
    assert_eq!(log.take(), [true; 3]);
    // Another dispatcher's loop may run in a callback.
    let other = self::dispatcher();
    let note = log.note(false);
    in_one_iteration(&dispatcher, move || in_one_iteration(&other, note));
    assert_eq!(log.take(), [false]);
}

#[test]
fn r6_a_blocking_run_elsewhere_waits_until_the_loop_is_left() {
    for how in UNTIL_EXIT {
        let (background, log) = (Background::start(dispatcher()), Log::new());
        let dispatcher = background.dispatcher.clone();
        let busy = background.keep_busy();
        let (about_to_run, is_about_to_run) = mpsc::channel();
        let (waiter, inner) = (dispatcher.clone(), log.clone());
        let waiting = thread::spawn(move || {
            about_to_run.send(()).unwrap();
            waiter.run(how).unwrap();
            inner.add("the second run returned");
        });
        soon(&is_about_to_run);
        // Gives it the time to be wrong.
        (0..100).for_each(|_| thread::yield_now());
        dispatcher.post(log.note("the first run goes on")).unwrap();
        drop(busy);
        background.settle();
        dispatcher.exit();
        background.join();
        // Should the second have come too late to wait, it runs the loop now.
        dispatcher.exit();
        waiting.join().unwrap();
        assert_eq!(log.take(), ["the first run goes on", "the second run returned"]);
    }
}

#[test]
fn r6_a_non_blocking_run_elsewhere_is_refused() {
    let background = Background::start(dispatcher());
    let refused = background.dispatcher.run(RunType::NonBlock);
    assert!(matches!(refused, Err(Error::InvalidState(_))));
}

#[test]
fn r6_what_other_threads_call_is_no_run_in_the_way() {
    let (dispatcher, running) = (dispatcher(), AtomicBool::new(true));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while running.load(Ordering::Relaxed) {
                    use_everything(&dispatcher);
                }
            });
        }
        let results: Vec<_> = (0..200).map(|_| dispatcher.run(RunType::NonBlock)).collect();
        running.store(false, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.unwrap());
    });
}

#[test]
fn r7_is_thread_safe_on_the_thread_that_runs_or_ran_last() {
    let dispatcher = dispatcher();
    assert!(!dispatcher.is_thread_safe());
    let background = Background::start(dispatcher);
    let dispatcher = background.dispatcher.clone();
    let handle = dispatcher.handle();
    assert!(background.on_loop(move || handle.is_thread_safe() && handle.is_running()));
    assert!(!dispatcher.is_thread_safe());
    drop(background);
    assert!(!dispatcher.is_thread_safe());
    pump(&dispatcher);
    assert!(dispatcher.is_thread_safe());
    assert!(!dispatcher.is_running());
}

#[cfg(unix)]
#[test]
fn r8_interrupted_system_calls_are_transparent() {
    static INTERRUPTIONS: AtomicI32 = AtomicI32::new(0);
    extern "C" fn interrupt(_: i32) {
        INTERRUPTIONS.fetch_add(1, Ordering::SeqCst);
    }
    // SAFETY: all-zero is a valid sigaction (without SA_RESTART), and the handler is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = interrupt as *const () as usize;
        assert_eq!(libc::sigaction(OTHER_SIGNAL, &action, std::ptr::null_mut()), 0);
    }
    let (background, log) = (Background::start(Dispatcher::new("interrupted").unwrap()), Log::new());
    // SAFETY: plain system call.
    let thread = background.on_loop(|| unsafe { libc::pthread_self() });
    let timer = background.dispatcher.create_timer(log.note("fired"));
    timer.enable(20 * MS);
    while log.len() == 0 {
        let before = INTERRUPTIONS.load(Ordering::SeqCst);
        // SAFETY: the thread lives as long as `background`.
        assert_eq!(unsafe { libc::pthread_kill(thread, OTHER_SIGNAL) }, 0);
        while INTERRUPTIONS.load(Ordering::SeqCst) == before {
            thread::yield_now();
        }
    }
    background.on_loop(|| ());
}

#[cfg(target_os = "linux")]
#[test]
fn r8_a_poll_that_fails_is_reported() {
    /// What the kernel has for pollers.
    fn instances() -> Vec<i32> {
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap);
        let is_poller = |link: &std::fs::DirEntry| {
            let names = ["anon_inode:[eventpoll]", "anon_inode:[io_uring]"];
            std::fs::read_link(link.path()).is_ok_and(|to| names.iter().any(|name| to.ends_with(name)))
        };
        let number = |link: std::fs::DirEntry| link.file_name().into_string().unwrap().parse().unwrap();
        descriptors.filter(is_poller).map(number).collect()
    }
    alone(|| {
        let dispatcher = dispatcher();
        let null = std::fs::File::open("/dev/null").unwrap();
        let instances = instances();
        assert!(!instances.is_empty());
        for instance in instances {
            // SAFETY: breaks the dispatcher's poller, as this test wants to.
            unsafe { libc::dup2(null.os_fd(), instance) };
        }
        for how in [RunType::Block, RunType::NonBlock, RunType::RunUntilExit] {
            let code = os_code(dispatcher.run(how));
            assert!(matches!(code, libc::EINVAL | libc::EOPNOTSUPP), "{how:?}: {code}");
        }
        assert!(!dispatcher.is_running());
    });
}

#[test]
fn a1_the_approximate_time_stands_still_within_an_iteration() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let observe = |name: &'static str| {
        let (handle, clock, log) = (dispatcher.handle(), clock.clone(), log.clone());
        move || {
            log.add((name, handle.approximate_monotonic_time()));
            clock.advance(MS);
        }
    };
    let created = clock.now();
    assert_eq!(dispatcher.approximate_monotonic_time(), created);
    clock.advance(MS);
    assert_eq!(dispatcher.approximate_monotonic_time(), created);

    let timers = ["timer", "another timer"].map(|name| dispatcher.create_timer(observe(name)));
    timers.iter().for_each(|timer| timer.enable(MS));
    dispatcher.post(observe("post on entry")).unwrap();
    let current = Arc::new(dispatcher.create_schedulable_callback(observe("current")));
    let in_this_iteration = current.clone();
    let next = dispatcher.create_schedulable_callback(move || in_this_iteration.schedule_current_iteration());
    next.schedule_next_iteration();
    pump(&dispatcher);
    let (entry, polled) = (created + MS, created + 2 * MS);
    let expected =
        [("post on entry", entry), ("timer", polled), ("another timer", polled), ("current", polled)];
    assert_eq!(log.take(), expected);
    // From any thread.
    let handle = dispatcher.handle();
    assert_eq!(thread::spawn(move || handle.approximate_monotonic_time()).join().unwrap(), polled);
}

#[test]
fn a2_it_can_be_refreshed_at_once() {
    let (dispatcher, clock) = simulated();
    clock.advance(5 * MS);
    dispatcher.update_approximate_monotonic_time();
    assert_eq!(dispatcher.approximate_monotonic_time(), clock.now());

    let (handle, inner) = (dispatcher.handle(), clock.clone());
    in_one_iteration(&dispatcher, move || {
        inner.advance(MS);
        assert_ne!(handle.approximate_monotonic_time(), inner.now());
        handle.update_approximate_monotonic_time();
        assert_eq!(handle.approximate_monotonic_time(), inner.now());
    });
}

#[test]
fn a3_a_simulated_clock_wakes_a_loop_that_waits_for_it() {
    let ((dispatcher, clock), (fired, firing)) = (simulated(), mpsc::channel());
    let background = Background::start(dispatcher);
    let timer = background.dispatcher.create_timer(move || fired.send(()).unwrap());
    for _ in 0..100 {
        timer.enable(Duration::from_secs(3600));
        clock.advance(Duration::from_secs(3600));
        soon(&firing);
    }
}
