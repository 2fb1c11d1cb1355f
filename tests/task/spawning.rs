//! Tasks: from their start to their output, a panic or an abort.

use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use mcp_event::task::{TaskError, current};
use mcp_event::{Dispatcher, RunType};

use crate::common::*;
use crate::yield_now;

/// Keeps its waker for others, and is never done.
fn park(wakers: &Slot<Waker>, log: &Log) -> impl Future<Output = ()> + Send + use<> {
    let (wakers, log) = (wakers.clone(), log.clone());
    poll_fn(move |cx| {
        log.add("polled");
        wakers.put(cx.waker().clone());
        Poll::Pending
    })
}

#[test]
fn a_spawned_future_runs_after_the_posts_and_gives_its_output() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let inner = log.clone();
    let mut task = dispatcher
        .spawn(async move {
            inner.add("task");
            7
        })
        .unwrap();
    dispatcher.post(log.note("post")).unwrap();
    assert!(!task.is_finished());
    assert_eq!(log.take(), [""; 0]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["post", "task"]);
    assert!(task.is_finished());
    assert_eq!(task.wait(), Ok(7));
    assert_eq!(task.wait(), Err(TaskError::Taken));
    assert_eq!(task.wait_timeout(Duration::ZERO), Err(TaskError::Taken));
}

#[test]
fn a_task_awaits_others_and_knows_its_dispatcher() {
    assert!(current().is_none());
    let dispatcher = Dispatcher::new("the one").unwrap();
    let mut task = dispatcher
        .spawn(async {
            let handle = current().unwrap();
            assert_eq!(handle.name(), "the one");
            let first = handle.spawn(async { 1 }).unwrap();
            let second = handle.spawn_local(|| async { Rc::new(2) }.map_rc()).unwrap();
            first.await.unwrap() + second.await.unwrap()
        })
        .unwrap();
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok(3));
    assert!(current().is_none());
}

/// Makes a `Send` output of one that is not.
trait MapRc: Future<Output = Rc<i32>> + Sized {
    async fn map_rc(self) -> i32 {
        *self.await
    }
}

impl<F: Future<Output = Rc<i32>>> MapRc for F {}

#[test]
fn waiting_threads_are_told() {
    let background = Background::start(dispatcher());
    let mut task = background.dispatcher.spawn(async { 7 }).unwrap();
    assert_eq!(task.wait(), Ok(7));
    let mut never = background.dispatcher.spawn(pending::<()>()).unwrap();
    assert_eq!(never.wait_timeout(Duration::ZERO), Err(TaskError::TimedOut));
    assert_eq!(never.wait_timeout(Duration::from_micros(1)), Err(TaskError::TimedOut));
    let waiter = thread::spawn(move || never.wait_timeout(Duration::MAX));
    drop(background);
    assert_eq!(waiter.join().unwrap(), Err(TaskError::Gone));
}

#[test]
fn the_loops_own_thread_is_refused_to_wait() {
    let dispatcher = dispatcher();
    let mut never = dispatcher.spawn(pending::<()>()).unwrap();
    let mut done = dispatcher.spawn(async {}).unwrap();
    let mut task = dispatcher
        .spawn(async move { (never.wait(), never.wait_timeout(Duration::MAX), done.wait()) })
        .unwrap();
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok((Err(TaskError::OnLoop), Err(TaskError::OnLoop), Ok(()))));
}

#[test]
fn a_dropped_task_goes_on() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let inner = log.clone();
    let work = async move {
        yield_now().await;
        inner.add("done");
    };
    drop(dispatcher.spawn(work).unwrap());
    pump(&dispatcher);
    assert_eq!(log.take(), ["done"]);
}

#[test]
fn a_panic_is_the_tasks_own() {
    let dispatcher = dispatcher();
    let mut panics = dispatcher.spawn(async { panic!("on purpose") }).unwrap();
    let mut formatted = dispatcher.spawn(async { panic!("number {}", 7) }).unwrap();
    let mut local = dispatcher
        .spawn_local(|| {
            if true {
                panic!("in make")
            }
            pending::<()>()
        })
        .unwrap();
    let bomb = OnDrop::new(|| panic!("in drop"));
    let mut in_drop = dispatcher
        .spawn(async move {
            let _bomb = bomb;
            yield_now().await;
        })
        .unwrap();
    let mut goes_on = dispatcher.spawn(async { 7 }).unwrap();
    pump(&dispatcher);
    let panicked = |message: &str| Err(TaskError::Panicked(message.into()));
    assert_eq!(panics.wait(), panicked("on purpose"));
    assert_eq!(formatted.wait(), panicked("number 7"));
    assert_eq!(local.wait(), panicked("in make"));
    assert_eq!(in_drop.wait(), panicked("in drop"));
    assert_eq!(goes_on.wait(), Ok(7));
    let nobody_waits = dispatcher.spawn(async { panic!("unheard") }).unwrap();
    drop::<mcp_event::task::Task<()>>(nobody_waits);
    let worse = dispatcher.spawn(async { OnDrop::new(|| panic!("in the output's drop")) }).unwrap();
    drop(worse);
    pump(&dispatcher);
}

