//! Tasks that any worker of a pool may do: `Pool::submit` and `Pool::execute`.

mod common;

use std::collections::HashSet;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::*;
use mcp_event::task::TaskError;
use mcp_event::{Activity, Error, FileReady, Label, Pool, Trigger, Worker, set_worker_panic_handler};

fn started(workers: usize) -> Arc<Pool> {
    let pool = Pool::new(workers).unwrap();
    pool.start(None).unwrap();
    Arc::new(pool)
}

/// Keeps `worker` inside a callback until the sender sends or is dropped.
fn block(worker: &Worker) -> Sender<()> {
    let (blocked, is_blocked) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let work = move || {
        blocked.send(()).unwrap();
        let _ = may_go.recv();
    };
    worker.dispatcher().post(work).unwrap();
    soon(&is_blocked);
    go
}

fn thread_of(worker: &Worker) -> ThreadId {
    let (done, result) = mpsc::channel();
    worker.dispatcher().post(move || done.send(thread::current().id()).unwrap()).unwrap();
    soon(&result)
}

#[test]
fn o9_a_task_gives_its_outcome_to_a_thread_that_waits() {
    let pool = started(2);
    let mut task = pool.submit(|| thread::current().name().map(str::to_owned)).unwrap();
    let worker = task.wait().unwrap().unwrap();
    assert!(worker.starts_with("worker_"), "{worker}");
    assert!(task.is_finished());
    assert_eq!(task.wait(), Err(TaskError::Taken));
}

#[test]
fn q3_tasks_are_counted_by_the_loop_that_begins_them() {
    let pool = started(2);
    let mut tasks: Vec<_> = (0..100).map(|_| pool.submit(|| ()).unwrap()).collect();
    tasks.iter_mut().for_each(|task| task.wait().unwrap());
    assert_eq!(pool.stats().total.submitted_run, 100);
}

#[test]
fn o9_a_task_can_be_awaited_anywhere() {
    let pool = started(2);
    let elsewhere = Background::start(mcp_event::Dispatcher::new("elsewhere").unwrap());
    let inside = pool.clone();
    let mut sum = elsewhere
        .dispatcher
        .spawn(async move {
            let tasks: Vec<_> = (1..=100).map(|i| inside.submit(move || i).unwrap()).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        })
        .unwrap();
    assert_eq!(sum.wait(), Ok(5050));
}

#[test]
fn o9_a_task_may_be_awaited_on_its_own_pool() {
    let pool = started(1);
    let inside = pool.clone();
    let worker = pool.worker(0).unwrap();
    let mut task = worker.dispatcher().spawn(async move { inside.submit(|| 7).unwrap().await }).unwrap();
    assert_eq!(task.wait(), Ok(Ok(7)));
}

#[test]
fn o9_a_worker_must_not_wait_for_a_task_of_its_pool() {
    let pool = started(2);
    let (other, inside) = (started(1), pool.clone());
    let mut task = pool
        .submit(move || {
            let mut task = inside.submit(|| ()).unwrap();
            let own = task.wait();
            let own_limited = task.wait_timeout(Duration::MAX);
            // Of another pool it may.
            let others = other.submit(|| 7).unwrap().wait();
            (own, own_limited, others)
        })
        .unwrap();
    let (own, own_limited, others) = task.wait().unwrap();
    for refused in [own, own_limited] {
        // Unless it was done already.
        assert!(matches!(refused, Err(TaskError::OnLoop | TaskError::Taken) | Ok(())), "{refused:?}");
    }
    assert_eq!(others, Ok(7));
}

#[test]
fn o9_a_worker_that_would_wait_for_ever_is_told() {
    let pool = started(1);
    let inside = pool.clone();
    // The only worker is in this task, so the other one cannot be done.
    let mut task = pool.submit(move || inside.submit(|| ()).unwrap().wait()).unwrap();
    assert_eq!(task.wait(), Ok(Err(TaskError::OnLoop)));
}

