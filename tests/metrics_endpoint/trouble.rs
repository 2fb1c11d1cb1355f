//! Clients that misbehave, systems that refuse, and ends.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::client::{Client, fetch};
use super::common::*;
use super::{GET, LOCAL, bind};
use mcp_event::metrics::{EndpointOptions, MetricsEndpoint, Registry};
use mcp_event::{Error, RunType};

#[test]
fn what_is_no_request_for_the_page_is_refused() {
    let dispatcher = dispatcher();
    let endpoint = bind(&dispatcher);
    let long = format!("GET /metrics HTTP/1.1\r\nHost: here\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    for (request, status) in [
        ("GET / HTTP/1.0\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nbody", 405),
        ("\u{16}\u{3}\u{1} a TLS handshake", 400),
        ("nonsense\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\n\r\n", 400),
        ("GET /metrics HTTP/3.0\r\n\r\n", 505),
        (&long[..40_000], 431),
    ] {
        let response = fetch(&dispatcher, endpoint.local_addr(), request);
        assert_eq!(response.status, status, "{request:.60}");
        assert_eq!(response.field("Content-Length"), response.body.len().to_string());
        if status == 405 {
            assert_eq!(response.field("Allow"), "GET, HEAD");
        }
    }
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), GET).status, 200);
}

#[test]
fn who_sends_no_whole_request_in_time_is_told_so() {
    let (dispatcher, clock) = simulated();
    let options = EndpointOptions::new().timeout(Duration::from_secs(2));
    let endpoint = MetricsEndpoint::bind_with(&dispatcher, LOCAL, &Registry::new(), options).unwrap();
    let mut client = Client::new(endpoint.local_addr());
    client.send(&GET[..20]);
    pump(&dispatcher);
    clock.advance(Duration::from_millis(1_999));
    pump(&dispatcher);
    client.send(&GET[20..30]);
    pump(&dispatcher);
    clock.advance(MS);
    assert_eq!(client.response(&dispatcher).status, 408);
}

#[test]
fn who_goes_away_leaves_room_for_others() {
    let (dispatcher, clock) = simulated();
    let options = EndpointOptions::new().connection_limit(1);
    let endpoint = MetricsEndpoint::bind_with(&dispatcher, LOCAL, &Registry::new(), options).unwrap();
    let mut first = Client::new(endpoint.local_addr());
    first.send("GET");
    pump(&dispatcher);
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), GET).status, 503);
    drop(first);
    pump(&dispatcher);

    // This one gets its response, and stays.
    let mut second = Client::new(endpoint.local_addr());
    second.send(GET);
    assert_eq!(second.response(&dispatcher).status, 200);
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), GET).status, 503);
    clock.advance(Duration::from_secs(5));
    pump(&dispatcher);
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), GET).status, 200);
}

#[test]
fn who_reads_nothing_of_a_large_page_is_cut_off() {
    let (dispatcher, clock) = simulated();
    let registry = Registry::new();
    registry.add_source("large", |page| page.append(&"# some text\n".repeat(2 << 20))).unwrap();
    let options = EndpointOptions::new().connection_limit(1);
    let endpoint = MetricsEndpoint::bind_with(&dispatcher, LOCAL, &registry, options).unwrap();
    let mut client = Client::new(endpoint.local_addr());
    client.send(GET);
    (0..4).for_each(|_| pump(&dispatcher));
    clock.advance(Duration::from_secs(5));
    pump(&dispatcher);
    assert!(client.finish(&dispatcher).len() < 24 << 20);
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), "GET / HTTP/1.0\r\n\r\n").status, 404);
}

#[test]
fn without_file_descriptors_it_pauses_instead_of_spinning() {
    alone(|| {
        let (dispatcher, clock) = simulated();
        let endpoint = bind(&dispatcher);
        let mut client = Client::new(endpoint.local_addr());
        client.send(GET);
        let limit = FdLimit::none_left();
        (0..10).for_each(|_| pump(&dispatcher));
        assert_eq!(dispatcher.stats().file_events, 1);
        clock.advance(100 * MS);
        (0..10).for_each(|_| pump(&dispatcher));
        assert_eq!(dispatcher.stats().file_events, 2);
        drop(limit);
        clock.advance(100 * MS);
        assert_eq!(client.response(&dispatcher).status, 200);
    });
}

/// The process can open no file while this lives.
struct FdLimit(libc::rlimit);

impl FdLimit {
    fn none_left() -> FdLimit {
        let mut former = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: valid for writing.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut former) }, 0);
        let none = libc::rlimit { rlim_cur: 0, ..former };
        // SAFETY: valid for reading.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) }, 0);
        FdLimit(former)
    }
}

impl Drop for FdLimit {
    fn drop(&mut self) {
        // SAFETY: valid for reading.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &self.0) }, 0);
    }
}

#[test]
fn an_address_that_is_not_to_be_had_is_an_error() {
    let dispatcher = dispatcher();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bound = MetricsEndpoint::bind(&dispatcher, taken.local_addr().unwrap(), &Registry::new());
    assert_eq!(os_code(bound), libc::EADDRINUSE);
    let elsewhere = MetricsEndpoint::bind(&dispatcher, ([192, 0, 2, 1], 0), &Registry::new());
    let text = elsewhere.as_ref().unwrap_err().to_string();
    assert!(text.contains("listening at 192.0.2.1:0 for metrics"), "{text}");
    assert_eq!(os_code(elsewhere), libc::EADDRNOTAVAIL);
}

#[test]
fn limits_of_zero_are_refused() {
    let dispatcher = dispatcher();
    for options in
        [EndpointOptions::new().connection_limit(0), EndpointOptions::new().timeout(Duration::ZERO)]
    {
        let bound = MetricsEndpoint::bind_with(&dispatcher, LOCAL, &Registry::new(), options);
        assert!(matches!(bound, Err(Error::InvalidArgument(_))));
    }
}

#[test]
fn dropping_it_closes_all_at_once_also_on_a_loop_that_nobody_runs() {
    let dispatcher = dispatcher();
    let endpoint = bind(&dispatcher);
    let address = endpoint.local_addr();
    let mut client = Client::new(address);
    client.send("GET");
    pump(&dispatcher);
    drop(endpoint);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // Nothing is run here but what finds the connection closed.
    assert!(client.finish(&dispatcher).is_empty());
    TcpListener::bind(address).unwrap();
}

#[test]
fn it_may_outlive_its_dispatcher() {
    let dispatcher = dispatcher();
    let endpoint = bind(&dispatcher);
    drop(dispatcher);
    let address = endpoint.local_addr();
    drop(endpoint);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_source_may_drop_the_endpoint_that_asks_it() {
    let dispatcher = dispatcher();
    let (registry, slot) = (Registry::new(), Slot::new());
    let own = slot.clone();
    registry.add_source("suicidal", move |_| own.destroy()).unwrap();
    let endpoint = MetricsEndpoint::bind(&dispatcher, LOCAL, &registry).unwrap();
    let address = endpoint.local_addr();
    slot.put(endpoint);
    let mut client = Client::new(address);
    client.send(GET);
    // Whatever it gets, the loop goes on.
    client.finish(&dispatcher);
    dispatcher.exit();
    dispatcher.run(RunType::Block).unwrap();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
