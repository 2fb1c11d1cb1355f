//! A dispatcher that waits in a loop of another library: `Builder::foreign_loop`.
//!
//! On Windows a loop has nothing that another could wait for.

#![cfg(unix)]

mod common;

use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::{Builder, BusyPoll, Dispatcher, Error, FileReady, Label, RunType, Trigger, Turn};

type Handler = Box<dyn FnOnce() -> io::Result<Turn> + Send>;

/// A loop with handlers: each turn runs one, or waits if there is none.
#[derive(Clone, Default)]
struct PollLoop(Arc<Mutex<Vec<Handler>>>);

impl PollLoop {
    fn add(&self, handler: impl FnOnce() -> io::Result<Turn> + Send + 'static) {
        self.0.lock().unwrap().push(Box::new(handler));
    }

    fn turn(&self, fd: i32, timeout: Option<Duration>) -> io::Result<Turn> {
        let handler = self.0.lock().unwrap().pop();
        if let Some(handler) = handler {
            return handler();
        }
        is_readable(fd, timeout);
        Ok(Turn::Over)
    }

    fn builder(&self) -> Builder {
        let inner = self.clone();
        let name = Label::new("poll").unwrap();
        Dispatcher::builder("foreign").foreign_loop(name, move |fd, timeout| inner.turn(fd, timeout))
    }

    fn dispatcher(&self) -> Dispatcher {
        self.builder().build().unwrap()
    }
}

#[test]
fn its_name_is_the_backends() {
    assert_eq!(PollLoop::default().dispatcher().backend(), "poll");
}

#[test]
fn what_happens_on_our_side_ends_the_turn() {
    let (dispatcher, log) = (PollLoop::default().dispatcher(), Log::new());
    let (reader, writer) = io::pipe().unwrap();
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let event = dispatcher.create_file_event(reader.as_raw_fd(), Trigger::Edge, FileReady::READ, move |_| {
        inner.add("ready");
        handle.exit();
    });
    let (inner, mut writer) = (log.clone(), Some(writer));
    let timer = Arc::new(dispatcher.create_timer(move || {
        inner.add("fired");
        // The end of the pipe, which the event is told.
        drop(writer.take());
    }));
    let enabled = timer.clone();
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let poster = thread::spawn(move || {
        handle.post(move || {
            inner.add("posted");
            enabled.enable(MS);
        })
    });
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["posted", "fired", "ready"]);
    poster.join().unwrap().unwrap();
    drop(event);
}

#[test]
fn p7_what_a_handler_asks_of_the_dispatcher_is_done_at_once() {
    let (foreign, log) = (PollLoop::default(), Log::new());
    let dispatcher = foreign.dispatcher();
    let handle = dispatcher.handle();
    let inner = log.clone();
    let timer = dispatcher.create_timer(move || {
        inner.add("fired");
        handle.exit();
    });
    let inner = log.clone();
    let current = Arc::new(dispatcher.create_schedulable_callback(move || {
        inner.add("scheduled");
        timer.enable(Duration::from_micros(1));
    }));
    let scheduled = current.clone();
    foreign.add(move || {
        scheduled.schedule_current_iteration();
        Ok(Turn::Over)
    });
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["scheduled", "fired"]);
}

#[test]
fn busy_polling_what_a_handler_asks_for_ends_the_spin() {
    let foreign = PollLoop::default();
    let dispatcher = foreign.builder().busy_poll(BusyPoll::always(BusyPoll::MAX_BUDGET)).build().unwrap();
    let handle = dispatcher.handle();
    let timer = Arc::new(dispatcher.create_timer(move || handle.exit()));
    let enabled = timer.clone();
    foreign.add(move || {
        enabled.enable(Duration::from_micros(1));
        Ok(Turn::Over)
    });
    dispatcher.run(RunType::Block).unwrap();
    // Where the process has one processor, nothing spins.
    let stats = dispatcher.stats();
    assert!(stats.time_spun < BusyPoll::MAX_BUDGET, "{stats:?}");
}

#[test]
fn a_stopped_loop_ends_the_run_once() {
    let (foreign, log) = (PollLoop::default(), Log::new());
    let dispatcher = foreign.dispatcher();
    let (handle, inner) = (dispatcher.handle(), log.clone());
    foreign.add(move || {
        handle.post(inner.note("before")).unwrap();
        Ok(Turn::Stopped)
    });
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["before"]);
    let handle = dispatcher.handle();
    dispatcher.post(move || handle.exit()).unwrap();
    dispatcher.run(RunType::Block).unwrap();
}

#[test]
fn p11_a_panic_and_an_error_come_out_of_run() {
    let (foreign, log) = (PollLoop::default(), Log::new());
    let dispatcher = foreign.dispatcher();
    let (handle, inner) = (dispatcher.handle(), log.clone());
    foreign.add(move || {
        handle.post(inner.note("kept")).unwrap();
        panic!("boom");
    });
    let payload = catch_unwind(AssertUnwindSafe(|| dispatcher.run(RunType::Block))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
    assert_eq!(log.take(), [""; 0]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["kept"]);

    foreign.add(|| Err(io::Error::from_raw_os_error(libc::EIO)));
    let error = dispatcher.run(RunType::NonBlock).unwrap_err();
    assert!(matches!(&error, Error::Os { .. }), "{error:?}");
}

#[test]
fn h2_the_loop_is_dropped_with_the_dispatcher() {
    let (dropped, drops) = mpsc::channel::<()>();
    let name = Label::new("kept").unwrap();
    let turn = move |fd, timeout| {
        let _kept = &dropped;
        is_readable(fd, timeout);
        Ok(Turn::Over)
    };
    let dispatcher = Dispatcher::builder("foreign").foreign_loop(name, turn).build().unwrap();
    pump(&dispatcher);
    assert_eq!(drops.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(dispatcher);
    assert_eq!(drops.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
fn h2_a_destructor_that_panics_costs_only_itself() {
    let bomb = Mutex::new(OnDrop::new(|| panic!("boom")));
    let turn = move |fd, timeout| {
        let _kept = &bomb;
        is_readable(fd, timeout);
        Ok(Turn::Over)
    };
    let name = Label::new("bomb").unwrap();
    drop(Dispatcher::builder("foreign").foreign_loop(name, turn).build().unwrap());
}

#[test]
fn a_backend_beside_a_foreign_loop_is_refused() {
    for backend in ["auto", "epoll", "nonsense"] {
        let error = PollLoop::default().builder().backend(backend).build().unwrap_err();
        assert!(matches!(&error, Error::InvalidArgument(text) if text.contains(backend)), "{error}");
    }
}
