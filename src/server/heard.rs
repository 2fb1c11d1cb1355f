//! What is heard from a server: lines, understood.

use super::json_rpc::{Id, Incoming, Malformed, answered_by_head};
use super::line_reader::Line;

/// A piece of news from a server.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Message(Incoming),
    /// A line that is none.
    Malformed(Malformed),
    /// A message that is too long: it has this many bytes, or more. As far as its beginning tells, it answers this
    /// request.
    Oversized { length: usize, answers: Option<Id> },
    /// Its output ended within a line, after so many bytes of it.
    Truncated(usize),
    /// The request of this id gets no answer, for this reason; others may.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a stream fails as a whole"))]
    Unanswered { id: i64, why: String },
}

impl From<Line<'_>> for Heard {
    fn from(line: Line<'_>) -> Heard {
        match line {
            Line::Complete(line) => match Incoming::decode(line) {
                Ok(incoming) => Heard::Message(incoming),
                Err(malformed) => Heard::Malformed(malformed),
            },
            Line::Oversized { length, head } => Heard::Oversized { length, answers: answered_by_head(head) },
            Line::Truncated(line) => Heard::Truncated(line.len()),
        }
    }
}