#[test]
fn o9_a_panic_is_the_tasks_outcome_and_the_worker_goes_on() {
    let pool = started(1);
    let worker = thread_of(&pool.worker(0).unwrap());
    let mut failed = pool.submit(|| -> i32 { panic!("in a task") }).unwrap();
    assert_eq!(failed.wait(), Err(TaskError::Panicked("in a task".into())));
    assert_eq!(pool.submit(|| thread::current().id()).unwrap().wait(), Ok(worker));
}

#[test]
fn o9_an_executed_closures_panic_goes_to_the_handler() {
    alone(|| {
        let (told, telling) = mpsc::channel();
        set_worker_panic_handler(move |worker, payload| {
            told.send((worker.to_owned(), *payload.downcast_ref::<&str>().unwrap())).unwrap();
        });
        let pool = started(1);
        pool.execute(|| panic!("nobody waits")).unwrap();
        assert_eq!(soon(&telling), ("worker_0".to_owned(), "nobody waits"));
        // What waited behind it still runs.
        assert_eq!(pool.submit(|| 7).unwrap().wait(), Ok(7));
        // Also that of one which runs when the worker leaves.
        let (go, inside) = (block(&pool.worker(0).unwrap()), pool.clone());
        pool.execute(move || {
            inside.stop();
        })
        .unwrap();
        pool.execute(|| panic!("at the end")).unwrap();
        drop(go);
        assert_eq!(soon(&telling), ("worker_0".to_owned(), "at the end"));
    });
}

#[test]
fn o9_a_task_is_taken_back_before_it_begins() {
    let pool = started(1);
    let go = block(&pool.worker(0).unwrap());
    let log = Log::new();
    let (ran, dropped) = (log.clone(), log.on_drop("dropped"));
    let mut task = pool
        .submit(move || {
            let _dropped = dropped;
            ran.add("ran");
        })
        .unwrap();
    assert_eq!(pool.tasks_waiting(), 1);
    task.abort();
    drop(go);
    assert_eq!(task.wait(), Err(TaskError::Aborted));
    assert_eq!(log.take(), ["dropped"]);
    assert_eq!(pool.tasks_waiting(), 0);
}

#[test]
fn o9_a_task_that_has_begun_is_not_taken_back() {
    let pool = started(1);
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let mut task = pool
        .submit(move || {
            begun.send(()).unwrap();
            soon(&may_go);
            7
        })
        .unwrap();
    soon(&has_begun);
    task.abort();
    assert!(!task.is_finished());
    go.send(()).unwrap();
    assert_eq!(task.wait(), Ok(7));
    task.abort();
}

#[test]
fn o9_a_task_that_nobody_waits_for_runs() {
    let pool = started(2);
    let (ran, running) = mpsc::channel();
    drop(pool.submit(move || ran.send(()).unwrap()).unwrap());
    soon(&running);
}

#[track_caller]
fn assert_refused(pool: &Pool, is_expected: impl Fn(&Error) -> bool) {
    let refused = pool.submit(|| 7).unwrap_err();
    assert!(is_expected(&refused.error), "{refused}");
    assert_eq!((refused.closure)(), 7);
    let refused = pool.execute(|| ()).unwrap_err();
    assert!(is_expected(&refused.error), "{refused}");
    assert_eq!(pool.tasks_waiting(), 0);
}

#[test]
fn o9_an_empty_or_idle_pool_gives_the_closure_back() {
    let is_idle = |error: &Error| matches!(error, Error::InvalidState(_));
    let empty = Pool::new(0).unwrap();
    empty.start(None).unwrap();
    assert_refused(&empty, |error| matches!(error, Error::OutOfRange(_)));
    let pool = Pool::new(1).unwrap();
    assert_refused(&pool, is_idle);
    for _ in 0..3 {
        pool.start(None).unwrap();
        assert_eq!(pool.submit(|| 7).unwrap().wait(), Ok(7));
        pool.stop();
        assert_refused(&pool, is_idle);
    }
}

