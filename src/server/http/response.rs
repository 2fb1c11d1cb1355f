//! What a server answers an HTTP request with: how it is told apart, and read.

use std::io::{self, Read};
use std::ops::ControlFlow;

use ureq::http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use ureq::http::{Response, StatusCode};
use ureq::{Body, Error};

use super::endpoint::{Endpoint, Session};
use super::event_stream::{Event, EventStream};
use super::failure::Failure;

const CHUNK: usize = 16 << 10;

/// How much of what nobody expected is shown.
const EXCERPT: usize = 200;

/// What the body of a response is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One message.
    Json,
    /// A stream of events.
    Events,
    /// Something else, of this type.
    Other(String),
}

impl Content {
    pub(super) fn of(response: &Response<Body>) -> Content {
        let text = text(response.headers(), CONTENT_TYPE.as_str());
        let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/json" => Content::Json,
            "text/event-stream" => Content::Events,
            _ => Content::Other(kind),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Lets a response of success through.
pub(super) fn check(session: &Session, response: Response<Body>) -> Result<Response<Body>, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status == StatusCode::NOT_FOUND && session.id.is_some() {
        return Err(Failure::Server("it knows the session no more (HTTP 404 Not Found)".into()));
    }
    let location = text(response.headers(), LOCATION.as_str());
    let mut why = format!("it answered with HTTP {status}");
    if status.is_redirection() && !location.is_empty() {
        // What follows may be secret.
        let place = location.split(['?', '#']).next().unwrap_or_default();
        why.push_str(&format!(" to {place}, which is not followed"));
    }
    let shown = start_of(response);
    if !shown.is_empty() {
        why.push_str(&format!(": {shown}"));
    }
    Err(Failure::Exchange(why))
}

/// Why a response of this type is of no use.
pub(super) fn unusable(kind: &str, response: Response<Body>) -> Failure {
    let kind = if kind.is_empty() { "no content type" } else { kind };
    let why = format!("it answered with {kind} in place of JSON or an event stream: {}", start_of(response));
    Failure::Exchange(why)
}

/// The beginning of a body, for people.
fn start_of(response: Response<Body>) -> String {
    let mut start = Vec::new();
    // What cannot be read is not shown.
    let _ = response.into_body().into_reader().take(EXCERPT as u64).read_to_end(&mut start);
    excerpt(&start)
}

/// The beginning of a text, on one line.
pub(super) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(EXCERPT)]);
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads the one message that a body is; `None` if it is too long.
pub(super) fn read_message(
    endpoint: &Endpoint,
    response: Response<Body>,
) -> Result<Option<Vec<u8>>, Failure> {
    let mut message = Vec::new();
    let most = endpoint.max_message_bytes as u64 + 1;
    let read = response.into_body().into_reader().take(most).read_to_end(&mut message);
    read.map_err(|error| Failure::new(&endpoint.origin, Error::from(error)))?;
    Ok(Some(message).filter(|message| message.len() <= endpoint.max_message_bytes))
}

/// Reads events until the stream ends, or `on_event` has enough.
pub(super) fn read_events(
    response: Response<Body>,
    stream: &mut EventStream,
    mut on_event: impl FnMut(Event) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut chunk = &buffer[..count];
        while let Some(event) = stream.next(&mut chunk) {
            if on_event(event).is_break() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b"<html>\r\n  <b>no\0 \xff</b>\n"), "<html> <b>no \u{fffd}</b>");
        assert_eq!(excerpt(&[b'x'; 1_000]).len(), EXCERPT);
        assert_eq!(excerpt(b""), "");
    }
}
