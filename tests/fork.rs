//! Forks: a child shares its parent's kernel objects, so what it inherited refuses to work, and leaves the
//! parent's alone. Every test is a process of its own, with no threads but its own to be lost in a fork.

// Windows has no fork.
#![cfg(unix)]

mod common;

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{
    Dispatcher, Error, FileEvent, FileReady, Pool, Refusal, RunType, SchedulableCallback, SignalEvent, Timer,
    Trigger, Worker,
};

fn fork() -> libc::pid_t {
    // SAFETY: the child only uses the library and ends by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    child
}

#[track_caller]
fn assert_forked<T>(result: Result<T, Error>) {
    let error = result.err().expect("it did not fail");
    assert!(matches!(error, Error::Forked), "{error}");
    assert!(error.to_string().contains("fork()"));
}

/// A dispatcher with one of everything on it.
struct Inherited {
    dispatcher: Dispatcher,
    timer: Timer,
    event: FileEvent,
    scheduled: SchedulableCallback,
    signal: SignalEvent,
    pipe: (std::io::PipeReader, std::io::PipeWriter),
    log: Log,
}

impl Inherited {
    fn new() -> Inherited {
        let (dispatcher, log, pipe) = (dispatcher(), Log::new(), pipe_with(b"x"));
        let mut note = log.note("file event");
        Inherited {
            timer: dispatcher.create_timer(log.note("timer")),
            event: dispatcher
                .create_file_event(pipe.0.as_raw_fd(), Trigger::Edge, FileReady::READ, move |_| note())
                .unwrap(),
            scheduled: dispatcher.create_schedulable_callback(log.note("scheduled")),
            signal: dispatcher.listen_for_signal(libc::SIGUSR1, log.note("signal")).unwrap(),
            pipe,
            dispatcher,
            log,
        }
    }

    /// What makes each callback run once.
    fn ask_for_all(&self) {
        self.timer.enable(Duration::ZERO);
        self.scheduled.schedule_next_iteration();
        raise(libc::SIGUSR1);
        self.dispatcher.deferred_delete(Box::new(self.log.on_drop("deferred")));
        self.dispatcher.post(self.log.note("post")).unwrap();
    }

    fn assert_all_ran(&self) {
        assert_eq!(self.log.take(), ["deferred", "post", "signal", "file event", "timer", "scheduled"]);
    }
}

fn assert_refuses(dispatcher: &Dispatcher, fd: i32) {
    for how in [RunType::NonBlock, RunType::Block, RunType::RunUntilExit] {
        assert_forked(dispatcher.run(how));
    }
    let log = Log::new();
    let refused = dispatcher.post(log.note("the closure")).unwrap_err();
    assert_eq!(refused.refusal, Refusal::Forked);
    let mut closure = refused.closure;
    closure();
    assert_eq!(log.take(), ["the closure"]);
    assert_forked(dispatcher.poll_fd());
    assert_forked(dispatcher.create_file_event(fd, Trigger::Level, FileReady::READ, |_| ()));
    assert_forked(dispatcher.listen_for_signal(libc::SIGUSR2, || ()));
}

/// What cannot refuse does nothing.
fn assert_harmless(dispatcher: &Dispatcher) {
    dispatcher.create_timer(|| ()).enable(Duration::ZERO);
    dispatcher.create_periodic_timer(|| ()).enable(MS);
    dispatcher.create_schedulable_callback(|| ()).schedule_current_iteration();
    dispatcher.deferred_delete(Box::new(0));
    dispatcher.clear_deferred_delete_list();
    dispatcher.register_watchdog(Arc::new(Dog(Log::new())), MS);
    dispatcher.unregister_watchdog();
    dispatcher.update_approximate_monotonic_time();
    dispatcher.enable_stats();
    let _ = (dispatcher.stats(), dispatcher.queue_depth(), dispatcher.next_timeout());
    let _ = (dispatcher.is_running(), dispatcher.is_thread_safe(), dispatcher.name(), dispatcher.backend());
    dispatcher.exit();
    dispatcher.shutdown();
}

