//! Workers and their pool: promises O1 to O5, and P11 for their threads.

mod common;

use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::*;
use mcp_event::{Error, Pool, Refusal, Watchdog, Worker, set_worker_panic_handler};

/// Runs `work` on the worker's loop and waits for it.
fn on_worker<R: Send + 'static>(worker: &Worker, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, result) = mpsc::channel();
    worker.dispatcher().post(move || done.send(work()).unwrap_or(())).unwrap();
    soon(&result)
}

fn worker_thread(worker: &Worker) -> ThreadId {
    on_worker(worker, || thread::current().id())
}

#[test]
fn o1_worker_dispatcher_and_thread_have_one_name() {
    let worker = Worker::new(7).unwrap();
    assert_eq!(worker.dispatcher().name(), "worker_7");
    worker.start(None).unwrap();
    let name = on_worker(&worker, || thread::current().name().map(str::to_owned));
    assert_eq!(name.as_deref(), Some("worker_7"));
}

#[test]
fn o1_what_is_queued_lives_and_dies_on_the_worker_thread() {
    let (worker, log) = (Worker::new(0).unwrap(), Log::new());
    worker.start(None).unwrap();
    let on_loop = worker_thread(&worker);
    let logged = || {
        let log = log.clone();
        OnDrop::new(move || log.add(thread::current().id()))
    };
    worker.dispatcher().deferred_delete(Box::new(logged()));
    let (ran, left_over, handle) = (logged(), logged(), worker.dispatcher().handle());
    let last = move || {
        drop(ran);
        handle.exit();
        // After the exit, so it never runs.
        handle.post(move || unreachable!("{:p}", &left_over)).unwrap();
    };
    worker.dispatcher().post(last).unwrap();
    // A stop from here would be an exit after that post.
    while log.len() < 3 {
        thread::yield_now();
    }
    assert_eq!(log.take(), [on_loop; 3]);
}

#[test]
fn o1_the_dispatcher_lives_as_long_as_its_worker() {
    let (worker, log) = (Worker::new(0).unwrap(), Log::new());
    worker.start(None).unwrap();
    worker.stop();
    assert_eq!(worker.dispatcher().post(|| ()).unwrap_err().refusal, Refusal::Closed);
    let timer = worker.dispatcher().create_timer(log.note("fired"));
    timer.enable(Duration::ZERO);
    worker.start(None).unwrap();
    while log.len() == 0 {
        worker_thread(&worker);
    }
}

#[test]
fn o1_start_registers_the_watchdog_with_five_seconds() {
    let ((dispatcher, clock), touches) = (simulated(), Log::new());
    let worker = Worker::with_dispatcher(dispatcher);
    let dog = Arc::new(Dog(touches.clone()));
    worker.start(Some(dog.clone())).unwrap();
    // A post is touched for too.
    worker_thread(&worker);
    assert_eq!(touches.take().len(), 1);
    clock.advance(Duration::from_millis(4_999));
    worker_thread(&worker);
    assert_eq!(touches.take().len(), 1);
    clock.advance(MS);
    while touches.len() == 0 {
        thread::yield_now();
    }
    worker.stop();
    drop(worker);
    assert_eq!(Arc::strong_count(&dog), 1);
}

#[test]
fn o2_stop_is_idempotent_and_start_starts_again() {
    let worker = Worker::new(0).unwrap();
    worker.stop();
    for _ in 0..20 {
        // Right after the start.
        worker.start(None).unwrap();
        worker.stop();
        worker.stop();
        assert!(!worker.dispatcher().is_running());
        worker.start(None).unwrap();
        worker_thread(&worker);
        worker.stop();
    }
}

#[test]
fn o2_a_second_start_changes_nothing() {
    let worker = Worker::new(0).unwrap();
    worker.start(None).unwrap();
    let first = worker_thread(&worker);
    worker.start(None).unwrap();
    assert_eq!(worker_thread(&worker), first);
}

#[test]
fn o2_a_worker_may_stop_itself_and_be_started_again() {
    let worker = Arc::new(Worker::new(0).unwrap());
    for _ in 0..20 {
        worker.start(None).unwrap();
        let me = worker.clone();
        on_worker(&worker, move || {
            me.stop();
            me.stop();
        });
        // At once, or after the thread has ended.
        worker.start(None).unwrap();
        worker_thread(&worker);
        worker.stop();
    }
}

#[test]
fn o2_a_worker_may_be_destroyed_on_its_own_thread() {
    let (worker, (ended, has_ended)) = (Worker::new(0).unwrap(), mpsc::channel());
    worker.start(None).unwrap();
    let handle = worker.dispatcher().handle();
    let slot = Slot::new();
    let me = slot.clone();
    slot.put(worker);
    let last = move || {
        me.destroy();
        ended.send(()).unwrap();
    };
    handle.post(last).unwrap();
    soon(&has_ended);
    while handle.is_running() {
        thread::yield_now();
    }
}

