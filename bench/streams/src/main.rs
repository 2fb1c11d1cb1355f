//! What a TCP server costs: the CPU time of its thread, the kernel's included, for each message that it echoes, and for
//! each connection that it accepts.

mod accepting;
#[cfg(any(asio, asio_io_uring))]
mod asio;
mod callers;
mod child;
mod clients;
#[path = "../../actors/src/harness.rs"]
mod harness;
mod ring_floor;
mod server;
mod system;

use accepting::Acceptor;
use callers::Callers;
use clients::Clients;
use harness::{Entry, Experiment, Goal, Program};
use server::Server;

const SERVERS: &[(&str, Server)] = &[
    ("mcp_event, streams, io_uring", server::streams_on_io_uring),
    ("mcp_event, streams, epoll", server::streams_on_epoll),
    ("mcp_event, file events, epoll", server::file_events),
    ("floor (epoll)", server::floor),
    ("floor (io_uring)", ring_floor::ring_floor),
    ("tokio", server::tokio),
    #[cfg(asio)]
    ("asio, epoll", asio::on_epoll),
    #[cfg(asio_io_uring)]
    ("asio, io_uring", asio::on_io_uring),
];

const ACCEPTORS: &[(&str, Acceptor)] = &[
    ("mcp_event, streams, io_uring", accepting::on_io_uring),
    ("mcp_event, streams, epoll", accepting::on_epoll),
    ("floor (epoll)", accepting::floor),
    ("tokio", accepting::tokio),
    #[cfg(asio)]
    ("asio, epoll", asio::accepting_on_epoll),
    #[cfg(asio_io_uring)]
    ("asio, io_uring", asio::accepting_on_io_uring),
];

fn main() {
    let mut program = Program::from_arguments("streams", "floor (epoll)");
    system::raise_file_limit();
    system::take_turns_on_one_cpu();
    let messages = program.count(32_000);
    for connections in [1, 64, 4000] {
        let title = format!("CPU time of an echoed message, {connections} connections");
        let entries = SERVERS.iter().map(|(contender, server)| Entry {
            contender,
            measure: Box::new(move || echo_ns(*server, connections, messages)),
        });
        let entries = entries.collect();
        // Where the ring owns the reads and the writes, fewer system calls are to tell.
        let goals = vec![Goal::Times { contender: "mcp_event, streams, io_uring", factor: 1.0 }];
        program.run(&Experiment { title: &title, unit: "ns", operations: messages, goals, entries });
    }
    let connections = program.count(16_000);
    for burst in [1, 64] {
        let title = format!("CPU time of an accepted connection, {burst} at a time");
        let entries = ACCEPTORS.iter().map(|(contender, acceptor)| Entry {
            contender,
            measure: Box::new(move || accept_ns(*acceptor, connections, burst)),
        });
        let entries = entries.collect();
        program.run(&Experiment {
            title: &title,
            unit: "ns",
            operations: connections,
            goals: vec![],
            entries,
        });
    }
    program.finish();
}

fn echo_ns(server: Server, connections: usize, messages: usize) -> f64 {
    let Clients { server_ends, mut child } = Clients::new(connections, messages).expect("clients");
    let took = server(server_ends, messages, &mut || child.start());
    took as f64 / messages as f64
}

fn accept_ns(acceptor: Acceptor, connections: usize, burst: usize) -> f64 {
    let Callers { listener, mut child } = Callers::new(connections, burst).expect("callers");
    let took = acceptor(listener, connections, &mut || child.start());
    took as f64 / connections as f64
}
