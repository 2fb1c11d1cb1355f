//! The connection to one life of a server: what goes out, what comes in.

use std::io;

use super::launch::ProcessEvent;
use super::line_reader::Line;

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

/// The connection to one life of a server, of whatever kind. Nothing of it waits.
pub(crate) trait Link: Send {
    /// Queues a line; it goes out as the server takes it. That it takes nothing any more, [`Link::flush`] says.
    ///
    /// # Errors
    /// The bytes that wait, when they are too many.
    fn send(&mut self, line: String) -> Result<(), usize>;

    /// Reads messages.
    ///
    /// # Errors
    /// What the system says; the stream is lost.
    fn read(&mut self, on_line: &mut dyn FnMut(Line<'_>)) -> io::Result<Read>;

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

    /// What happened to the process.
    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>>;

    /// Begins the end: the server reads that nothing more comes.
    fn close_input(&mut self);

    /// The second step: asks the processes to end.
    fn terminate(&mut self);

    /// The last step: ends them.
    fn kill(&mut self);
}