/// A child's own dispatcher is as good as any.
fn assert_own_works() {
    let (own, log) = (Dispatcher::new("the child's own").unwrap(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let mut note = log.note("file event");
    let _event =
        own.create_file_event(reader.as_raw_fd(), Trigger::Edge, FileReady::READ, move |_| note()).unwrap();
    let _signal = own.listen_for_signal(libc::SIGUSR1, log.note("signal")).unwrap();
    raise(libc::SIGUSR1);
    let (handle, mut note) = (own.handle(), log.note("timer"));
    let timer = own.create_timer(move || {
        note();
        handle.exit();
    });
    timer.enable(MS);
    own.post(log.note("post")).unwrap();
    own.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["post", "signal", "file event", "timer"]);
}

#[test]
fn a_child_is_refused_with_a_clear_error() {
    alone(|| {
        let parent = Inherited::new();
        in_forked_child(|| {
            assert_refuses(&parent.dispatcher, parent.pipe.0.as_raw_fd());
            assert_forked(parent.event.set_enabled(FileReady::READ));
            assert_forked(parent.event.set_enabled(FileReady::WRITE));
            assert_forked(parent.event.activate(FileReady::READ));
            assert_eq!(parent.log.len(), 0);
        });
    });
}

#[test]
fn a_child_that_uses_and_destroys_everything_does_the_parent_no_harm() {
    alone(|| {
        let parent = Inherited::new();
        parent.ask_for_all();
        let log = parent.log.clone();
        in_forked_child(|| {
            let Inherited { dispatcher, timer, event, scheduled, signal, .. } = &parent;
            timer.enable(MS);
            timer.disable();
            scheduled.cancel();
            scheduled.schedule_next_iteration();
            let _ = event.set_enabled(FileReady::NONE);
            let _ = (dispatcher, signal);
            assert_harmless(dispatcher);
        });
        in_forked_child(|| {
            // SAFETY: of the two copies the child, which ends here, drops one.
            drop(unsafe { std::ptr::read(&parent) });
            assert_eq!(log.len(), 0);
        });
        pump(&parent.dispatcher);
        parent.assert_all_ran();
        assert_eq!(parent.dispatcher.stats().posts_refused, 0);
    });
}

#[test]
fn a_child_makes_dispatchers_and_workers_of_its_own() {
    alone(|| {
        let parent = Inherited::new();
        pump(&parent.dispatcher);
        in_forked_child(assert_own_works);
        in_forked_child(|| in_forked_child(assert_own_works));
    });
}

#[test]
fn fork_a_grandchild_is_no_child_of_the_childs_dispatcher() {
    alone(|| {
        in_forked_child(|| {
            let own = dispatcher();
            in_forked_child(|| assert_forked(own.run(RunType::NonBlock)));
            pump(&own);
        });
    });
}

#[test]
fn a_childs_signals_are_not_the_parents() {
    alone(|| {
        let parent = Inherited::new();
        pump(&parent.dispatcher);
        parent.log.take();
        in_forked_child(|| raise(libc::SIGUSR1));
        pump(&parent.dispatcher);
        assert_eq!(parent.log.take(), [""; 0]);
        raise(libc::SIGUSR1);
        pump(&parent.dispatcher);
        assert_eq!(parent.log.take(), ["signal"]);
    });
}

/// Forks in a callback that `ask` has run once: the child leaves `run` with an error after that callback, and
/// runs nothing else, while the parent goes on.
fn fork_inside(ask: impl FnOnce(&Dispatcher, Box<dyn FnMut() + Send>, &mut Vec<Box<dyn std::any::Any>>)) {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let forked = Arc::new(AtomicI32::new(-1));
    let (child, handle, inner) = (forked.clone(), dispatcher.handle(), log.clone());
    let mut keep = Vec::new();
    let callback = move || {
        child.store(fork(), Ordering::SeqCst);
        inner.add("callback");
        let posted = handle.post(inner.note("posted by it"));
        assert_eq!(posted.is_err(), child.load(Ordering::SeqCst) == 0);
    };
    ask(&dispatcher, Box::new(callback), &mut keep);
    dispatcher.post(log.note("never in a child")).unwrap();
    log.take();
    let result = dispatcher.run(RunType::NonBlock);
    let child = forked.load(Ordering::SeqCst);
    if child == 0 {
        end_child(|| {
            assert_forked(result);
            let ran = log.take();
            assert!(ran.ends_with(&["callback"]), "{ran:?}");
            keep.clear();
            assert_forked(dispatcher.run(RunType::NonBlock));
            drop(dispatcher);
            assert_own_works();
        });
    }
    result.unwrap();
    assert_child_succeeded(child);
    pump(&dispatcher);
    let mut ran = log.take();
    ran.sort();
    assert_eq!(ran, ["callback", "never in a child", "posted by it"]);
}

#[test]
fn fork_inside_a_post() {
    alone(|| fork_inside(|dispatcher, callback, _| dispatcher.post(callback).unwrap_or_else(|_| panic!())));
}

#[test]
fn fork_inside_a_timer() {
    alone(|| {
        fork_inside(|dispatcher, callback, keep| {
            let timer = dispatcher.create_timer(callback);
            timer.enable(Duration::ZERO);
            keep.push(Box::new(timer));
        });
    });
}

#[test]
fn fork_inside_a_file_event() {
    alone(|| {
        fork_inside(|dispatcher, mut callback, keep| {
            let pipe = pipe_with(b"x");
            let fd = pipe.0.as_raw_fd();
            let run = move |_| callback();
            let event = dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, run).unwrap();
            keep.push(Box::new(event));
            keep.push(Box::new(pipe));
        });
    });
}

#[test]
fn fork_inside_schedulable_callbacks() {
    for schedule in
        [SchedulableCallback::schedule_current_iteration, SchedulableCallback::schedule_next_iteration]
    {
        alone(|| {
            fork_inside(|dispatcher, callback, keep| {
                let scheduled = dispatcher.create_schedulable_callback(callback);
                schedule(&scheduled);
                keep.push(Box::new(scheduled));
            });
        });
    }
}

