//! Accepting connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use mcp_event::io::{Address, Received, Stream};
use mcp_event::{Error, RunType};

use super::common::{Background, Log, Slot, alone, dispatcher, os_code, pump, simulated, soon};

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn tcp(address: Result<Address, Error>) -> SocketAddr {
    match address.unwrap() {
        Address::Tcp(address) => address,
        Address::Unix(path) => panic!("{path:?}"),
    }
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
    let (told, heard) = std::sync::mpsc::channel();
    let listener =
        background.dispatcher.listen(anywhere(), move |accepted| told.send(accepted).unwrap()).unwrap();
    let address = tcp(listener.address());
    let _clients: Vec<_> = (0..300).map(|_| TcpStream::connect(address).unwrap()).collect();
    let _streams: Vec<_> = (0..300).map(|_| soon(&heard).unwrap()).collect();
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
