//! Posts: promises P1 to P14 (P12 is for C and C++: a Rust closure is never empty).

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use mcp_event::{Dispatcher, FileReady, Handle, Refusal, RunType, Trigger};

#[test]
fn p1_any_thread_posts_before_while_and_after_the_loop_runs() {
    let log = Log::new();
    let background = {
        let dispatcher = dispatcher();
        let handle = dispatcher.handle();
        let note = log.note("before");
        thread::spawn(move || handle.post(note).unwrap()).join().unwrap();
        Background::start(dispatcher)
    };
    background.dispatcher.post(log.note("while")).unwrap();
    let dispatcher = background.dispatcher.clone();
    drop(background);
    dispatcher.post(log.note("after")).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["before", "while", "after"]);
}

#[test]
fn p1_post_runs_nothing_itself() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    in_one_iteration(&dispatcher, move || {
        handle.post(inner.note("the post")).unwrap();
        inner.add("after the call");
    });
    assert_eq!(log.take(), ["after the call", "the post"]);
}

#[test]
fn p1_closures_and_destructors_run_under_no_lock() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let greedy = || {
        let (handle, log) = (dispatcher.handle(), log.clone());
        move || {
            use_everything(&handle);
            log.add("used everything");
        }
    };
    dispatcher.post(greedy()).unwrap();
    dispatcher.deferred_delete(OnDrop::boxed(greedy()));
    pump(&dispatcher);
    assert_eq!(log.take(), ["used everything"; 2]);

    let guard = OnDrop::new(greedy());
    dispatcher.post(move || drop(guard)).unwrap();
    dispatcher.deferred_delete(OnDrop::boxed(greedy()));
    dispatcher.shutdown();
    assert_eq!(log.take(), ["used everything"; 2]);
}

#[test]
fn p2_all_threads_share_one_order() {
    const THREADS: usize = 4;
    const EACH: usize = 2_000;
    let background = Background::start(dispatcher());
    let (order, log) = (Arc::new(Mutex::new(0)), Log::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    // Whoever holds the lock decides what comes next.
                    let mut next = order.lock().unwrap();
                    background.dispatcher.post(log.note(*next)).unwrap();
                    *next += 1;
                }
            });
        }
    });
    background.settle();
    assert_eq!(log.take(), (0..THREADS * EACH).collect::<Vec<_>>());
}

#[test]
fn p2_each_producer_keeps_its_order() {
    const EACH: usize = 5_000;
    let background = Background::start(dispatcher());
    let log = Log::new();
    thread::scope(|scope| {
        for producer in 0..4 {
            let (dispatcher, log) = (&background.dispatcher, &log);
            scope.spawn(move || (0..EACH).for_each(|i| dispatcher.post(log.note((producer, i))).unwrap()));
        }
    });
    background.settle();
    let all = log.take();
    for producer in 0..4 {
        assert!(all.iter().filter(|post| post.0 == producer).map(|post| post.1).eq(0..EACH));
    }
}

/// Posts from a thread of its own, which has ended when this returns.
fn post_from_another_thread(handle: &Handle, post: impl FnOnce() + Send + 'static) {
    thread::scope(|scope| scope.spawn(|| handle.post(post).unwrap()).join().unwrap());
}

#[test]
fn p2_the_loops_own_posts_keep_their_place_among_those_of_others() {
    const POSTS: u32 = 200;
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let all_orders = move || {
        for number in 0..POSTS {
            // Rows of all lengths of either kind.
            if number.wrapping_mul(0x9E37_79B9).count_ones() % 2 == 0 {
                handle.post(inner.note(number)).unwrap();
            } else {
                post_from_another_thread(&handle, inner.note(number));
            }
        }
    };
    dispatcher.post(all_orders).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), (0..POSTS).collect::<Vec<_>>());
}

#[test]
fn p2_what_a_run_leaves_comes_first_in_the_next() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let leave = move || {
        handle.exit();
        handle.post(inner.note("own, after the exit")).unwrap();
        post_from_another_thread(&handle, inner.note("another thread's"));
        handle.post(inner.note("own again")).unwrap();
    };
    dispatcher.post(leave).unwrap();
    dispatcher.run(RunType::RunUntilExit).unwrap();
    assert_eq!((log.take().len(), dispatcher.queue_depth()), (0, 3));
    dispatcher.post(log.note("after the run")).unwrap();
    let background = Background::start(dispatcher);
    background.settle();
    assert_eq!(log.take(), ["own, after the exit", "another thread's", "own again", "after the run"]);
}

