//! Futures on dispatchers: tasks, time, file descriptors and processes.

mod common;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io::{self, Write};
use std::net::Shutdown;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{Pin, pin};
#[cfg(unix)]
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use common::*;
#[cfg(unix)]
use mcp_event::Error;
use mcp_event::task::{Elapsed, TaskError, current};
use mcp_event::{Dispatcher, Refusal, RunType};

/// Polls once, with a waker that does nothing.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Yields to the loop once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Keeps its waker for others, and is never done.
fn park(wakers: &Slot<Waker>, log: &Log) -> impl Future<Output = ()> + Send + use<> {
    let (wakers, log) = (wakers.clone(), log.clone());
    poll_fn(move |cx| {
        log.add("polled");
        wakers.put(cx.waker().clone());
        Poll::Pending
    })
}

// Tasks

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

// The dispatcher's end

#[test]
fn shutdown_and_destruction_destroy_tasks() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let spawn = |name| {
        let guard = log.on_drop(name);
        let work = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        dispatcher.spawn(work).unwrap()
    };
    let mut begun = spawn("begun");
    pump(&dispatcher);
    let mut queued = spawn("queued");
    drop(spawn("detached"));
    dispatcher.shutdown();
    assert_eq!(log.take(), ["queued", "detached", "begun"]);
    assert_eq!((begun.wait(), queued.wait()), (Err(TaskError::Gone), Err(TaskError::Gone)));
    assert_eq!(dispatcher.spawn(async {}).unwrap_err(), Refusal::Closed);

    pump(&dispatcher);
    let guard = log.on_drop("revived");
    let mut task = dispatcher
        .spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .unwrap();
    pump(&dispatcher);
    let handle = dispatcher.handle();
    drop(dispatcher);
    assert_eq!(log.take(), ["revived"]);
    task.abort();
    assert_eq!(task.wait(), Err(TaskError::Gone));
    assert_eq!(handle.spawn(async {}).unwrap_err(), Refusal::Closed);
    assert_eq!(handle.spawn_local(|| async {}).unwrap_err(), Refusal::Closed);
}

#[test]
fn a_task_may_shut_down_its_dispatcher() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (handle, guard) = (dispatcher.handle(), log.on_drop("own"));
    let after = log.clone();
    let mut task = dispatcher
        .spawn(async move {
            let _guard = guard;
            handle.shutdown();
            after.add("goes on to its next wait");
            pending::<()>().await;
        })
        .unwrap();
    let other = log.on_drop("other");
    let _other = dispatcher.spawn(async move { drop((pending::<()>().await, other)) }).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["other", "goes on to its next wait", "own"]);
    assert_eq!(task.wait(), Err(TaskError::Gone));
}

#[test]
fn a_full_queue_refuses_tasks() {
    let dispatcher = Dispatcher::builder("bounded").queue_bound(1).build().unwrap();
    let mut task = dispatcher.spawn(async { 7 }).unwrap();
    let refusal: Box<dyn std::error::Error> = dispatcher.spawn(async {}).unwrap_err().into();
    assert_eq!(refusal.to_string(), Refusal::Full.to_string());
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok(7));
}

// Stress

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

// Time

#[test]
fn a_sleep_is_never_early_and_may_be_moved() {
    let (dispatcher, clock) = simulated();
    let mut sleep = dispatcher.sleep(10 * MS);
    assert!(poll_once(&mut sleep).is_pending());
    let mut moved = Box::new(sleep);
    clock.advance(10 * MS - Duration::from_nanos(1));
    pump(&dispatcher);
    assert!(poll_once(&mut moved).is_pending());
    let (handle, at) = (dispatcher.handle(), clock.clone());
    let mut task = dispatcher
        .spawn(async move {
            moved.await;
            let first = at.now();
            handle.sleep(MS).await;
            (first, at.now())
        })
        .unwrap();
    let start = clock.now();
    for _ in 0..2 {
        pump(&dispatcher);
        clock.advance(Duration::from_nanos(1));
        pump(&dispatcher);
        clock.advance(MS - Duration::from_nanos(1));
        pump(&dispatcher);
    }
    let (first, second) = task.wait().unwrap();
    assert_eq!(first - start, Duration::from_nanos(1));
    assert_eq!(second - first, MS);
}

