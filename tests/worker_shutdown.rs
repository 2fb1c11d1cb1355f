//! Shutdown with a limit, what it waits for, and what it says it dropped: promise O6.

mod common;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{BusyPoll, Error, Handle, Pool, Refusal, Watchdog, Worker, WorkerOptions};

fn started() -> Worker {
    let worker = Worker::new(0).unwrap();
    worker.start(None).unwrap();
    worker
}

/// Posts itself again and again, until it is dropped.
struct Endless {
    handle: Handle,
    _end: OnDrop,
}

impl Endless {
    fn post(self) {
        let handle = self.handle.clone();
        // Refused once the loop is shut down: then it is dropped here.
        let _ = handle.post(move || self.post());
    }
}

/// A worker inside a callback, until the sender is dropped.
fn stuck(worker: &Worker) -> mpsc::Sender<()> {
    let (busy, is_busy) = mpsc::channel();
    let (free, is_free) = mpsc::channel::<()>();
    let work = move || {
        busy.send(()).unwrap();
        let _ = is_free.recv();
    };
    worker.dispatcher().post(work).unwrap();
    soon(&is_busy);
    free
}

#[test]
fn o6_a_shutdown_waits_for_posts_of_posts() {
    let (pool, log) = (Pool::new(2).unwrap(), Log::new());
    pool.start(None).unwrap();
    for worker in pool.workers() {
        let (handle, note) = (worker.dispatcher().handle(), log.note("second"));
        let first = move || {
            let next = handle.clone();
            let second = move || next.post(note).unwrap();
            handle.post(second).unwrap();
        };
        worker.dispatcher().post(first).unwrap();
    }
    let timer = pool.worker(1).unwrap().dispatcher().create_timer(|| ());
    let report = pool.shutdown(Duration::MAX).unwrap();
    assert_eq!(log.take(), ["second", "second"]);
    assert!(report.is_drained());
    assert_eq!((report.posts_dropped(), report.stuck()), (0, 0));
    let [first, second] = &report.workers[..] else { panic!("{report:?}") };
    assert_eq!((&*first.name, first.handles_alive), ("worker_0", 0));
    assert_eq!((&*second.name, second.handles_alive), ("worker_1", 1));
    drop(timer);
    // And starts again.
    pool.start(None).unwrap();
    pool.next_worker().unwrap().dispatcher().post(log.note("again")).unwrap();
    pool.stop();
    assert_eq!(log.take(), ["again"]);
}

#[test]
fn o6_at_the_limit_what_is_queued_is_dropped_on_its_thread_and_counted() {
    let (worker, (dropped, is_dropped)) = (started(), mpsc::channel());
    let on_loop = worker.dispatcher().handle();
    let end = OnDrop::new(move || dropped.send(on_loop.is_thread_safe()).unwrap());
    Endless { handle: worker.dispatcher().handle(), _end: end }.post();
    let report = worker.shutdown(Duration::ZERO).unwrap();
    assert_eq!((report.posts_dropped, report.is_stuck, report.is_drained()), (1, false, false));
    assert!(soon(&is_dropped));
    assert!(!worker.dispatcher().is_running());
    assert_eq!(worker.dispatcher().post(|| ()).unwrap_err().refusal, Refusal::Closed);
    worker.start(None).unwrap();
    let (done, is_done) = mpsc::channel();
    worker.dispatcher().post(move || done.send(()).unwrap()).unwrap();
    soon(&is_done);
}

#[test]
fn o6_a_worker_that_sleeps_or_spins_leaves_at_once() {
    for busy_poll in [None, Some(BusyPoll::always(BusyPoll::MAX_BUDGET))] {
        let options = WorkerOptions { busy_poll, ..WorkerOptions::default() };
        let worker = Worker::with_options("idle", &options).unwrap();
        for _ in 0..20 {
            worker.start(None).unwrap();
            let report = worker.shutdown(Duration::ZERO).unwrap();
            assert!(report.is_drained(), "{report:?}");
        }
    }
}

#[test]
fn o6_a_stuck_worker_is_left_behind_and_nothing_is_freed_under_it() {
    let (worker, (ended, has_ended)) = (started(), mpsc::channel());
    let free = stuck(&worker);
    let on_loop = worker.dispatcher().handle();
    let queued = OnDrop::new(move || ended.send(on_loop.is_thread_safe()).unwrap());
    worker.dispatcher().post(move || unreachable!("{:p}", &queued)).unwrap();
    let report = worker.shutdown(Duration::ZERO).unwrap();
    assert_eq!((report.posts_dropped, report.is_stuck, report.is_drained()), (0, true, false));
    // It is not waited for again.
    worker.stop();
    assert!(worker.shutdown(Duration::ZERO).unwrap().is_stuck);
    assert!(matches!(worker.start(None), Err(Error::InvalidState(text)) if text.contains("worker_0")));
    drop(free);
    assert!(soon(&has_ended));
    while worker.start(None).is_err() {
        thread::yield_now();
    }
    let (done, is_done) = mpsc::channel();
    worker.dispatcher().post(move || done.send(()).unwrap()).unwrap();
    soon(&is_done);
}