#[test]
fn p3_posts_made_in_a_drain_are_a_later_batch_of_the_same_iteration() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let current = Arc::new(dispatcher.create_schedulable_callback(log.note("current iteration")));
    let (handle, inner, iterations) = (dispatcher.handle(), log.clone(), Log::new());
    let seen = iterations.clone();
    let first = move || {
        inner.add("first");
        seen.add(handle.stats().iterations);
        current.schedule_current_iteration();
        let (later, mut note) = (handle.clone(), inner.note("posted meanwhile"));
        let meanwhile = move || {
            note();
            seen.add(later.stats().iterations);
            drop(current);
        };
        handle.post(meanwhile).unwrap();
    };
    dispatcher.post(first).unwrap();
    dispatcher.post(log.note("second")).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["first", "second", "current iteration", "posted meanwhile"]);
    assert_eq!(iterations.take(), [0, 0]);
}

/// Posts itself again and again.
fn post_for_ever(handle: &Handle) {
    let again = handle.clone();
    let _ = handle.post(move || post_for_ever(&again));
}

#[test]
fn p3_an_endless_chain_of_posts_starves_nothing() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let events = Log::new();
    let _event = watch(&dispatcher, &reader, Trigger::Edge, FileReady::READ, &events);
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let timer = dispatcher.create_timer(move || {
        inner.add("timer");
        handle.exit();
    });
    timer.enable(Duration::ZERO);
    post_for_ever(&dispatcher);
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!((events.take(), log.take()), (vec![FileReady::READ], vec!["timer"]));
    assert!(dispatcher.stats().posts_run > 100);
}

#[test]
fn p4_a_closure_is_destroyed_before_the_next_runs() {
    fn post<const WORDS: usize>(dispatcher: &Dispatcher, log: &Log) {
        let (log, destroyed, ballast) = (log.clone(), log.on_drop("destroyed"), [1usize; WORDS]);
        dispatcher
            .post(move || {
                log.add("ran");
                let _kept_until_the_end = (&destroyed, ballast.len());
            })
            .unwrap();
    }
    let (dispatcher, log) = (dispatcher(), Log::new());
    // Small ones lie in the queue itself, large ones on the heap.
    post::<1>(&dispatcher, &log);
    post::<100>(&dispatcher, &log);
    post::<1>(&dispatcher, &log);
    pump(&dispatcher);
    assert_eq!(log.take(), ["ran", "destroyed", "ran", "destroyed", "ran", "destroyed"]);
}

#[test]
fn p5_deferred_deletes_come_before_every_batch_of_posts() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    dispatcher
        .post(move || {
            inner.add("first batch");
            handle.post(inner.note("second batch")).unwrap();
            handle.deferred_delete(Box::new(inner.on_drop("deleted in between")));
        })
        .unwrap();
    dispatcher.deferred_delete(Box::new(log.on_drop("deleted first")));
    pump(&dispatcher);
    assert_eq!(log.take(), ["deleted first", "first batch", "deleted in between", "second batch"]);
}

#[test]
fn p6_run_drains_earlier_posts_before_any_event() {
    for how in [RunType::NonBlock, RunType::Block, RunType::RunUntilExit] {
        let (dispatcher, log) = (dispatcher(), Log::new());
        let (reader, _writer) = pipe_with(b"x");
        let mut note = log.note("file event");
        let _event = dispatcher
            .create_file_event(reader.os_fd(), Trigger::Edge, FileReady::READ, move |_| note())
            .unwrap();
        let timer = dispatcher.create_timer(log.note("timer"));
        timer.enable(Duration::ZERO);
        dispatcher.post(log.note("post")).unwrap();
        dispatcher.exit();
        dispatcher.run(how).unwrap();
        assert_eq!(log.take(), ["post", "file event", "timer"], "{how:?}");
    }
}

#[test]
fn p7_a_burst_costs_one_wake_and_the_loop_itself_none() {
    let dispatcher = dispatcher();
    (0..10).for_each(|_| dispatcher.post(|| ()).unwrap());
    assert_eq!(dispatcher.stats().wakes, 1);
    pump(&dispatcher);

    let handle = dispatcher.handle();
    in_one_iteration(&dispatcher, move || {
        (0..10).for_each(|_| handle.post(|| ()).unwrap());
        let other = handle.clone();
        // The loop is awake: another thread need not wake it either.
        thread::spawn(move || (0..10).for_each(|_| other.post(|| ()).unwrap())).join().unwrap();
    });
    assert_eq!(dispatcher.stats().wakes, 2);
    assert_eq!(dispatcher.stats().posts_run, 31);
}

