//! MCP servers as supervised actors, shown on real processes: three servers are started at the same time, watched,
//! measured and asked; one is killed and comes back while the others go on; and in the end nothing is left.
//!
//! ```text
//! cargo run --example mcp_v2_demo
//! RUST_LOG=debug cargo run --example mcp_v2_demo
//! ```
//!
//! The servers are this program once more, as `mcp_example_server` would be. Every figure is measured, and the
//! program fails if anything is not as it should be.

mod configuration;
mod health;
mod isolation;
mod measurements;
mod messages;
mod page;
mod processes;
mod stage;

#[path = "../mcp_supervisor/log.rs"]
mod log;
#[path = "../mcp_example_server/serve.rs"]
mod serve;
#[path = "../mcp_supervisor/style.rs"]
mod style;

use std::error::Error;
use std::process::ExitCode;
use std::{env, io};

use page::Page;
use processes::Processes;
use stage::Stage;

/// The first argument of a server, before those of `mcp_example_server`.
const SERVER: &str = "--server";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    match arguments.next() {
        Some(first) if first == SERVER => return serve::serve(arguments),
        Some(first) => {
            eprintln!("unknown argument {first:?}: the demo takes none, but RUST_LOG from the environment");
            return ExitCode::from(2);
        }
        None => {}
    }
    match demonstrate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n  it did not go as it should: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate() -> Result<(), Box<dyn Error>> {
    log::start(io::stderr)?;
    let page = Page::new();
    let mut processes = Processes::default();

    page.headline("Four actors, and three servers at the same time");
    let stage = Stage::start(configuration::read()?)?;
    stage.show_start(&page, &mut processes)?;

    page.headline("Their health, for three seconds");
    health::watch(&stage, &page)?;

    page.headline("What was measured");
    measurements::show(&stage, &page)?;

    page.headline("Messages between actors");
    messages::measure(&stage, &page)?;

    page.headline("One server is killed, and the others do not notice");
    isolation::show(&stage, &page, &mut processes)?;

    page.headline("All stop");
    stage.stop(&page)?;
    processes.show_that_all_are_gone(&page)?;
    page.headline("All went as it should");
    Ok(())
}
