//! The contenders: echo servers on one thread. Each handles a message as soon as it finds one, with one read and one
//! write, or what stands for them; and ends after the given number of messages.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mcp_event::io::Received;
use mcp_event::{Dispatcher, FileReady, RunType, Trigger};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::clients::MESSAGE;
use crate::system::{Epoll, thread_cpu};

/// Runs a server for `connections` and gives its CPU time, without that of its making. `start` has the clients begin.
pub type Server = fn(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64;

fn echo_one(mut stream: &TcpStream) {
    let mut message = [0; 4096];
    let size = stream.read(&mut message).expect("a message");
    assert_eq!(size, MESSAGE);
    assert_eq!(stream.write(&message[..size]).expect("room for the echo"), size);
}

/// The floor: the least code that does the job on epoll.
pub fn floor(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    let epoll = Epoll::new().expect("an epoll instance");
    let closures: Vec<Box<dyn Fn()>> = connections
        .into_iter()
        .enumerate()
        .map(|(number, stream)| {
            epoll.add(stream.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, number as u64).expect("a socket");
            Box::new(move || echo_one(&stream)) as Box<dyn Fn()>
        })
        .collect();
    let mut ready = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
    let mut left = messages;
    start();
    let before = thread_cpu();
    while left > 0 {
        for event in epoll.wait(&mut ready).expect("events") {
            closures[event.u64 as usize]();
            left -= 1;
        }
    }
    thread_cpu() - before
}

pub fn dispatcher(backend: &str) -> Dispatcher {
    Dispatcher::builder("echo").backend(backend).build().expect("a dispatcher")
}

pub fn run(dispatcher: &Dispatcher, start: &mut dyn FnMut()) -> u64 {
    start();
    let before = thread_cpu();
    dispatcher.run(RunType::Block).expect("a run");
    thread_cpu() - before
}

pub fn file_events(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    let dispatcher = dispatcher("epoll");
    let left = Arc::new(AtomicUsize::new(messages));
    let _events: Vec<_> = connections
        .into_iter()
        .map(|stream| {
            let (handle, left, fd) = (dispatcher.handle(), left.clone(), stream.as_raw_fd());
            let echo = move |_| {
                echo_one(&stream);
                if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    handle.exit();
                }
            };
            dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, echo).expect("a file event")
        })
        .collect();
    run(&dispatcher, start)
}

pub fn streams_on_epoll(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    streams(dispatcher("epoll"), connections, messages, start)
}

pub fn streams_on_io_uring(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    streams(dispatcher("io_uring"), connections, messages, start)
}

fn streams(
    dispatcher: Dispatcher,
    connections: Vec<TcpStream>,
    messages: usize,
    start: &mut dyn FnMut(),
) -> u64 {
    let left = Arc::new(AtomicUsize::new(messages * MESSAGE));
    let _streams: Vec<_> = connections
        .into_iter()
        .map(|socket| {
            let stream = dispatcher.create_stream(socket).expect("a stream");
            let (echo, handle, left) = (stream.sender(), dispatcher.handle(), left.clone());
            let receiver = move |received: Received<'_>| {
                let Received::Data(bytes) = received else { return };
                echo.send(bytes).expect("it takes the echo");
                if left.fetch_sub(bytes.len(), Ordering::Relaxed) == bytes.len() {
                    handle.exit();
                }
            };
            stream.receive(receiver).expect("it receives");
            stream
        })
        .collect();
    // The first turns, in which they begin to receive, are part of the making.
    dispatcher.run(RunType::NonBlock).expect("a run");
    run(&dispatcher, start)
}

pub fn tokio(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let left = Rc::new(Cell::new(messages));
    let set = tokio::task::LocalSet::new();
    let done = Rc::new(tokio::sync::Notify::new());
    for socket in connections {
        let (left, done) = (left.clone(), done.clone());
        set.spawn_local(async move {
            let mut stream = tokio::net::TcpStream::from_std(socket).expect("a stream");
            let mut message = [0; 4096];
            loop {
                let Ok(size @ 1..) = stream.read(&mut message).await else { return };
                assert_eq!(size, MESSAGE);
                stream.write_all(&message[..size]).await.expect("it takes the echo");
                left.set(left.get() - 1);
                if left.get() == 0 {
                    done.notify_one();
                }
            }
        });
    }
    // The first polls, in which they are registered, are part of the making.
    runtime.block_on(set.run_until(tokio::task::yield_now()));
    start();
    let before = thread_cpu();
    runtime.block_on(set.run_until(done.notified()));
    thread_cpu() - before
}
