//! Dropping: on the loop, in the stream's own callback, on other threads, after the dispatcher.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mcp_event::RunType;
use mcp_event::io::{SendRefusal, Stream};
use socket2::SockRef;

use super::common::{Background, Log, OnDrop, Slot, dispatcher, in_forked_child, is_readable, pump, soon};
use super::stream_and_peer;
use super::turns::Turns;

#[test]
fn f9_a_receiver_may_drop_its_own_stream() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let slot = Slot::new();
    let log = Log::new();
    let (own, handle, noted, dropped) =
        (slot.clone(), dispatcher.handle(), log.clone(), log.on_drop("dropped"));
    stream
        .receive(move |_| {
            own.destroy();
            let _ = &dropped;
            noted.add("after");
            handle.exit();
        })
        .unwrap();
    slot.put(stream);
    peer.write_all(b"x").unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["after", "dropped"]);
    assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn f9_a_completion_may_drop_its_own_stream() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let slot = Slot::new();
    let log = Log::new();
    let (own, handle, noted) = (slot.clone(), dispatcher.handle(), log.clone());
    stream
        .send_then("all", move |_| {
            own.destroy();
            noted.add("sent");
            handle.exit();
        })
        .unwrap();
    let noted = log.clone();
    stream.send_then("more", move |_| noted.add("never")).unwrap();
    slot.put(stream);
    dispatcher.run(RunType::Block).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["sent"]);
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "allmore");
}

#[test]
fn f8_no_callback_begins_after_a_drop_on_another_thread() {
    for _ in 0..50 {
        let background = Background::start(dispatcher());
        let (stream, mut peer) = stream_and_peer(&background.dispatcher);
        let is_dropped = Arc::new(AtomicBool::new(false));
        let (seen, dropped) = (is_dropped.clone(), Log::new());
        let closure_dropped = dropped.on_drop("dropped");
        stream
            .receive(move |_| {
                let _ = &closure_dropped;
                assert!(!seen.load(Ordering::SeqCst));
            })
            .unwrap();
        stream.send_then("x", |_| ()).unwrap();
        let writer = thread::spawn(move || while peer.write_all(b"y").is_ok() {});
        background.on_loop(|| ());
        drop(stream);
        is_dropped.store(true, Ordering::SeqCst);
        writer.join().unwrap();
        background.settle();
        assert_eq!(dropped.take(), ["dropped"]);
    }
}

#[test]
fn f8_a_drop_on_another_thread_waits_for_the_running_receiver() {
    let background = Background::start(dispatcher());
    let (stream, mut peer) = stream_and_peer(&background.dispatcher);
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let log = Log::new();
    let noted = log.clone();
    stream
        .receive(move |_| {
            begun.send(()).unwrap();
            soon(&may_go);
            noted.add("returned");
        })
        .unwrap();
    peer.write_all(b"x").unwrap();
    soon(&has_begun);
    let noted = log.clone();
    let dropper = thread::spawn(move || {
        drop(stream);
        noted.add("dropped");
    });
    go.send(()).unwrap();
    dropper.join().unwrap();
    assert_eq!(log.take(), ["returned", "dropped"]);
}

#[test]
fn what_another_callback_drops_tells_nothing_more() {
    let dispatcher = dispatcher();
    let (first, mut first_peer) = stream_and_peer(&dispatcher);
    let (second, mut second_peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    // Whichever is called first drops the other.
    let slots = [Slot::new(), Slot::new()];
    for (stream, other) in [(&first, &slots[1]), (&second, &slots[0])] {
        let (other, noted) = (other.clone(), log.clone());
        stream
            .receive(move |_| {
                other.destroy();
                noted.add("told");
            })
            .unwrap();
    }
    pump(&dispatcher);
    slots[0].put(first);
    slots[1].put(second);
    first_peer.write_all(b"x").unwrap();
    second_peer.write_all(b"x").unwrap();
    pump(&dispatcher);
    pump(&dispatcher);
    assert_eq!(log.take(), ["told"]);
}

#[test]
fn a_drop_with_sends_under_way_drops_their_completions() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    let (kept, noted) = (log.on_drop("dropped"), log.clone());
    stream
        .send_then(vec![1; 4 << 20], move |_| {
            let _ = &kept;
            noted.add("told");
        })
        .unwrap();
    pump(&dispatcher);
    drop(stream);
    pump(&dispatcher);
    assert_eq!(log.take(), ["dropped"]);
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert!(all.len() < 4 << 20 && all.iter().all(|byte| *byte == 1));
}

