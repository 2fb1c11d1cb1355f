//! File events: promises F1 to F20 (F8 and F9 for all kinds of handles are in lifetimes.rs).

mod common;

use std::fs::File;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{env, net::Shutdown};

use common::*;
use mcp_event::{Dispatcher, Error, FileEvent, FileReady, RunType, Trigger};

const NONE: FileReady = FileReady::NONE;
const READ: FileReady = FileReady::READ;
const WRITE: FileReady = FileReady::WRITE;
const CLOSED: FileReady = FileReady::CLOSED;
const ERROR: FileReady = FileReady::ERROR;

const TRIGGERS: [Trigger; 3] = [Trigger::Level, Trigger::Edge, Trigger::EmulatedEdge];

/// What a new event on `fd` is told at once.
fn told(fd: &impl AsRawFd, events: FileReady) -> Vec<FileReady> {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let _event = watch(&dispatcher, fd, Trigger::Edge, events, &log);
    pump(&dispatcher);
    log.take()
}

/// Whether the dispatcher has nothing to do, so that a blocking run would sleep.
fn is_quiet(dispatcher: &Dispatcher) -> bool {
    !is_readable(dispatcher.poll_fd().unwrap(), Some(Duration::ZERO)) && dispatcher.next_timeout().is_none()
}

#[test]
fn f1_level_is_delivered_once_an_iteration_while_ready() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, _writer) = pipe_with(b"x");
    let (handle, inner) = (dispatcher.handle(), log.clone());
    let callback = move |ready| {
        inner.add((handle.stats().iterations, ready));
        match inner.len() {
            4 => drop(read_byte(&reader)),
            5.. => unreachable!("it was read"),
            _ => (),
        }
        // One more iteration.
        handle.post(|| ()).unwrap();
        if inner.len() == 4 {
            handle.exit();
        }
    };
    let fd = _writer_reader_fd(&log, &callback);
    let _ = fd;
    drop(callback);
}