#[cfg(unix)]
#[test]
fn o9_a_forked_child_gives_the_closure_back() {
    let pool = started(1);
    in_forked_child(|| assert_refused(&pool, |error| matches!(error, Error::Forked)));
}

#[cfg(unix)]
#[test]
fn o9_a_task_that_forks_leaves_the_parent_alone() {
    let pool = started(2);
    let inside = pool.clone();
    let mut child = pool
        .submit(move || {
            // SAFETY: the child ends at once.
            match unsafe { libc::fork() } {
                0 => end_child(|| assert_refused(&inside, |error| matches!(error, Error::Forked))),
                pid => pid,
            }
        })
        .unwrap();
    assert_child_succeeded(child.wait().unwrap());
    assert_eq!(pool.submit(|| 7).unwrap().wait(), Ok(7));
}

#[test]
fn o9_stop_lets_what_was_submitted_before_run() {
    let pool = started(2);
    let done = Arc::new(AtomicUsize::new(0));
    let gates: Vec<_> = (0..2).map(|i| block(&pool.worker(i).unwrap())).collect();
    for _ in 0..1000 {
        let done = done.clone();
        let count = move || {
            done.fetch_add(1, Ordering::Relaxed);
        };
        pool.execute(count).unwrap();
    }
    let stopping = thread::spawn({
        let pool = pool.clone();
        move || pool.stop()
    });
    drop(gates);
    stopping.join().unwrap();
    assert_eq!((done.load(Ordering::Relaxed), pool.tasks_dropped()), (1000, 0));
}

#[test]
fn o9_a_task_may_stop_its_pool_and_the_rest_still_runs() {
    let pool = started(2);
    let (log, inside) = (Log::new(), pool.clone());
    let gates: Vec<_> = (0..2).map(|i| block(&pool.worker(i).unwrap())).collect();
    pool.execute(move || {
        inside.stop();
        // No more.
        assert_refused(&inside, |error| matches!(error, Error::InvalidState(_)));
    })
    .unwrap();
    (0..100).for_each(|i| pool.execute(once(log.note(i))).unwrap());
    drop(gates);
    let mut ran = Vec::new();
    while ran.len() < 100 {
        ran.extend(log.take());
        thread::yield_now();
    }
    assert_eq!(ran.iter().collect::<HashSet<_>>().len(), 100);
    pool.stop();
    assert_eq!(pool.tasks_dropped(), 0);
}

