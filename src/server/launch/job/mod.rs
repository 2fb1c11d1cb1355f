//! Launching servers on Windows: each in a job, guarded by a thread.

mod command_line;
mod environment;
mod guard;
mod job_object;
mod pipe;
mod port;
mod process;
mod program;
mod relay;
mod spawn;
mod transfer;
mod wide;

use std::io;
use std::os::windows::io::OwnedSocket;
use std::path;
use std::sync::Arc;
use std::thread;

use super::connection::connected_pair;
use super::guarded;
use super::name::new_launch_name;
use super::{Launch, LaunchError, Launched, Leftover, ProcessIdentity};
use command_line::CommandLine;
use environment::Environment;
use guard::{Guard, JOB, STDERR, STDIN, STDOUT};
use job_object::Job;
use pipe::{Direction, Pipe};
use port::Port;
use relay::{End, Relay};

pub(super) fn launch(launch: &Launch) -> Result<Launched, LaunchError> {
    let failed = |source| LaunchError::os(format!("starting {}", launch.name), source);
    let name = new_launch_name();
    let environment = Environment::of(launch, &name);
    let directory = launch.cwd.as_deref().map(path::absolute).transpose().map_err(failed)?;
    let (guarded, reporter) = guarded::pair().map_err(failed)?;
    let (stdin, servers_stdin) = stream().map_err(failed)?;
    let (stdout, servers_stdout) = stream().map_err(failed)?;
    let (stderr, servers_stderr) = stream().map_err(failed)?;
    let launched = |guarded| Launched { stdin, stdout, stderr, process: Box::new(guarded) };

    let program = match program::find(&launch.command, directory.as_deref(), &environment) {
        Ok(program) => program,
        Err(why) => {
            reporter.could_not_run(why);
            return Ok(launched(guarded));
        }
    };
    let mut line = CommandLine::new(&program, &launch.args).map_err(LaunchError::InvalidArgument)?;
    let pipe = |number: usize, direction| Pipe::new(&format!("{name}-{number}"), direction);
    let input = pipe(STDIN, Direction::ToServer).map_err(failed)?;
    let output = pipe(STDOUT, Direction::FromServer).map_err(failed)?;
    let errors = pipe(STDERR, Direction::FromServer).map_err(failed)?;
    let port = Arc::new(Port::new().map_err(failed)?);
    let job = Job::new(&port, JOB).map_err(failed)?;
    let relay = |source, sink, key| Relay::new(source, sink, &port, key).map_err(failed);
    let relays = [
        relay(End::Socket(servers_stdin), End::Pipe(input.ours), STDIN)?,
        relay(End::Pipe(output.ours), End::Socket(servers_stdout), STDOUT)?,
        relay(End::Pipe(errors.ours), End::Socket(servers_stderr), STDERR)?,
    ];
    let stdio = [&input.servers, &output.servers, &errors.servers];
    let started = spawn::spawn(&mut line, &environment.block(), directory.as_deref(), stdio, &job);
    let child = match started {
        Ok(child) => child,
        Err(why) => {
            reporter.could_not_run(why);
            return Ok(launched(guarded));
        }
    };
    // From here on a failure ends the process, too, by closing the job.
    let identity = ProcessIdentity::unguarded(child.id(), name);
    let guard = Guard::new(port, job, child, relays, reporter, launch.grace).map_err(failed)?;
    let thread = thread::Builder::new().name(format!("mcp-guard {}", launch.name));
    thread.spawn(move || guard.watch(identity)).map_err(failed)?;
    Ok(launched(guarded))
}

pub(super) fn end_leftover(identity: &ProcessIdentity) -> Leftover {
    process::end(identity.server)
}

/// Our end of a stream, which a loop can wait for, and the guard's.
fn stream() -> io::Result<(OwnedSocket, OwnedSocket)> {
    let (ours, guards) = connected_pair()?;
    ours.set_nonblocking(true)?;
    Ok((ours.into(), guards.into()))
}
