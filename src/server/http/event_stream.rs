//! Takes the events out of a `text/event-stream`, the format of server-sent events.
//!
//! An event is a group of lines, `field: value`, that ends with an empty line. Lines end with `\n` or `\r\n`; the
//! lone `\r` that the format allows as well is not taken for an end. What the stream ends in the middle of is no
//! event.

use std::mem;
use std::time::Duration;

use crate::server::line_reader::{Line, LineReader};

/// How much longer than its message a line may be: for the name of its field.
const FIELD_ROOM: usize = 64;

/// What an event brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A message.
    Message(Vec<u8>),
    /// A message that is too long: it has this many bytes, or more.
    Oversized(usize),
}

/// The events of one stream.
pub(super) struct EventStream {
    lines: LineReader,
    limit: usize,
    is_first_line: bool,
    event: Partial,
    last_id: Option<String>,
    retry: Option<Duration>,
}

/// An event so far.
#[derive(Default)]
struct Partial {
    data: Option<Vec<u8>>,
    oversized: Option<usize>,
    /// It is of a kind that carries no message.
    is_foreign: bool,
}

impl EventStream {
    /// For messages of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> EventStream {
        EventStream {
            lines: LineReader::new(limit.saturating_add(FIELD_ROOM)),
            limit,
            is_first_line: true,
            event: Partial::default(),
            last_id: None,
            retry: None,
        }
    }

    /// Takes the next message out of `chunk`, the bytes that follow those of the chunks before; `None` when
    /// nothing is left of it.
    pub(super) fn next(&mut self, chunk: &mut &[u8]) -> Option<Event> {
        while let Some(line) = self.lines.next(chunk) {
            let line = match line {
                Line::Complete(line) => line,
                Line::Oversized { length, .. } => {
                    self.event.oversized = Some(length);
                    continue;
                }
                // Only at the end of a stream, which is of no interest here.
                Line::Truncated(_) => continue,
            };
            let is_first_line = mem::replace(&mut self.is_first_line, false);
            let line = if is_first_line { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
            if line.is_empty() {
                if let Some(event) = mem::take(&mut self.event).end() {
                    return Some(event);
                }
                continue;
            }
            let (field, value) = match line.iter().position(|&byte| byte == b':') {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &[][..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"data" => self.event.add(value, self.limit),
                b"event" => self.event.is_foreign = !matches!(value, b"" | b"message"),
                b"id" => {
                    // What cannot stand in a header cannot be sent back.
                    let id = str::from_utf8(value).ok().filter(|id| !id.contains(char::is_control));
                    self.last_id = id.filter(|id| !id.is_empty()).map(str::to_owned);
                }
                b"retry" => {
                    let number = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                    self.retry = number.map(Duration::from_millis).or(self.retry);
                }
                // A comment, or a field that nobody knows.
                _ => {}
            }
        }
        None
    }

    /// The bytes that follow are those of a new connection.
    pub(super) fn resume(&mut self) {
        self.lines = LineReader::new(self.limit.saturating_add(FIELD_ROOM));
        self.is_first_line = true;
        self.event = Partial::default();
    }

    /// The id of the last event that had one: where the stream can be resumed.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server wants to be left alone before the stream is resumed.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }
}

impl Partial {
    fn add(&mut self, value: &[u8], limit: usize) {
        let bytes = self.data.as_ref().map_or(0, |data| data.len() + 1) + value.len();
        if bytes > limit || self.oversized.is_some() {
            self.oversized = Some(self.oversized.unwrap_or(0).max(bytes));
            self.data = None;
            return;
        }
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
    }

    fn end(self) -> Option<Event> {
        match self.oversized {
            _ if self.is_foreign => None,
            Some(bytes) => Some(Event::Oversized(bytes)),
            // An event without data only tells its id.
            None => self.data.filter(|data| !data.is_empty()).map(Event::Message),
        }
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn read<'a>(stream: &mut EventStream, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
        let mut events = Vec::new();
        for mut chunk in chunks {
            while let Some(event) = stream.next(&mut chunk) {
                events.push(event);
            }
        }
        events
    }

    fn message(text: &str) -> Event {
        Event::Message(text.into())
    }

    #[test]
    fn events_of_all_forms() {
        let mut stream = EventStream::new(100);
        let text = "\u{feff}data: 1\n\n: a comment\r\nevent: message\r\ndata:2\r\ndata\r\ndata:  3\r\n\r\n\
                    event: ping\ndata: x\n\nevent: ping\nevent\ndata: 4\n\nunknown: 5\n\ndata: cut off\n";
        assert_eq!(read(&mut stream, [text.as_bytes()]), [message("1"), message("2\n\n 3"), message("4")]);
    }

    #[test]
    fn ids_and_waits_are_kept_until_others_come() {
        let mut stream = EventStream::new(100);
        assert_eq!(
            read(&mut stream, [&b"id: 7\nretry: 20\ndata:\n\nretry: soon\ndata: 1\n\n"[..]]),
            [message("1")]
        );
        assert_eq!((stream.last_id(), stream.retry()), (Some("7"), Some(Duration::from_millis(20))));
        assert_eq!(read(&mut stream, [&b"id: a\0b\n\n"[..]]), []);
        assert_eq!(stream.last_id(), None);
    }

    #[test]
    fn a_long_event_is_one_and_the_stream_goes_on() {
        let mut stream = EventStream::new(4);
        let long = format!("data: {}\ndata: more\n\ndata: 1234\n\n", "x".repeat(1_000));
        assert!(matches!(
            read(&mut stream, [long.as_bytes()])[..],
            [Event::Oversized(1_000..), Event::Message(_)]
        ));
        let many = b"data: 12\ndata: 34\ndata\n\n";
        assert_eq!(read(&mut stream, [&many[..]]), [Event::Oversized(5)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_chunking_gives_the_same_events(
            lines in vec(
                prop_oneof![Just("data: a"), Just("data:bcdef"), Just(""), Just("id: 1"), Just("event: x"), Just(":")],
                0..40,
            ),
            size in 1..20_usize,
        ) {
            let text = lines.join("\r\n");
            let whole = read(&mut EventStream::new(6), [text.as_bytes()]);
            prop_assert_eq!(read(&mut EventStream::new(6), text.as_bytes().chunks(size)), whole);
        }
    }
}
