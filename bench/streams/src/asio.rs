//! The servers on asio, in C++.

use std::ffi::c_void;
use std::net::TcpStream;
use std::os::fd::{IntoRawFd, RawFd};

type Entry = unsafe extern "C" fn(
    fds: *const RawFd,
    connections: usize,
    messages: usize,
    start: extern "C" fn(*mut c_void),
    data: *mut c_void,
) -> u64;

unsafe extern "C" {
    #[cfg(asio)]
    fn asio_on_epoll(
        fds: *const RawFd,
        connections: usize,
        messages: usize,
        start: extern "C" fn(*mut c_void),
        data: *mut c_void,
    ) -> u64;
    #[cfg(asio_io_uring)]
    fn asio_on_io_uring(
        fds: *const RawFd,
        connections: usize,
        messages: usize,
        start: extern "C" fn(*mut c_void),
        data: *mut c_void,
    ) -> u64;
}

#[cfg(asio)]
pub fn on_epoll(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    serve(asio_on_epoll, connections, messages, start)
}

#[cfg(asio_io_uring)]
pub fn on_io_uring(connections: Vec<TcpStream>, messages: usize, start: &mut dyn FnMut()) -> u64 {
    serve(asio_on_io_uring, connections, messages, start)
}

fn serve(entry: Entry, connections: Vec<TcpStream>, messages: usize, mut start: &mut dyn FnMut()) -> u64 {
    extern "C" fn call(start: *mut c_void) {
        // SAFETY: what was passed along with it, below.
        unsafe { (*start.cast::<&mut dyn FnMut()>())() }
    }
    let fds: Vec<_> = connections.into_iter().map(IntoRawFd::into_raw_fd).collect();
    // SAFETY: all lives through the call; the sockets are the server's from here on.
    unsafe { entry(fds.as_ptr(), fds.len(), messages, call, (&raw mut start).cast()) }
}
