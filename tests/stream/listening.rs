//! Accepting connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use mcp_event::io::{Accepted, Address, Listener, Received, Stream};
use mcp_event::{Dispatcher, Error, RunType, SchedulableCallback};

use super::common::{
    Background, Log, Slot, alone, assert_panics_with, dispatcher, is_readable, os_code, pump, simulated, soon,
};
use super::turns::Turns;

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn tcp(address: Result<Address, Error>) -> SocketAddr {
    match address.unwrap() {
        Address::Tcp(address) => address,
        Address::Unix(path) => panic!("{path:?}"),
    }
}

/// Listens; what is accepted is heard.
fn listen(dispatcher: &Dispatcher) -> (Listener, SocketAddr, Receiver<Accepted>) {
    let (told, heard) = channel();
    let listener = dispatcher.listen(anywhere(), move |accepted| told.send(accepted).unwrap()).unwrap();
    let address = tcp(listener.address());
    (listener, address, heard)
}

fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

/// Each client has its stream, and no stream is left.
fn assert_connected(clients: &[TcpStream], accepted: &[(Stream, Address)]) {
    let mut clients: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    let mut peers: Vec<_> = accepted.iter().map(|(_, peer)| tcp(Ok(peer.clone()))).collect();
    clients.sort();
    peers.sort();
    assert_eq!(clients, peers);
}

/// Runs the loop without waiting until so many have been accepted.
fn pump_until(dispatcher: &Dispatcher, heard: &Receiver<Accepted>, count: usize) -> Vec<(Stream, Address)> {
    let mut accepted = Vec::new();
    while accepted.len() < count {
        pump(dispatcher);
        accepted.extend(heard.try_iter().map(Result::unwrap));
    }
    accepted
}

/// Has the loop do `work` when it has turned a few times, so that whatever waits for connections does.
fn after_some_turns(dispatcher: &Dispatcher, work: impl FnOnce() + Send + 'static) {
    let slot = Slot::<SchedulableCallback>::new();
    let (own, mut turns_left, mut work) = (slot.clone(), 3, Some(work));
    let callback = dispatcher.create_schedulable_callback(move || {
        turns_left -= 1;
        if turns_left > 0 {
            own.with(SchedulableCallback::schedule_next_iteration);
        } else if let Some(work) = work.take() {
            work();
            own.destroy();
        }
    });
    slot.put(callback);
    slot.with(SchedulableCallback::schedule_next_iteration);
}

#[test]
fn connections_are_handed_out_with_their_addresses() {
    let background = Background::start(dispatcher());
    let (told, heard) = std::sync::mpsc::channel();
    let listener =
        background.dispatcher.listen(anywhere(), move |accepted| told.send(accepted).unwrap()).unwrap();
    let address = tcp(listener.address());
    for _ in 0..3 {
        let mut client = TcpStream::connect(address).unwrap();
        let (stream, peer) = soon(&heard).unwrap();
        assert_eq!(peer, Address::Tcp(client.local_addr().unwrap()));
        let echo = stream.sender();
        stream
            .receive(move |received| {
                if let Received::Data(bytes) = received {
                    echo.send(bytes).unwrap();
                }
            })
            .unwrap();
        client.write_all(b"echo").unwrap();
        let mut bytes = [0; 4];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"echo");
    }
}

