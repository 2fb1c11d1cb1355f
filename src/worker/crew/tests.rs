//! A crew without a pool: dispatchers of the test's own join it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;
use crate::dispatcher::post::RustJob;
use crate::dispatcher::{Dispatcher, RunType};

/// A crew in which this thread and its dispatcher are a member.
struct Stage {
    crew: Arc<Crew>,
    dispatcher: Dispatcher,
}

impl Stage {
    fn new() -> Stage {
        let stage = Stage { crew: Crew::new(), dispatcher: Dispatcher::new("test").unwrap() };
        stage.crew.open();
        stage.crew.join(&stage.dispatcher);
        stage
    }

    fn pump(&self) {
        self.dispatcher.run(RunType::NonBlock).unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.crew.leave();
    }
}

fn push(crew: &Crew, work: impl FnOnce() + Send + 'static) {
    crew.push(Task::new(RustJob(work)));
}

fn count(counter: &Arc<AtomicUsize>) -> impl FnOnce() + Send + use<> {
    let counter = counter.clone();
    move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_dismissed_member_does_nothing_until_it_is_recalled() {
    let (stage, done) = (Stage::new(), Arc::default());
    // To its own queue.
    push(&stage.crew, count(&done));
    stage.crew.dismiss(&stage.dispatcher);
    stage.crew.dismiss(&stage.dispatcher);
    push(&stage.crew, count(&done));
    stage.pump();
    assert_eq!((done.load(Ordering::Relaxed), stage.crew.waiting()), (0, 2));
    stage.crew.recall(&stage.dispatcher);
    stage.crew.recall(&stage.dispatcher);
    stage.pump();
    assert_eq!((done.load(Ordering::Relaxed), stage.crew.waiting()), (2, 0));
}

#[test]
fn what_a_member_leaves_behind_is_another_ones() {
    let (stage, done) = (Stage::new(), Arc::default());
    push(&stage.crew, count(&done));
    stage.crew.leave();
    stage.pump();
    assert_eq!(done.load(Ordering::Relaxed), 0);
    let other = Dispatcher::new("other").unwrap();
    stage.crew.join(&other);
    other.run(RunType::NonBlock).unwrap();
    assert_eq!(done.load(Ordering::Relaxed), 1);
}

#[test]
fn a_drain_is_waited_for_no_longer_than_allowed() {
    let (stage, done) = (Stage::new(), Arc::default());
    push(&stage.crew, count(&done));
    stage.crew.close();
    thread::scope(|scope| {
        let wait = |limit| {
            let crew = &stage.crew;
            scope.spawn(move || crew.wait_until_drained(limit)).join().unwrap()
        };
        assert!(!wait(Some(Duration::ZERO)));
        assert!(!wait(Some(Duration::from_micros(1))));
        // Not on the thread that is to do it.
        assert!(!stage.crew.wait_until_drained(None));
        stage.pump();
        assert!(wait(Some(Duration::ZERO)));
        assert!(wait(None));
    });
    assert_eq!(done.load(Ordering::Relaxed), 1);
}

#[test]
fn a_drain_ends_with_the_last_task() {
    let stage = Stage::new();
    let crew = stage.crew.clone();
    let (ended, has_ended) = mpsc::channel();
    push(&stage.crew, move || {
        crew.close();
        let crew = crew.clone();
        thread::spawn(move || ended.send(crew.wait_until_drained(None)).unwrap());
    });
    stage.pump();
    assert!(has_ended.recv().unwrap());
}

#[test]
fn nobody_waits_for_tasks_that_nobody_can_do() {
    let (stage, done) = (Stage::new(), Arc::default());
    push(&stage.crew, count(&done));
    stage.crew.leave();
    let closing = stage.crew.close();
    assert!(!stage.crew.wait_until_drained(None));
    stage.crew.discard(closing);
    assert!(stage.crew.wait_until_drained(None));
    assert_eq!((done.load(Ordering::Relaxed), stage.crew.dropped()), (0, 1));
}

#[test]
fn the_last_to_leave_a_crew_that_drains_does_what_is_left() {
    let (stage, done) = (Stage::new(), Arc::default());
    push(&stage.crew, count(&done));
    stage.crew.close();
    stage.crew.leave();
    assert_eq!((done.load(Ordering::Relaxed), stage.crew.dropped()), (1, 0));
    assert!(stage.crew.check_open().is_err());
}

#[test]
fn what_comes_after_the_end_is_dropped() {
    let (stage, done) = (Stage::new(), Arc::default());
    stage.crew.discard(stage.crew.close());
    push(&stage.crew, count(&done));
    stage.pump();
    assert_eq!((done.load(Ordering::Relaxed), stage.crew.dropped()), (0, 1));
}

#[test]
fn a_loop_that_another_thread_runs_does_tasks_too() {
    let (stage, done) = (Stage::new(), Arc::default());
    push(&stage.crew, count(&done));
    thread::scope(|scope| {
        // Its queue belongs to this thread.
        scope.spawn(|| stage.pump()).join().unwrap();
    });
    assert_eq!(done.load(Ordering::Relaxed), 1);
    stage.pump();
}

#[test]
fn a_drain_ends_when_somebody_else_drops_what_is_left() {
    struct Held(mpsc::Sender<()>, mpsc::Receiver<()>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            let _ = self.1.recv();
        }
    }
    for _ in 0..50 {
        let stage = Stage::new();
        let ((dropping, is_dropping), (go, may_go)) = (mpsc::channel(), mpsc::channel());
        let held = Held(dropping, may_go);
        push(&stage.crew, move || drop(held));
        push(&stage.crew, || ());
        let closing = stage.crew.close();
        thread::scope(|scope| {
            let crew = &stage.crew;
            scope.spawn(move || crew.discard(closing));
            is_dropping.recv().unwrap();
            // One is left, so this waits.
            let waiter = scope.spawn(|| crew.wait_until_drained(None));
            (0..100).for_each(|_| thread::yield_now());
            drop(go);
            assert!(waiter.join().unwrap());
        });
    }
}

#[test]
fn who_leaves_does_what_is_left_as_a_member() {
    let stage = Stage::new();
    let (seen, sees) = mpsc::channel();
    let crew = stage.crew.clone();
    push(&stage.crew, move || seen.send((crew.is_own_thread(), crew.wait_until_drained(None))).unwrap());
    // Left for after it, so that a wait would have no end.
    push(&stage.crew, || ());
    stage.crew.close();
    stage.crew.leave();
    assert_eq!(sees.recv().unwrap(), (true, false));
    assert!(!stage.crew.is_own_thread());
}

#[test]
fn a_member_whose_loop_has_posts_to_run_first_is_not_called() {
    let (crew, done) = (Crew::new(), Arc::default());
    crew.open();
    let [busy, free] = ["busy", "free"].map(|name| Dispatcher::new(name).unwrap());
    let ((joined, has_joined), (go, may_go)) = (mpsc::channel(), mpsc::channel::<()>());
    thread::scope(|scope| {
        let (crew, busy) = (&crew, &busy);
        scope.spawn(move || {
            crew.join(busy);
            joined.send(()).unwrap();
            let _ = may_go.recv();
            crew.leave();
        });
        has_joined.recv().unwrap();
        busy.post(|| ()).unwrap();
        crew.join(&free);
        // Not on a member's thread.
        scope.spawn(|| push(crew, count(&done))).join().unwrap();
        free.run(RunType::NonBlock).unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 1);
        crew.leave();
        drop(go);
    });
}
