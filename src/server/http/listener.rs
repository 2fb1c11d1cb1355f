//! Listens to what a server says of itself, in a stream that it may offer for that.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ureq::Body;
use ureq::http::Response;

use super::connection::{Connection, ExchangeNumber};
use super::event_stream::EventStream;
use super::exchange::understand;
use super::helper::guarded;
use super::response::{self, Content};

/// How long after its end the stream is opened again, unless the server says so: at first, and after several that
/// brought nothing.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Listens until the end of the connection, or until the server says that it offers no such stream.
pub(super) fn listen(connection: &Arc<Connection>) {
    // The workers have one, too; should there be none any more, they say so.
    let Ok(agent) = connection.endpoint.agent() else { return connection.stop_listening() };
    let mut stream = EventStream::new(connection.endpoint.max_message_bytes);
    let (mut wait, mut next_wait) = (Duration::ZERO, FIRST_WAIT);
    while let Some(number) = connection.begin_listening(&agent) {
        if !connection.wait(number, wait) {
            connection.end(number, Ok(()));
            break;
        }
        let (mut is_offered, mut brought_something) = (true, false);
        let outcome = guarded(|| {
            let session = connection.session();
            let answer = connection.endpoint.get(&agent, &session, stream.last_id())?;
            is_offered = false;
            let answer = response::check(&session, answer)?;
            is_offered = Content::of(&answer) == Content::Events;
            if is_offered {
                stream.resume();
                brought_something = hear(connection, number, answer, &mut stream);
            }
            Ok(())
        });
        if !connection.end(number, outcome) || !is_offered {
            break;
        }
        if brought_something {
            next_wait = FIRST_WAIT;
        }
        wait = stream.retry().unwrap_or(next_wait);
        next_wait = (next_wait * 2).min(LONGEST_WAIT);
    }
    connection.stop_listening();
}

/// Passes on what the stream brings, to its end. False if it brings nothing.
fn hear(
    connection: &Connection,
    number: ExchangeNumber,
    answer: Response<Body>,
    stream: &mut EventStream,
) -> bool {
    let mut brought_something = false;
    let read = response::read_events(answer, stream, |event| {
        brought_something = true;
        let (heard, bytes) = understand(event);
        if connection.deliver(number, heard, bytes) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    if let Err(error) = read {
        // It is opened again.
        tracing::debug!(server = %connection.name, %error, "the server's own stream broke");
    }
    brought_something
}
