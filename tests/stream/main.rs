//! Streams, listeners and connects, on the backend that the environment names.
//!
//! Windows has no streams yet.

#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;

mod connecting;
mod ending;
mod lifetimes;
mod limits;
mod listening;
mod transfer;
mod turns;

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use mcp_event::io::{Received, Stream};
use mcp_event::{Dispatcher, Handle};

use common::Log;

/// Both ends of a TCP connection.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A stream, and its peer as a plain socket.
fn stream_and_peer(dispatcher: &Dispatcher) -> (Stream, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    (dispatcher.create_stream(ours).unwrap(), peer)
}

/// Notes what is received, in words; ends the run when that is as `is_enough` says.
fn note<F: Fn(&Received<'_>) -> bool + Send + 'static>(
    log: &Log<String>,
    handle: &Handle,
    is_enough: F,
) -> impl FnMut(Received<'_>) + Send + use<F> {
    let (log, handle) = (log.clone(), handle.clone());
    move |received| {
        log.add(describe(&received));
        if is_enough(&received) {
            handle.exit();
        }
    }
}

fn describe(received: &Received<'_>) -> String {
    match received {
        Received::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Received::End => "(end)".into(),
        Received::Failed(mcp_event::Error::Os { source, .. }) => format!("({:?})", source.kind()),
        Received::Failed(other) => format!("({other})"),
    }
}

/// Bytes in which a missing or doubled part shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index ^ index >> 8 ^ index >> 16) as u8).collect()
}