#[test]
fn a_sleep_of_zero_takes_an_iteration_and_an_endless_one_is_pending() {
    let (dispatcher, clock) = simulated();
    let (mut zero, mut endless) = (dispatcher.sleep(Duration::ZERO), dispatcher.sleep(Duration::MAX));
    assert!(poll_once(&mut zero).is_pending());
    clock.advance(Duration::MAX);
    pump(&dispatcher);
    assert!(poll_once(&mut zero).is_ready());
    assert!(poll_once(&mut zero).is_ready(), "awaited again, it stays done");
    assert!(poll_once(&mut endless).is_pending());
    drop(endless);
    drop(dispatcher);
}

#[test]
fn a_dropped_sleep_disarms_its_timer() {
    let (dispatcher, clock) = simulated();
    let sleep = dispatcher.sleep(MS);
    assert_eq!(dispatcher.next_timeout(), None, "time stands still");
    clock.advance(MS);
    assert_eq!(dispatcher.next_timeout(), Some(Duration::ZERO));
    drop(sleep);
    assert_eq!(dispatcher.next_timeout(), None);
}

#[test]
fn a_timeout_gives_the_output_or_says_that_it_elapsed() {
    let (dispatcher, clock) = simulated();
    let handle = dispatcher.handle();
    let mut task = dispatcher
        .spawn(async move {
            let in_time = handle.timeout(2 * MS, handle.sleep(MS)).await;
            let too_late = handle.timeout(MS, handle.sleep(2 * MS)).await;
            let both_at_once = handle.timeout(Duration::ZERO, async { 7 }).await;
            (in_time, too_late, both_at_once)
        })
        .unwrap();
    for _ in 0..2 {
        pump(&dispatcher);
        clock.advance(MS);
    }
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok((Ok(()), Err(Elapsed), Ok(7))));
    let error = io::Error::from(Elapsed);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn an_interval_keeps_its_rate_and_skips_what_it_missed() {
    let (dispatcher, clock) = simulated();
    let (ticks, at) = (Log::new(), clock.clone());
    let (start, inner) = (clock.now(), ticks.clone());
    let mut interval = dispatcher.interval(10 * MS);
    let _task = dispatcher
        .spawn(async move {
            loop {
                interval.tick().await;
                inner.add((at.now() - start).as_millis());
            }
        })
        .unwrap();
    // The fourth tick comes late, and the fifth and sixth with it; the seventh is on time.
    for advance in [9, 1, 10, 10, 35, 4, 1] {
        pump(&dispatcher);
        clock.advance(advance * MS);
    }
    pump(&dispatcher);
    assert_eq!(ticks.take(), [10, 20, 30, 65, 70]);
}

#[test]
fn ticks_that_nobody_waited_for_are_one() {
    let (dispatcher, clock) = simulated();
    let mut interval = dispatcher.interval(MS);
    for _ in 0..3 {
        clock.advance(MS);
        pump(&dispatcher);
    }
    let mut context = Context::from_waker(Waker::noop());
    assert!(interval.poll_tick(&mut context).is_ready());
    assert!(interval.poll_tick(&mut context).is_pending());
}

// File descriptors. Ends are shut down, not only closed: a process that another test starts may hold a copy for a
// moment.

#[test]
fn a_stream_is_read_as_it_is_written() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, mut writer) = socket_pair();
    let reader = dispatcher.watch(reader).unwrap();
    let inner = log.clone();
    let mut task = dispatcher
        .spawn(async move {
            let mut buffer = [0; 2];
            loop {
                match reader.read(&mut buffer).await.unwrap() {
                    0 => break,
                    length => inner.add(buffer[..length].to_vec()),
                }
            }
        })
        .unwrap();
    pump(&dispatcher);
    writer.write_all(b"abc").unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [b"ab".to_vec(), b"c".to_vec()]);
    writer.write_all(b"d").unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [b"d".to_vec()]);
    assert!(!task.is_finished());
    writer.shutdown(Shutdown::Write).unwrap();
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok(()));
}