#[test]
fn p7_no_wake_is_ever_lost() {
    const ROUNDS: u32 = 5_000;
    fn throw(to: &Handle, from: &Handle, round: u32, done: mpsc::Sender<u32>) {
        let (other, own) = (from.clone(), to.clone());
        let catch = move || match round {
            ROUNDS => done.send(round).unwrap(),
            _ => throw(&other, &own, round + 1, done),
        };
        to.post(catch).unwrap();
    }
    // Two loops that mostly sleep, each woken by the other.
    let loops = [Background::start(dispatcher()), Background::start(dispatcher())];
    let (done, result) = mpsc::channel();
    throw(&loops[0].dispatcher, &loops[1].dispatcher, 0, done);
    assert_eq!(soon(&result), ROUNDS);
}

#[test]
fn p7_no_wake_is_lost_whenever_it_comes() {
    const ROUNDS: usize = 2_000;
    let (background, done) = (Background::start(dispatcher()), Arc::new(AtomicUsize::new(0)));
    let dispatcher = &background.dispatcher;
    let count = || {
        let done = done.clone();
        move || _ = done.fetch_add(1, Ordering::SeqCst)
    };
    let callback = dispatcher.create_schedulable_callback(count());
    let timer = dispatcher.create_timer(count());
    let (reader, _writer) = pipe();
    let told = count();
    let event = dispatcher
        .create_file_event(reader.os_fd(), Trigger::Edge, FileReady::NONE, move |_| told())
        .unwrap();
    let wakers: [&dyn Fn(); 5] = [
        &|| dispatcher.post(count()).unwrap(),
        &|| callback.schedule_next_iteration(),
        &|| timer.enable(Duration::ZERO),
        &|| event.activate(FileReady::READ).unwrap(),
        &|| dispatcher.deferred_delete(OnDrop::boxed(count())),
    ];
    for round in 0..ROUNDS * wakers.len() {
        // A little later each time, to meet the loop at each step on its way to sleep.
        (0..round / wakers.len() % 512).for_each(|_| std::hint::spin_loop());
        wakers[round % wakers.len()]();
        let limit = Instant::now() + Duration::from_secs(30);
        while done.load(Ordering::SeqCst) == round {
            assert!(Instant::now() < limit, "lost in round {round}");
            thread::yield_now();
        }
    }
}

#[test]
fn p8_a_post_after_exit_waits_for_the_next_run() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    dispatcher
        .post(move || {
            handle.exit();
            handle.post(inner.note("after exit")).unwrap();
        })
        .unwrap();
    dispatcher.post(log.note("before exit")).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["before exit"]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["after exit"]);
}

#[test]
fn p9_a_post_after_shutdown_comes_back_until_the_next_run() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.shutdown();
    let refused = dispatcher.post(log.note("refused")).unwrap_err();
    assert_eq!(refused.refusal, Refusal::Closed);
    assert_eq!(dispatcher.stats().posts_refused, 1);
    // The closure is whole.
    let mut closure = refused.closure;
    closure();
    assert_eq!(log.take(), ["refused"]);

    pump(&dispatcher);
    dispatcher.post(log.note("accepted")).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["accepted"]);
}

#[test]
fn p10_shutdown_drops_what_is_queued_and_runs_no_post() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (mut ran, destroyed) = (log.note("ran"), log.on_drop("post destroyed"));
    let post = move || {
        ran();
        drop(destroyed);
    };
    dispatcher.post(post).unwrap();
    dispatcher.deferred_delete(Box::new(log.on_drop("deferred object destroyed")));
    let dog = Arc::new(Dog(Log::new()));
    dispatcher.register_watchdog(dog.clone(), MS);
    dispatcher.shutdown();
    assert_eq!(log.take(), ["deferred object destroyed", "post destroyed"]);
    assert_eq!(Arc::strong_count(&dog), 1);

    dispatcher.shutdown();
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn p10_destruction_drops_what_is_queued_and_runs_no_post() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (mut ran, destroyed) = (log.note("ran"), log.on_drop("destroyed"));
    let post = move || {
        ran();
        drop(destroyed);
    };
    dispatcher.post(post).unwrap();
    drop(dispatcher);
    assert_eq!(log.take(), ["destroyed"]);
}

