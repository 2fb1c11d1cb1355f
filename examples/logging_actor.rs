//! How to add an actor of one's own: here one that keeps a log, of what happens to MCP servers and of what other
//! actors tell it.
//!
//! ```text
//! cargo run --example logging_actor
//! ```
//!
//! It takes four steps: messages, an actor, its place in the system, and its senders.

// The server is this program once more, as `mcp_example_server` would be.
#[path = "mcp_example_server/serve.rs"]
mod serve;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use mcp_event::actor::{
    ActorRef, ActorResult, Async, AsyncActor, Function, Inbox, ReplyTo, Restart, Spec, System,
};
use mcp_event::server::{CallOptions, Config, ServerInfo, Servers, WhenDown};
use serde_json::json;

/// Step 1: what it is sent. Each sort of news is a variant; what is asked has a place for the reply.
enum Entry {
    Server(Box<ServerInfo>),
    Note { from: &'static str, text: String },
    HowMany(ReplyTo<u32>),
}

/// Step 2: the actor. What it owns is its alone, so it needs no lock.
struct Logger;

impl AsyncActor for Logger {
    type Message = Entry;

    /// One life of it. It may await whatever it likes between two messages: time, a file descriptor, a reply.
    async fn run(self, mut inbox: Inbox<Entry>) -> ActorResult {
        let mut written = 0;
        while let Some(entry) = inbox.recv().await {
            let line = match entry {
                Entry::Server(info) => format!("{:<8} {}: {}", info.name, info.status, info.reason),
                Entry::Note { from, text } => format!("{from:<8} {text}"),
                Entry::HowMany(reply) => {
                    reply.send(written);
                    continue;
                }
            };
            written += 1;
            println!("  {line}");
        }
        // It was asked to stop, and has handled all that it was sent before.
        println!("  the log is closed after {written} entries");
        Ok(())
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some("--server") {
        return serve::serve(arguments);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("logging_actor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let system = System::new(2)?;

    // Step 3: its place. It is made anew should it fail, and found by its name.
    let spec = Spec::new(|| Async::new(Logger)).name("logger").restart(Restart::Permanent);
    let logger = system.start(spec)?;

    // Step 4: its senders. Servers tell it of each change ...
    let servers = Servers::builder(configuration()?)
        .on_change({
            let logger = logger.clone();
            move |info| {
                // A log that is closed misses the rest.
                let _ = logger.tell(Entry::Server(Box::new(info.clone())));
            }
        })
        .start(&system)?;
    // ... and so does another actor, which finds it by its name.
    let found: ActorRef<Entry> = system.find("logger")?;
    let greeter = system.spawn(Function::new(move |name: String, _| {
        let text = format!("hello, {name}");
        found.tell(Entry::Note { from: "greeter", text }).map_err(|refused| refused.why.to_string())?;
        Ok(())
    }))?;
    greeter.tell("logger".into())?;

    // All that is left is something to log.
    let once_ready = CallOptions::new().when_down(WhenDown::Wait);
    servers.call_with("example", "ping", json!({}), once_ready).wait()?;
    servers.stop()?;
    let written = logger.ask(Entry::HowMany).wait()?;
    if written < 5 {
        return Err(format!("the log has {written} entries: some are missing").into());
    }
    system.stop()?;
    Ok(())
}

fn configuration() -> Result<Config, Box<dyn Error>> {
    let program = env::current_exe()?;
    let program = program.to_str().ok_or("the path of this program is no text")?;
    let text = r#"{"mcpServers": {"example": {"command": "${PROGRAM}", "args": ["--server"]}}}"#;
    Ok(Config::parse(text, |name| (name == "PROGRAM").then(|| program.to_owned()))?)
}