#[test]
fn h2_a_stream_outlives_its_dispatcher() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = Log::new();
    stream
        .receive({
            let log = log.clone();
            move |_| log.add("told")
        })
        .unwrap();
    pump(&dispatcher);
    drop(dispatcher);
    peer.write_all(b"x").unwrap();
    assert_eq!(stream.send("y").unwrap_err().refusal, SendRefusal::Closed);
    stream.pause();
    stream.resume();
    stream.set_receive_timeout(Some(super::common::MS));
    stream.shutdown();
    let sender = stream.sender();
    drop(stream);
    assert_eq!(sender.send("z").unwrap_err().refusal, SendRefusal::Closed);
    assert!(log.take().is_empty());
}

#[test]
fn h1_streams_are_made_and_dropped_anywhere_while_the_loop_runs() {
    let background = Background::start(dispatcher());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let dispatcher = background.dispatcher.clone();
            thread::spawn(move || {
                for _ in 0..200 {
                    let (stream, mut peer) = stream_and_peer(&dispatcher);
                    let (told, heard) = std::sync::mpsc::channel();
                    stream.receive(move |received| drop(told.send(format!("{received:?}")))).unwrap();
                    peer.write_all(b"x").unwrap();
                    assert_eq!(soon(&heard), "Data([120])");
                    stream.set_receive_timeout(Some(super::common::MS));
                    stream.send("y").unwrap();
                    let mut answer = [0];
                    peer.read_exact(&mut answer).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Notes all bytes that come; nothing else may.
fn log_bytes(stream: &Stream) -> Log<Vec<u8>> {
    let log = Log::new();
    let noted = log.clone();
    stream
        .receive(move |received| match received {
            mcp_event::io::Received::Data(bytes) => noted.add(bytes.to_vec()),
            other => panic!("{other:?}"),
        })
        .unwrap();
    log
}

#[test]
fn r5_another_thread_goes_on_where_the_last_one_left() {
    let dispatcher = Arc::new(dispatcher());
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = log_bytes(&stream);
    let large = super::pattern(4 << 20);
    stream.send(large.clone()).unwrap();
    let reader = {
        let mut peer = peer.try_clone().unwrap();
        thread::spawn(move || {
            let mut all = vec![0; 4 << 20];
            peer.read_exact(&mut all).unwrap();
            all
        })
    };
    let mut sent = Vec::new();
    for number in 0..50u8 {
        peer.write_all(&[number]).unwrap();
        sent.push(number);
        let dispatcher = dispatcher.clone();
        // Each run on a thread of its own.
        thread::spawn(move || pump(&dispatcher)).join().unwrap();
    }
    while !reader.is_finished() || log.len() == 0 {
        pump(&dispatcher);
    }
    assert!(reader.join().unwrap() == large);
    let mut received = Vec::new();
    while received.len() < sent.len() {
        received.extend(log.take().concat());
        pump(&dispatcher);
    }
    assert_eq!(received, sent);
}

#[test]
fn r5_threads_that_take_turns_lose_nothing_and_do_nothing_twice() {
    const TURNS: usize = 300;
    let dispatcher = Arc::new(dispatcher());
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let log = log_bytes(&stream);
    let mut turns = Turns::new(&dispatcher);
    let large = super::pattern(8 << 20);
    stream.send(large.clone()).unwrap();
    peer.set_nonblocking(true).unwrap();
    let (mut sent, mut received, mut arrived) = (Vec::new(), Vec::new(), Vec::<u8>::new());
    let mut piece = vec![0; 64 * 1024];
    for number in 0.. {
        if number >= TURNS && arrived.len() == large.len() {
            break;
        }
        // Something to receive, and room to send, while nobody runs the loop.
        if number < TURNS {
            peer.write_all(&[number as u8]).unwrap();
            sent.push(number as u8);
        }
        while arrived.len() < large.len()
            && let Ok(length) = peer.read(&mut piece)
        {
            arrived.extend(&piece[..length]);
        }
        turns.take_next();
        received.extend(log.take().concat());
    }
    drop(turns);
    while received.len() < sent.len() {
        pump(&dispatcher);
        received.extend(log.take().concat());
    }
    assert_eq!(received, sent);
    assert!(arrived == large);
    assert!(peer.read(&mut piece).is_err(), "something was sent twice");
}

#[test]
fn a_forked_child_is_refused() {
    let dispatcher = dispatcher();
    let (stream, _peer) = stream_and_peer(&dispatcher);
    in_forked_child(move || {
        assert_eq!(stream.send("x").unwrap_err().refusal, SendRefusal::Forked);
        drop(stream);
    });
}

#[test]
fn only_stream_sockets_make_streams() {
    let dispatcher = dispatcher();
    let (reader, _writer) = std::io::pipe().unwrap();
    assert!(dispatcher.create_stream(reader).is_err());
    assert!(dispatcher.create_stream(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).is_err());
}

#[test]
fn the_socket_closes_with_the_stream() {
    let dispatcher = dispatcher();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    stream.receive(|_| ()).unwrap();
    pump(&dispatcher);
    assert!(SockRef::from(&stream).peer_addr().is_ok());
    let sender = stream.sender();
    drop::<Stream>(stream);
    pump(&dispatcher);
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    assert_eq!(sender.queued(), 0);
    let _ = OnDrop::new(|| ());
}

#[test]
fn a_stream_that_is_dropped_while_the_loop_leaves_its_run_closes_at_once() {
    for _ in 0..200 {
        let dispatcher = dispatcher();
        let (stream, mut peer) = stream_and_peer(&dispatcher);
        stream.receive(|_| ()).unwrap();
        pump(&dispatcher);
        let handle = dispatcher.handle();
        let dropper = thread::spawn(move || {
            handle.exit();
            drop(stream);
        });
        dispatcher.run(RunType::Block).unwrap();
        dropper.join().unwrap();
        // Nobody runs the loop any more.
        let (told, heard) = std::sync::mpsc::channel();
        let reader = thread::spawn(move || told.send(peer.read(&mut [0]).unwrap()).unwrap());
        assert_eq!(soon(&heard), 0);
        reader.join().unwrap();
    }
}

#[test]
fn r5_another_thread_goes_on_inside_a_foreign_loop() {
    let dispatcher = Arc::new(dispatcher());
    // The foreign loop: what waits is this fd, whoever runs ours.
    let fd = dispatcher.poll_fd().unwrap();
    let (stream, mut peer) = stream_and_peer(&dispatcher);
    let (echo, log) = (stream.sender(), Log::new());
    let noted = log.clone();
    stream
        .receive(move |received| {
            let mcp_event::io::Received::Data(bytes) = received else { return };
            noted.add(bytes.to_vec());
            echo.send(bytes).unwrap();
        })
        .unwrap();
    pump(&dispatcher);
    for number in 0..50u8 {
        assert_eq!(dispatcher.poll_fd().unwrap(), fd);
        peer.write_all(&[number, 0]).unwrap();
        let (dispatcher, log, mut peer) = (dispatcher.clone(), log.clone(), peer.try_clone().unwrap());
        let mut drive = move || {
            let mut received = Vec::new();
            while received.len() < 2 {
                is_readable(fd, None);
                pump(&dispatcher);
                received.extend(log.take().concat());
            }
            let mut echo = [0; 2];
            peer.read_exact(&mut echo).unwrap();
            assert_eq!((received.as_slice(), echo), ([number, 0].as_slice(), [number, 0]));
        };
        // Two turns of each thread, one after the other.
        if number % 4 < 2 { drive() } else { thread::spawn(drive).join().unwrap() }
    }
}
