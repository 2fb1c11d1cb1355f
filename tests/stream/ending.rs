//! Ends, failures and the time limits.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use mcp_event::io::{Received, SendRefusal};
use mcp_event::{Error, RunType};
use socket2::SockRef;

use super::common::{Background, Log, MS, Slot, dispatcher, pump, simulated, soon};
use super::{note, stream_and_peer, tcp_pair};

#[test]
fn after_the_peers_end_sending_goes_on() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["(end)"]);
    stream.send("still").unwrap();
    stream.shutdown();
    assert_eq!(stream.send("late").unwrap_err().refusal, SendRefusal::ShutDown);
    pump(&dispatcher);
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "still");
}

#[test]
fn after_shutdown_receiving_goes_on() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    stream.shutdown();
    pump(&dispatcher);
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    peer.write_all(b"more").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["more"]);
}

#[test]
fn a_reset_fails_receiving_and_sending() {
    let dispatcher = dispatcher();
    let (ours, peer) = tcp_pair();
    let stream = dispatcher.create_stream(ours).unwrap();
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(peer);
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["(ConnectionReset)"]);

    let (told, heard) = std::sync::mpsc::channel();
    let handle = dispatcher.handle();
    stream
        .send_then("lost", move |result| {
            told.send(result).unwrap();
            handle.exit();
        })
        .unwrap();
    dispatcher.run(RunType::Block).unwrap();
    match soon(&heard).unwrap_err() {
        Error::Os { source, .. } => assert_eq!(source.kind(), ErrorKind::BrokenPipe),
        other => panic!("{other}"),
    }
    assert_eq!(stream.send("later").unwrap_err().refusal, SendRefusal::Broken);
}

#[test]
fn what_waits_when_sending_breaks_is_reported_to_each() {
    let dispatcher = dispatcher();
    let (stream, peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    for number in 0..3 {
        let log = log.clone();
        let bytes = vec![0; 4 << 20];
        stream.send_then(bytes, move |result| log.add(format!("{number} {}", result.is_ok()))).unwrap();
    }
    pump(&dispatcher);
    assert!(stream.queued() > 0);
    drop(peer);
    while log.len() < 3 {
        pump(&dispatcher);
    }
    assert_eq!(log.take(), ["0 false", "1 false", "2 false"]);
    assert_eq!(stream.queued(), 0);
}

#[test]
fn abort_ends_both_ends() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    pump(&dispatcher);
    stream.abort();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["(end)"]);
}

#[test]
fn silence_fails_receiving_after_its_limit() {
    let (dispatcher, clock) = simulated();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    stream.set_receive_timeout(Some(10 * MS));
    pump(&dispatcher);
    clock.advance(9 * MS);
    peer.write_all(b"in time").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    clock.advance(9 * MS);
    pump(&dispatcher);
    assert_eq!(log.take(), ["in time"]);
    clock.advance(MS);
    pump(&dispatcher);
    pump(&dispatcher);
    assert_eq!(log.take(), ["(TimedOut)"]);
    peer.write_all(b"too late").unwrap();
    pump(&dispatcher);
    assert!(log.take().is_empty());
}

#[test]
fn no_time_limit_runs_while_paused_or_without_one() {
    let (dispatcher, clock) = simulated();
    let (stream, _peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    stream.set_receive_timeout(Some(10 * MS));
    stream.pause();
    pump(&dispatcher);
    clock.advance(50 * MS);
    pump(&dispatcher);
    stream.resume();
    pump(&dispatcher);
    clock.advance(9 * MS);
    pump(&dispatcher);
    stream.set_receive_timeout(None);
    pump(&dispatcher);
    clock.advance(50 * MS);
    pump(&dispatcher);
    assert!(log.take().is_empty());
}

#[test]
fn a_peer_that_takes_nothing_fails_sending_after_its_limit() {
    let (dispatcher, clock) = simulated();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    let noted = log.clone();
    stream.set_send_timeout(Some(10 * MS));
    stream.send_then(vec![0; 4 << 20], move |result| noted.add(format!("{}", result.unwrap_err()))).unwrap();
    pump(&dispatcher);
    pump(&dispatcher);
    clock.advance(9 * MS);
    pump(&dispatcher);
    // Some progress, and the time begins anew.
    let queued = stream.queued();
    let mut some = vec![0; 512 << 10];
    while stream.queued() == queued {
        peer.read_exact(&mut some[..64 << 10]).unwrap();
        pump(&dispatcher);
    }
    clock.advance(9 * MS);
    pump(&dispatcher);
    assert!(log.take().is_empty());
    clock.advance(MS);
    pump(&dispatcher);
    pump(&dispatcher);
    let told = log.take();
    assert!(told.len() == 1 && told[0].starts_with("sending: "), "{told:?}");
    assert_eq!(stream.send("more").unwrap_err().refusal, SendRefusal::Broken);
}

#[test]
fn p11_a_panic_of_the_receiver_loses_nothing() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    let mut receiver = note(&log, &dispatcher, |received| matches!(received, Received::End));
    let mut panics = 1;
    stream
        .receive(move |received| {
            receiver(received);
            panics -= 1;
            assert!(panics != 0, "of the receiver");
        })
        .unwrap();
    peer.write_all(b"one").unwrap();
    super::common::assert_panics_with("of the receiver", || dispatcher.run(RunType::Block));
    peer.write_all(b"two").unwrap();
    drop(peer);
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take().concat(), "onetwo(end)");
}

#[test]
fn a_receiver_may_replace_itself() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    let second = note(&log, &dispatcher, |_| true);
    let stream = Arc::new(stream);
    let slot = Slot::new();
    slot.put((stream.clone(), second));
    let (noted, handle) = (log.clone(), dispatcher.handle());
    stream
        .receive(move |_| {
            noted.add("first".into());
            let (stream, second) = slot.take();
            stream.receive(second).unwrap();
            handle.exit();
        })
        .unwrap();
    peer.write_all(b"one").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    peer.write_all(b"two").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["first", "two"]);
}

#[test]
fn a_stream_that_ended_takes_no_receiver() {
    let dispatcher = dispatcher();
    let (stream, peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    drop(peer);
    dispatcher.run(RunType::Block).unwrap();
    assert!(matches!(stream.receive(|_| ()), Err(Error::InvalidState(_))));
}

#[test]
fn a_peer_that_goes_while_we_send_on_another_thread_breaks_the_stream() {
    let background = Background::start(dispatcher());
    let (stream, peer) = stream_and_peer(&background.dispatcher);
    drop(peer);
    let (told, heard) = std::sync::mpsc::channel();
    stream.send_then("lost", move |result| told.send(result.is_ok()).unwrap()).unwrap();
    assert!(!soon(&heard));
}
