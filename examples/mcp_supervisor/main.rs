//! Runs the MCP servers of a configuration file until it is told to end, and shows how they are.
//!
//! ```text
//! cargo run --example mcp_supervisor -- examples/mcp_supervisor/servers.json --metrics 127.0.0.1:9464
//! ```
//!
//! Ctrl-C or SIGTERM ends it, with all servers; the second one kills those that are left. SIGHUP reads the file
//! again. On a terminal the servers stand in a table that is kept up to date, elsewhere each change is a line.

mod arguments;
mod control;
mod http;
mod log;
mod metrics_page;
mod output;
mod screen;
mod style;
mod table;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, process};

use arguments::{Arguments, Wish};
use control::Control;
use mcp_event::actor::System;
use mcp_event::server::{Config, ServerInfo, Servers};
use mcp_event::{Dispatcher, RunType};
use output::Output;

/// How often the table is drawn: often enough for its seconds.
const REFRESH: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments = match arguments::parse(env::args_os().skip(1)) {
        Ok(Wish::Help) => {
            print!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Wish::Supervise(arguments)) => arguments,
        Err(error) => {
            eprintln!("mcp_supervisor: {error}; --help tells what there is");
            return ExitCode::from(2);
        }
    };
    supervise(arguments).unwrap_or_else(|error| {
        eprintln!("mcp_supervisor: {error}");
        ExitCode::FAILURE
    })
}

fn supervise(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let config = Config::from_file(&arguments.file)?;
    let listener = arguments.metrics.as_deref().map(metrics_page::bind).transpose()?;

    let dispatcher = Dispatcher::new("mcp_supervisor")?;
    let output = Output::new(dispatcher.handle());
    if output.is_live() && io::stderr().is_terminal() {
        log::start(output.clone())?;
    } else {
        log::start(io::stderr)?;
    }
    control::show_warnings(&config, &output);
    let (count, pid) = (config.servers.len(), process::id());
    output.line(format!("servers: {count}; pid {pid}; Ctrl-C ends them, SIGHUP reads the file again"));

    let system = System::new(2)?;
    let mut builder = Servers::builder(config);
    if let Some(path) = arguments.state {
        builder = builder.state_file(path);
    }
    let changed = output.clone();
    let servers = builder.on_change(move |info: &ServerInfo| changed.change(info)).start(&system)?;

    if let Some(listener) = listener {
        output.line(format!("metrics at http://{}/metrics", listener.local_addr()?));
        metrics_page::serve(&dispatcher, listener, servers.clone())?;
    }
    let table = dispatcher.create_periodic_timer({
        let (servers, output) = (servers.clone(), output.clone());
        move || output.draw(servers.list())
    });
    if output.is_live() {
        table.enable(REFRESH);
    }
    let control = Control::new(dispatcher.handle(), servers, output, arguments.file);
    let _listeners = control.listen()?;
    dispatcher.run(RunType::RunUntilExit)?;
    system.stop()?;
    Ok(control.exit_code())
}
