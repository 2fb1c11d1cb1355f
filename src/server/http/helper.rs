//! The threads that carry exchanges, because the client library waits for each.
//!
//! A helper has an agent of its own, so that one exchange can be ended without the others. The agent keeps the
//! connection from one exchange to the next.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::connection::{Connection, Job};
use super::exchange;
use super::failure::Failure;
use crate::dispatcher::closure::panic_message;

/// Starts a thread; `run` is told when to end by the connection.
pub(super) fn start(connection: &Arc<Connection>, role: &str, run: fn(&Arc<Connection>)) -> io::Result<()> {
    let helped = connection.clone();
    // Nobody joins it: the connection counts who is left.
    thread::Builder::new().name(format!("mcp_http_{role}")).spawn(move || run(&helped)).map(drop)
}

/// Carries posts until the end.
pub(super) fn work(connection: &Arc<Connection>) {
    let end = carry_posts(connection);
    connection.retire(end);
}

/// Gives up when there is no agent.
fn carry_posts(connection: &Arc<Connection>) -> Result<(), Failure> {
    let mut agent = connection.endpoint.agent()?;
    while let Some((number, job)) = connection.next_job(&agent) {
        let outcome = guarded(|| match job {
            Job::Post(post) => exchange::carry(connection, &agent, number, &post),
            Job::Farewell => exchange::say_farewell(connection, &agent),
        });
        if !connection.end(number, outcome) {
            agent = connection.endpoint.agent()?;
        }
    }
    Ok(())
}

/// The outcome of one exchange, whatever the client library does.
pub(super) fn guarded(exchange: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(exchange)).unwrap_or_else(|payload| {
        Err(Failure::Exchange(format!("the HTTP client panicked: {}", panic_message(&*payload))))
    })
}
