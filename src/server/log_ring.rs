//! The last lines that a server wrote to its stderr.

use std::collections::VecDeque;
use std::mem;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Its number, counted from 1 over all that the server ever wrote.
    pub number: u64,
    /// Its text without its end; bytes that are not UTF-8 are shown as U+FFFD. Of a line that was too long it
    /// is the beginning, with a mark that says how much is missing.
    pub text: String,
}

/// A ring of lines, bounded in their number, in their length and in their bytes altogether.
pub(crate) struct LogRing {
    limits: LogLimits,
    lines: VecDeque<LogLine>,
    /// Of the texts in `lines`.
    bytes: usize,
    next_number: u64,
    /// The line that has no end yet, as far as it is kept.
    partial: Vec<u8>,
    /// How many of its bytes are not kept.
    cut: usize,
}

/// What a [`LogRing`] may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLimits {
    /// How many lines.
    pub(crate) lines: usize,
    /// How many bytes in all of them, of text in UTF-8.
    pub(crate) bytes: usize,
    /// How many bytes of one line are kept, as the server wrote them.
    pub(crate) line_bytes: usize,
}

impl Default for LogLimits {
    fn default() -> LogLimits {
        LogLimits { lines: 1_000, bytes: 256 << 10, line_bytes: 8 << 10 }
    }
}

impl LogRing {
    pub(crate) fn new(limits: LogLimits) -> LogRing {
        LogRing { limits, lines: VecDeque::new(), bytes: 0, next_number: 1, partial: Vec::new(), cut: 0 }
    }

    /// Takes what the server wrote next.
    pub(crate) fn write(&mut self, chunk: &[u8]) {
        let mut pieces = chunk.split(|&byte| byte == b'\n');
        // The last piece has no end yet; there is always one.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.extend(piece);
            self.finish_line();
        }
        self.extend(last);
    }

    /// The server writes no more: what it wrote last is a line even without an end.
    pub(crate) fn end(&mut self) {
        if !self.partial.is_empty() || self.cut > 0 {
            self.finish_line();
        }
    }

    /// The number that the next line gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.next_number
    }

    /// The lines from `number` on that are still here.
    pub(crate) fn since(&self, number: u64) -> impl DoubleEndedIterator<Item = &LogLine> + ExactSizeIterator {
        let begin = self.lines.partition_point(|line| line.number < number);
        self.lines.range(begin..)
    }

    fn extend(&mut self, piece: &[u8]) {
        let room = self.limits.line_bytes.saturating_sub(self.partial.len());
        let kept = piece.len().min(room);
        self.partial.extend_from_slice(&piece[..kept]);
        self.cut += piece.len() - kept;
    }

    fn finish_line(&mut self) {
        let cut = mem::take(&mut self.cut);
        let bytes = match self.partial.strip_suffix(b"\r") {
            Some(line) if cut == 0 => line,
            _ => &self.partial,
        };
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        if cut > 0 {
            text.push_str(&format!("... [{cut} bytes cut]"));
        }
        self.partial.clear();
        self.bytes += text.len();
        self.lines.push_back(LogLine { number: self.next_number, text });
        self.next_number += 1;
        while self.lines.len() > self.limits.lines || self.bytes > self.limits.bytes {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(lines: usize, bytes: usize, line_bytes: usize) -> LogRing {
        LogRing::new(LogLimits { lines, bytes, line_bytes })
    }

    fn texts(ring: &LogRing) -> Vec<(u64, &str)> {
        ring.since(0).map(|line| (line.number, line.text.as_str())).collect()
    }

    #[test]
    fn lines_are_numbered_and_the_oldest_go_first() {
        let mut ring = ring(2, 100, 100);
        ring.write(b"one\ntwo\r\nthree\nfo");
        assert_eq!(texts(&ring), [(2, "two"), (3, "three")]);
        ring.write(b"ur\n");
        assert_eq!(texts(&ring), [(3, "three"), (4, "four")]);
        assert_eq!(ring.next_number(), 5);
        assert_eq!(ring.since(4).map(|line| line.number).collect::<Vec<_>>(), [4]);
        assert_eq!((ring.since(5).len(), ring.since(u64::MAX).len()), (0, 0));
    }

    #[test]
    fn all_lines_together_are_bounded_in_bytes() {
        let mut ring = ring(100, 10, 100);
        ring.write(b"12345\n67890\n");
        assert_eq!(ring.since(0).len(), 2);
        ring.write(b"\n1\n");
        assert_eq!(texts(&ring), [(2, "67890"), (3, ""), (4, "1")]);
        ring.write(b"more than ten bytes\n");
        assert_eq!(texts(&ring), []);
        assert_eq!((ring.bytes, ring.next_number()), (0, 6));
    }

    #[test]
    fn a_long_line_is_cut_and_marked_however_it_comes() {
        for size in 1..=12 {
            let mut ring = ring(10, 100, 4);
            b"123456789\nok\n".chunks(size).for_each(|chunk| ring.write(chunk));
            assert_eq!(texts(&ring), [(1, "1234... [5 bytes cut]"), (2, "ok")], "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_line_takes_no_more_room_than_a_long_one() {
        let mut ring = ring(10, 100, 4);
        (0..1_000).for_each(|_| ring.write(&[b'x'; 1_000]));
        assert_eq!((ring.partial.len(), ring.since(0).len()), (4, 0));
        ring.end();
        assert_eq!(texts(&ring), [(1, "xxxx... [999996 bytes cut]")]);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        let mut ring = ring(10, 100, 100);
        ring.write(b"caf\xc3");
        ring.write(b"\xa9 \xff\n");
        assert_eq!(texts(&ring), [(1, "caf\u{e9} \u{fffd}")]);
    }

    #[test]
    fn the_end_finishes_a_line_but_makes_none() {
        let mut ring = ring(10, 100, 100);
        ring.write(b"one\n");
        ring.end();
        ring.write(b"two");
        ring.end();
        ring.end();
        assert_eq!(texts(&ring), [(1, "one"), (2, "two")]);
    }
}
