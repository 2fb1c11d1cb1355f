//! More of the workers: promises O2, O3, O5 and P11.

mod common;

use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};

use common::*;
use mcp_event::{Pool, Worker, set_worker_panic_handler};

fn thread_of(worker: &Worker) -> ThreadId {
    let (done, result) = mpsc::channel();
    worker.dispatcher().post(move || done.send(thread::current().id()).unwrap()).unwrap();
    soon(&result)
}

#[test]
fn o2_started_and_stopped_by_many_threads() {
    let worker = Worker::new(0).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let worker = &worker;
            scope.spawn(move || {
                for i in 0..100 {
                    if (i + thread) % 2 == 0 { worker.start(None).unwrap() } else { worker.stop() }
                }
            });
        }
    });
    worker.start(None).unwrap();
    thread_of(&worker);
}

#[test]
fn o3_a_pool_may_be_stopped_by_its_own_worker() {
    let pool = Arc::new(Pool::new(2).unwrap());
    pool.start(None).unwrap();
    let (inside, (stopped, stopping)) = (pool.clone(), mpsc::channel());
    let stop = move || {
        inside.stop();
        stopped.send(()).unwrap();
    };
    pool.worker(0).unwrap().dispatcher().post(stop).unwrap();
    soon(&stopping);
    assert!(!pool.worker(1).unwrap().dispatcher().is_running());
    pool.stop();
    assert!(!pool.worker(0).unwrap().dispatcher().is_running());
}

/// While this is there, the process gets no memory for another stack.
#[cfg(all(unix, not(target_os = "openbsd")))]
struct NoMoreThreads(libc::rlimit);

#[cfg(all(unix, not(target_os = "openbsd")))]
impl NoMoreThreads {
    fn new() -> NoMoreThreads {
        let mut former = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: both structures live through the calls.
        unsafe {
            assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &mut former), 0);
            let none = libc::rlimit { rlim_cur: 1, ..former };
            assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &none), 0);
        }
        NoMoreThreads(former)
    }
}

#[cfg(all(unix, not(target_os = "openbsd")))]
impl Drop for NoMoreThreads {
    fn drop(&mut self) {
        // SAFETY: the structure lives through the call.
        unsafe { libc::setrlimit(libc::RLIMIT_AS, &self.0) };
    }
}

#[cfg(all(unix, not(target_os = "openbsd")))]
#[test]
fn o3_a_start_that_the_system_refuses_stops_those_started() {
    alone(|| {
        let pool = Pool::new(3).unwrap();
        let first = pool.worker(0).unwrap();
        first.start(None).unwrap();
        thread_of(&first);
        let limit = NoMoreThreads::new();
        let result = pool.start(None);
        drop(limit);
        assert_eq!(os_code(result), libc::EAGAIN);
        assert!(!first.dispatcher().is_running());
        // Nothing is left of it.
        pool.start(None).unwrap();
        (0..3).for_each(|index| assert_ne!(thread_of(&pool.worker(index).unwrap()), thread::current().id()));
    });
}

#[test]
fn o5_round_robin_is_fair_to_many_threads() {
    let (pool, log) = (Pool::new(4).unwrap(), Log::new());
    pool.start(None).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let log = log.clone();
                    let note = move || log.add(thread::current().id());
                    pool.next_worker().unwrap().dispatcher().post(note).unwrap();
                }
            });
        }
    });
    pool.stop();
    let threads = log.take();
    assert_eq!(threads.len(), 100);
    for thread in &threads {
        assert_eq!(threads.iter().filter(|other| *other == thread).count(), 25);
    }
}

#[test]
fn p11_the_handler_may_stop_the_worker() {
    alone(|| {
        let (slot, (handled, handling)) = (Slot::<Arc<Worker>>::new(), mpsc::channel());
        let holder = slot.clone();
        set_worker_panic_handler(move |_, _| {
            holder.with(|worker| worker.stop());
            handled.send(()).unwrap();
        });
        let worker = Arc::new(Worker::new(0).unwrap());
        slot.put(worker.clone());
        for _ in 0..20 {
            worker.start(None).unwrap();
            let itself = thread_of(&worker);
            worker.dispatcher().post(|| panic!("boom")).unwrap();
            soon(&handling);
            worker.start(None).unwrap();
            assert_ne!(thread_of(&worker), itself);
        }
        worker.stop();
    });
}

#[test]
fn p11_a_handler_that_panics_ends_the_process() {
    let died = in_own_process(
        |_| (),
        || {
            set_worker_panic_handler(|_, _| panic!("and the handler"));
            let worker = Worker::new(6).unwrap();
            worker.start(None).unwrap();
            worker.dispatcher().post(|| panic!("boom")).unwrap();
            worker.stop();
        },
    );
    let Some(output) = died else { return };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(has_aborted(output.status), "{errors}");
    assert!(errors.contains("mcp_event: worker_6"), "{errors}");
}
