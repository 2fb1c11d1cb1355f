//! Bytes, all of them, once and in order.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use mcp_event::io::{Received, Stream};
use mcp_event::{Dispatcher, Handle, RunType};

use super::common::{Background, Log, Slot, dispatcher, in_one_iteration, pump, soon};
use super::{note, pattern, stream_and_peer, tcp_pair};

const LARGE: usize = 8 << 20;

/// Collects until the end, then ends the run.
fn collect(stream: &Stream, handle: &Handle) -> Arc<Mutex<Vec<u8>>> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (all, handle) = (bytes.clone(), handle.clone());
    stream
        .receive(move |received| match received {
            Received::Data(bytes) => all.lock().unwrap().extend_from_slice(bytes),
            Received::End => handle.exit(),
            Received::Failed(error) => panic!("{error}"),
        })
        .unwrap();
    bytes
}

#[test]
fn what_the_peer_sends_is_received() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |_| true)).unwrap();
    peer.write_all(b"one").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    peer.write_all(b"two").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    drop(peer);
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["one", "two", "(end)"]);
    pump(&dispatcher);
    assert!(log.take().is_empty());
}

#[test]
fn data_and_the_end_that_are_there_already_are_received() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    peer.write_all(b"all").unwrap();
    drop(peer);
    let log = Log::new();
    stream.receive(note(&log, &dispatcher, |received| matches!(received, Received::End))).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["all", "(end)"]);
}

#[test]
fn an_end_right_behind_the_data_is_received() {
    // The end may come before, while or after the data is received.
    for _ in 0..200 {
        let background = Background::start(dispatcher());
        let (stream, mut peer) = stream_and_peer(&background.dispatcher);
        let bytes = collect(&stream, &background.dispatcher);
        peer.write_all(b"data").unwrap();
        drop(peer);
        background.join();
        assert_eq!(*bytes.lock().unwrap(), b"data");
    }
}

#[test]
fn large_transfers_arrive_whole_both_ways() {
    for sockets in [either(tcp_pair()), either(UnixStream::pair().unwrap())] {
        let dispatcher = dispatcher();
        let (ours, mut peer) = sockets;
        let stream = dispatcher.create_stream(ours).unwrap();
        let received = collect(&stream, &dispatcher);
        let mut peer_reads = peer.try_clone().unwrap();
        let writer = thread::spawn(move || {
            peer.write_all(&pattern(LARGE)).unwrap();
            peer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            peer_reads.read_to_end(&mut all).unwrap();
            all
        });
        // In pieces of many lengths, long ones among them.
        let mut rest = pattern(LARGE);
        for length in (1..).map(|n| n * 1001 % 70_000) {
            let piece = rest.drain(..length.min(rest.len())).collect::<Vec<u8>>();
            if piece.is_empty() {
                break;
            }
            stream.send(piece).unwrap();
        }
        stream.shutdown();
        dispatcher.run(RunType::Block).unwrap();
        writer.join().unwrap();
        while !reader.is_finished() {
            pump(&dispatcher);
        }
        assert!(reader.join().unwrap() == pattern(LARGE));
        assert!(*received.lock().unwrap() == pattern(LARGE));
    }
}

/// TCP's or a Unix pair, as one type: a `TcpStream` has all that is needed of either.
fn either<T: Into<std::os::fd::OwnedFd>>((one, other): (T, T)) -> (std::net::TcpStream, std::net::TcpStream) {
    (one.into().into(), other.into().into())
}

