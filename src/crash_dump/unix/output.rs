//! Text on its way to the descriptor, in a signal handler: nothing is allocated, and what is written is out at once,
//! so that another crash loses none of it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::errno;
use crate::sigpipe::SigpipeBlocked;

/// How long a reader that does not read is waited for, in milliseconds.
const PATIENCE: libc::c_int = 1000;

/// Whether the next text begins a line. Outlives a second crash, which may come anywhere.
static AT_LINE_START: AtomicBool = AtomicBool::new(true);

/// Writes lines with an indent.
pub(super) struct Output {
    fd: i32,
    indent: &'static str,
}

impl Output {
    pub(super) fn new(fd: i32) -> Output {
        Output { fd, indent: "" }
    }

    /// The same, with an indent before each line.
    pub(super) fn indented(&self, indent: &'static str) -> Output {
        Output { fd: self.fd, indent }
    }

    /// Ends the line that others have begun.
    pub(super) fn end_line(&mut self) {
        if !AT_LINE_START.swap(true, Ordering::SeqCst) {
            write_all(self.fd, b"\n");
        }
    }

    /// Writes a whole line.
    pub(super) fn line(&mut self, text: fmt::Arguments<'_>) {
        self.end_line();
        let mut line = Line { output: self, bytes: [0; LINE], length: 0 };
        line.add(line.output.indent.as_bytes());
        // It does not fail.
        let _ = fmt::write(&mut line, text);
        line.add(b"\n");
        line.flush();
    }
}

/// Text of others: it may have any number of lines, or be part of one.
impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            if AT_LINE_START.load(Ordering::SeqCst) {
                write_all(self.fd, self.indent.as_bytes());
            }
            write_all(self.fd, piece.as_bytes());
            AT_LINE_START.store(piece.ends_with('\n'), Ordering::SeqCst);
        }
        Ok(())
    }
}

const LINE: usize = 256;

/// A line that is written at once, unless it is long. Names in it come from users; it stays one line.
struct Line<'a> {
    output: &'a Output,
    bytes: [u8; LINE],
    length: usize,
}

impl Line<'_> {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.length == LINE {
                self.flush();
            }
            self.bytes[self.length] = *byte;
            self.length += 1;
        }
    }

    fn flush(&mut self) {
        write_all(self.output.fd, &self.bytes[..self.length]);
        self.length = 0;
    }
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let shown = if character.is_control() { '?' } else { character };
            self.add(shown.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}

/// Writes all of it, unless that fails: nobody is left to be told.
fn write_all(fd: i32, mut bytes: &[u8]) {
    let sigpipe = SigpipeBlocked::new();
    while !bytes.is_empty() {
        // SAFETY: as many bytes as said.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if written > 0 {
            bytes = &bytes[written as usize..];
            continue;
        }
        match errno::get() {
            libc::EINTR => {}
            libc::EAGAIN if can_be_written(fd) => {}
            libc::EPIPE => return sigpipe.take_back(),
            _ => return,
        }
    }
}

/// Waits for a non-blocking descriptor.
fn can_be_written(fd: i32) -> bool {
    let mut entry = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    unsafe { libc::poll(&mut entry, 1, PATIENCE) == 1 }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Read as _;
    use std::os::fd::AsRawFd;
    use std::sync::Mutex;

    use super::*;

    /// The line start is the process's.
    static ALONE: Mutex<()> = Mutex::new(());

    #[track_caller]
    fn assert_written(expected: &str, write: impl FnOnce(&mut Output)) {
        let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        AT_LINE_START.store(true, Ordering::SeqCst);
        let (mut reader, writer) = std::io::pipe().unwrap();
        write(&mut Output::new(writer.as_raw_fd()));
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn every_line_gets_its_indent_and_lines_do_not_run_together() {
        assert_written("head\n  object 1\n  unfinished\n  tail\n", |output| {
            output.line(format_args!("head"));
            let mut inner = output.indented("  ");
            write!(inner, "object {}\nunfin", 1).unwrap();
            write!(inner, "ished").unwrap();
            inner.line(format_args!("tail"));
        });
    }

    #[test]
    fn a_name_cannot_break_its_line() {
        assert_written("dispatcher a?b?\n", |output| {
            output.line(format_args!("dispatcher {}", "a\nb\u{1b}"))
        });
    }

    #[test]
    fn a_long_line_comes_whole() {
        let name = "ä".repeat(1000);
        assert_written(&format!("{name}\n"), |output| output.line(format_args!("{name}")));
    }

    #[test]
    fn a_reader_that_is_gone_or_a_closed_descriptor_is_no_harm() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        write_all(writer.as_raw_fd(), b"unread");
        write_all(-1, b"nowhere");
    }
}