#[test]
fn fork_inside_a_signal_event() {
    alone(|| {
        fork_inside(|dispatcher, callback, keep| {
            keep.push(Box::new(dispatcher.listen_for_signal(libc::SIGUSR2, callback).unwrap()));
            raise(libc::SIGUSR2);
        });
    });
}

#[test]
fn fork_inside_a_destructor() {
    alone(|| {
        fork_inside(|dispatcher, callback, _| dispatcher.deferred_delete(OnDrop::boxed(callback)));
    });
}

#[test]
fn fork_inside_a_nested_run_ends_both() {
    alone(|| {
        let (outer, log) = (dispatcher(), Log::new());
        let (inner, forked) = (dispatcher(), Arc::new(AtomicI32::new(-1)));
        let (child, note) = (forked.clone(), log.clone());
        inner.post(move || child.store(fork(), Ordering::SeqCst)).unwrap();
        inner.post(log.note("inner")).unwrap();
        let child = forked.clone();
        let nested = move || {
            let result = inner.run(RunType::NonBlock);
            if child.load(Ordering::SeqCst) == 0 {
                assert_forked(result)
            } else {
                result.unwrap()
            }
            note.add("nested");
        };
        outer.post(nested).unwrap();
        outer.post(log.note("outer")).unwrap();
        let result = outer.run(RunType::NonBlock);
        let child = forked.load(Ordering::SeqCst);
        if child == 0 {
            end_child(|| {
                assert_forked(result);
                assert_eq!(log.take(), ["nested"]);
            });
        }
        result.unwrap();
        assert_child_succeeded(child);
        assert_eq!(log.take(), ["inner", "nested", "outer"]);
    });
}

#[test]
fn a_child_of_a_process_whose_loop_runs_on_another_thread() {
    alone(|| {
        let (background, log) = (Background::start(dispatcher()), Log::new());
        let timer = background.dispatcher.create_timer(log.note("timer"));
        timer.enable(Duration::ZERO);
        let (reader, _writer) = pipe_with(b"");
        let seen = Log::new();
        let event = watch(&background.dispatcher, &reader, Trigger::Level, FileReady::READ, &seen);
        let busy = background.keep_busy();
        in_forked_child(|| {
            assert_refuses(&background.dispatcher, reader.as_raw_fd());
            assert_harmless(&background.dispatcher);
            assert_forked(event.set_enabled(FileReady::READ));
            // SAFETY: of the two copies of each the child, which ends here, drops one.
            unsafe {
                drop(std::ptr::read(&timer));
                drop(std::ptr::read(&event));
            }
            assert_own_works();
        });
        drop(busy);
        background.settle();
        timer.enable(Duration::ZERO);
        background.settle();
        assert_eq!(seen.take(), []);
        assert!(log.len() >= 1);
    });
}

#[test]
fn fork_a_childs_workers_refuse_to_start_and_need_no_stop() {
    alone(|| {
        let (started, idle, pool) = (Worker::new(0).unwrap(), Worker::new(1).unwrap(), Pool::new(2).unwrap());
        started.start(None).unwrap();
        pool.start(None).unwrap();
        in_forked_child(|| {
            assert_forked(started.start(None));
            assert_forked(idle.start(None));
            assert_forked(pool.start(None));
            started.stop();
            pool.stop();
            assert_forked(started.start(None));
            let own = Worker::new(2).unwrap();
            own.start(None).unwrap();
            own.stop();
        });
        let (ran, running) = std::sync::mpsc::channel();
        started.dispatcher().post(move || ran.send(()).unwrap()).unwrap();
        soon(&running);
    });
}

#[test]
fn fork_inside_a_workers_callback() {
    alone(|| {
        let worker = Arc::new(Worker::new(0).unwrap());
        worker.start(None).unwrap();
        let (inside, (forked, forking)) = (worker.clone(), std::sync::mpsc::channel());
        let callback = move || {
            let child = fork();
            if child == 0 {
                end_child(|| {
                    assert_forked(inside.start(None));
                    inside.stop();
                    assert_forked(inside.dispatcher().run(RunType::NonBlock));
                });
            }
            forked.send(child).unwrap();
        };
        worker.dispatcher().post(callback).unwrap();
        assert_child_succeeded(soon(&forking));
        worker.stop();
    });
}

#[test]
fn forks_while_other_threads_use_the_loop_do_not_hang_the_child() {
    alone(|| {
        let background = Background::start(dispatcher());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        background.dispatcher.create_timer(|| ()).enable(Duration::ZERO);
                        background.dispatcher.post(|| ()).unwrap();
                        background.dispatcher.deferred_delete(Box::new(0));
                    }
                });
            }
            let (reader, _writer) = pipe_with(b"");
            for _ in 0..20 {
                in_forked_child(|| {
                    assert_refuses(&background.dispatcher, reader.as_raw_fd());
                    assert_harmless(&background.dispatcher);
                });
            }
            done.store(true, Ordering::Relaxed);
        });
        background.on_loop(|| ());
    });
}
