//! One message to a server, and what comes back: one message, or a stream of them up to the answer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::connection::{Connection, ExchangeNumber, Post};
use super::endpoint::SESSION_ID;
use super::event_stream::{Event, EventStream};
use super::failure::Failure;
use super::response::{self, Content};
use crate::server::heard::Heard;
use crate::server::json_rpc::{Id, Incoming};
use crate::server::line_reader::Line;

/// When a stream that ended too early is taken up again, unless the server says so.
const RESUME_AFTER: Duration = Duration::from_secs(1);

/// Sends a message, and passes on what the server says to it.
///
/// # Errors
/// The message may not have reached the server, or there is no answer to it.
pub(super) fn carry(
    connection: &Arc<Connection>,
    agent: &Agent,
    number: ExchangeNumber,
    post: &Post,
) -> Result<(), Failure> {
    let endpoint = &connection.endpoint;
    let session = connection.session();
    // A request has its own deadline, after which it is forgotten.
    let limit = if post.request().is_some() { None } else { Some(endpoint.notice_limit) };
    let answer = endpoint.post(agent, &session, &post.line, limit)?;
    let answer = response::check(&session, answer)?;
    let Some(request) = post.request() else { return Ok(()) };
    if session.revision.is_none()
        && let Some(id) = answer.headers().get(SESSION_ID)
    {
        connection.begin_session(id.clone());
    }
    match Content::of(&answer) {
        Content::Json => carry_json(connection, number, request, answer),
        Content::Events => carry_events(connection, agent, number, request, answer),
        Content::Other(kind) => Err(response::unusable(&kind, answer)),
    }
}

fn carry_json(
    connection: &Connection,
    number: ExchangeNumber,
    request: i64,
    answer: Response<Body>,
) -> Result<(), Failure> {
    let limit = connection.endpoint.max_message_bytes;
    let Some(message) = response::read_message(&connection.endpoint, answer)? else {
        connection.deliver(number, Heard::Oversized { length: limit + 1, answers: None }, 0);
        return Err(Failure::Exchange(format!(
            "its answer has more than the {limit} bytes that are allowed"
        )));
    };
    let heard = Heard::from(Line::Complete(&message));
    let is_answer = answers(&heard, request);
    connection.deliver(number, heard, message.len());
    if is_answer {
        return Ok(());
    }
    Err(Failure::Exchange(format!("what it sent is no answer to it: {}", response::excerpt(&message))))
}

fn carry_events(
    connection: &Connection,
    agent: &Agent,
    number: ExchangeNumber,
    request: i64,
    mut answer: Response<Body>,
) -> Result<(), Failure> {
    let endpoint = &connection.endpoint;
    let mut stream = EventStream::new(endpoint.max_message_bytes);
    loop {
        let mut is_over = false;
        let read = response::read_events(answer, &mut stream, |event| {
            let (heard, bytes) = understand(event);
            // The stream may stay open after the answer; nothing more of interest comes.
            let is_answer = answers(&heard, request);
            is_over = !connection.deliver(number, heard, bytes) || is_answer;
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if is_over {
            return Ok(());
        }
        let Some(last_id) = stream.last_id().map(str::to_owned) else {
            let why = read.err().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(Failure::Exchange(format!("its stream ended before the answer{why}")));
        };
        if !connection.wait(number, stream.retry().unwrap_or(RESUME_AFTER)) {
            return Ok(());
        }
        let session = connection.session();
        answer = response::check(&session, endpoint.get(agent, &session, Some(&last_id))?)?;
        if let Content::Json | Content::Other(_) = Content::of(&answer) {
            return Err(Failure::Exchange("it does not take up the stream of its answer again".into()));
        }
        stream.resume();
    }
}

/// What an event brought, and its size.
pub(super) fn understand(event: Event) -> (Heard, usize) {
    match event {
        Event::Message(message) => (Heard::from(Line::Complete(&message)), message.len()),
        Event::Oversized(bytes) => (Heard::Oversized { length: bytes, answers: None }, 0),
    }
}

/// Whether this answers the request, well or badly.
fn answers(heard: &Heard, request: i64) -> bool {
    let id = match heard {
        Heard::Message(Incoming::Response { id, .. }) => id.as_ref(),
        Heard::Malformed(malformed) => malformed.answers.as_ref(),
        _ => None,
    };
    id.and_then(Id::number) == Some(request)
}

/// Ends the session. A server that does not let us is free not to.
pub(super) fn say_farewell(connection: &Connection, agent: &Agent) -> Result<(), Failure> {
    connection.endpoint.delete(agent, &connection.session()).map(drop)
}
