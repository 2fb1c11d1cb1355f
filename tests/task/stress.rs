//! Many threads at once.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use mcp_event::Dispatcher;
use mcp_event::task::TaskError;

use crate::common::*;
use crate::yield_now;

#[test]
fn wakes_from_many_threads_are_not_lost() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 500;
    let background = Background::start(Dispatcher::new("test").unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let (handed, wakers) = mpsc::channel();
    let seen = count.clone();
    let mut handed = Some(handed);
    let mut task = background
        .dispatcher
        .spawn(poll_fn(move |cx| {
            if let Some(handed) = handed.take() {
                handed.send(cx.waker().clone()).unwrap();
            }
            // Relaxed: it is the wake that must carry it over.
            if seen.load(Ordering::Relaxed) == THREADS * ROUNDS { Poll::Ready(()) } else { Poll::Pending }
        }))
        .unwrap();
    let waker = soon(&wakers);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    count.fetch_add(1, Ordering::Relaxed);
                    waker.wake_by_ref();
                }
            });
        }
    });
    assert_eq!(task.wait_timeout(Duration::from_secs(30)), Ok(()));
    waker.wake();
}

#[test]
fn tasks_are_spawned_aborted_and_dropped_from_many_threads() {
    let background = Background::start(Dispatcher::new("test").unwrap());
    let alive = Arc::new(());
    thread::scope(|scope| {
        for kind in 0..4 {
            let (background, alive) = (&background, alive.clone());
            scope.spawn(move || {
                for _ in 0..200 {
                    let alive = alive.clone();
                    let work = async move {
                        let _alive = alive;
                        yield_now().await;
                        if kind > 1 {
                            pending::<()>().await;
                        }
                    };
                    let mut task = background.dispatcher.spawn(work).unwrap();
                    match kind {
                        0 => assert_eq!(task.wait(), Ok(())),
                        1 | 2 => task.abort(),
                        _ => {
                            task.abort();
                            assert_eq!(task.wait(), Err(TaskError::Aborted));
                        }
                    }
                }
            });
        }
    });
    background.settle();
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_shutdown_races_with_spawns() {
    for _ in 0..20 {
        let background = Background::start(Dispatcher::new("test").unwrap());
        let alive = Arc::new(());
        let mut tasks = Vec::new();
        thread::scope(|scope| {
            let spawner = scope.spawn(|| {
                let mut tasks = Vec::new();
                for _ in 0..50 {
                    let alive = alive.clone();
                    let work = async move {
                        let _alive = alive;
                        loop {
                            yield_now().await;
                        }
                    };
                    tasks.extend(background.dispatcher.spawn(work));
                }
                tasks
            });
            background.dispatcher.shutdown();
            tasks = spawner.join().unwrap();
        });
        background.join();
        assert_eq!(Arc::strong_count(&alive), 1);
        tasks.iter_mut().for_each(|task| assert_eq!(task.wait(), Err(TaskError::Gone)));
    }
}
