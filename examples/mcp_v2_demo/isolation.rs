//! A fault, and how far it goes: one server is killed.

use std::error::Error;
use std::io;
use std::time::Instant;

use mcp_event::server::{CallError, ServerInfo, ServerStatus};

use super::page::{Page, milliseconds};
use super::processes::Processes;
use super::stage::Stage;
use super::style::Colour;

const VICTIM: &str = "kubernetes";

/// Kills a server, asks the others while it is down, and waits until it is back.
pub fn show(stage: &Stage, page: &Page, processes: &mut Processes) -> Result<(), Box<dyn Error>> {
    let before = stage.servers.list();
    let pid = pid_of(&before, VICTIM)?;
    // SAFETY: a plain system call. The process runs, and its parent, the guardian, has not reaped it.
    if unsafe { libc::kill(pid as i32, libc::SIGKILL) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    let killed = Instant::now();
    page.line(format_args!("SIGKILL to {VICTIM}, pid {pid}"));
    let down = stage.until(VICTIM, ServerStatus::Backoff)?;
    let status = page.style.paint(Colour::of(down.status), down.status);
    page.line(format_args!("{VICTIM} is in {status}: {}", down.reason));
    // On a machine that is very busy it may be back already.
    if let Err(refused @ CallError::Down { .. }) = stage.servers.call(VICTIM, "ping", ().into()).wait() {
        page.line(format_args!("whoever asks it is told at once: {refused}"));
    }
    for name in stage.names().iter().filter(|name| *name != VICTIM) {
        let asked = Instant::now();
        stage.add(name, 40, 2)?;
        page.success(format_args!("{name:<12} answers, in {}", milliseconds(asked.elapsed())));
    }
    let back = stage.until(VICTIM, ServerStatus::Running)?;
    let now = stage.servers.list();
    let new_pid = pid_of(&now, VICTIM)?;
    processes.note(VICTIM, new_pid)?;
    stage.add(VICTIM, 40, 2)?;
    page.success(format_args!(
        "{VICTIM:<12} is back after {:.0} ms, pid {new_pid}, and answers: {}",
        killed.elapsed().as_secs_f64() * 1e3,
        back.reason
    ));
    for (old, new) in before.iter().zip(&now) {
        let expected = u64::from(new.name == VICTIM);
        if new.restarts != expected || (old.pid == new.pid) == (new.name == VICTIM) {
            return Err(format!("{} was started again {} times", new.name, new.restarts).into());
        }
    }
    Ok(())
}

fn pid_of(servers: &[ServerInfo], name: &str) -> Result<u32, Box<dyn Error>> {
    let server = servers.iter().find(|server| server.name == name);
    Ok(server.and_then(|server| server.pid).ok_or_else(|| format!("{name} has no process"))?)
}
