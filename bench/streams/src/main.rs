//! What a TCP echo server costs: the CPU time of its thread, the kernel's included, for each message it echoes.

#[cfg(any(asio, asio_io_uring))]
mod asio;
mod clients;
#[path = "../../actors/src/harness.rs"]
mod harness;
mod ring_floor;
mod server;
mod system;

use clients::Clients;
use harness::{Entry, Experiment, Goal, Program};
use server::Server;

const CONTENDERS: &[(&str, Server)] = &[
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

fn main() {
    let mut program = Program::from_arguments("streams", "floor (epoll)");
    system::raise_file_limit();
    system::take_turns_on_one_cpu();
    let messages = program.count(32_000);
    for connections in [1, 64, 4000] {
        let title = format!("CPU time of an echoed message, {connections} connections");
        let entries = CONTENDERS
            .iter()
            .map(|(contender, server)| Entry {
                contender,
                measure: Box::new(move || nanoseconds(*server, connections, messages)),
            })
            .collect();
        // Where the ring owns the reads and the writes, fewer system calls are to tell.
        let goals = vec![Goal::Times { contender: "mcp_event, streams, io_uring", factor: 1.0 }];
        program.run(&Experiment { title: &title, unit: "ns", operations: messages, goals, entries });
    }
    program.finish();
}

fn nanoseconds(server: Server, connections: usize, messages: usize) -> f64 {
    let mut clients = Clients::new(connections, messages).expect("clients");
    let ends = std::mem::take(&mut clients.server_ends);
    let took = server(ends, messages, &mut || clients.start());
    took as f64 / messages as f64
}
