//! How fast actors pass messages: from this thread to an actor on a worker.

use std::error::Error;
use std::time::Instant;

use mcp_event::actor::{Actor, ActorResult, Context, ReplyTo};

use super::page::{Page, microseconds, milliseconds};
use super::stage::Stage;

const MESSAGES: u64 = 10_000;
const REQUESTS: usize = 1_000;

#[derive(Default)]
struct Sum(u64);

enum Message {
    Add(u64),
    /// Replies with the sum, and when this message was handled: after all before it.
    Total(ReplyTo<(u64, Instant)>),
}

impl Actor for Sum {
    type Message = Message;

    fn handle(&mut self, message: Message, _: &mut Context<'_, Self>) -> ActorResult {
        match message {
            Message::Add(number) => self.0 += number,
            Message::Total(reply) => reply.send((self.0, Instant::now())),
        }
        Ok(())
    }
}

/// Measures and shows the throughput of messages, up to the handling of the last, and the latency of requests.
pub fn measure(stage: &Stage, page: &Page) -> Result<(), Box<dyn Error>> {
    let actor = stage.system.spawn(Sum::default())?;
    let begun = Instant::now();
    for number in 1..=MESSAGES {
        actor.tell(Message::Add(number))?;
    }
    let sent = begun.elapsed();
    let (sum, last_handled) = actor.ask(Message::Total).wait()?;
    let expected = MESSAGES * (MESSAGES + 1) / 2;
    if sum != expected {
        return Err(format!("the sum is {sum}, not {expected}: messages were lost").into());
    }
    let took = last_handled - begun;
    page.line(format_args!("{MESSAGES} messages sent in {}", milliseconds(sent)));
    page.line(format_args!("the last one was handled after {}", milliseconds(took)));
    page.success(format_args!(
        "{:.2} million messages a second, none lost",
        MESSAGES as f64 / took.as_secs_f64() / 1e6
    ));

    let mut latencies = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let asked = Instant::now();
        actor.ask(Message::Total).wait()?;
        latencies.push(asked.elapsed());
    }
    latencies.sort_unstable();
    let quantile = |percent: usize| microseconds(latencies[(REQUESTS - 1) * percent / 100]);
    page.success(format_args!(
        "{REQUESTS} requests, one after the other: p50 {}, p99 {}, at most {}",
        quantile(50),
        quantile(99),
        quantile(100)
    ));
    if cfg!(debug_assertions) {
        page.line("(a debug build; `cargo run --release` shows what it can do)");
    }
    let ended = actor.ended();
    actor.stop();
    ended.wait()?;
    Ok(())
}
