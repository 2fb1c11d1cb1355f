//! Connecting.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc;

use mcp_event::io::{Address, Stream};
use mcp_event::{Dispatcher, Error, RunType};

use super::common::{Background, Log, MS, Slot, dispatcher, os_code, pump, simulated, soon};

type Outcomes = mpsc::Receiver<Result<Stream, Error>>;

/// A callback that reports and ends the run.
fn report(dispatcher: &Dispatcher) -> (impl FnOnce(Result<Stream, Error>) + Send + use<>, Outcomes) {
    let (told, heard) = mpsc::channel();
    let handle = dispatcher.handle();
    let callback = move |result| {
        told.send(result).unwrap();
        handle.exit();
    };
    (callback, heard)
}

/// A TCP listener that accepts nothing, filled up, so that a further connect waits.
fn full_listener() -> (TcpListener, SocketAddr, Vec<socket2::Socket>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = (0..3)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        })
        .collect();
    (listener, address, waiting)
}

#[test]
fn a_connect_makes_a_stream() {
    let dispatcher = dispatcher();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (callback, outcome) = report(&dispatcher);
    let connect = dispatcher.connect(listener.local_addr().unwrap(), Some(MS), callback).unwrap();
    assert!(outcome.try_recv().is_err());
    dispatcher.run(RunType::Block).unwrap();
    let stream = soon(&outcome).unwrap();
    drop(connect);
    let (peer, _) = listener.accept().unwrap();
    stream.send("hello").unwrap();
    pump(&dispatcher);
    let mut bytes = [0; 5];
    std::io::Read::read_exact(&mut &peer, &mut bytes).unwrap();
    assert_eq!(&bytes, b"hello");
    let handle = dispatcher.handle();
    stream.receive(move |_| handle.exit()).unwrap();
    drop(peer);
    dispatcher.run(RunType::Block).unwrap();
}

#[test]
fn a_unix_connect_ends_in_the_callback_too() {
    let background = Background::start(dispatcher());
    let path = std::env::temp_dir().join(format!("mcp_event_connect_{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let (told, heard) = mpsc::channel();
    let connect =
        background.dispatcher.connect(path.as_path(), None, move |result| told.send(result).unwrap());
    let _connect = connect.unwrap();
    soon(&heard).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(os_code(background.dispatcher.connect(path.as_path(), None, |_| ())), libc::ENOENT);
}

#[test]
fn a_refusal_is_told() {
    let dispatcher = dispatcher();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (callback, outcome) = report(&dispatcher);
    let _connect = dispatcher.connect(address, None, callback).unwrap();
    dispatcher.run(RunType::Block).unwrap();
    match soon(&outcome) {
        Err(Error::Os { operation, source }) => {
            assert_eq!(source.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(operation, format!("connecting to {address}"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connect_that_takes_too_long_fails_and_gives_up() {
    let (dispatcher, clock) = simulated();
    let (_listener, address, _waiting) = full_listener();
    let (callback, outcome) = report(&dispatcher);
    let _connect = dispatcher.connect(address, Some(10 * MS), callback).unwrap();
    pump(&dispatcher);
    clock.advance(9 * MS);
    pump(&dispatcher);
    assert!(outcome.try_recv().is_err());
    clock.advance(MS);
    pump(&dispatcher);
    pump(&dispatcher);
    assert_eq!(os_code(outcome.try_recv().unwrap()), libc::ETIMEDOUT);
    pump(&dispatcher);
    assert!(outcome.try_recv().is_err());
}

#[test]
fn f8_a_dropped_connect_tells_nothing() {
    let background = Background::start(dispatcher());
    let (_listener, address, _waiting) = full_listener();
    let log = Log::new();
    let (noted, kept) = (log.clone(), log.on_drop("dropped"));
    let connect = background.dispatcher.connect(address, Some(1000 * MS), move |_| {
        let _ = &kept;
        noted.add("told");
    });
    drop(connect.unwrap());
    background.settle();
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn f9_the_callback_may_drop_its_own_connect() {
    let dispatcher = dispatcher();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let slot = Slot::new();
    let (own, handle) = (slot.clone(), dispatcher.handle());
    let connect = dispatcher.connect(listener.local_addr().unwrap(), None, move |result| {
        result.unwrap();
        own.destroy();
        handle.exit();
    });
    slot.put(connect.unwrap());
    dispatcher.run(RunType::Block).unwrap();
}

#[test]
fn an_address_that_makes_no_sense_is_refused_at_once() {
    let dispatcher = dispatcher();
    let long = "x".repeat(200);
    assert!(dispatcher.connect(Path::new(&long), None, |_| ()).is_err());
    assert!(dispatcher.listen(Path::new(&long), |_| ()).is_err());
    assert_eq!(Address::from(Path::new("a")).to_string(), "unix:a");
}
