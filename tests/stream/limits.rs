//! Back-pressure, both ways.

use std::io::{ErrorKind, Read, Write};

use mcp_event::RunType;
use mcp_event::io::SendRefusal;

use super::common::{Log, dispatcher, pump};
use super::{note, pattern, stream_and_peer};

#[test]
fn p14_the_queue_is_observable_and_its_limit_refuses() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    stream.set_send_limit(1 << 20);
    stream.send(pattern(4 << 20)).unwrap();
    pump(&dispatcher);
    let queued = stream.queued();
    assert!(queued > 1 << 20 && queued < 4 << 20, "{queued}");
    let refused = stream.send(vec![1, 2, 3]).unwrap_err();
    assert_eq!((refused.refusal, refused.bytes), (SendRefusal::Full, vec![1, 2, 3]));

    let mut all = vec![0; 4 << 20];
    let mut length = 0;
    peer.set_nonblocking(true).unwrap();
    while length < all.len() {
        match peer.read(&mut all[length..]) {
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => pump(&dispatcher),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(all == pattern(4 << 20));
    assert_eq!(stream.queued(), 0);
    stream.send("again").unwrap();
}

#[test]
fn a_paused_stream_receives_nothing_and_loses_nothing() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    peer.write_all(b"one").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    stream.pause();
    peer.write_all(b"two").unwrap();
    drop(peer);
    pump(&dispatcher);
    assert_eq!(log.take(), ["one"]);
    stream.resume();
    dispatcher.run(RunType::Block).unwrap();
    while log.len() < 2 {
        pump(&dispatcher);
    }
    assert_eq!(log.take(), ["two", "(end)"]);
}

#[test]
fn a_receiver_may_pause_its_own_stream() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let stream = std::sync::Arc::new(stream);
    let log = Log::new();
    let (own, mut noted) = (std::sync::Arc::downgrade(&stream), note(&log, &dispatcher, |_| true));
    stream
        .receive(move |received| {
            noted(received);
            own.upgrade().unwrap().pause();
        })
        .unwrap();
    // More than one chunk.
    peer.set_nonblocking(true).unwrap();
    let mut written = 0;
    while let Ok(length) = peer.write(&[b'x'; 16_384]) {
        written += length;
    }
    let mut received = 0;
    while received < written {
        dispatcher.run(RunType::Block).unwrap();
        pump(&dispatcher);
        let chunks = log.take();
        assert_eq!(chunks.len(), 1);
        received += chunks[0].len();
        stream.resume();
    }
}

#[test]
fn a_paused_stream_still_sends() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    stream.receive(|_| ()).unwrap();
    stream.pause();
    stream.send("out").unwrap();
    pump(&dispatcher);
    let mut out = [0; 3];
    peer.read_exact(&mut out).unwrap();
    assert_eq!(&out, b"out");
}
