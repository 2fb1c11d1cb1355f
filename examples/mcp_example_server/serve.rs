//! The whole server: understands the command line, then serves stdin until it ends, or HTTP.
//!
//! Each line of stdin is handled in turn on this thread. Only what takes long runs on a thread of its own, so that the
//! lines behind it are not kept waiting.

mod answer;
mod arguments;
#[cfg_attr(windows, path = "children_windows.rs")]
mod children;
mod http;
mod http_request;
mod json_rpc;
mod misbehaviour;
mod options;
mod outlet;
mod session;
#[cfg_attr(windows, path = "signals_windows.rs")]
mod signals;
mod slow_calls;
#[cfg_attr(windows, path = "stdout_windows.rs")]
mod stdout;
mod tools;

use std::{
    io::{self, BufRead},
    process::ExitCode,
    sync::Arc,
};

use options::{Options, Wish};
use outlet::Outlet;
use session::Session;

/// Exit status for a command line that makes no sense.
const USAGE_ERROR: u8 = 2;

/// Runs the server with the arguments of a command line, without the program's name.
pub fn serve(arguments: impl Iterator<Item = String>) -> ExitCode {
    match options::parse(arguments) {
        Ok(Wish::Help) => {
            print!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Wish::Serve(options)) => run(options),
        Err(error) => {
            eprintln!("{error}; --help tells what there is");
            ExitCode::from(USAGE_ERROR)
        }
    }
}

fn run(options: Options) -> ExitCode {
    let misbehaviour = Arc::new(options.misbehaviour);
    if let Err(error) = misbehaviour.at_start() {
        eprintln!("{}: {error}", options.name);
        return ExitCode::FAILURE;
    }
    eprintln!("{}: ready", options.name);
    misbehaviour.flood_stderr(&options.name);
    let outlet = Arc::new(Outlet::new(misbehaviour.clone()));
    let make_session = {
        let (name, misbehaviour, outlet) = (options.name.clone(), misbehaviour.clone(), outlet.clone());
        move || Session::new(name.clone(), options.theme, misbehaviour.clone(), outlet.clone())
    };
    if let Some(address) = options.http {
        let Err(error) = http::serve(&options.name, address, outlet, make_session) else {
            return ExitCode::SUCCESS;
        };
        eprintln!("{}: serving HTTP at {address}: {error}", options.name);
        return ExitCode::FAILURE;
    }
    if let Err(error) = serve_lines(io::stdin().lock(), make_session()) {
        eprintln!("{}: reading stdin: {error}", options.name);
        return ExitCode::FAILURE;
    }
    misbehaviour.at_end(&options.name);
    ExitCode::SUCCESS
}

fn serve_lines(mut input: impl BufRead, mut session: Session) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        // What stdin ends in the middle of is no message.
        if line.pop_if(|last| *last == b'\n').is_some() {
            session.receive(&line);
        }
        line.clear();
    }
    Ok(())
}
