//! Who learns of workers that come and go, and watchdogs for all of them: promises O8 and W1.

mod common;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{
    Handle, Pool, SimulatedClock, Watchdog, Worker, WorkerObserver, WorkerOptions, set_worker_panic_handler,
};

/// Notes "+name" and "-name".
struct Notes(Log<String>);

impl WorkerObserver for Notes {
    fn on_join(&self, worker: &Handle) {
        assert!(worker.is_thread_safe() && worker.is_running());
        self.0.add(format!("+{}", worker.name()));
    }

    fn on_leave(&self, worker: &Handle) {
        assert!(worker.is_thread_safe() && !worker.is_running());
        self.0.add(format!("-{}", worker.name()));
    }
}

fn sorted(log: &Log<String>) -> Vec<String> {
    let mut notes = log.take();
    notes.sort();
    notes
}

fn on_worker<R: Send + 'static>(worker: &Worker, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, result) = mpsc::channel();
    worker.dispatcher().post(move || done.send(work()).unwrap()).unwrap();
    soon(&result)
}

#[test]
fn o8_an_observer_knows_who_runs_before_start_and_stop_return() {
    let (pool, log) = (Pool::new(2).unwrap(), Log::new());
    pool.observe(Arc::new(Notes(log.clone())));
    assert_eq!(log.len(), 0);
    for _ in 0..2 {
        pool.start(None).unwrap();
        assert_eq!(sorted(&log), ["+worker_0", "+worker_1"]);
        pool.stop();
        assert_eq!(sorted(&log), ["-worker_0", "-worker_1"]);
    }
    pool.start(None).unwrap();
    let worker = pool.worker(1).unwrap();
    log.take();
    // By itself, too.
    worker.stop();
    assert_eq!(log.take(), ["-worker_1"]);
    worker.start(None).unwrap();
    assert_eq!(log.take(), ["+worker_1"]);
    pool.shutdown(Duration::MAX).unwrap();
    assert_eq!(sorted(&log), ["-worker_0", "-worker_1"]);
}

#[test]
fn o8_a_late_observer_learns_of_those_that_run() {
    let (pool, log) = (Pool::new(3).unwrap(), Log::new());
    pool.start(None).unwrap();
    pool.worker(0).unwrap().stop();
    pool.observe(Arc::new(Notes(log.clone())));
    (1..3).for_each(|index| on_worker(&pool.worker(index).unwrap(), || ()));
    assert_eq!(sorted(&log), ["+worker_1", "+worker_2"]);
    pool.stop();
    assert_eq!(sorted(&log), ["-worker_1", "-worker_2"]);
}

#[test]
fn o8_an_observer_that_comes_while_workers_do_is_told_once_of_each() {
    for _ in 0..20 {
        let (pool, log) = (Pool::new(4).unwrap(), Log::new());
        thread::scope(|scope| {
            scope.spawn(|| pool.start(None).unwrap());
            pool.observe(Arc::new(Notes(log.clone())));
        });
        pool.workers().iter().for_each(|worker| on_worker(worker, || ()));
        assert_eq!(sorted(&log), ["+worker_0", "+worker_1", "+worker_2", "+worker_3"]);
        pool.stop();
        assert_eq!(log.len(), 4);
    }
}

#[test]
fn o8_an_observer_that_was_removed_hears_no_more() {
    let (pool, log) = (Pool::new(1).unwrap(), Log::new());
    let observer: Arc<dyn WorkerObserver> = Arc::new(Notes(log.clone()));
    pool.observe(observer.clone());
    pool.start(None).unwrap();
    assert_eq!(log.take(), ["+worker_0"]);
    pool.remove_observer(&observer);
    pool.remove_observer(&observer);
    pool.stop();
    pool.start(None).unwrap();
    pool.stop();
    assert_eq!(log.len(), 0);
    assert_eq!(Arc::strong_count(&observer), 1);
}

#[test]
fn p11_a_panic_of_an_observer_is_one_of_its_worker() {
    struct Clumsy;
    impl WorkerObserver for Clumsy {
        fn on_join(&self, _: &Handle) {
            panic!("joining");
        }

        fn on_leave(&self, _: &Handle) {
            panic!("leaving");
        }
    }
    alone(|| {
        let (told, telling) = mpsc::channel();
        set_worker_panic_handler(move |worker, payload| {
            told.send((worker.to_owned(), *payload.downcast_ref::<&str>().unwrap())).unwrap();
        });
        let pool = Pool::new(1).unwrap();
        pool.observe(Arc::new(Clumsy));
        pool.start(None).unwrap();
        assert_eq!(soon(&telling), ("worker_0".to_owned(), "joining"));
        assert_eq!(on_worker(&pool.worker(0).unwrap(), || 7), 7);
        pool.stop();
        assert_eq!(soon(&telling), ("worker_0".to_owned(), "leaving"));
    });
}

/// Says whose it is.
struct Named(String, Log<String>);

impl Watchdog for Named {
    fn touch(&self) {
        self.1.add(self.0.clone());
    }
}

#[test]
fn w1_a_watchdog_for_all_workers_outlives_a_stop() {
    let (pool, touches) = (Pool::new(2).unwrap(), Log::new());
    let dog = Arc::new(Dog(touches.clone()));
    pool.register_watchdog(dog.clone(), Duration::ZERO);
    for _ in 0..2 {
        pool.start(None).unwrap();
        touches.take();
        pool.workers().iter().for_each(|worker| on_worker(worker, || ()));
        assert_eq!(touches.take().len(), 2);
        pool.stop();
    }
    pool.start(None).unwrap();
    pool.unregister_watchdogs();
    // What another thread asks for is received no later than with the second post.
    pool.workers().iter().for_each(|worker| on_worker(worker, || ()));
    touches.take();
    pool.workers().iter().for_each(|worker| on_worker(worker, || ()));
    assert_eq!(touches.len(), 0);
    drop(pool);
    assert_eq!(Arc::strong_count(&dog), 1);
}

#[test]
fn w1_each_worker_may_have_a_watchdog_of_its_own_touched_in_its_interval() {
    let (clock, touches) = (SimulatedClock::new(), Log::new());
    let options = WorkerOptions { clock: Some(clock.clone()), ..WorkerOptions::default() };
    let pool = Pool::builder().size(2).worker_options(options).build().unwrap();
    // The first is made a watchdog for when it runs already.
    pool.worker(0).unwrap().start(None).unwrap();
    let log = touches.clone();
    pool.register_watchdogs(move |worker| Arc::new(Named(worker.name().to_owned(), log.clone())), MS);
    pool.worker(1).unwrap().start(None).unwrap();
    pool.workers().iter().for_each(|worker| on_worker(worker, || ()));
    touches.take();
    clock.advance(MS);
    while touches.len() < 2 {
        thread::yield_now();
    }
    assert_eq!(sorted(&touches), ["worker_0", "worker_1"]);
}

#[test]
fn w1_a_watchdog_given_at_the_start_goes_before_that_of_all() {
    let (pool, touches) = (Pool::new(1).unwrap(), Log::new());
    let log = touches.clone();
    pool.register_watchdogs(move |_| Arc::new(Named("of all".into(), log.clone())), Duration::ZERO);
    pool.start(Some(Arc::new(Named("of the start".into(), touches.clone())))).unwrap();
    on_worker(&pool.worker(0).unwrap(), || ());
    assert_eq!(touches.take(), ["of the start"]);
    pool.stop();
    pool.start(None).unwrap();
    touches.take();
    on_worker(&pool.worker(0).unwrap(), || ());
    assert_eq!(touches.take(), ["of all"]);
}
