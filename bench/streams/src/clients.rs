//! The load: a process that talks to the server over loopback, on raw epoll.

use std::io::{self, PipeReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use crate::child::Child;
use crate::system;

pub const MESSAGE: usize = 64;

/// A forked child holds one end of each connection; the other ends are for the server under test. Each client has one
/// message under way: it sends the next when the echo of the last is complete, until all of them together have had
/// `messages` echoes.
pub struct Clients {
    /// Non-blocking, with TCP_NODELAY.
    pub server_ends: Vec<TcpStream>,
    pub child: Child,
}

impl Clients {
    /// Called while this process has one thread.
    pub fn new(connections: usize, messages: usize) -> io::Result<Clients> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        system::listen(listener.as_raw_fd(), 4096)?;
        let address = listener.local_addr()?;
        let child = Child::fork("echo clients", |may_start| {
            send_and_count(address, may_start, connections, messages)
        })?;
        let server_ends = (0..connections)
            .map(|_| {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Ok(stream)
            })
            .collect::<io::Result<_>>()?;
        Ok(Clients { server_ends, child })
    }
}

/// The child's whole life, but for its exit.
fn send_and_count(
    address: SocketAddr,
    mut may_start: PipeReader,
    connections: usize,
    messages: usize,
) -> io::Result<()> {
    let poller = system::Epoll::new()?;
    let mut streams = Vec::with_capacity(connections);
    for number in 0..connections {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // Closing resets, so that thousands of old connections do not linger into the next round.
        system::reset_on_close(stream.as_raw_fd())?;
        poller.add(stream.as_raw_fd(), libc::EPOLLIN, number as u64)?;
        streams.push(stream);
    }
    let mut message = [0; MESSAGE];
    may_start.read_exact(&mut message[..1])?;
    let mut unsent = messages;
    for mut stream in &streams {
        if unsent > 0 {
            unsent -= 1;
            stream.write_all(&message)?;
        }
    }
    let mut ready = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
    let mut echoes = 0;
    while echoes < messages {
        for event in poller.wait(&mut ready)? {
            let mut stream = &streams[event.u64 as usize];
            if stream.read(&mut message)? != MESSAGE {
                return Ok(());
            }
            echoes += 1;
            if unsent > 0 {
                unsent -= 1;
                stream.write_all(&message)?;
            }
        }
    }
    Ok(())
}