#[test]
fn sends_leave_in_order_from_loop_and_other_threads() {
    let background = Background::start(dispatcher());
    let (stream, mut peer) = stream_and_peer(&background.dispatcher);
    let stream = Arc::new(stream);
    const EACH: u32 = 20_000;
    let on_loop = stream.sender();
    background.dispatcher.post(move || send_numbers(|bytes| on_loop.send(bytes).unwrap(), 0)).unwrap();
    let threads: Vec<_> = (1..3)
        .map(|from| {
            let stream = stream.clone();
            thread::spawn(move || send_numbers(|bytes| stream.send(bytes).unwrap(), from))
        })
        .collect();
    let mut next = [0u32; 3];
    for _ in 0..3 * EACH {
        let mut item = [0; 8];
        peer.read_exact(&mut item).unwrap();
        let from = u32::from_le_bytes(item[..4].try_into().unwrap()) as usize;
        assert_eq!(u32::from_le_bytes(item[4..].try_into().unwrap()), next[from]);
        next[from] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    fn send_numbers(send: impl Fn(Vec<u8>), from: u32) {
        for number in 0..EACH {
            send([from.to_le_bytes(), number.to_le_bytes()].concat());
        }
    }
}

#[test]
fn completions_come_in_order_and_never_inside_send() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    let (handle, noted) = (dispatcher.handle(), log.clone());
    let kept = Slot::new();
    let slot = kept.clone();
    dispatcher
        .post(move || {
            for number in 0..3 {
                let log = noted.clone();
                stream
                    .send_then(pattern(number), move |result| log.add(format!("{number} {result:?}")))
                    .unwrap();
            }
            let log = noted.clone();
            stream
                .send_then(pattern(LARGE), move |result| {
                    log.add(format!("large {result:?}"));
                    handle.exit();
                })
                .unwrap();
            noted.add("given".into());
            slot.put(stream);
        })
        .unwrap();
    let reader = thread::spawn(move || {
        let mut all = vec![0; LARGE + 3];
        peer.read_exact(&mut all).unwrap();
        (all, peer)
    });
    dispatcher.run(RunType::Block).unwrap();
    let (all, _peer) = reader.join().unwrap();
    assert!(all[3..] == pattern(LARGE));
    assert_eq!(log.take(), ["given", "0 Ok(())", "1 Ok(())", "2 Ok(())", "large Ok(())"]);
    kept.destroy();
}

#[test]
fn many_connections_echo_at_once() {
    let background = Background::start(Dispatcher::new("echo").unwrap());
    let (streams, mut peers): (Vec<_>, Vec<_>) =
        (0..500).map(|_| stream_and_peer(&background.dispatcher)).unzip();
    for stream in &streams {
        let echo = stream.sender();
        stream
            .receive(move |received| {
                if let Received::Data(bytes) = received {
                    echo.send(bytes).unwrap();
                }
            })
            .unwrap();
    }
    for round in 0..10u8 {
        for (index, peer) in peers.iter_mut().enumerate() {
            peer.write_all(&[round, index as u8]).unwrap();
        }
        for (index, peer) in peers.iter_mut().enumerate() {
            let mut echo = [0; 2];
            peer.read_exact(&mut echo).unwrap();
            assert_eq!(echo, [round, index as u8]);
        }
    }
}

#[test]
fn a_slow_receiver_keeps_nobody_else_waiting() {
    // A peer that never stops sending has its turns, and no more.
    let background = Background::start(dispatcher());
    let (flooded, mut flood) = stream_and_peer(&background.dispatcher);
    flooded.receive(|_| ()).unwrap();
    let flooder = thread::spawn(move || while flood.write_all(&[0; 65_536]).is_ok() {});
    let (stream, mut peer) = stream_and_peer(&background.dispatcher);
    let (told, heard) = std::sync::mpsc::channel();
    stream.receive(move |received| drop(told.send(format!("{received:?}")))).unwrap();
    for _ in 0..100 {
        peer.write_all(b"x").unwrap();
        assert_eq!(soon(&heard), "Data([120])");
    }
    drop(flooded);
    flooder.join().unwrap();
}

