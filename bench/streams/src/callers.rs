//! The load of accepting: a process that connects over loopback, several at a time, and waits until each is closed.

use std::io::{self, PipeReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use crate::child::Child;
use crate::system;

/// A forked child that makes `connections` connections to [`Callers::listener`], in bursts of so many.
pub struct Callers {
    /// Non-blocking.
    pub listener: TcpListener,
    pub child: Child,
}

impl Callers {
    /// Called while this process has one thread.
    pub fn new(connections: usize, burst: usize) -> io::Result<Callers> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        system::listen(listener.as_raw_fd(), 4096)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let child = Child::fork("callers", move |may_start| call(address, may_start, connections, burst))?;
        Ok(Callers { listener, child })
    }
}

/// The child's whole life, but for its exit.
fn call(address: SocketAddr, mut may_start: PipeReader, connections: usize, burst: usize) -> io::Result<()> {
    may_start.read_exact(&mut [0])?;
    let mut streams = Vec::with_capacity(burst);
    let mut left = connections;
    while left > 0 {
        // Over loopback a connection is there at once: it waits to be accepted.
        for _ in 0..burst.min(left) {
            let stream = TcpStream::connect(address)?;
            // Closing resets, so that no port is kept for a connection that was.
            system::reset_on_close(stream.as_raw_fd())?;
            streams.push(stream);
        }
        left -= streams.len();
        for mut stream in streams.drain(..) {
            let _ = stream.read(&mut [0])?;
        }
    }
    Ok(())
}
