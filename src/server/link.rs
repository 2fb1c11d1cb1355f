//! The connection to one life of a server: what goes out, what comes in.

use std::io;

use super::heard::Heard;
use super::launch::ProcessEvent;

/// What can happen on a connection, for the server's actor to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// There may be messages.
    Input,
    /// There may be room for messages.
    Output,
    /// There may be lines for people.
    Log,
    /// Something happened to the process.
    Process,
}

/// What [`Link::read`] found, in order.
pub(crate) enum Read {
    /// Nothing more for now; [`Ready::Input`] comes.
    Empty,
    /// There is more, after others had their turn.
    More,
    /// The stream ended.
    Ended,
}

/// What a line is, for connections that do not carry all of them in one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request of this id.
    Request(i64),
    /// The request of this id, which asks how the server is: it does not wait behind the others.
    Check(i64),
    /// Nothing answers it.
    Notice,
}

/// The connection to one life of a server, of whatever kind. Nothing of it waits.
pub(crate) trait Link: Send {
    /// Queues a line; it goes out as the server takes it. That it takes nothing any more, [`Link::flush`] says.
    ///
    /// # Errors
    /// The bytes that wait, when they are too many.
    fn send(&mut self, line: String, kind: Kind) -> Result<(), usize>;

    /// Ends the handshake, in which this revision of the protocol was agreed on. `line` says so to the server,
    /// which has taken it before anything that is sent later.
    fn introduce(&mut self, _revision: &str, line: String) {
        // Nothing waits yet.
        let _ = self.send(line, Kind::Notice);
    }

    /// Nobody waits for the answer to the request of this id any more.
    fn forget(&mut self, _id: i64) {}

    /// Reads messages.
    ///
    /// # Errors
    /// Why the server is lost, in words.
    fn read(&mut self, on_heard: &mut dyn FnMut(Heard)) -> Result<Read, String>;

    /// Writes what waits.
    ///
    /// # Errors
    /// What the system says; the server takes nothing any more.
    fn flush(&mut self) -> io::Result<()>;

    /// Reads what is meant for people.
    fn read_log(&mut self, on_chunk: &mut dyn FnMut(&[u8])) -> Read;

    /// Whether there is a process behind it, which says so when it runs.
    fn has_process(&self) -> bool {
        false
    }

    /// What happened to the process. A server that is none of ours has none, and is only
    /// [`Gone`](ProcessEvent::Gone) when nothing of the connection is left.
    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>>;

    /// Begins the end: the server reads that nothing more comes.
    fn close_input(&mut self);

    /// The second step: asks the processes to end.
    fn terminate(&mut self);

    /// The last step: ends them.
    fn kill(&mut self);
}