#[test]
fn what_a_full_socket_does_not_take_of_an_iterations_sends_comes_later_and_in_order() {
    // More than go in one call; each gives once an iteration, and some twice, until no socket takes any more.
    const STREAMS: usize = 40;
    const ROUNDS: usize = 100;
    let dispatcher = dispatcher();
    let (mut streams, mut peers) = (Vec::new(), Vec::new());
    for index in 0..STREAMS {
        let sockets = if index % 2 == 0 { either(tcp_pair()) } else { either(UnixStream::pair().unwrap()) };
        socket2::SockRef::from(&sockets.0).set_send_buffer_size(8 * 1024).unwrap();
        streams.push(dispatcher.create_stream(sockets.0).unwrap());
        peers.push(sockets.1);
    }
    let all: Arc<[u8]> = pattern(8_000).into();
    let part = move |round: usize, index: usize| all[round * 10 + index..][..2_000 + 10 * index].to_vec();
    let senders: Arc<Vec<_>> = Arc::new(streams.iter().map(Stream::sender).collect());
    for round in 0..ROUNDS {
        let (senders, part) = (senders.clone(), part.clone());
        in_one_iteration(&dispatcher, move || {
            for (index, sender) in senders.iter().enumerate() {
                sender.send(part(round, index)).unwrap();
                if index % 5 == 0 {
                    sender.send(part(round, index)).unwrap();
                }
            }
            for sender in senders.iter().step_by(3) {
                sender.send("behind the others").unwrap();
            }
        });
    }
    assert!(streams.iter().all(|stream| stream.queued() > 0));
    streams.iter().for_each(Stream::shutdown);
    let reader = thread::spawn(move || {
        let read = |mut peer: std::net::TcpStream| {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all
        };
        peers.into_iter().map(read).collect::<Vec<_>>()
    });
    while !reader.is_finished() {
        pump(&dispatcher);
    }
    for (index, all) in reader.join().unwrap().into_iter().enumerate() {
        let mut expected = Vec::new();
        for round in 0..ROUNDS {
            (0..=usize::from(index % 5 == 0)).for_each(|_| expected.extend(part(round, index)));
            if index % 3 == 0 {
                expected.extend(b"behind the others");
            }
        }
        assert!(all == expected, "stream {index}: {} of {} bytes", all.len(), expected.len());
    }
}

#[test]
fn what_was_sent_last_leaves_with_the_run() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let (sender, handle) = (stream.sender(), dispatcher.handle());
    dispatcher
        .post(move || {
            sender.send("the last").unwrap();
            handle.exit();
        })
        .unwrap();
    dispatcher.run(RunType::Block).unwrap();
    let mut last = [0; 8];
    peer.read_exact(&mut last).unwrap();
    assert_eq!(&last, b"the last");
}

#[test]
fn what_was_sent_in_a_callback_leaves_though_its_stream_is_dropped_there() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    dispatcher
        .post(move || {
            stream.send("good").unwrap();
            stream.send("bye").unwrap();
            drop(stream);
        })
        .unwrap();
    pump(&dispatcher);
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "goodbye");
}

#[test]
fn more_at_once_than_the_shared_buffers_hold_is_received_whole() {
    const EACH: usize = 128 * 1024;
    let dispatcher = dispatcher();
    let received: Vec<_> = (0..64)
        .map(|_| {
            let (ours, mut peer) = UnixStream::pair().unwrap();
            socket2::SockRef::from(&peer).set_send_buffer_size(2 * EACH).unwrap();
            peer.write_all(&pattern(EACH)).unwrap();
            let stream = dispatcher.create_stream(ours).unwrap();
            let bytes = Arc::new(Mutex::new(Vec::new()));
            let all = bytes.clone();
            stream
                .receive(move |received| match received {
                    Received::Data(bytes) => all.lock().unwrap().extend_from_slice(bytes),
                    other => panic!("{other:?}"),
                })
                .unwrap();
            (stream, peer, bytes)
        })
        .collect();
    while received.iter().any(|(_, _, bytes)| bytes.lock().unwrap().len() < EACH) {
        pump(&dispatcher);
    }
    assert!(received.iter().all(|(_, _, bytes)| *bytes.lock().unwrap() == pattern(EACH)));
}
