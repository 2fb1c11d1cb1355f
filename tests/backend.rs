//! Which backends there are, and which one a dispatcher gets.

mod common;

use std::process::Command;

use common::*;
use mcp_event::{Backend, BackendState, Dispatcher, Error, backends};

fn on(backend: &Backend) -> Result<Dispatcher, Error> {
    Dispatcher::builder("on a named backend").backend(backend.name).build()
}

#[test]
fn each_is_listed_once() {
    let mut names: Vec<_> = backends().iter().map(|backend| backend.name).collect();
    names.sort();
    assert_eq!(names, ["asio", "epoll", "io_uring", "iocp", "kqueue", "libevent", "mio"]);
}

#[test]
fn one_that_works_runs_a_dispatcher() {
    for backend in backends().iter().filter(|backend| backend.state == BackendState::Works) {
        let dispatcher = on(backend).unwrap();
        pump(&dispatcher);
        // "mio" is also a name for what it waits in on this system.
        assert!(dispatcher.backend() == backend.name || backend.name == "mio", "{}", dispatcher.backend());
    }
}

#[test]
fn one_that_does_not_work_says_why() {
    for backend in backends() {
        let (text, reason) = match (&backend.state, on(&backend)) {
            (BackendState::Works, _) => continue,
            (BackendState::Refused(reason), Err(error)) => (error.to_string(), reason.clone()),
            (BackendState::NotBuiltIn(reason), Err(Error::Unavailable(text))) => (text, reason.to_string()),
            (state, outcome) => panic!("{} is {state:?}, but was {outcome:?}", backend.name),
        };
        assert!(text.contains(backend.name) && text.contains(&reason), "{text}: {reason}");
    }
}

/// Without it, suites that are run once for each backend could all run on the default one.
#[test]
fn the_environments_is_the_default() {
    if let Ok(name) = std::env::var("MCP_EVENT_BACKEND") {
        assert_eq!(Dispatcher::new("named by the environment").unwrap().backend(), name);
    }
}

#[test]
fn who_is_told_that_the_environments_is_ignored_may_make_a_dispatcher() {
    let ignored = |command: &mut Command| _ = command.env("MCP_EVENT_BACKEND", "nonsense");
    let output = in_own_process(ignored, || {
        let log = Log::new();
        let inner = log.clone();
        let logger = OnLog(move |target: &str| {
            inner.add(target.to_owned());
            Dispatcher::new("made by the log").unwrap();
        });
        tracing::subscriber::with_default(logger, || Dispatcher::new("x").unwrap());
        assert_eq!(log.take(), ["mcp_event::poller::backend"]);
    });
    assert!(output.is_none_or(|output| output.status.success()));
}
