//! Splits a stream of bytes into lines of bounded length.
//!
//! Lines end with `\n`; a `\r` before it is taken off. Every byte is looked at once, and no more than the
//! longest allowed line is ever kept, and of a longer one its beginning.

use std::mem;

/// What a [`LineReader`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line, without its end.
    Complete(&'a [u8]),
    /// A line is longer than allowed: it has `length` bytes so far, and begins with `head`. Reported once; the
    /// rest of it is skipped.
    Oversized { length: usize, head: &'a [u8] },
    /// The stream ended in this line.
    Truncated(&'a [u8]),
}

/// The capacity that is kept from one line to the next.
const KEPT: usize = 64 << 10;

/// How much is told of an oversized line.
const HEAD: usize = 1 << 10;

/// The splitter.
pub(crate) struct LineReader {
    limit: usize,
    /// The line so far, without what is still in the chunk.
    partial: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// In a line, or before one.
    Reading,
    /// What is in `partial` has been handed out.
    HandedOut,
    /// In the rest of an oversized line.
    Skipping,
}

impl LineReader {
    /// For lines of up to `limit` bytes, their ends not counted.
    pub(crate) fn new(limit: usize) -> LineReader {
        LineReader { limit, partial: Vec::new(), state: State::Reading }
    }

    /// Takes the next line out of `chunk`, the bytes that follow those of the chunks before; `None` when
    /// nothing is left of it.
    pub(crate) fn next<'a, 'chunk: 'a>(&'a mut self, chunk: &mut &'chunk [u8]) -> Option<Line<'a>> {
        self.forget_handed_out();
        if self.state == State::Skipping {
            let Some(end) = find_end(chunk) else {
                *chunk = &[];
                return None;
            };
            *chunk = &chunk[end + 1..];
            self.state = State::Reading;
        }
        // One byte more than the limit may still be the `\r` of a line's end.
        let most = self.limit.saturating_add(1) - self.partial.len();
        let Some(end) = find_end(chunk) else {
            let rest = mem::take(chunk);
            if rest.is_empty() {
                return None;
            }
            if rest.len() > most || (rest.len() == most && rest.last() != Some(&b'\r')) {
                return Some(self.skip(rest));
            }
            self.partial.extend_from_slice(rest);
            return None;
        };
        let (rest, after) = (&chunk[..end], &chunk[end + 1..]);
        if rest.len() > most {
            // Its end is found again by the next call.
            *chunk = &chunk[end..];
            return Some(self.skip(rest));
        }
        *chunk = after;
        let line = if self.partial.is_empty() {
            rest
        } else {
            self.partial.extend_from_slice(rest);
            self.state = State::HandedOut;
            &self.partial
        };
        let content = line.strip_suffix(b"\r").unwrap_or(line);
        if content.len() > self.limit {
            return Some(Line::Oversized {
                length: content.len(),
                head: &content[..content.len().min(HEAD)],
            });
        }
        Some(Line::Complete(content))
    }

    /// The stream has ended; `None` if it did so after a whole line, or in one that was reported already.
    pub(crate) fn end(&mut self) -> Option<Line<'_>> {
        self.forget_handed_out();
        match mem::replace(&mut self.state, State::HandedOut) {
            State::Reading if !self.partial.is_empty() => Some(Line::Truncated(&self.partial)),
            _ => None,
        }
    }

    fn skip(&mut self, more: &[u8]) -> Line<'_> {
        let length = self.partial.len() + more.len();
        let missing = HEAD.saturating_sub(self.partial.len()).min(more.len());
        self.partial.extend_from_slice(&more[..missing]);
        self.state = State::Skipping;
        Line::Oversized { length, head: &self.partial[..self.partial.len().min(HEAD)] }
    }

    fn forget_handed_out(&mut self) {
        match self.state {
            State::Reading => {}
            State::HandedOut => {
                self.partial.clear();
                self.partial.shrink_to(KEPT);
                self.state = State::Reading;
            }
            State::Skipping => self.partial = Vec::new(),
        }
    }
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Owned, and without the length that depends on how the stream was cut.
    #[derive(Debug, Clone, PartialEq)]
    enum Found {
        Complete(Vec<u8>),
        Oversized,
        Truncated(Vec<u8>),
    }

    impl From<Line<'_>> for Found {
        fn from(line: Line<'_>) -> Found {
            match line {
                Line::Complete(line) => Found::Complete(line.to_vec()),
                Line::Oversized { .. } => Found::Oversized,
                Line::Truncated(line) => Found::Truncated(line.to_vec()),
            }
        }
    }

    fn read<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Found> {
        let mut reader = LineReader::new(limit);
        let mut found = Vec::new();
        for mut chunk in chunks {
            while let Some(line) = reader.next(&mut chunk) {
                found.push(line.into());
            }
            assert!(chunk.is_empty());
            assert!(reader.partial.len() <= limit.max(HEAD) + 1);
        }
        found.extend(reader.end().map(Found::from));
        found
    }

    fn complete(line: &str) -> Found {
        Found::Complete(line.into())
    }

    /// The same, from the whole stream at once.
    fn expected(limit: usize, stream: &[u8]) -> Vec<Found> {
        let mut lines: Vec<_> = stream.split(|&byte| byte == b'\n').collect();
        let last = lines.pop().unwrap();
        let found = lines.into_iter().map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > limit { Found::Oversized } else { Found::Complete(line.to_vec()) }
        });
        let mut found: Vec<_> = found.collect();
        if last.strip_suffix(b"\r").unwrap_or(last).len() > limit {
            found.push(Found::Oversized);
        } else if !last.is_empty() {
            found.push(Found::Truncated(last.to_vec()));
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_chunking_gives_the_same_lines(
            stream in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x'), any::<u8>()], 0..200),
            sizes in vec(1..20_usize, 1..50),
            limit in 0..12_usize,
        ) {
            let mut chunks = Vec::new();
            let mut rest = &stream[..];
            for size in sizes.iter().cycle() {
                let (chunk, after) = rest.split_at((*size).min(rest.len()));
                chunks.push(chunk);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(read(limit, chunks), expected(limit, &stream));
        }
    }

    #[test]
    fn lines_of_all_ends() {
        let found = read(9, [&b"a\nb\r\n\n\r\nc\rd\r\r\nlast"[..]]);
        let lines = ["a", "b", "", "", "c\rd\r"].map(complete);
        assert_eq!(found[..5], lines);
        assert_eq!(found[5..], [Found::Truncated(b"last".into())]);
    }

    #[test]
    fn an_oversized_line_is_reported_before_its_end_and_the_stream_goes_on() {
        let mut reader = LineReader::new(4);
        let mut chunk = &b"12345"[..];
        assert_eq!(reader.next(&mut chunk), Some(Line::Oversized { length: 5, head: b"12345" }));
        for mut chunk in [&b"67890"[..]; 1_000] {
            assert_eq!(reader.next(&mut chunk), None);
            assert_eq!(reader.partial.capacity(), 0);
        }
        let mut chunk = &b"\nnext\n"[..];
        assert_eq!(reader.next(&mut chunk), Some(Line::Complete(b"next")));
        assert_eq!(reader.end(), None);
    }

    #[test]
    fn the_limit_does_not_count_the_end() {
        assert_eq!(read(4, [&b"1234\r"[..], b"\n1234\n"]), [complete("1234"), complete("1234")]);
        assert_eq!(read(4, [&b"1234\r"[..], b"x\nok\n"]), [Found::Oversized, complete("ok")]);
        assert_eq!(read(4, [&b"12345\nok\n"[..]]), [Found::Oversized, complete("ok")]);
    }

    #[test]
    fn an_oversized_line_without_end_is_reported_once() {
        assert_eq!(read(4, [&b"12345"[..], b"6"]), [Found::Oversized]);
    }

    #[test]
    fn the_room_of_a_giant_line_is_given_back() {
        let mut reader = LineReader::new(1 << 20);
        let giant = vec![b'x'; 1 << 20];
        assert_eq!(reader.next(&mut &giant[..]), None);
        assert_eq!(reader.next(&mut &b"\n"[..]), Some(Line::Complete(&giant)));
        assert_eq!(reader.next(&mut &b""[..]), None);
        assert!(reader.partial.capacity() <= KEPT);
    }
}