/// `FnMut` as `FnOnce`.
fn once(mut f: impl FnMut() + Send + 'static) -> impl FnOnce() + Send + 'static {
    move || f()
}

#[test]
fn o9_what_waits_behind_a_task_that_takes_long_is_stolen() {
    let pool = started(2);
    let inside = pool.clone();
    let (done, is_done) = mpsc::channel();
    // It can end only when others have done what it submitted to its own queue.
    let wait_for_all = move || {
        let me = thread::current().id();
        for _ in 0..100 {
            let done = done.clone();
            inside.execute(move || done.send(thread::current().id()).unwrap()).unwrap();
        }
        (0..100).filter(|_| soon(&is_done) != me).count()
    };
    assert_eq!(pool.submit(wait_for_all).unwrap().wait(), Ok(100));
}

#[test]
fn o9_what_a_held_up_worker_was_given_is_done_by_the_others() {
    let pool = started(3);
    let gates: Vec<_> = (0..2).map(|i| block(&pool.worker(i).unwrap())).collect();
    let free = thread_of(&pool.worker(2).unwrap());
    let mut tasks: Vec<_> = (0..100).map(|_| pool.submit(|| thread::current().id()).unwrap()).collect();
    assert!(tasks.iter_mut().all(|task| task.wait() == Ok(free)));
    drop(gates);
}

#[test]
fn o9_a_callback_of_a_held_up_worker_gives_its_tasks_to_the_others() {
    let pool = started(2);
    let inside = pool.clone();
    let (seen, is_seen) = mpsc::channel();
    // A post, in which the worker waits for what it submits.
    let post = move || {
        let (done, is_done) = mpsc::channel();
        inside.execute(move || done.send(thread::current().id()).unwrap()).unwrap();
        seen.send(soon(&is_done)).unwrap();
    };
    pool.worker(0).unwrap().dispatcher().post(post).unwrap();
    assert_eq!(soon(&is_seen), thread_of(&pool.worker(1).unwrap()));
}

#[test]
fn o9_tasks_of_one_thread_begin_in_their_order_on_one_worker() {
    let pool = started(1);
    let log = Log::new();
    (0..1000).for_each(|i| pool.execute(once(log.note(i))).unwrap());
    pool.stop();
    assert!(log.take().into_iter().eq(0..1000));
}

/// Submits itself again and again, until told to stop.
fn chain(pool: Weak<Pool>, stop: Arc<AtomicBool>, links: Arc<AtomicUsize>) {
    links.fetch_add(1, Ordering::Relaxed);
    if let Some(pool) = pool.upgrade()
        && !stop.load(Ordering::Relaxed)
    {
        let next = Arc::downgrade(&pool);
        pool.execute(move || chain(next, stop, links)).unwrap();
    }
}

#[test]
fn o9_an_endless_chain_of_tasks_starves_nothing() {
    let pool = started(1);
    let (stop, links) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (next, stopper, counter) = (Arc::downgrade(&pool), stop.clone(), links.clone());
    pool.execute(move || chain(next, stopper, counter)).unwrap();
    let handle = pool.worker(0).unwrap().dispatcher().handle();
    let (came, coming): (Sender<&str>, Receiver<_>) = mpsc::channel();
    let tell = |what| {
        let came = came.clone();
        move || came.send(what).unwrap()
    };
    for _ in 0..10 {
        handle.post(tell("post")).unwrap();
        assert_eq!(soon(&coming), "post");
        let timer = handle.create_timer(tell("timer"));
        timer.enable(MS);
        assert_eq!(soon(&coming), "timer");
        let (reader, mut writer) = pipe();
        let (fd, readable) = (reader.os_fd(), tell("fd"));
        let callback = move |_| {
            read_byte(&reader);
            readable();
        };
        let event = handle.create_file_event(fd, Trigger::Edge, FileReady::READ, callback).unwrap();
        writer.write_all(b"x").unwrap();
        assert_eq!(soon(&coming), "fd");
        drop(event);
        let callback = handle.create_schedulable_callback(tell("scheduled"));
        callback.schedule_next_iteration();
        assert_eq!(soon(&coming), "scheduled");
        // What comes from outside gets past the worker's own chain.
        pool.execute(tell("task")).unwrap();
        assert_eq!(soon(&coming), "task");
        let before = links.load(Ordering::Relaxed);
        while links.load(Ordering::Relaxed) == before {
            thread::yield_now();
        }
    }
    stop.store(true, Ordering::Relaxed);
}

#[test]
fn w1_a_watchdog_is_touched_before_every_task() {
    let pool = Pool::with_workers([Ok(Worker::with_dispatcher(dispatcher()))]).unwrap();
    let touches = Log::new();
    pool.start(Some(Arc::new(Dog(touches.clone())))).unwrap();
    let go = block(&pool.worker(0).unwrap());
    touches.take();
    let seen = Log::new();
    for _ in 0..3 {
        let (touches, seen) = (touches.clone(), seen.clone());
        pool.execute(move || seen.add(touches.take().len())).unwrap();
    }
    drop(go);
    pool.stop();
    assert_eq!(seen.take(), [1, 1, 1]);
}

#[test]
fn o9_a_loop_says_that_it_does_a_task() {
    let pool = started(1);
    let worker = pool.worker(0).unwrap();
    let go = block(&worker);
    let handle = worker.dispatcher().handle();
    let mut task = pool.submit(move || handle.doing()).unwrap();
    task.set_label(Label::new("o6").unwrap());
    drop(go);
    let doing = task.wait().unwrap();
    assert_eq!(doing.activity, Activity::Task);
    assert_eq!(doing.label, Label::new("o6").ok());
}

#[test]
fn o9_a_task_that_is_dropped_at_the_threads_end_can_submit() {
    struct AtEnd(Arc<Pool>, mpsc::Sender<()>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            let done = self.1.clone();
            self.0.execute(move || done.send(()).unwrap()).unwrap();
        }
    }
    thread_local! {
        static AT_END: std::cell::RefCell<Option<AtEnd>> = const { std::cell::RefCell::new(None) };
    }
    let (pool, (done, is_done)) = (started(1), mpsc::channel());
    let inside = pool.clone();
    thread::spawn(move || {
        AT_END.set(Some(AtEnd(inside.clone(), done)));
        inside.execute(|| ()).unwrap();
    })
    .join()
    .unwrap();
    soon(&is_done);
}