#[test]
fn o2_start_discards_an_exit_of_an_earlier_run() {
    let worker = Worker::new(0).unwrap();
    worker.dispatcher().exit();
    worker.start(None).unwrap();
    (0..3).for_each(|_| on_worker(&worker, || ()));
    assert!(worker.dispatcher().is_running());
}

#[test]
fn o2_stop_runs_what_was_posted_before_it() {
    let (worker, log) = (Worker::new(0).unwrap(), Log::new());
    worker.start(None).unwrap();
    (0..100).for_each(|i| worker.dispatcher().post(log.note(i)).unwrap());
    worker.stop();
    assert_eq!(log.take(), (0..100).collect::<Vec<_>>());
}

#[test]
fn o3_an_index_out_of_range_is_an_error() {
    let pool = Pool::new(2).unwrap();
    assert_eq!((pool.len(), pool.is_empty()), (2, false));
    assert_eq!(pool.worker(1).unwrap().dispatcher().name(), "worker_1");
    assert!(matches!(pool.worker(2), Err(Error::OutOfRange(_))));

    let empty = Pool::new(0).unwrap();
    assert!(empty.is_empty());
    assert!(matches!(empty.next_worker(), Err(Error::OutOfRange(_))));
    empty.start(None).unwrap();
    empty.stop();
}

#[test]
fn o3_start_and_stop_all() {
    let pool = Pool::new(4).unwrap();
    let running = || (0..4).filter(|i| pool.worker(*i).unwrap().dispatcher().is_running()).count();
    for _ in 0..3 {
        pool.start(None).unwrap();
        assert_eq!(running(), 4);
        pool.stop();
        assert_eq!(running(), 0);
        pool.stop();
    }
}

#[test]
fn o3_stop_signals_all_before_it_waits_for_any() {
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
    pool.worker(1).unwrap().dispatcher().register_watchdog(Arc::new(Farewell(ended)), Duration::ZERO);
    let (waiting, is_waiting) = mpsc::channel();
    let last = move || {
        waiting.send(()).unwrap();
        soon(&has_ended);
    };
    pool.worker(0).unwrap().dispatcher().post(last).unwrap();
    soon(&is_waiting);
    pool.stop();
}

#[cfg(unix)]
#[test]
fn o3_a_failed_start_stops_those_already_started() {
    // In a forked child, where a dispatcher of the parent's cannot run.
    let theirs = Worker::new(1).unwrap();
    in_forked_child(move || {
        let pool = Pool::with_workers([Worker::new(0), Ok(theirs), Worker::new(2)]).unwrap();
        assert!(matches!(pool.start(None), Err(Error::Forked)));
        assert!((0..3).all(|i| !pool.worker(i).unwrap().dispatcher().is_running()));
    });
}

#[test]
fn o4_start_returns_once_the_thread_owns_the_loop_and_before_posts_run() {
    let (worker, (go, may_go)) = (Worker::new(0).unwrap(), mpsc::channel());
    let (ran, running) = mpsc::channel();
    let first = move || {
        soon(&may_go);
        ran.send(()).unwrap();
    };
    worker.dispatcher().post(first).unwrap();
    worker.start(None).unwrap();
    assert!(worker.dispatcher().is_running());
    assert!(!worker.dispatcher().is_thread_safe());
    go.send(()).unwrap();
    soon(&running);
}

#[test]
fn o5_round_robin() {
    let pool = Pool::new(3).unwrap();
    let names: Vec<_> = (0..6).map(|_| pool.next_worker().unwrap().dispatcher().name().to_owned()).collect();
    assert_eq!(names, ["worker_0", "worker_1", "worker_2", "worker_0", "worker_1", "worker_2"]);
}

#[test]
fn p11_a_worker_hands_a_panic_to_the_handler_and_goes_on() {
    // The handler is the process's.
    alone(|| {
        let (told, telling) = mpsc::channel();
        set_worker_panic_handler(move |worker, payload| {
            let message = *payload.downcast_ref::<&str>().unwrap();
            told.send((worker.to_owned(), message, thread::current().id())).unwrap();
        });
        let (worker, log) = (Worker::new(3).unwrap(), Log::new());
        worker.start(None).unwrap();
        let on_loop = worker_thread(&worker);
        worker.dispatcher().post(|| panic!("in a worker")).unwrap();
        worker.dispatcher().post(log.note("still queued")).unwrap();
        assert_eq!(soon(&telling), ("worker_3".to_owned(), "in a worker", on_loop));
        assert_eq!(worker_thread(&worker), on_loop);
        assert_eq!(log.take(), ["still queued"]);
    });
}

#[test]
fn p11_without_a_handler_a_panic_in_a_worker_ends_the_process() {
    let output = in_own_process(
        |_| (),
        || {
            let worker = Worker::new(5).unwrap();
            worker.dispatcher().post(|| panic!("nobody handles this")).unwrap();
            worker.start(None).unwrap();
            loop {
                thread::park();
            }
        },
    );
    let output = output.expect("the child went on");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(has_aborted(output.status), "{errors}");
    assert!(errors.contains("worker_5") && errors.contains("nobody handles this"), "{errors}");
}
