//! The backend "asio", as a Rust program uses it: all but the handlers, which are C++ (tests/cpp/asio_test.cc). The
//! contract is proved on it by the other tests, with `MCP_EVENT_BACKEND=asio`.

mod common;

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use mcp_event::{BackendState, Dispatcher, FileReady, RunType, SimulatedClock, Trigger, backends};

fn on_asio() -> Dispatcher {
    Dispatcher::builder("on asio").backend("asio").build().unwrap()
}

#[test]
fn it_is_listed_and_works() {
    let all = backends();
    let asio = all.iter().find(|backend| backend.name == "asio").unwrap();
    assert_eq!(asio.state, BackendState::Works);
    assert_eq!(on_asio().backend(), "asio");
}

#[test]
fn p7_no_post_is_lost() {
    const POSTS: usize = 10_000;
    let (dispatcher, log) = (on_asio(), Log::new());
    let handle = dispatcher.handle();
    let inner = log.clone();
    let poster = thread::spawn(move || {
        for number in 0..POSTS {
            let (exit, inner) = (handle.clone(), inner.clone());
            handle
                .post(move || {
                    inner.add(number);
                    if number + 1 == POSTS {
                        exit.exit();
                    }
                })
                .unwrap();
            if number % 16 == 0 {
                thread::yield_now();
            }
        }
    });
    dispatcher.run(RunType::Block).unwrap();
    poster.join().unwrap();
    assert_eq!(log.take(), (0..POSTS).collect::<Vec<_>>());
}

#[test]
fn t6_timers_are_never_early() {
    let dispatcher = on_asio();
    let handle = dispatcher.handle();
    let timer = dispatcher.create_timer(move || handle.exit());
    // Also after an earlier one, whose wait the context still has.
    for micros in [1, 999, 1, 1001, 10, 2000, 50, 50, 50] {
        let delay = Duration::from_micros(micros);
        let enabled = Instant::now();
        timer.enable(delay);
        dispatcher.run(RunType::Block).unwrap();
        assert!(enabled.elapsed() >= delay);
    }
}

#[test]
fn f1_and_f2_file_events_are_as_elsewhere() {
    let (dispatcher, log) = (on_asio(), Log::new());
    let (reader, mut writer) = io::pipe().unwrap();
    let watch = |trigger, item| {
        let log = log.clone();
        let callback = move |_| log.add(item);
        dispatcher.create_file_event(reader.as_raw_fd(), trigger, FileReady::READ, callback).unwrap()
    };
    let _events = [watch(Trigger::Level, "level"), watch(Trigger::Edge, "edge")];
    pump(&dispatcher);
    assert_eq!(log.take(), [""; 0]);
    writer.write_all(b"x").unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["level", "edge"]);
    pump(&dispatcher);
    assert_eq!(log.take(), ["level"]);
}

#[test]
fn a3_time_can_be_simulated() {
    let clock = SimulatedClock::new();
    let dispatcher = Arc::new(Dispatcher::builder("on asio").backend("asio").clock(&clock).build().unwrap());
    let handle = dispatcher.handle();
    let timer = dispatcher.create_timer(move || handle.exit());
    timer.enable(Duration::from_secs(3600));
    let inner = dispatcher.clone();
    let runner = thread::spawn(move || inner.run(RunType::Block));
    clock.advance(Duration::from_secs(3600));
    runner.join().unwrap().unwrap();
}

#[test]
fn h2_handles_outlive_it() {
    let dispatcher = on_asio();
    let timer = dispatcher.create_timer(|| ());
    timer.enable(MS);
    drop(dispatcher);
    timer.enable(MS);
}