#[test]
fn o9_a_worker_that_ends_hands_its_tasks_over() {
    let pool = started(2);
    let (inside, (entered, has_entered)) = (pool.clone(), mpsc::channel());
    let gate = block(&pool.worker(1).unwrap());
    let (done, is_done) = mpsc::channel();
    // To its own queue; and its loop ends before it comes to them.
    let post = move || {
        for _ in 0..100 {
            let done = done.clone();
            inside.execute(move || done.send(thread::current().id()).unwrap()).unwrap();
        }
        inside.worker(0).unwrap().stop();
        entered.send(()).unwrap();
    };
    let first = pool.worker(0).unwrap();
    first.dispatcher().post(post).unwrap();
    soon(&has_entered);
    while first.dispatcher().is_running() {
        thread::yield_now();
    }
    drop(gate);
    (0..100).for_each(|_| assert_ne!(soon(&is_done), thread::current().id()));
    // Alone, the other goes on.
    let second = thread_of(&pool.worker(1).unwrap());
    assert_eq!(pool.submit(|| thread::current().id()).unwrap().wait(), Ok(second));
}

#[test]
fn o9_tasks_wait_for_a_worker_that_comes_back() {
    let pool = started(1);
    let worker = pool.worker(0).unwrap();
    worker.stop();
    let mut task = pool.submit(|| 7).unwrap();
    worker.start(None).unwrap();
    assert_eq!(task.wait(), Ok(7));
}

#[test]
fn o9_tasks_that_no_worker_can_do_are_dropped_and_counted() {
    let pool = started(1);
    pool.worker(0).unwrap().stop();
    let log = Log::new();
    let dropped = log.on_drop("dropped");
    let mut task = pool.submit(move || drop(dropped)).unwrap();
    let inside = OnDrop::new(|| panic!("its destructor"));
    pool.execute(move || drop(inside)).unwrap();
    pool.stop();
    assert_eq!((log.take(), pool.tasks_dropped()), (vec!["dropped"], 2));
    assert_eq!(task.wait(), Err(TaskError::Gone));
}

#[test]
fn o9_a_shutdown_runs_what_was_submitted_before_it() {
    let pool = started(2);
    let gates: Vec<_> = (0..2).map(|i| block(&pool.worker(i).unwrap())).collect();
    let mut tasks: Vec<_> = (0..100).map(|i| pool.submit(move || i).unwrap()).collect();
    let ending = thread::spawn({
        let pool = pool.clone();
        move || pool.shutdown(Duration::MAX).unwrap()
    });
    drop(gates);
    let report = ending.join().unwrap();
    assert!(report.is_drained(), "{report:?}");
    assert!(tasks.iter_mut().enumerate().all(|(i, task)| task.wait() == Ok(i)));
}

#[test]
fn o9_a_shutdown_says_how_many_tasks_it_dropped() {
    let pool = started(1);
    let go = block(&pool.worker(0).unwrap());
    let mut tasks: Vec<_> = (0..3).map(|_| pool.submit(|| ()).unwrap()).collect();
    let report = pool.shutdown(Duration::ZERO).unwrap();
    assert_eq!((report.submitted_dropped, report.stuck(), pool.tasks_waiting()), (3, 1, 0));
    assert!(!report.is_drained());
    assert!(tasks.iter_mut().all(|task| task.wait() == Err(TaskError::Gone)));
    // A stuck worker does not keep a pool from its end.
    pool.stop();
    drop(go);
}

