//! Futures on dispatchers: tasks, time, file descriptors and processes.

#[path = "../common/mod.rs"]
mod common;

mod ending;
mod fd;
#[cfg(unix)]
mod process;
mod spawning;
mod stress;
mod time;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use common::*;
#[cfg(unix)]
use mcp_event::{Error, Refusal};

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