#[test]
fn unix_sockets_are_accepted() {
    let dispatcher = dispatcher();
    let path = std::env::temp_dir().join(format!("mcp_event_listener_{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let log = Log::new();
    let (noted, handle) = (log.clone(), dispatcher.handle());
    let listener = dispatcher
        .listen(path.as_path(), move |accepted| {
            noted.add(accepted.unwrap().1.to_string());
            handle.exit();
        })
        .unwrap();
    assert_eq!(listener.address().unwrap(), Address::Unix(path.clone()));
    let _client = UnixStream::connect(&path).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["unix:"]);
    assert_eq!(os_code(dispatcher.listen(path.as_path(), |_| ())), libc::EADDRINUSE);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_burst_of_connections_is_accepted_whole() {
    let background = Background::start(dispatcher());
    let (_listener, address, heard) = listen(&background.dispatcher);
    let clients = connect(address, 300);
    let accepted: Vec<_> = (0..300).map(|_| soon(&heard).unwrap()).collect();
    assert_connected(&clients, &accepted);
}

#[test]
fn more_connections_at_once_than_wait_to_be_handed_out_are_accepted_whole() {
    let background = Background::start(dispatcher());
    let (_listener, address, heard) = listen(&background.dispatcher);
    for _ in 0..2 {
        // While the loop waits for none of them.
        background.settle();
        let clients = background.on_loop(move || connect(address, 700));
        let accepted: Vec<_> = (0..700).map(|_| soon(&heard).unwrap()).collect();
        assert_connected(&clients, &accepted);
    }
}

#[test]
fn a_dropped_listener_closes_what_it_has_not_handed_out() {
    let background = Background::start(dispatcher());
    let (slot, (told, heard)) = (Slot::new(), channel());
    let (own, mut calls) = (slot.clone(), 0);
    let listener = background.dispatcher.listen(anywhere(), move |accepted| {
        calls += 1;
        if calls == 2 {
            own.destroy();
        }
        told.send(accepted).unwrap();
    });
    let address = tcp(listener.as_ref().unwrap().address());
    slot.put(listener.unwrap());
    let _first = (connect(address, 1), soon(&heard));
    background.settle();
    // The others come in at once, and the first of them drops the listener.
    let clients = background.on_loop(move || connect(address, 5));
    let accepted = soon(&heard).unwrap();
    background.settle();
    assert!(heard.try_recv().is_err());
    for mut client in clients {
        if tcp(Ok(accepted.1.clone())) != client.local_addr().unwrap() {
            assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
        }
    }
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn f8_a_listener_that_is_dropped_on_another_thread_hands_out_nothing_more() {
    for _ in 0..50 {
        let background = Background::start(dispatcher());
        let is_dropped = Arc::new(AtomicBool::new(false));
        let seen = is_dropped.clone();
        let listener = background.dispatcher.listen(anywhere(), move |accepted| {
            assert!(!seen.load(Ordering::SeqCst));
            drop(accepted.unwrap());
        });
        let listener = listener.unwrap();
        let address = tcp(listener.address());
        let client = thread::spawn(move || while TcpStream::connect(address).is_ok() {});
        background.on_loop(|| ());
        drop(listener);
        is_dropped.store(true, Ordering::SeqCst);
        // The last one has been refused.
        client.join().unwrap();
        background.settle();
    }
}

#[test]
fn r5_threads_that_take_turns_lose_no_connection() {
    const CLIENTS: usize = 400;
    let dispatcher = Arc::new(dispatcher());
    let (_listener, address, heard) = listen(&dispatcher);
    let mut turns = Turns::new(&dispatcher);
    let client = thread::spawn(move || connect(address, CLIENTS));
    let mut accepted = Vec::new();
    while accepted.len() < CLIENTS {
        turns.take_next();
        accepted.extend(heard.try_iter().map(Result::unwrap));
    }
    assert_connected(&client.join().unwrap(), &accepted);
}

#[test]
fn r5_what_comes_when_a_run_ends_the_next_one_hands_out() {
    let dispatcher = Arc::new(dispatcher());
    let (_listener, address, heard) = listen(&dispatcher);
    for _ in 0..20 {
        let mut clients = connect(address, 1);
        let (runner, (told, connected)) = (dispatcher.clone(), channel());
        let run = move || {
            let handle = runner.handle();
            after_some_turns(&runner, move || {
                told.send(connect(address, 5)).unwrap();
                handle.exit();
            });
            runner.run(RunType::Block).unwrap();
        };
        thread::spawn(run).join().unwrap();
        clients.extend(soon(&connected));
        clients.extend(connect(address, 5));
        assert_connected(&clients, &pump_until(&dispatcher, &heard, 11));
    }
}

#[test]
fn r5_what_a_panic_left_another_thread_hands_out() {
    const CLIENTS: usize = 100;
    let dispatcher = Arc::new(dispatcher());
    let (told, heard) = channel();
    let mut calls = 0;
    let listener = dispatcher.listen(anywhere(), move |accepted| {
        told.send(accepted).unwrap();
        calls += 1;
        assert!(calls != 3, "of the callback");
    });
    let address = tcp(listener.as_ref().unwrap().address());
    let mut clients = connect(address, 1);
    let (runner, (told, connected)) = (dispatcher.clone(), channel());
    after_some_turns(&dispatcher, move || told.send(connect(address, CLIENTS - 1)).unwrap());
    let run = move || assert_panics_with("of the callback", || runner.run(RunType::Block));
    thread::spawn(run).join().unwrap();
    let mut accepted: Vec<_> = heard.try_iter().map(Result::unwrap).collect();
    assert_eq!(accepted.len(), 3);
    accepted.extend(pump_until(&dispatcher, &heard, CLIENTS - 3));
    clients.extend(soon(&connected));
    assert_connected(&clients, &accepted);
}

#[test]
fn p7_a_connection_shows_on_a_poll_fd_that_was_asked_for_during_a_run() {
    let dispatcher = dispatcher();
    let (_listener, address, heard) = listen(&dispatcher);
    let mut clients = connect(address, 1);
    let (handle, (told, poll_fd)) = (dispatcher.handle(), channel());
    after_some_turns(&dispatcher, move || {
        told.send(handle.poll_fd().unwrap()).unwrap();
        handle.exit();
    });
    dispatcher.run(RunType::Block).unwrap();
    let (poll_fd, mut accepted) = (soon(&poll_fd), Vec::new());
    for _ in 0..20 {
        clients.extend(connect(address, 1));
        while accepted.len() < clients.len() {
            accepted.extend(heard.try_iter().map(Result::unwrap));
            if accepted.len() < clients.len() {
                is_readable(poll_fd, None);
                pump(&dispatcher);
            }
        }
        pump(&dispatcher);
    }
    assert_connected(&clients, &accepted);
}

#[test]
fn a_descriptor_that_is_missing_while_it_waits_is_told_and_tried_again() {
    alone(|| {
        let (dispatcher, clock) = simulated();
        let (told, heard) = channel();
        let handle = dispatcher.handle();
        let listener = dispatcher.listen(anywhere(), move |accepted: Accepted| {
            if accepted.is_err() {
                handle.exit();
            }
            told.send(accepted).unwrap();
        });
        let address = tcp(listener.as_ref().unwrap().address());
        let first = TcpStream::connect(address).unwrap();
        let client = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let clients = [client(), client()];
        let ((hoard, hoarded), (connected, clients_back)) = (channel(), channel());
        after_some_turns(&dispatcher, move || {
            while let Ok(file) = std::fs::File::open("/dev/null") {
                hoard.send(file).unwrap();
            }
            clients.iter().for_each(|client| client.connect(&address.into()).unwrap());
            connected.send(clients).unwrap();
        });
        dispatcher.run(RunType::Block).unwrap();
        assert!(heard.try_recv().unwrap().is_ok());
        assert_eq!(os_code(heard.try_recv().unwrap()), libc::EMFILE);
        assert!(heard.try_recv().is_err());
        drop(hoarded);
        clock.advance(std::time::Duration::from_millis(100));
        assert_eq!(pump_until(&dispatcher, &heard, 2).len(), 2);
        drop((first, soon(&clients_back)));
    });
}

#[test]
fn a_socket_that_listens_already_is_taken_over() {
    let dispatcher = dispatcher();
    let socket = TcpListener::bind(anywhere()).unwrap();
    let _client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let handle = dispatcher.handle();
    let _listener = dispatcher
        .create_listener(socket, move |accepted| {
            accepted.unwrap();
            handle.exit();
        })
        .unwrap();
    dispatcher.run(RunType::Block).unwrap();
}

#[test]
fn f9_the_callback_may_drop_its_own_listener() {
    let dispatcher = dispatcher();
    let slot = Slot::new();
    let log = Log::new();
    let (own, noted, handle) = (slot.clone(), log.clone(), dispatcher.handle());
    let listener = dispatcher
        .listen(anywhere(), move |_| {
            own.destroy();
            noted.add("accepted");
            handle.exit();
        })
        .unwrap();
    let address = tcp(listener.address());
    slot.put(listener);
    let _clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    dispatcher.run(RunType::Block).unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), ["accepted"]);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn p11_a_panic_of_the_callback_loses_no_other_connection() {
    let dispatcher = dispatcher();
    let log = Log::new();
    let (noted, handle) = (log.clone(), dispatcher.handle());
    let mut calls = 0;
    let listener = dispatcher
        .listen(anywhere(), move |accepted| {
            accepted.unwrap();
            noted.add("accepted");
            calls += 1;
            match calls {
                1 => panic!("of the callback"),
                _ => handle.exit(),
            }
        })
        .unwrap();
    let address = tcp(listener.address());
    let _clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
    super::common::assert_panics_with("of the callback", || dispatcher.run(RunType::Block));
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(log.take(), ["accepted", "accepted"]);
}

#[test]
fn without_a_descriptor_left_it_rests_and_tries_again() {
    alone(|| {
        let (dispatcher, clock) = simulated();
        let (told, heard) = std::sync::mpsc::channel();
        let listener = dispatcher.listen(anywhere(), move |accepted| told.send(accepted).unwrap()).unwrap();
        let address = tcp(listener.address());
        pump(&dispatcher);
        let first = TcpStream::connect(address).unwrap();
        let second = TcpStream::connect(address).unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        let rounds = |dispatcher: &mcp_event::Dispatcher| (0..5).for_each(|_| pump(dispatcher));
        rounds(&dispatcher);
        let refused = |result: Result<(Stream, Address), Error>| os_code(result);
        assert_eq!(refused(heard.try_recv().unwrap()), libc::EMFILE);
        // It rests: no further attempt, however often the loop turns.
        assert!(heard.try_recv().is_err());
        clock.advance(std::time::Duration::from_millis(100));
        rounds(&dispatcher);
        assert_eq!(refused(heard.try_recv().unwrap()), libc::EMFILE);
        drop(hoard);
        clock.advance(std::time::Duration::from_millis(100));
        rounds(&dispatcher);
        assert!(heard.try_recv().unwrap().is_ok());
        assert!(heard.try_recv().unwrap().is_ok());
        drop((first, second));
    });
}
