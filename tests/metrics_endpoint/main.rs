//! The endpoint for Prometheus, scraped over TCP.

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/exposition.rs"]
mod exposition;

mod client;
mod trouble;

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use client::{Client, Response, fetch};
use common::*;
use exposition::Parsed;
use mcp_event::metrics::{Exposition, MetricsEndpoint, Registry};
use mcp_event::{Dispatcher, Pool, RunType};

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
const GET: &str = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";

fn bind(dispatcher: &Dispatcher) -> MetricsEndpoint {
    let registry = Registry::new();
    registry.add_dispatcher(dispatcher).unwrap();
    MetricsEndpoint::bind(dispatcher, LOCAL, &registry).unwrap()
}

#[test]
fn a_scrape_gives_the_figures_of_dispatchers_pools_and_the_program() {
    let (dispatcher, clock) = simulated();
    dispatcher.enable_stats();
    let timer = dispatcher.create_timer(move || clock.advance(3 * MS));
    timer.enable(Duration::ZERO);
    dispatcher.post(|| ()).unwrap();
    pump(&dispatcher);
    let pool = Pool::new(2).unwrap();
    let worker = pool.worker(1).unwrap();
    let worker = worker.dispatcher();
    (0..3).for_each(|_| worker.post(|| ()).unwrap());
    worker.run(RunType::NonBlock).unwrap();
    let registry = Registry::new();
    registry.add_dispatcher(&dispatcher).unwrap();
    registry.add_pool("i\"o", &pool).unwrap();
    let source = |page: &mut Exposition| {
        page.gauge("program_users", "Who is there.", &[], 7.0).unwrap();
    };
    registry.add_source("program", source).unwrap();
    let endpoint = MetricsEndpoint::bind(&dispatcher, LOCAL, &registry).unwrap();

    let response = fetch(&dispatcher, endpoint.local_addr(), GET);
    assert_eq!((response.status, response.field("Connection")), (200, "close"));
    assert_eq!(response.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(response.field("Content-Length"), response.body.len().to_string());
    let page = Parsed::new(&response.body);
    let main = ("dispatcher", "test");
    assert_eq!(page.value("mcp_event_loop_posts_run_total", &[main]), 1.0);
    assert_eq!(page.value("mcp_event_loop_queue_depth", &[main]), 0.0);
    let (count, sum) = ("mcp_event_loop_duration_seconds_count", "mcp_event_loop_duration_seconds_sum");
    assert!(page.value(count, &[main]) >= 1.0);
    assert_eq!(page.value(sum, &[main]), 0.003);
    let bucket = |bound| page.value("mcp_event_loop_duration_seconds_bucket", &[main, ("le", bound)]);
    assert_eq!((bucket("0.005"), bucket("+Inf")), (bucket("+Inf"), page.value(count, &[main])));
    assert_eq!(bucket("0.0025"), bucket("+Inf") - 1.0);
    let pool = ("pool", "i\"o");
    let posts = |worker| page.value("mcp_event_loop_posts_run_total", &[pool, ("dispatcher", worker)]);
    assert_eq!((posts("worker_0"), posts("worker_1")), (0.0, 3.0));
    assert_eq!(page.value("mcp_event_pool_posts_run_total", &[pool]), 3.0);
    assert_eq!(page.value("mcp_event_pool_workers", &[pool]), 2.0);
    assert_eq!(page.value("program_users", &[]), 7.0);
}

#[test]
fn each_scrape_has_the_figures_of_its_own_moment() {
    let dispatcher = dispatcher();
    let endpoint = bind(&dispatcher);
    for posts in 1..4 {
        dispatcher.post(|| ()).unwrap();
        let page = Parsed::new(&fetch(&dispatcher, endpoint.local_addr(), GET).body);
        let value = page.value("mcp_event_loop_posts_run_total", &[("dispatcher", "test")]);
        assert_eq!(value, f64::from(posts));
    }
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let dispatcher = dispatcher();
    let endpoint = bind(&dispatcher);
    let head = fetch(&dispatcher, endpoint.local_addr(), "HEAD /metrics HTTP/1.0\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.field("Content-Length").parse::<usize>().unwrap() > 100);
}

#[test]
fn a_request_may_come_in_pieces_and_with_a_body() {
    let dispatcher = dispatcher();
    let endpoint = bind(&dispatcher);
    let mut client = Client::new(endpoint.local_addr());
    for byte in GET.bytes() {
        client.send([byte]);
        pump(&dispatcher);
    }
    assert_eq!(client.response(&dispatcher).status, 200);
    let body = "x".repeat(100_000);
    let request = format!("GET /metrics HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), request).status, 200);
}

#[test]
fn a_page_larger_than_the_sockets_buffers_arrives_whole() {
    let dispatcher = dispatcher();
    let registry = Registry::new();
    let line = "# some text\n";
    let count = (16 << 20) / line.len();
    registry.add_source("large", move |page| page.append(&line.repeat(count))).unwrap();
    let endpoint = MetricsEndpoint::bind(&dispatcher, LOCAL, &registry).unwrap();
    let response = fetch(&dispatcher, endpoint.local_addr(), GET);
    assert_eq!(response.body.len(), count * line.len());
    assert!(response.body.lines().all(|read| read == line.trim_end()));
}

#[test]
fn it_listens_on_ipv6_as_well() {
    let dispatcher = dispatcher();
    let registry = Registry::new();
    let endpoint = MetricsEndpoint::bind(&dispatcher, (Ipv6Addr::LOCALHOST, 0), &registry).unwrap();
    assert!(endpoint.local_addr().is_ipv6());
    assert_eq!(fetch(&dispatcher, endpoint.local_addr(), GET).status, 200);
}

#[test]
fn what_is_added_and_removed_later_is_seen() {
    let dispatcher = dispatcher();
    let registry = Registry::new();
    let endpoint = MetricsEndpoint::bind(&dispatcher, LOCAL, &registry).unwrap();
    let has = |text: &str| fetch(&dispatcher, endpoint.local_addr(), GET).body.contains(text);
    assert!(!has("dispatcher=\"test\""));
    registry.add_dispatcher(&dispatcher).unwrap();
    assert!(has("dispatcher=\"test\""));
    assert!(registry.remove("test"));
    assert!(!has("dispatcher=\"test\""));
}

/// Sends a request from another thread than the loop's, and waits for the response.
fn fetch_waiting(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    // So that a response that never comes fails the test instead of hanging it.
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(GET.as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    Ok(response)
}

#[test]
fn many_may_scrape_a_running_loop_at_a_time() {
    let background = Background::start(Dispatcher::new("busy").unwrap());
    let endpoint = bind(&background.dispatcher);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let response = Response::new(&fetch_waiting(endpoint.local_addr()).unwrap());
                    assert_eq!(response.status, 200);
                    Parsed::new(&response.body);
                }
            });
        }
    });
}

#[test]
fn it_may_be_dropped_from_another_thread_in_the_middle_of_scrapes() {
    for _ in 0..20 {
        let background = Background::start(Dispatcher::new("busy").unwrap());
        let endpoint = bind(&background.dispatcher);
        let (address, is_dropped) = (endpoint.local_addr(), Arc::new(AtomicBool::new(false)));
        let seen = is_dropped.clone();
        let client = thread::spawn(move || {
            loop {
                let late = seen.load(Ordering::SeqCst);
                let response = fetch_waiting(address);
                match response {
                    Ok(bytes) if !bytes.is_empty() => assert!(!late, "it served after it was dropped"),
                    // Cut off, or refused.
                    _ if late => return,
                    _ => {}
                }
            }
        });
        background.settle();
        drop(endpoint);
        is_dropped.store(true, Ordering::SeqCst);
        client.join().unwrap();
    }
}