#[test]
fn one_reads_while_another_writes_more_than_fits() {
    const LENGTH: usize = 1 << 20;
    let background = Background::start(dispatcher());
    let (near, far) = socket_pair();
    let (near, far) =
        (Arc::new(background.dispatcher.watch(near).unwrap()), background.dispatcher.watch(far).unwrap());
    let (sink, source) = (near.clone(), near.clone());
    let mut reads = background
        .dispatcher
        .spawn(async move {
            let mut echoed = 0;
            let mut buffer = vec![0; 4096];
            while echoed < LENGTH {
                echoed += sink.read(&mut buffer).await.unwrap();
            }
            echoed
        })
        .unwrap();
    let mut writes =
        background.dispatcher.spawn(async move { source.write_all(&vec![7; LENGTH]).await }).unwrap();
    let mut echoes = background
        .dispatcher
        .spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                match far.read(&mut buffer).await.unwrap() {
                    0 => break,
                    length => far.write_all(&buffer[..length]).await.unwrap(),
                }
            }
        })
        .unwrap();
    writes.wait().unwrap().unwrap();
    assert_eq!(reads.wait(), Ok(LENGTH));
    near.get_ref().shutdown(Shutdown::Both).unwrap();
    echoes.wait().unwrap();
}

#[test]
fn readiness_is_true_and_never_stale() {
    let dispatcher = dispatcher();
    let (near, mut far) = socket_pair();
    let near = dispatcher.watch(near).unwrap();
    pump(&dispatcher);
    let mut context = Context::from_waker(Waker::noop());
    assert!(near.poll_read_ready(&mut context).is_pending());
    assert!(near.poll_write_ready(&mut context).is_ready());
    far.write_all(b"x").unwrap();
    assert!(near.poll_read_ready(&mut context).is_ready());
    assert_eq!(read_byte(near.get_ref()), b'x');
    assert!(near.poll_read_ready(&mut context).is_pending());
    far.shutdown(Shutdown::Both).unwrap();
    assert!(matches!(near.poll_read_ready(&mut context), Poll::Ready(Ok(()))));
    assert!(matches!(near.poll_write_ready(&mut context), Poll::Ready(Ok(()))));
}

#[test]
#[cfg_attr(windows, ignore = "a connection takes what its peer will not read")]
fn a_hang_up_wakes_readers_and_writers() {
    let dispatcher = dispatcher();
    let (near, far) = socket_pair();
    let near = Arc::new(dispatcher.watch(near).unwrap());
    // Filled, so that a writer must wait.
    while (&mut near.get_ref()).write(&[0; 4096]).is_ok() {}
    let (reads, writes) = (near.clone(), near.clone());
    let mut reader = dispatcher.spawn(async move { reads.read(&mut [0; 8]).await }).unwrap();
    let mut ready = dispatcher.spawn(async move { near.readable().await }).unwrap();
    let mut writer = dispatcher.spawn(async move { writes.write(b"x").await }).unwrap();
    pump(&dispatcher);
    assert!(!reader.is_finished() && !ready.is_finished() && !writer.is_finished());
    far.shutdown(Shutdown::Both).unwrap();
    pump(&dispatcher);
    assert_eq!(reader.wait().unwrap().unwrap(), 0);
    ready.wait().unwrap().unwrap();
    assert_eq!(writer.wait().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_foreign_thread_may_await_an_fd() {
    let background = Background::start(dispatcher());
    let (reader, mut writer) = pipe();
    let reader = background.dispatcher.watch(reader).unwrap();
    let other = Background::start(dispatcher());
    let (begun, has_begun) = mpsc::channel();
    let mut task = other
        .dispatcher
        .spawn(async move {
            let mut buffer = [0; 8];
            let mut read = pin!(reader.read(&mut buffer));
            poll_fn(|cx| {
                let result = read.as_mut().poll(cx);
                let _ = begun.send(());
                result
            })
            .await
            .unwrap()
        })
        .unwrap();
    soon(&has_begun);
    writer.write_all(b"abc").unwrap();
    assert_eq!(task.wait(), Ok(3));
}

#[test]
fn into_inner_ends_the_watch_and_keeps_the_fd() {
    let dispatcher = dispatcher();
    let (reader, mut writer) = pipe();
    let reader = dispatcher.watch(reader).unwrap().into_inner();
    writer.write_all(b"x").unwrap();
    pump(&dispatcher);
    assert_eq!(dispatcher.stats().file_events, 0);
    assert_eq!(read_byte(reader), b'x');
}

/// An fd of a number that is not open.
#[cfg(unix)]
struct Closed;

#[cfg(unix)]
impl AsFd for Closed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: not so; a test of what happens then. The number is beyond any limit of open files.
        unsafe { BorrowedFd::borrow_raw(i32::MAX) }
    }
}

