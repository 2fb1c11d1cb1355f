//! A server that is reached over streamable HTTP.
//!
//! Each message is POSTed; what comes back is one message, or a stream of them up to the answer. Beside that, the
//! server may offer a stream of its own. docs/servers-over-http.md tells the whole.
//!
//! A life begins with the handshake, and ends when the server cannot be reached, knows the session no more, or is
//! to stop. There is no process: [`ProcessEvent::Gone`] comes when nothing of the connection is left.

mod connection;
mod endpoint;
mod event_stream;
mod exchange;
mod failure;
mod helper;
mod listener;
mod response;
mod trust;

use std::io;
use std::sync::Arc;

use super::config::Settings;
use super::heard::Heard;
use super::launch::ProcessEvent;
use super::link::{Kind, Link, Read, Ready};
use crate::fork;
use connection::{Connection, Post};
use endpoint::Endpoint;

/// The connection to one life of a server.
pub(crate) struct HttpLink {
    connection: Arc<Connection>,
    /// [`ProcessEvent::Gone`] was told.
    is_told: bool,
    /// Of the process that made it: a forked child has the sockets, but they are not its own.
    generation: u32,
}

impl HttpLink {
    /// Connects with the first message. `notify` is called on any thread, and must not wait.
    ///
    /// # Errors
    /// What is wrong with the URL or the headers.
    pub(crate) fn new(
        name: &str,
        url: &str,
        headers: &[(String, String)],
        settings: &Settings,
        notify: impl Fn(Ready) + Send + Sync + 'static,
    ) -> Result<HttpLink, String> {
        let connection = Connection::new(name, Endpoint::new(url, headers, settings)?, notify);
        Ok(HttpLink { connection, is_told: false, generation: fork::generation() })
    }
}

impl Link for HttpLink {
    fn send(&mut self, line: String, kind: Kind) -> Result<(), usize> {
        self.connection.post(Post { line, kind, introduces: false })
    }

    fn introduce(&mut self, revision: &str, line: String) {
        self.connection.agree(revision);
        // Nothing waits yet.
        let _ = self.connection.post(Post { line, kind: Kind::Notice, introduces: true });
    }

    fn forget(&mut self, id: i64) {
        self.connection.forget(id);
    }

    fn read(&mut self, on_heard: &mut dyn FnMut(Heard)) -> Result<Read, String> {
        let (heard, lost) = self.connection.take_heard();
        heard.into_iter().for_each(on_heard);
        lost.map_or(Ok(Read::Empty), Err)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn read_log(&mut self, _on_chunk: &mut dyn FnMut(&[u8])) -> Read {
        Read::Ended
    }

    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>> {
        if self.is_told || !self.connection.is_gone() {
            return Ok(None);
        }
        self.is_told = true;
        Ok(Some(ProcessEvent::Gone))
    }

    fn close_input(&mut self) {
        self.connection.close();
    }

    fn terminate(&mut self) {
        self.connection.give_up();
    }

    fn kill(&mut self) {
        self.connection.give_up();
    }
}

impl Drop for HttpLink {
    fn drop(&mut self) {
        if fork::generation() == self.generation {
            self.connection.give_up();
        }
    }
}