#[test]
fn p10_handles_stay_armed_and_deferred_deletion_goes_on() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timer = dispatcher.create_timer(log.note("timer"));
    timer.enable(MS);
    dispatcher.shutdown();
    dispatcher.deferred_delete(Box::new(log.on_drop("deleted")));
    assert_eq!(log.take(), [""; 0]);
    clock.advance(MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["deleted", "timer"]);
}

#[test]
fn p10_shutdown_follows_destructors_that_post_and_defer() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let innermost = inner.on_drop("third");
    let second = {
        let handle = handle.clone();
        let (mut note, mut innermost) = (inner.note("second"), Some(innermost));
        OnDrop::new(move || {
            note();
            handle.deferred_delete(Box::new(innermost.take()));
        })
    };
    let (mut note, mut second) = (inner.note("first"), Some(second));
    let first = OnDrop::new(move || {
        note();
        handle.deferred_delete(Box::new(second.take()));
    });
    dispatcher.post(move || drop(first)).unwrap();
    dispatcher.shutdown();
    assert_eq!(log.take(), ["first", "second", "third"]);
}

#[test]
fn p10_shutdown_gives_up_on_an_endless_chain_of_destructors() {
    struct Endless(Handle, Log);
    impl Drop for Endless {
        fn drop(&mut self) {
            self.1.add("again");
            self.0.deferred_delete(Box::new(Endless(self.0.clone(), self.1.clone())));
        }
    }
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.deferred_delete(Box::new(Endless(dispatcher.handle(), log.clone())));
    dispatcher.shutdown();
    assert_eq!(log.len(), 1000);
}

#[test]
fn p10_shutdown_makes_a_running_loop_leave_first() {
    let (background, log) = (Background::start(dispatcher()), Log::new());
    let (started, has_started) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let inner = log.clone();
    let slow = move || {
        started.send(()).unwrap();
        soon(&may_go);
        (0..1000).for_each(|_| thread::yield_now());
        inner.add("the callback returned");
    };
    background.dispatcher.post(slow).unwrap();
    soon(&has_started);
    go.send(()).unwrap();
    background.dispatcher.shutdown();
    log.add("shutdown returned");
    assert!(!background.dispatcher.is_running());
    assert_eq!(log.take(), ["the callback returned", "shutdown returned"]);
}

#[test]
fn p10_shutdown_in_a_callback_drops_the_rest_of_the_batch() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, inner) = (dispatcher.handle(), log.clone());
    dispatcher
        .post(move || {
            handle.shutdown();
            inner.add("after shutdown");
        })
        .unwrap();
    let (mut ran, destroyed) = (log.note("ran"), log.on_drop("destroyed"));
    let post = move || {
        ran();
        drop(destroyed);
    };
    dispatcher.post(post).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["destroyed", "after shutdown"]);
}

#[test]
fn p11_a_panic_stops_the_loop_and_comes_out_of_run() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.post(log.note("before")).unwrap();
    dispatcher.post(|| panic!("in a post")).unwrap();
    dispatcher.post(log.note("after")).unwrap();
    assert_panics_with("in a post", || dispatcher.run(RunType::Block));
    assert_eq!(log.take(), ["before"]);
    assert!(!dispatcher.is_running());
    pump(&dispatcher);
    assert_eq!(log.take(), ["after"]);
}

#[test]
fn p11_what_was_harvested_survives_a_panic() {
    let ((dispatcher, clock), log, events) = (simulated(), Log::new(), Log::new());
    let pairs = [socket_pair(), socket_pair()];
    let armed = Arc::new(AtomicBool::new(true));
    // Whichever comes first panics; the other is delivered by the next run, though it is an edge.
    let _events = pairs.each_ref().map(|(socket, _)| {
        let (armed, log) = (armed.clone(), events.clone());
        let callback = move |ready| match armed.swap(false, Ordering::Relaxed) {
            true => panic!("file event"),
            false => log.add(ready),
        };
        dispatcher.create_file_event(socket.os_fd(), Trigger::Edge, FileReady::WRITE, callback).unwrap()
    });
    let timers = ["one", "two"].map(|name| dispatcher.create_timer(log.note(name)));
    timers.iter().for_each(|timer| timer.enable(MS));
    let next = dispatcher.create_schedulable_callback(log.note("next"));
    next.schedule_next_iteration();
    clock.advance(MS);
    assert_panics_with("file event", || dispatcher.run(RunType::Block));
    assert_eq!((events.len(), log.len()), (0, 0));
    pump(&dispatcher);
    assert_eq!(events.take(), [FileReady::WRITE]);
    assert_eq!(log.take(), ["one", "two", "next"]);
}

