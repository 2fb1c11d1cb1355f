//! One connection: a request, its response, and the wait until the other side has got it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use super::request::{Answer, Refusal, answer};

/// A connection, as far as its bytes go. It does not wait: it is called when the socket is ready.
pub(super) struct Connection {
    stream: TcpStream,
    phase: Phase,
}

enum Phase {
    /// With the bytes of the head so far.
    Reading(Vec<u8>),
    /// With what is left to send, from the position on.
    Writing(Vec<u8>, usize),
    /// All is sent. A socket that is closed with bytes of it unread resets the connection, and the response may be
    /// lost: so the other side closes first.
    Draining,
}

/// What a connection waits for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Readable,
    Writable,
    /// A response to this.
    Response(Answer),
    /// Nothing: it is over.
    Close,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Connection {
        Connection { stream, phase: Phase::Reading(Vec::new()) }
    }

    /// Goes on as far as it can.
    pub(super) fn advance(&mut self) -> Next {
        let went = match &mut self.phase {
            Phase::Reading(head) => read_head(&mut self.stream, head),
            Phase::Writing(response, position) => write(&mut self.stream, response, position),
            Phase::Draining => drain(&mut self.stream),
        };
        let next = went.unwrap_or_else(|error| match (error.kind(), &self.phase) {
            (io::ErrorKind::WouldBlock, Phase::Writing(..)) => Next::Writable,
            (io::ErrorKind::WouldBlock, _) => Next::Readable,
            _ => {
                tracing::debug!(%error, "a connection to the metrics broke");
                Next::Close
            }
        });
        if next == Next::Readable && matches!(self.phase, Phase::Writing(..)) {
            self.phase = Phase::Draining;
        }
        next
    }

    /// Begins to send a response.
    pub(super) fn respond(&mut self, response: Vec<u8>) -> Next {
        self.phase = Phase::Writing(response, 0);
        self.advance()
    }

    /// It took too long.
    pub(super) fn time_out(&mut self) -> Next {
        match &self.phase {
            Phase::Reading(_) => {
                Next::Response(Answer::Refusal { refusal: Refusal::TimedOut, head_only: false })
            }
            _ => Next::Close,
        }
    }
}

fn read_head(stream: &mut TcpStream, head: &mut Vec<u8>) -> io::Result<Next> {
    let mut buffer = [0; 2048];
    loop {
        match read(stream, &mut buffer)? {
            // Whoever does not wait for a response gets none.
            0 => return Ok(Next::Close),
            length => head.extend_from_slice(&buffer[..length]),
        }
        if let Some(answer) = answer(head) {
            return Ok(Next::Response(answer));
        }
    }
}

fn write(stream: &mut TcpStream, response: &[u8], position: &mut usize) -> io::Result<Next> {
    while *position < response.len() {
        match stream.write(&response[*position..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => *position += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(Next::Readable)
}

/// Throws away what comes, some of it at a time: others have their turn.
fn drain(stream: &mut TcpStream) -> io::Result<Next> {
    let mut buffer = [0; 2048];
    match read(stream, &mut buffer)? {
        0 => Ok(Next::Close),
        _ => Ok(Next::Readable),
    }
}

fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