// Windows cannot even name what is no socket.
#[cfg(unix)]
#[test]
fn what_cannot_be_watched_is_refused() {
    let dispatcher = dispatcher();
    assert_eq!(os_code(dispatcher.watch(Closed)), libc::EBADF);
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(os_code(dispatcher.watch(&file)), libc::EPERM);
    let (near, far) = socket_pair();
    let near = dispatcher.watch(near).unwrap();
    far.shutdown(Shutdown::Both).unwrap();
    let mut task = dispatcher.spawn(async move { near.write_all(b"x").await }).unwrap();
    pump(&dispatcher);
    assert_eq!(task.wait().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

// Processes. The commands are Unix's.

#[cfg(unix)]
#[test]
fn a_child_gives_its_status() {
    let background = Background::start(dispatcher());
    let handle = background.dispatcher.handle();
    let mut task = background
        .dispatcher
        .spawn(async move {
            let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
            let first = handle.child_exit(&mut child).unwrap().await.unwrap();
            let again = handle.child_exit(&mut child).unwrap().await.unwrap();
            (first.code(), again.code())
        })
        .unwrap();
    assert_eq!(task.wait(), Ok((Some(7), Some(7))));
}

#[cfg(unix)]
#[test]
fn a_process_is_watched_and_left_to_be_reaped() {
    let dispatcher = Dispatcher::new("test").unwrap();
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let exit = dispatcher.process_exit(child.id()).unwrap();
    let handle = dispatcher.handle();
    let mut task = dispatcher
        .spawn(async move {
            exit.await.unwrap();
            handle.exit();
        })
        .unwrap();
    pump(&dispatcher);
    assert!(!task.is_finished());
    drop(child.stdin.take());
    dispatcher.run(RunType::Block).unwrap();
    task.wait().unwrap();
    // Exited, not reaped: it still counts.
    let mut late = dispatcher.process_exit(child.id()).unwrap();
    assert!(poll_once(&mut late).is_ready());
    assert!(child.wait().unwrap().success());
    assert_eq!(os_code(dispatcher.process_exit(child.id())), libc::ESRCH);
}

#[cfg(unix)]
#[test]
fn what_is_no_process_is_refused() {
    let dispatcher = dispatcher();
    for pid in [0, i32::MAX as u32 + 1, u32::MAX] {
        assert!(matches!(dispatcher.process_exit(pid), Err(Error::InvalidArgument(_))));
    }
    assert_eq!(os_code(dispatcher.process_exit(i32::MAX as u32)), libc::ESRCH);
    // A process that is no child of ours.
    let mut own = dispatcher.process_exit(std::process::id()).unwrap();
    assert!(poll_once(&mut own).is_pending());
}

#[cfg(unix)]
#[test]
fn many_processes_exit_at_once() {
    let background = Background::start(dispatcher());
    let mut tasks: Vec<_> = (0..20)
        .map(|number: i32| {
            let handle = background.dispatcher.handle();
            let work = async move {
                let mut child = Command::new("sh").args(["-c", &format!("exit {number}")]).spawn().unwrap();
                handle.child_exit(&mut child).unwrap().await.unwrap().code()
            };
            background.dispatcher.spawn(work).unwrap()
        })
        .collect();
    for (number, task) in (0..).zip(&mut tasks) {
        assert_eq!(task.wait(), Ok(Some(number)));
    }
}

#[test]
fn what_futures_hold_is_send_and_sync() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<mcp_event::task::Task<Cell<u8>>>();
    check::<mcp_event::task::Sleep>();
    check::<mcp_event::task::Interval>();
    check::<mcp_event::task::AsyncFd<mcp_event::OwnedOsFd>>();
    check::<mcp_event::task::ProcessExit>();
    let fd = dispatcher().watch(pipe().0).unwrap();
    assert_eq!(format!("{fd:?}"), format!("AsyncFd {{ fd: {}, .. }}", fd.get_ref().os_fd()));
}

#[cfg(unix)]
#[test]
fn a_forked_child_is_refused() {
    let dispatcher = dispatcher();
    in_forked_child(|| {
        assert_eq!(dispatcher.spawn(async {}).unwrap_err(), Refusal::Forked);
        assert!(matches!(dispatcher.process_exit(1), Err(Error::Forked)));
        assert!(matches!(dispatcher.watch(pipe().0), Err(Error::Forked)));
    });
}
