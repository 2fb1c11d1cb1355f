//! Which readiness is told: data, half closes, hang-ups, resets and faults.

use std::io::Write;
use std::net::{Shutdown, UdpSocket};

use mcp_event::{AsOsFd, FileReady, RunType, Trigger};

use crate::common::*;
use crate::{CLOSED, ERROR, NONE, READ, TRIGGERS, WRITE, tcp_pair};

/// What events with each of these masks are told at once, whatever their trigger, and whether or not another
/// event has the fd.
#[track_caller]
fn assert_told(fd: &impl AsOsFd, cases: &[(FileReady, FileReady)]) {
    for (trigger, others) in TRIGGERS.into_iter().flat_map(|trigger| [(trigger, 0), (trigger, 1)]) {
        for (events, expected) in cases {
            let (dispatcher, log, other_log) = (dispatcher(), Log::new(), Log::new());
            let _others: Vec<_> =
                (0..others).map(|_| watch(&dispatcher, fd, Trigger::Edge, READ, &other_log)).collect();
            let _event = watch(&dispatcher, fd, trigger, *events, &log);
            pump(&dispatcher);
            let expected = if expected.is_empty() { vec![] } else { vec![*expected] };
            assert_eq!(log.take(), expected, "{trigger:?}, {events:?}, {others} others");
        }
    }
}

#[test]
fn f10_a_healthy_socket() {
    let (socket, mut peer) = socket_pair();
    let all = READ | WRITE | CLOSED | ERROR;
    assert_told(&socket, &[(READ, NONE), (WRITE, WRITE), (CLOSED, NONE), (ERROR, NONE), (all, WRITE)]);
    peer.write_all(b"x").unwrap();
    assert_told(&socket, &[(READ, READ), (WRITE, WRITE), (CLOSED | ERROR, NONE), (all, READ | WRITE)]);
}

#[test]
fn f10_the_end_of_a_pipe_is_a_hang_up_without_data() {
    let (reader, writer) = pipe();
    drop(writer);
    assert_told(&reader, &[(READ, READ), (READ | CLOSED, READ | CLOSED), (CLOSED, CLOSED)]);
}

#[test]
fn f10_a_half_closed_peer() {
    let (socket, peer) = socket_pair();
    peer.shutdown(Shutdown::Write).unwrap();
    let both = READ | CLOSED;
    assert_told(&socket, &[(READ, READ), (CLOSED, CLOSED), (both, both), (WRITE, WRITE), (ERROR, NONE)]);
}

#[test]
fn f10_a_reset_connection() {
    let (client, mut server) = tcp_pair();
    server.write_all(b"never read").unwrap();
    // Closed with unread data, it is reset.
    assert!(is_readable(client.os_fd(), None));
    drop(client);
    let all = READ | WRITE | CLOSED | ERROR;
    assert_told(&server, &[(READ, READ), (WRITE, WRITE), (CLOSED, CLOSED), (ERROR, ERROR), (all, all)]);
}

#[test]
#[cfg_attr(windows, ignore = "wine does not tell of it")]
fn f10_a_refused_datagram() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(gone).unwrap();
    socket.send(b"x").unwrap();
    let all = READ | WRITE | ERROR;
    assert_told(&socket, &[(READ, READ), (WRITE, WRITE), (ERROR, ERROR), (all, all), (CLOSED, CLOSED)]);
}

#[test]
#[cfg_attr(windows, ignore = "under wine the end shows only when the data is read")]
fn f11_closed_comes_together_with_read_while_data_is_pending() {
    let (reader, writer) = pipe_with(b"last words");
    drop(writer);
    assert_told(&reader, &[(READ | CLOSED, READ | CLOSED), (READ, READ)]);

    let (client, mut server) = tcp_pair();
    server.write_all(b"last words").unwrap();
    drop(server);
    // The end may come a little after the data.
    let dispatcher = dispatcher();
    let handle = dispatcher.handle();
    let closed = move |_| handle.exit();
    let _event = dispatcher.create_file_event(client.os_fd(), Trigger::Level, CLOSED, closed).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_told(&client, &[(READ | CLOSED, READ | CLOSED)]);
    assert_eq!(read_byte(client), b'l');
}

#[test]
#[cfg_attr(windows, ignore = "it needs a pipe, which has one direction")]
fn f12_a_fault_nobody_named_is_delivered_as_what_was_asked_for() {
    let (reader, writer) = pipe();
    drop(reader);
    // An error, and no hang-up.
    assert_told(&writer, &[(CLOSED, CLOSED), (ERROR, ERROR), (CLOSED | ERROR, ERROR), (READ, READ)]);
    let (reader, writer) = pipe();
    drop(writer);
    // A hang-up, and no error.
    assert_told(&reader, &[(ERROR, ERROR), (CLOSED | ERROR, CLOSED), (WRITE, WRITE)]);
}
