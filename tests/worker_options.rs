//! The settings of workers: names, stacks, CPUs, queues.

mod common;

use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use common::*;
use mcp_event::{BusyPoll, CpuSet, Error, Pool, Refusal, SimulatedClock, Worker, WorkerOptions};

fn on_worker<R: Send + 'static>(worker: &Worker, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, result) = mpsc::channel();
    worker.dispatcher().post(move || done.send(work()).unwrap()).unwrap();
    soon(&result)
}

#[track_caller]
fn refused<T>(result: Result<T, Error>) -> String {
    match result.map(|_| ()) {
        Err(Error::InvalidArgument(text)) => text,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn cpus() -> Vec<usize> {
    CpuSet::available().unwrap().iter().collect()
}

#[test]
fn o1_a_pool_names_its_workers() {
    let pool = Pool::builder().size(2).name_prefix("connection_handler_").build().unwrap();
    let worker = pool.worker(1).unwrap();
    assert_eq!((worker.name(), worker.dispatcher().name()), ("connection_handler_1", "connection_handler_1"));
    worker.start(None).unwrap();
    if cfg!(target_os = "linux") {
        // It takes 15 bytes.
        let name = on_worker(&worker, || fs::read_to_string("/proc/thread-self/comm").unwrap());
        assert_eq!(name.trim_end(), "connection_han1");
    }
}

#[test]
fn o1_a_name_may_be_anything() {
    for name in ["", "a\0b", "ärger im verzug 3"] {
        let worker = Worker::with_options(name, &WorkerOptions::default()).unwrap();
        worker.start(None).unwrap();
        assert_eq!(on_worker(&worker, || 7), 7);
    }
}

#[test]
fn a_stack_is_as_large_as_it_was_asked_to_be() {
    #[inline(never)]
    fn fill<const BYTES: usize>() -> u8 {
        let stack = std::hint::black_box([1u8; BYTES]);
        stack[BYTES / 2]
    }
    let options = WorkerOptions { stack_size: Some(24 << 20), ..WorkerOptions::default() };
    let worker = Worker::with_options("deep", &options).unwrap();
    worker.start(None).unwrap();
    // More than the usual stack of 2 MiB, and several copies of it in a debug build.
    assert_eq!(on_worker(&worker, fill::<{ 3 << 20 }>), 1);
}

#[test]
fn the_smallest_stack_runs_a_loop() {
    let options = WorkerOptions { stack_size: Some(64 * 1024), ..WorkerOptions::default() };
    let worker = Worker::with_options("shallow", &options).unwrap();
    worker.start(None).unwrap();
    let handle = worker.dispatcher().handle();
    on_worker(&worker, move || use_everything(&handle));
    worker.stop();
}

#[test]
fn a_stack_of_no_use_is_refused() {
    let with_stack = |size| WorkerOptions { stack_size: Some(size), ..WorkerOptions::default() };
    let text = refused(Worker::with_options("tiny", &with_stack(100)));
    assert!(text.contains("100 bytes") && text.contains("65536"), "{text}");
    refused(Worker::with_options("none", &with_stack(0)));
    refused(Worker::with_options("too large", &with_stack(usize::MAX)));
    refused(Pool::builder().size(0).worker_options(with_stack(1)).build());
    // What is larger than this machine's memory is the system's to refuse.
    let worker = Worker::with_options("larger than memory", &with_stack(isize::MAX as usize)).unwrap();
    os_code(worker.start(None));
    worker.stop();
    os_code(worker.start(None));
}

#[test]
fn a_worker_runs_on_its_cpus_alone() {
    let cpus = CpuSet::from_iter([cpus()[0]]);
    let options = WorkerOptions { cpus: Some(cpus.clone()), ..WorkerOptions::default() };
    let worker = Worker::with_options("bound", &options).unwrap();
    for _ in 0..2 {
        worker.start(None).unwrap();
        assert_eq!(on_worker(&worker, || CpuSet::available().unwrap()), cpus);
        worker.stop();
    }
}

#[test]
fn the_sets_of_cpus_go_round() {
    let sets = CpuSet::one_each(cpus());
    let pool = Pool::builder().size(sets.len() + 1).affinity(sets.clone()).build().unwrap();
    pool.start(None).unwrap();
    let has = |worker| on_worker(&pool.worker(worker).unwrap(), || CpuSet::available().unwrap());
    (0..=sets.len()).for_each(|worker| assert_eq!(has(worker), sets[worker % sets.len()]));
}

#[test]
fn a_bound_thread_may_make_a_pool_for_its_own_cpus() {
    let sets = CpuSet::one_each(cpus());
    thread::spawn(move || {
        let options = WorkerOptions { cpus: Some(sets[0].clone()), ..WorkerOptions::default() };
        let worker = Worker::with_options("bound", &options).unwrap();
        worker.start(None).unwrap();
        let (here, elsewhere) = (sets[0].clone(), sets[1..].to_vec());
        on_worker(&worker, move || {
            Pool::builder().size(1).affinity([here]).build().unwrap();
            // What its thread may not use is not its to give.
            elsewhere.into_iter().for_each(|set| {
                refused(Pool::builder().size(1).affinity([set]).build());
            });
        });
    })
    .join()
    .unwrap();
}

#[test]
fn cpus_that_are_not_ours_are_refused_with_those_that_are() {
    let ours = CpuSet::available().unwrap();
    let missing = ours.iter().max().unwrap() + 1;
    let foreign = CpuSet::from_iter(ours.iter().take(1).chain([missing]));
    let options = WorkerOptions { cpus: Some(foreign.clone()), ..WorkerOptions::default() };
    for text in [
        refused(Worker::with_options("foreign", &options)),
        refused(Pool::builder().size(1).affinity([ours.clone(), foreign]).build()),
        refused(Pool::builder().size(0).worker_options(options).build()),
    ] {
        assert!(text.contains(&format!("CPU {missing} is not ours: {ours} are")), "{text}");
    }
    let empty = refused(Pool::builder().size(1).affinity([CpuSet::default()]).build());
    assert!(empty.contains("without any CPU") && empty.contains(&ours.to_string()), "{empty}");
    let no_sets = refused(Pool::builder().size(1).affinity([]).build());
    assert!(no_sets.contains("without any set"), "{no_sets}");
}

#[test]
fn the_dispatchers_settings_are_kept() {
    let clock = SimulatedClock::new();
    let options = WorkerOptions {
        queue_bound: Some(1),
        backend: Some("auto".into()),
        clock: Some(clock.clone()),
        ..WorkerOptions::default()
    };
    let pool = Pool::builder().size(1).worker_options(options).build().unwrap();
    let worker = pool.worker(0).unwrap();
    worker.dispatcher().post(|| ()).unwrap();
    assert_eq!(worker.dispatcher().post(|| ()).unwrap_err().refusal, Refusal::Full);
    assert_eq!(worker.dispatcher().approximate_monotonic_time(), clock.now());

    let unknown = WorkerOptions { backend: Some("carrier pigeon".into()), ..WorkerOptions::default() };
    assert!(refused(Worker::with_options("x", &unknown)).contains("carrier pigeon"));
    let busy_poll = Some(BusyPoll::always(Duration::ZERO));
    let restless = WorkerOptions { busy_poll, ..WorkerOptions::default() };
    assert!(refused(Worker::with_options("x", &restless)).contains("busy polling"));
}
