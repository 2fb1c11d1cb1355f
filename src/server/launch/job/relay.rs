//! Carries what a server reads or writes between its pipe and a socket: a loop can wait for sockets alone, and a
//! program expects pipes.
//!
//! There is one operation at a time, so nothing is read before what was read is written, and a side that does not
//! go on holds up the other, as in a pipe.

use std::io;
use std::os::windows::io::{AsRawHandle, AsRawSocket, OwnedHandle, OwnedSocket};

use windows_sys::Win32::Foundation::HANDLE;

use super::port::Port;
use super::transfer::{Done, Transfer};

const CHUNK: usize = 64 << 10;

/// What is read from or written to.
pub(super) enum End {
    Pipe(OwnedHandle),
    Socket(OwnedSocket),
}

impl End {
    fn raw(&self) -> HANDLE {
        match self {
            End::Pipe(pipe) => pipe.as_raw_handle(),
            End::Socket(socket) => socket.as_raw_socket() as HANDLE,
        }
    }
}

/// What it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Reads, and there is nothing yet.
    Waiting,
    /// Has read something, which is not heard yet.
    Reading,
    /// Writes what follows `from` in the buffer, up to `to`.
    Writing { from: usize, to: usize },
    /// Was told to end.
    Cancelled,
    /// One of the ends is at its end; both are closed.
    Ended,
}

/// One direction.
pub(super) struct Relay {
    /// The source, and the sink.
    ends: Option<(End, End)>,
    state: State,
    transfer: Transfer,
}

impl Relay {
    /// Its news are those of `key`.
    pub(super) fn new(source: End, sink: End, port: &Port, key: usize) -> io::Result<Relay> {
        port.attach(source.raw(), key)?;
        port.attach(sink.raw(), key)?;
        let transfer = Transfer::new(CHUNK);
        Ok(Relay { ends: Some((source, sink)), state: State::Waiting, transfer })
    }

    /// Begins; on the thread that hears the news, since a thread's operations end with it.
    pub(super) fn start(&mut self) {
        self.read();
    }

    /// Goes on after the operation that was under way, which has moved so many bytes.
    pub(super) fn finished(&mut self, moved: io::Result<usize>) {
        self.transfer.finished();
        match (self.state, moved) {
            (State::Waiting | State::Reading, Ok(count)) if count > 0 => self.write(0, count),
            // A pipe, other than a socket, can carry nothing at all.
            (State::Waiting | State::Reading, Ok(_)) if self.is_from_pipe() => self.read(),
            (State::Writing { from, to }, Ok(count)) if from + count < to => self.write(from + count, to),
            (State::Writing { .. }, Ok(_)) => self.read(),
            _ => self.end(),
        }
    }

    /// Whether all that was to be read so far is written.
    pub(super) fn is_dry(&self) -> bool {
        matches!(self.state, State::Waiting | State::Ended)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Ends as soon as the operation that is under way does.
    pub(super) fn cancel(&mut self) {
        let Some((source, sink)) = &self.ends else { return };
        match self.state {
            State::Waiting | State::Reading => self.transfer.cancel(source.raw()),
            State::Writing { .. } => self.transfer.cancel(sink.raw()),
            State::Cancelled | State::Ended => {}
        }
        self.state = State::Cancelled;
    }

    fn is_from_pipe(&self) -> bool {
        matches!(self.ends, Some((End::Pipe(_), _)))
    }

    fn read(&mut self) {
        let Some((source, _)) = &self.ends else { return };
        match self.transfer.read(source.raw()) {
            Ok(Done::Later) => self.state = State::Waiting,
            Ok(Done::AtOnce) => self.state = State::Reading,
            Err(_) => self.end(),
        }
    }

    fn write(&mut self, from: usize, to: usize) {
        let Some((_, sink)) = &self.ends else { return };
        match self.transfer.write(sink.raw(), from..to) {
            Ok(_) => self.state = State::Writing { from, to },
            Err(_) => self.end(),
        }
    }

    /// To its own side each end says so in its way: an end of the stream, or nobody who reads.
    fn end(&mut self) {
        self.state = State::Ended;
        self.ends = None;
    }
}