#[test]
fn a_woken_task_is_polled_once_for_all_its_wakes() {
    let (dispatcher, log, waker) = (dispatcher(), Log::new(), Slot::new());
    let task = dispatcher.spawn(park(&waker, &log)).unwrap();
    pump(&dispatcher);
    pump(&dispatcher);
    assert_eq!(log.take(), ["polled"]);
    waker.with(Waker::wake_by_ref);
    waker.with(Clone::clone).wake();
    pump(&dispatcher);
    assert_eq!(log.take(), ["polled"]);
    task.abort();
    pump(&dispatcher);
    waker.with(Waker::wake_by_ref);
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    drop(dispatcher);
    waker.with(Waker::wake_by_ref);
}

#[test]
fn a_task_that_wakes_itself_starves_nothing() {
    let (dispatcher, log) = (Dispatcher::new("busy").unwrap(), Log::new());
    let handle = dispatcher.handle();
    let timer = dispatcher.create_timer(move || handle.exit());
    let endless = async move {
        loop {
            yield_now().await;
        }
    };
    let _task = dispatcher.spawn(endless).unwrap();
    timer.enable(Duration::ZERO);
    dispatcher.run(RunType::Block).unwrap();
    let after = log.note("ran");
    dispatcher.post(after).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["ran"]);
}

#[test]
fn abort_destroys_the_future_on_its_loop() {
    let background = Background::start(dispatcher());
    let (dropped, was_dropped) = mpsc::channel();
    let guard = OnDrop::new(move || dropped.send(thread::current().id()).unwrap());
    let (begun, has_begun) = mpsc::channel();
    let mut task = background
        .dispatcher
        .spawn(async move {
            let _guard = guard;
            begun.send(()).unwrap();
            pending::<()>().await;
        })
        .unwrap();
    soon(&has_begun);
    task.abort();
    task.abort();
    assert_eq!(task.wait(), Err(TaskError::Aborted));
    assert!(task.is_finished());
    let loop_thread = background.on_loop(|| thread::current().id());
    assert_eq!(soon(&was_dropped), loop_thread);
    task.abort();
    assert_eq!(task.wait(), Err(TaskError::Taken));
}

#[test]
fn abort_before_the_first_poll_in_the_own_poll_and_after_the_end() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let mut unbegun = dispatcher.spawn(park(&Slot::new(), &log)).unwrap();
    unbegun.abort();
    let mut done = dispatcher.spawn(async { 7 }).unwrap();
    let me: Slot<mcp_event::task::Task<()>> = Slot::new();
    let inner = me.clone();
    me.put(
        dispatcher
            .spawn(async move {
                inner.with(|task| task.abort());
                pending::<()>().await;
            })
            .unwrap(),
    );
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(unbegun.wait(), Err(TaskError::Aborted));
    done.abort();
    pump(&dispatcher);
    assert_eq!(done.wait(), Ok(7));
    me.with(|task| assert!(task.is_finished()));
}

#[test]
fn a_local_future_stays_with_its_thread() {
    let (dispatcher, log, waker) = (dispatcher(), Log::new(), Slot::new());
    let spawn = || {
        let (parked, guard) = (park(&waker, &log), log.on_drop("dropped"));
        let make = move || {
            let shared = Rc::new(guard);
            async move {
                parked.await;
                drop(shared);
            }
        };
        dispatcher.spawn_local(make).unwrap()
    };
    let mut task = spawn();
    pump(&dispatcher);
    assert_eq!(log.take(), ["polled"]);
    waker.with(Waker::wake_by_ref);
    thread::scope(|scope| scope.spawn(|| pump(&dispatcher)).join().unwrap());
    assert_eq!(task.wait(), Err(TaskError::WrongThread));
    assert_eq!(log.take(), [""; 0], "polled or destroyed by a foreign thread");

    let mut task = spawn();
    pump(&dispatcher);
    thread::scope(|scope| scope.spawn(|| dispatcher.shutdown()).join().unwrap());
    assert_eq!(task.wait(), Err(TaskError::Gone));
    assert_eq!(log.take(), ["polled"]);

    pump(&dispatcher);
    let mut task = spawn();
    pump(&dispatcher);
    dispatcher.shutdown();
    assert_eq!(task.wait(), Err(TaskError::Gone));
    assert_eq!(log.take(), ["polled", "dropped"]);
}
