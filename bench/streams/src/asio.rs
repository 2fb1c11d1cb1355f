//! The servers on asio, in C++.

use std::ffi::c_void;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{IntoRawFd, RawFd};

type Start = extern "C" fn(data: *mut c_void);
type Echo = unsafe extern "C" fn(*const RawFd, usize, usize, Start, *mut c_void) -> u64;
type Accept = unsafe extern "C" fn(RawFd, usize, Start, *mut c_void) -> u64;

unsafe extern "C" {
    #[cfg(asio)]
    fn asio_on_epoll_echo(
        fds: *const RawFd,
        connections: usize,
        messages: usize,
        start: Start,
        data: *mut c_void,
    ) -> u64;
    #[cfg(asio)]
    fn asio_on_epoll_accept(listener: RawFd, connections: usize, start: Start, data: *mut c_void) -> u64;
    #[cfg(asio_io_uring)]
    fn asio_on_io_uring_echo(
        fds: *const RawFd,
        connections: usize,
        messages: usize,
        start: Start,
        data: *mut c_void,
    ) -> u64;
    #[cfg(asio_io_uring)]
    fn asio_on_io_uring_accept(listener: RawFd, connections: usize, start: Start, data: *mut c_void) -> u64;
}

#[cfg(asio)]
pub fn on_epoll(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    echo(asio_on_epoll_echo, connections, messages, start)
}

#[cfg(asio_io_uring)]
pub fn on_io_uring(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    echo(asio_on_io_uring_echo, connections, messages, start)
}

#[cfg(asio)]
pub fn accepting_on_epoll(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    accept(asio_on_epoll_accept, listener, connections, start)
}

#[cfg(asio_io_uring)]
pub fn accepting_on_io_uring(listener: TcpListener, connections: usize, start: &mut dyn FnMut()) -> u64 {
    accept(asio_on_io_uring_accept, listener, connections, start)
}

/// Begins what the data, a `&mut dyn FnMut()`, stands for.
extern "C" fn begin(start: *mut c_void) {
    // SAFETY: what was passed along with it, below.
    unsafe { (*start.cast::<&mut dyn FnMut()>())() }
}

fn echo(entry: Echo, connections: Vec<TcpStream>, messages: usize, mut start: &mut dyn FnMut()) -> u64 {
    let fds: Vec<_> = connections.into_iter().map(IntoRawFd::into_raw_fd).collect();
    // SAFETY: all lives through the call; the sockets are the server's from here on.
    unsafe { entry(fds.as_ptr(), fds.len(), messages, begin, (&raw mut start).cast()) }
}

fn accept(entry: Accept, listener: TcpListener, connections: usize, mut start: &mut dyn FnMut()) -> u64 {
    // SAFETY: all lives through the call; the socket is the server's from here on.
    unsafe { entry(listener.into_raw_fd(), connections, begin, (&raw mut start).cast()) }
}
