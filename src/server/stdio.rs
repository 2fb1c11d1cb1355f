//! A server on this machine, over its stdin and stdout.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write};

use super::heard::Heard;
use super::launch::{Launched, Process, ProcessEvent};
use super::line_reader::LineReader;
use super::link::{Kind, Link, Read, Ready};
use crate::dispatcher::{FileEvent, Handle};
use crate::error::Error;
use crate::poller::os_fd::{self, Stream};
use crate::poller::{FileReady, Trigger};
use crate::sigpipe::SigpipeBlocked;

/// How much is read from a stream before others have their turn.
const TURN: usize = 1 << 20;

const CHUNK: usize = 64 << 10;

/// How much may wait for a server that does not read, beside one message.
const OUTPUT_LIMIT: usize = 16 << 20;

/// The streams of one life of a server, and its process.
///
/// The file events come before what they watch: they are dropped first.
pub(crate) struct StdioLink {
    _events: Vec<FileEvent>,
    output_event: Option<FileEvent>,
    stdin: Option<Stream>,
    stdout: Stream,
    stderr: Stream,
    process: Box<dyn Process>,
    lines: LineReader,
    /// Lines that wait; of the first, `written` bytes are gone.
    output: VecDeque<String>,
    written: usize,
    waiting: usize,
    /// The server reads no more; what the system said.
    lost_input: Option<io::Error>,
    notify: Box<dyn Fn(Ready) + Send>,
    buffer: Box<[u8]>,
}

impl StdioLink {
    /// Watches what was launched. `notify` is called on the loop, and must not wait.
    pub(crate) fn new(
        dispatcher: &Handle,
        launched: Launched,
        max_message_bytes: usize,
        notify: impl Fn(Ready) + Clone + Send + 'static,
    ) -> Result<StdioLink, Error> {
        let Launched { stdin, stdout, stderr, process } = launched;
        let watch = |fd, trigger, events, ready: Ready| {
            let notify = notify.clone();
            dispatcher.create_file_event(fd, trigger, events, move |_| notify(ready))
        };
        let input = FileReady::READ | FileReady::CLOSED;
        let events = vec![
            watch(os_fd::raw(&stdout), Trigger::Edge, input, Ready::Input)?,
            watch(os_fd::raw(&stderr), Trigger::Edge, input, Ready::Log)?,
            watch(os_fd::raw(&process.event_fd()), Trigger::Edge, input, Ready::Process)?,
        ];
        let output = watch(os_fd::raw(&stdin), Trigger::Edge, FileReady::WRITE, Ready::Output)?;
        Ok(StdioLink {
            _events: events,
            output_event: Some(output),
            stdin: Some(stdin.into()),
            stdout: stdout.into(),
            stderr: stderr.into(),
            process,
            lines: LineReader::new(max_message_bytes),
            output: VecDeque::new(),
            written: 0,
            waiting: 0,
            lost_input: None,
            notify: Box::new(notify),
            buffer: vec![0; CHUNK].into_boxed_slice(),
        })
    }
}

impl StdioLink {
    /// Armed anew: where the system has no edges, room that is there again before the loop waits is not told of.
    fn await_room(&self) -> io::Result<()> {
        let armed = self.output_event.as_ref().map(|event| event.set_enabled(FileReady::WRITE));
        armed.unwrap_or(Ok(())).map_err(io::Error::other)
    }
}

impl Link for StdioLink {
    fn send(&mut self, line: String, _kind: Kind) -> Result<(), usize> {
        if self.stdin.is_none() {
            return Ok(());
        }
        if self.waiting > OUTPUT_LIMIT {
            return Err(self.waiting);
        }
        self.waiting += line.len();
        self.output.push_back(line);
        if let Err(error) = self.flush() {
            // To be heard of when there is time for it.
            self.lost_input = Some(error);
            (self.notify)(Ready::Output);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(error) = self.lost_input.take() {
            return Err(error);
        }
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        let sigpipe = SigpipeBlocked::new();
        while let Some(line) = self.output.front() {
            match stdin.write(&line.as_bytes()[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.waiting -= count;
                    if self.written == line.len() {
                        self.output.pop_front();
                        self.written = 0;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.await_room(),
                Err(error) => {
                    sigpipe.take_back();
                    self.close_input();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, on_heard: &mut dyn FnMut(Heard)) -> Result<Read, String> {
        let mut left = TURN;
        while left > 0 {
            match self.stdout.read(&mut self.buffer) {
                Ok(0) => {
                    if let Some(line) = self.lines.end() {
                        on_heard(line.into());
                    }
                    return Ok(Read::Ended);
                }
                Ok(count) => {
                    left = left.saturating_sub(count);
                    let mut chunk = &self.buffer[..count];
                    while let Some(line) = self.lines.next(&mut chunk) {
                        on_heard(line.into());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Read::Empty),
                Err(error) => return Err(format!("its output is lost: {error}")),
            }
        }
        Ok(Read::More)
    }

    fn read_log(&mut self, on_chunk: &mut dyn FnMut(&[u8])) -> Read {
        let mut left = TURN;
        while left > 0 {
            match self.stderr.read(&mut self.buffer) {
                Ok(0) => return Read::Ended,
                Ok(count) => {
                    left = left.saturating_sub(count);
                    on_chunk(&self.buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Read::Empty,
                Err(_) => return Read::Ended,
            }
        }
        Read::More
    }

    fn next_event(&mut self) -> io::Result<Option<ProcessEvent>> {
        self.process.next_event()
    }

    fn close_input(&mut self) {
        // The event first: it watches the descriptor.
        self.output_event = None;
        self.stdin = None;
        self.output.clear();
        (self.written, self.waiting) = (0, 0);
    }

    fn terminate(&mut self) {
        if let Err(error) = self.process.terminate() {
            tracing::warn!(%error, "asking a server's processes to end");
        }
    }

    fn kill(&mut self) {
        if let Err(error) = self.process.kill() {
            tracing::warn!(%error, "ending a server's processes");
        }
    }
}
