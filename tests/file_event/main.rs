//! File events: promises F1 to F20 (F8 and F9 are the same for all kinds of handles: lifetimes.rs).

#[path = "../common/mod.rs"]
mod common;

mod activation;
mod closed;
mod disabling;
mod registration;
mod sharing;
mod told;
mod trigger;

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Weak};
#[cfg(unix)]
use std::time::Duration;

use common::*;
use mcp_event::{AsOsFd, Dispatcher, FileEvent, FileReady, Handle, Trigger};

const NONE: FileReady = FileReady::NONE;
const READ: FileReady = FileReady::READ;
const WRITE: FileReady = FileReady::WRITE;
const CLOSED: FileReady = FileReady::CLOSED;
const ERROR: FileReady = FileReady::ERROR;

const TRIGGERS: [Trigger; 3] = [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge];

/// Watches `fd`; the callback is given the event.
fn watch_with(
    handle: &Handle,
    fd: &impl AsOsFd,
    trigger: Trigger,
    events: FileReady,
    mut callback: impl FnMut(&FileEvent, FileReady) + Send + 'static,
) -> Arc<FileEvent> {
    Arc::new_cyclic(|me: &Weak<FileEvent>| {
        let me = me.clone();
        let callback = move |ready| callback(&me.upgrade().expect("destroyed in its own callback"), ready);
        handle.create_file_event(fd.os_fd(), trigger, events, callback).unwrap()
    })
}

/// Whether the dispatcher has nothing to do, so that a blocking run would sleep.
fn is_quiet(dispatcher: &Dispatcher) -> bool {
    // Windows has no poll fd.
    #[cfg(unix)]
    if is_readable(dispatcher.poll_fd().unwrap(), Some(Duration::ZERO)) {
        return false;
    }
    dispatcher.next_timeout().is_none()
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}