#[test]
fn o6_a_pool_may_go_while_a_worker_is_stuck() {
    let pool = Pool::new(2).unwrap();
    pool.start(None).unwrap();
    let worker = pool.worker(1).unwrap();
    let (free, handle) = (stuck(&worker), worker.dispatcher().handle());
    drop(worker);
    let report = pool.shutdown(Duration::ZERO).unwrap();
    assert_eq!((report.stuck(), report.workers[0].is_drained()), (1, true));
    drop(pool);
    assert!(handle.is_running());
    drop(free);
    while handle.is_running() {
        thread::yield_now();
    }
}

#[test]
fn o6_all_are_told_before_any_is_waited_for() {
    struct Farewell(mpsc::Sender<()>);
    impl Watchdog for Farewell {
        fn touch(&self) {}
    }
    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let pool = Pool::new(2).unwrap();
    pool.start(None).unwrap();
    // The first worker's last callback waits for the end of the second, which lets its watchdog go.
    let (ended, has_ended) = mpsc::channel();
    let second = pool.worker(1).unwrap();
    second.dispatcher().register_watchdog(Arc::new(Farewell(ended)), Duration::ZERO);
    let (waiting, is_waiting) = mpsc::channel();
    let last = move || {
        waiting.send(()).unwrap();
        soon(&has_ended);
    };
    pool.worker(0).unwrap().dispatcher().post(last).unwrap();
    soon(&is_waiting);
    assert!(pool.shutdown(Duration::MAX).unwrap().is_drained());
}

#[test]
fn o6_what_was_queued_to_a_worker_that_never_ran_is_dropped_and_counted() {
    let (worker, log) = (Worker::new(0).unwrap(), Log::new());
    worker.dispatcher().post(log.note("ran")).unwrap();
    worker.dispatcher().deferred_delete(log.on_drop("destroyed").into());
    let report = worker.shutdown(Duration::MAX).unwrap();
    assert_eq!((report.posts_dropped, report.deferred_destroyed), (1, 1));
    assert!(!report.is_drained());
    assert_eq!(log.take(), ["destroyed"]);
    assert!(worker.shutdown(Duration::ZERO).unwrap().is_drained());
}

#[test]
fn o6_tasks_that_are_not_done_are_counted() {
    let worker = started();
    let task = worker.dispatcher().spawn(std::future::pending::<()>()).unwrap();
    let report = worker.shutdown(Duration::MAX).unwrap();
    assert_eq!((report.tasks_dropped, report.posts_dropped, report.handles_alive), (1, 0, 1));
    drop(task);
}

#[test]
fn o6_a_worker_cannot_wait_for_its_own_end() {
    let pool = Arc::new(Pool::new(2).unwrap());
    pool.start(None).unwrap();
    let (inside, (asked, answer)) = (pool.clone(), mpsc::channel());
    let ask = move || asked.send(inside.shutdown(Duration::ZERO).map(|_| ())).unwrap();
    pool.worker(1).unwrap().dispatcher().post(ask).unwrap();
    assert!(matches!(soon(&answer), Err(Error::InvalidState(text)) if text.contains("worker_1")));
    assert!(pool.workers().iter().all(|worker| worker.dispatcher().is_running()));
}

#[cfg(unix)]
#[test]
fn o6_in_a_forked_child_there_is_nothing_to_shut_down() {
    let pool = Pool::new(1).unwrap();
    pool.start(None).unwrap();
    in_forked_child(|| {
        assert!(matches!(pool.shutdown(Duration::MAX), Err(Error::Forked)));
    });
}

#[test]
fn o6_many_threads_may_start_stop_and_shut_down() {
    let pool = Pool::new(2).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                for i in 0..50 {
                    match (i + thread) % 3 {
                        // While another thread ends it, it may be refused.
                        0 => drop(pool.start(None)),
                        1 => pool.stop(),
                        _ => drop(pool.shutdown(Duration::ZERO).unwrap()),
                    }
                }
            });
        }
    });
    pool.start(None).unwrap();
    assert!(pool.shutdown(Duration::MAX).unwrap().is_drained());
}
