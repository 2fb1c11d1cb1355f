//! The contenders at accepting: servers on one thread that accept connections and close them at once, until there were
//! so many.

use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, ptr};

use crate::server::{dispatcher, run};
use crate::system::{Epoll, checked, thread_cpu};

/// Accepts so many connections and gives its CPU time, without that of its making. `start` has the clients begin. The
/// listener is non-blocking.
pub type Acceptor = fn(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64;

/// The floor: the least code that does the job on epoll.
pub fn floor(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    let epoll = Epoll::new().expect("an epoll instance");
    epoll.add(listener.as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, 0).expect("a socket");
    let mut ready = [libc::epoll_event { events: 0, u64: 0 }];
    let mut left = connections;
    start();
    let before = thread_cpu();
    while left > 0 {
        epoll.wait(&mut ready).expect("events");
        while let Some(connection) = accept(&listener) {
            drop(connection);
            left -= 1;
        }
    }
    thread_cpu() - before
}

/// None while none waits.
fn accept(listener: &TcpListener) -> Option<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: plain system call; nobody asks for the address.
    match checked(unsafe { libc::accept4(listener.as_raw_fd(), ptr::null_mut(), ptr::null_mut(), flags) }) {
        // SAFETY: just made, and nobody else's.
        Ok(fd) => Some(unsafe { OwnedFd::from_raw_fd(fd) }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("accept4: {error}"),
    }
}

pub fn on_epoll(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    ours("epoll", listener, connections, start)
}

pub fn on_io_uring(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    ours("io_uring", listener, connections, start)
}

fn ours(backend: &str, listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    let dispatcher = dispatcher(backend);
    let (handle, left) = (dispatcher.handle(), Arc::new(AtomicUsize::new(connections)));
    let accepted = move |accepted: mcp_event::io::Accepted| {
        accepted.expect("a connection");
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            handle.exit();
        }
    };
    let _listener = dispatcher.create_listener(listener, accepted).expect("a listener");
    run(&dispatcher, start)
}

pub fn tokio(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).expect("a listener")
    };
    start();
    let before = thread_cpu();
    runtime.block_on(async {
        for _ in 0..connections {
            listener.accept().await.expect("a connection");
        }
    });
    thread_cpu() - before
}