/// Counts how often each task ran.
struct Tally(Vec<AtomicUsize>);

impl Tally {
    fn new(tasks: usize) -> Arc<Tally> {
        Arc::new(Tally((0..tasks).map(|_| AtomicUsize::new(0)).collect()))
    }

    fn add(&self, task: usize) {
        self.0[task].fetch_add(1, Ordering::Relaxed);
    }

    #[track_caller]
    fn assert_once_each(&self) {
        let wrong: Vec<_> = self
            .0
            .iter()
            .map(|runs| runs.load(Ordering::Relaxed))
            .enumerate()
            .filter(|(_, n)| *n != 1)
            .collect();
        assert!(wrong.is_empty(), "not run once: {:?}", &wrong[..wrong.len().min(10)]);
    }
}

#[test]
fn o9_stress_nothing_is_lost_and_nothing_runs_twice() {
    const SUBMITTERS: usize = 4;
    const TASKS: usize = 250;
    const NESTED: usize = 4;
    let pool = started(3);
    let tally = Tally::new(SUBMITTERS * TASKS * NESTED);
    let done = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let coming_and_going = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for index in 1..3 {
                    let worker = pool.worker(index).unwrap();
                    worker.stop();
                    worker.start(None).unwrap();
                }
            }
        });
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|submitter| {
                let (pool, tally) = (pool.clone(), tally.clone());
                scope.spawn(move || {
                    for task in 0..TASKS {
                        let (inside, tally) = (pool.clone(), tally.clone());
                        let first = (submitter * TASKS + task) * NESTED;
                        let submit = move || {
                            tally.add(first);
                            for nested in 1..NESTED {
                                let tally = tally.clone();
                                inside.execute(move || tally.add(first + nested)).unwrap();
                            }
                        };
                        match task % 2 {
                            0 => pool.execute(submit).unwrap(),
                            _ => assert_eq!(pool.submit(submit).unwrap().wait(), Ok(())),
                        }
                    }
                })
            })
            .collect();
        submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
        // All nested ones are submitted by tasks; they end before the pool does.
        while pool.tasks_waiting() != 0 {
            thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
        coming_and_going.join().unwrap();
    });
    while tally.0.iter().any(|runs| runs.load(Ordering::Relaxed) == 0) {
        thread::yield_now();
    }
    pool.stop();
    tally.assert_once_each();
    assert_eq!(pool.tasks_dropped(), 0);
}

#[test]
fn o9_stress_each_task_runs_or_is_dropped_when_a_pool_stops() {
    let pool = started(2);
    let tally = Tally::new(4 * 500);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for submitter in 0..4 {
            let (pool, tally, refused) = (&pool, &tally, &refused);
            scope.spawn(move || {
                for task in 0..500 {
                    let tally = tally.clone();
                    if pool.execute(move || tally.add(submitter * 500 + task)).is_err() {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        scope.spawn(|| {
            while pool.tasks_waiting() == 0 && refused.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
                if tally.0.iter().all(|runs| runs.load(Ordering::Relaxed) == 1) {
                    break;
                }
            }
            pool.stop();
        });
    });
    let runs: Vec<_> = tally.0.iter().map(|runs| runs.load(Ordering::Relaxed)).collect();
    assert!(runs.iter().all(|runs| *runs <= 1));
    let ran: usize = runs.iter().sum();
    assert_eq!(ran + refused.into_inner() + pool.tasks_dropped(), 2000);
}

#[test]
fn o9_a_worker_that_ran_before_it_was_the_pools_does_tasks_too() {
    let worker = Worker::new(0).unwrap();
    worker.start(None).unwrap();
    let pool = Pool::with_workers([Ok(worker)]).unwrap();
    pool.start(None).unwrap();
    let (done, is_done) = mpsc::channel();
    pool.execute(move || done.send(()).unwrap()).unwrap();
    soon(&is_done);
}
