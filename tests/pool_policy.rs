//! How a pool chooses: promise O5.

mod common;

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::thread;

use common::*;
use mcp_event::{Error, Policy, Pool, Worker};

/// Keeps a worker inside a callback, with posts behind it, until the guard is dropped.
fn keep_busy(worker: &Worker, posts: usize) -> OnDrop {
    let (busy, is_busy) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let work = move || {
        busy.send(()).unwrap();
        soon(&may_go);
    };
    worker.dispatcher().post(work).unwrap();
    soon(&is_busy);
    (0..posts).for_each(|_| worker.dispatcher().post(|| ()).unwrap());
    OnDrop::new(move || go.send(()).unwrap())
}

fn pool(size: usize, policy: Policy) -> Pool {
    let pool = Pool::builder().size(size).policy(policy).build().unwrap();
    pool.start(None).unwrap();
    pool
}

fn chosen(pool: &Pool, rounds: usize) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    (0..rounds).for_each(|_| *times.entry(pool.next_worker().unwrap().name().to_owned()).or_default() += 1);
    times
}

#[test]
fn o5_the_least_loaded_is_next() {
    let pool = pool(3, Policy::LeastLoaded);
    let workers = pool.workers();
    let _busy = [keep_busy(&workers[0], 5), keep_busy(&workers[2], 3)];
    assert_eq!(chosen(&pool, 20), [("worker_1".to_owned(), 20)].into());
    let _busier = keep_busy(&workers[1], 4);
    assert_eq!(chosen(&pool, 20), [("worker_2".to_owned(), 20)].into());
}

#[test]
fn o5_a_worker_inside_a_callback_has_more_to_do_than_one_that_sleeps() {
    let pool = pool(2, Policy::LeastLoaded);
    let workers = pool.workers();
    let _busy = keep_busy(&workers[0], 0);
    while workers[1].backlog() > 0 {
        thread::yield_now();
    }
    assert_eq!(workers[0].backlog(), 1);
    assert_eq!(chosen(&pool, 20), [("worker_1".to_owned(), 20)].into());
}

#[test]
fn o5_of_two_choices_the_most_loaded_is_none() {
    let pool = pool(3, Policy::PowerOfTwoChoices);
    let _busy = keep_busy(&pool.worker(1).unwrap(), 5);
    let times = chosen(&pool, 300);
    assert!(!times.contains_key("worker_1") && times.len() == 2, "{times:?}");
}

#[test]
fn o5_the_policy_is_selectable_at_run_time() {
    let pool = pool(2, Policy::default());
    assert_eq!(pool.policy(), Policy::RoundRobin);
    let _busy = keep_busy(&pool.worker(0).unwrap(), 5);
    assert_eq!(chosen(&pool, 10)["worker_0"], 5);
    pool.set_policy(Policy::LeastLoaded);
    assert_eq!(pool.policy(), Policy::LeastLoaded);
    assert_eq!(chosen(&pool, 10)["worker_1"], 10);
}

#[test]
fn o5_each_policy_serves_many_threads() {
    for policy in [Policy::RoundRobin, Policy::LeastLoaded, Policy::PowerOfTwoChoices] {
        let (pool, log) = (pool(3, policy), Log::new());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..100).for_each(|i| {
                        pool.next_worker().unwrap().dispatcher().post(log.note("post")).unwrap();
                        if i % 10 == 0 {
                            pool.set_policy(policy);
                        }
                    });
                });
            }
        });
        pool.stop();
        assert_eq!(log.len(), 400);
    }
}

#[test]
fn o5_a_key_has_one_worker() {
    let pool = Pool::new(4).unwrap();
    let mut times: HashMap<String, usize> = HashMap::new();
    for key in 0..1000_u64 {
        let worker = pool.worker_for(key.to_ne_bytes()).unwrap();
        assert!((0..3).all(|_| Arc::ptr_eq(&pool.worker_for(key.to_ne_bytes()).unwrap(), &worker)));
        *times.entry(worker.name().to_owned()).or_default() += 1;
    }
    assert!(times.len() == 4 && times.values().all(|times| *times > 100), "{times:?}");
    pool.worker_for("a text").unwrap();
    pool.worker_for([]).unwrap();
}

#[test]
fn o5_an_empty_pool_has_nobody_to_choose() {
    for policy in [Policy::RoundRobin, Policy::LeastLoaded, Policy::PowerOfTwoChoices] {
        let pool = pool(0, policy);
        assert!(matches!(pool.next_worker(), Err(Error::OutOfRange(_))));
        assert!(matches!(pool.worker_for("key"), Err(Error::OutOfRange(_))));
        assert!(pool.workers().is_empty());
    }
}