#[test]
fn p11_every_kind_of_callback_may_panic() {
    let (dispatcher, clock) = simulated();
    let timer = dispatcher.create_timer(|| panic!("timer"));
    timer.enable(Duration::ZERO);
    assert_panics_with("timer", || dispatcher.run(RunType::NonBlock));

    let scheduled = dispatcher.create_schedulable_callback(|| panic!("schedulable"));
    scheduled.schedule_current_iteration();
    assert_panics_with("schedulable", || dispatcher.run(RunType::NonBlock));
    scheduled.schedule_next_iteration();
    assert_panics_with("schedulable", || dispatcher.run(RunType::NonBlock));

    let (socket, _peer) = socket_pair();
    let fd = socket.os_fd();
    let event =
        dispatcher.create_file_event(fd, Trigger::Edge, FileReady::WRITE, |_| panic!("file event")).unwrap();
    assert_panics_with("file event", || dispatcher.run(RunType::NonBlock));
    event.activate(FileReady::WRITE).unwrap();
    assert_panics_with("file event", || dispatcher.run(RunType::NonBlock));

    let periodic = dispatcher.create_periodic_timer(|| panic!("periodic timer"));
    periodic.enable(MS);
    clock.advance(MS);
    assert_panics_with("periodic timer", || dispatcher.run(RunType::NonBlock));
    assert!(periodic.is_enabled());

    let raised = dispatcher.listen_for_signal(SIGNAL, || panic!("signal event")).unwrap();
    raise(SIGNAL);
    assert_panics_with("signal event", || dispatcher.run(RunType::NonBlock));
    drop(raised);

    dispatcher.deferred_delete(OnDrop::boxed(|| panic!("destructor")));
    assert_panics_with("destructor", || dispatcher.run(RunType::NonBlock));
    pump(&dispatcher);
}

#[test]
fn p11_deferred_deletes_after_a_panicking_one_come_next() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    dispatcher.deferred_delete(OnDrop::boxed(|| panic!("destructor")));
    dispatcher.deferred_delete(Box::new(log.on_drop("first")));
    dispatcher.deferred_delete(Box::new(log.on_drop("second")));
    assert_panics_with("destructor", || dispatcher.run(RunType::Block));
    assert_eq!(log.take(), [""; 0]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["first", "second"]);
}

#[test]
fn p13_closures_may_own_what_cannot_be_copied() {
    let dispatcher = dispatcher();
    let (sender, receiver) = mpsc::channel();
    let own: Box<dyn FnOnce() + Send> = Box::new(move || sender.send(Box::new(7)).unwrap());
    dispatcher.post(own).unwrap();
    pump(&dispatcher);
    assert_eq!(*soon(&receiver), 7);
    // The closure consumed its sender.
    assert!(receiver.recv().is_err());
}

#[test]
fn p14_the_depth_is_visible_and_a_bound_refuses() {
    let dispatcher = Dispatcher::builder("bounded").queue_bound(2).build().unwrap();
    assert_eq!(dispatcher.queue_depth(), 0);
    dispatcher.post(|| ()).unwrap();
    dispatcher.post(|| ()).unwrap();
    assert_eq!(dispatcher.queue_depth(), 2);
    assert_eq!(dispatcher.stats().queue_depth, 2);
    assert_eq!(dispatcher.post(|| ()).unwrap_err().refusal, Refusal::Full);
    assert_eq!(dispatcher.queue_depth(), 2);

    pump(&dispatcher);
    assert_eq!(dispatcher.queue_depth(), 0);
    dispatcher.post(|| ()).unwrap();
    dispatcher.shutdown();
    pump(&dispatcher);
    // What a shutdown dropped is not counted any more.
    (0..2).for_each(|_| dispatcher.post(|| ()).unwrap());
    assert_eq!(dispatcher.post(|| ()).unwrap_err().refusal, Refusal::Full);
}

#[test]
fn p14_a_bound_holds_against_many_threads() {
    const BOUND: usize = 100;
    let dispatcher = Dispatcher::builder("bounded").queue_bound(BOUND).build().unwrap();
    let accepted: usize = thread::scope(|scope| {
        let posting = || (0..BOUND).filter(|_| dispatcher.post(|| ()).is_ok()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(posting)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((accepted, dispatcher.queue_depth()), (BOUND, BOUND));
    assert_eq!(dispatcher.stats().posts_refused as usize, 3 * BOUND);
}
